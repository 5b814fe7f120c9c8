"""`kubectl set selector`: the selector of a service."""

from __future__ import annotations

from ..errors import CommandError
from ..objects.mutation import dry_run_of
from ..objects.settings import SET, change_each, prepared, selected
from .create_small import label_selector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = (
    SET.replace("-l,selector='' ", "").replace("recursive=false", "recursive=true").replace("-k,kustomize='' ", "")
    + " resource-version=''"
)


def run(session: Session) -> int:
    dry_run_of(session)
    names, text = session.args[:-1], session.args[-1:]
    wanted = label_selector(text[0]) if text else {}
    prepared(session, "selector updated")
    if not text:
        raise CommandError("one selector is required")
    found = selected(session, names)

    def change(obj: dict[str, Any]) -> None:
        if obj.get("kind") != "Service":
            raise CommandError("setting a selector is only supported for Services")
        if others := wanted.get("matchExpressions"):
            shown = (f"{{{one['key']} {one['operator']} [{' '.join(one.get('values') or ())}]}}" for one in others)
            raise CommandError(f"match expression [{' '.join(shown)}] not supported on this object")
        obj["spec"]["selector"] = wanted.get("matchLabels") or {}
        version = session.flags.text("resource-version")
        if version:
            obj["metadata"]["resourceVersion"] = version

    change_each(session, found, change, "selector updated", always=True)
    return 0
