"""`kubectl set resources`: requests and limits of a pod template's containers."""

from __future__ import annotations

from ..errors import CommandError
from ..objects.settings import SET, change_each, check_flags, containers_of, pod_spec, prepared, selected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = f"-c,containers='*' limits='' requests='' {SET}"


def run(session: Session) -> int:
    flags = session.flags
    prepared(session, "resource requirements updated")
    found = selected(session, session.args)
    check_flags(session)
    if not flags.text("limits") and not flags.text("requests"):
        raise CommandError("you must specify an update to requests or limits (in the form of --requests/--limits)")
    limits, requests = amounts(flags.text("limits")), amounts(flags.text("requests"))

    def change(obj: dict[str, Any]) -> None:
        matching = containers_of(pod_spec(obj), flags.text("containers"))
        if not matching:
            raise CommandError(f"unable to find container named {flags.text('containers')}")
        for container in matching:
            resources = container.setdefault("resources", {})
            if limits:
                resources["limits"] = {**(resources.get("limits") or {}), **limits}
            if requests:
                resources["requests"] = {**(resources.get("requests") or {}), **requests}

    change_each(session, found, change, "resource requirements updated", what="resources update to pod template")
    return 0


def amounts(text: str) -> dict[str, str]:
    """`cpu=1,memory=1Gi`. CommandError."""
    from pybernetes.api.quantity import QuantityError, canonical

    found: dict[str, str] = {}
    for part in text.split(",") if text else ():
        name, equals, value = part.partition("=")
        if not equals or "=" in value:
            raise CommandError(f"Invalid argument syntax {part}, expected <resource>=<value>")
        try:
            found[name] = canonical(value)
        except QuantityError as error:
            raise CommandError(str(error)) from None
    return found
