"""The documents of discovery as the stock client reads them, and its words for what is none.

The two that tell of the groups (`/api`, `/apis`) are JSON whatever they are said to be; that of one version may be
YAML, so that a proxy's page is a text, or bad YAML.
"""

from __future__ import annotations

from .errors import CommandError, quoted
from .wire.json_read import JsonError, kind_of, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KINDS = {"/api": "APIVersions", "/apis": "APIGroupList"}
_HEAD = (
    "struct { APIVersion string "
    f"{quoted('json:' + quoted('apiVersion,omitempty'))}; Kind string {quoted('json:' + quoted('kind,omitempty'))} }}"
)


def index(path: str, data: bytes) -> dict[str, Any]:
    """The document of `/api` or `/apis`. CommandError."""
    try:
        found = loads(data)
    except JsonError as error:
        raise CommandError(str(error)) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise CommandError(f"json: cannot unmarshal {kind_of(found)} into Go value of type v1.{_KINDS[path]}")
    return found


def version(data: bytes, content_type: str) -> dict[str, Any]:
    """The resources of one version. CommandError."""
    if not data:
        raise CommandError(f"0-length response with status code: 200 and content type: {content_type}")
    try:
        found = loads(data)
    except JsonError as error:
        if data.lstrip()[:1] == b"{":
            raise _unknown(error) from None
        found = _yaml(data)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _unknown(f"json: cannot unmarshal {kind_of(found)} into Go value of type {_HEAD}")
    kind = found.get("kind") or "APIResourceList"
    if kind != "APIResourceList":
        raise CommandError(f"converting (v1.{kind}) to (v1.APIResourceList): unknown conversion")
    return found


def _yaml(data: bytes) -> Any:
    from .wire.yaml_read import YamlError, load_one

    try:
        return load_one(data.decode("utf-8", "replace"))
    except YamlError as error:
        raise CommandError(str(error)) from None


def _unknown(why: object) -> CommandError:
    return CommandError(f"couldn't get version/kind; json parse error: {why}")
