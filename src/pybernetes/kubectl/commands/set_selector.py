"""`kubectl set selector`: the selector of a service."""

from __future__ import annotations

from ..errors import CommandError
from ..objects.settings import SET, change_each, selected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = (
    SET.replace("-l,selector='' ", "").replace("recursive=false", "recursive=true").replace("-k,kustomize='' ", "")
    + " resource-version=''"
)


def run(session: Session) -> int:
    if not session.args:
        raise CommandError("one selector is required")
    *names, text = session.args
    wanted = dict(part.replace("==", "=").split("=", 1) for part in text.split(",") if "=" in part)
    others = [part for part in text.split(",") if "=" not in part]
    found = selected(session, names)

    def change(obj: dict[str, Any]) -> None:
        if obj.get("kind") != "Service":
            raise CommandError("setting a selector is only supported for Services")
        if others:
            raise CommandError(f"match expression {others} not supported on this object")
        obj["spec"]["selector"] = wanted
        version = session.flags.text("resource-version")
        if version:
            obj["metadata"]["resourceVersion"] = version

    change_each(session, found, change, "selector updated")
    return 0
