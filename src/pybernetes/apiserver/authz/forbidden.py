"""The words of a refusal, which kubectl shows and scripts match (apiserver `responsewriters.Forbidden`)."""

import json

from ...api.status import StatusError
from .authorizer import Attributes


def quote(text: str) -> str:
    """Text as Go's %q prints it."""
    return json.dumps(text, ensure_ascii=False)


def quote_list(values: tuple[str, ...] | list[str]) -> str:
    """A list as Go's %q prints it: `["a" "b"]`."""
    return "[" + " ".join(quote(value) for value in values) + "]"


def message(attributes: Attributes) -> str:
    """What the user cannot do, HTML-escaped as upstream does."""
    user = f"User {quote(attributes.user.name)} cannot {attributes.verb}"
    if not attributes.is_resource:
        text = f"{user} path {quote(attributes.path)}"
    else:
        resource = attributes.resource
        if attributes.subresource:
            resource += "/" + attributes.subresource
        where = f"in the namespace {quote(attributes.namespace)}" if attributes.namespace else "at the cluster scope"
        text = f"{user} resource {quote(resource)} in API group {quote(attributes.group)} {where}"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def forbidden(attributes: Attributes, reason: str = "") -> StatusError:
    """The 403 for a request the authorizers did not allow."""
    why = f"{message(attributes)}: {reason}" if reason else message(attributes)
    group_resource = f"{attributes.resource}.{attributes.group}" if attributes.group else attributes.resource
    if not attributes.resource:
        text = f"forbidden: {why}"
    elif not attributes.name:
        text = f"{group_resource} is forbidden: {why}"
    else:
        text = f'{group_resource} "{attributes.name}" is forbidden: {why}'
    details = {"name": attributes.name, "group": attributes.group, "kind": attributes.resource}
    return StatusError(403, "Forbidden", text, {key: value for key, value in details.items() if value})
