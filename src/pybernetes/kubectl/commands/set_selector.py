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
    wanted, others = _read(text)
    found = selected(session, names)

    def change(obj: dict[str, Any]) -> None:
        if obj.get("kind") != "Service":
            raise CommandError("setting a selector is only supported for Services")
        if others:
            raise CommandError(f"match expression [{' '.join(others)}] not supported on this object")
        obj["spec"]["selector"] = wanted
        version = session.flags.text("resource-version")
        if version:
            obj["metadata"]["resourceVersion"] = version

    change_each(session, found, change, "selector updated", always=True)
    return 0


def _read(text: str) -> tuple[dict[str, str], list[str]]:
    """Labels that must be equal, and other requirements as Go prints them. CommandError."""
    from ..objects.selectors import parsed

    try:
        requirements = parsed(text).requirements
    except ValueError as error:
        raise CommandError(str(error)) from None
    from pybernetes.api.selectors.labels import DOES_NOT_EXIST, DOUBLE_EQUALS, EQUALS, EXISTS, IN

    shown = {IN: "In", EXISTS: "Exists", DOES_NOT_EXIST: "DoesNotExist"}
    wanted: dict[str, str] = {}
    others: list[str] = []
    for one in requirements:
        if one.operator in (EQUALS, DOUBLE_EQUALS):
            wanted[one.key] = one.values[0]
        else:
            operator = shown.get(one.operator, "NotIn")
            others.append(f"{{{one.key} {operator} [{' '.join(sorted(one.values))}]}}")
    return wanted, others
