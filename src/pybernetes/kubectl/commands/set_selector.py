"""`kubectl set selector`: the selector of a service."""

from __future__ import annotations

from ..errors import CommandError
from ..objects.settings import SET, change_each, selected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = SET.replace("-l,selector='' ", "").replace("recursive=false", "recursive=true").replace(
    "-k,kustomize='' ", ""
) + (" resource-version='' kustomize=''")


def run(session: Session) -> int:
    names = [word for word in session.args if "=" not in word]
    words = [word for word in session.args if "=" in word]
    if not words:
        if names:
            raise CommandError("resource(s) were provided, but no name was specified")
        raise CommandError("one or more resources must be specified as <resource> <name> or <resource>/<name>")
    wanted = dict(part.split("=", 1) for word in words for part in word.split(","))
    found = selected(session, names)

    def change(obj: dict[str, Any]) -> None:
        if obj.get("kind") != "Service":
            raise CommandError("setting a selector is only supported for Services")
        obj["spec"]["selector"] = wanted
        version = session.flags.text("resource-version")
        if version:
            obj["metadata"]["resourceVersion"] = version

    change_each(session, found, change, "selector updated")
    return 0
