"""`kubectl scale`: through the scale subresource."""

from __future__ import annotations

import time

from ..errors import CommandError, StatusFailure
from ..exchange import again
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import collect
from ..objects.mutation import dry_run_of, operation_printer
from ..objects.recording import record
from ..output.go_json import compact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item
    from ..session import Session

FLAGS = (
    f"all=false current-replicas=-1 replicas=0 resource-version='' -l,selector='' timeout=0s {DRY_RUN}{FILES}{PRINT}"
)
_ATTEMPTS = 300
"""How often a size is written that somebody else changes at the same time."""


def run(session: Session) -> int:
    flags = session.flags
    if not flags.changed("replicas"):
        raise CommandError('required flag(s) "replicas" not set')
    dry_run = dry_run_of(session)
    printer = operation_printer(session, "scaled", dry_run)
    replicas = flags.number("replicas")
    if replicas < 0:
        raise CommandError("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0")
    if flags.number("current-replicas") < -1:
        raise CommandError("The --current-replicas must specify an integer of -1 or greater")
    found = collect(session, selector=flags.text("selector"), all_=flags.on("all"))
    if flags.text("resource-version") and len(found.items) > 1:
        raise CommandError("cannot use --resource-version with multiple resources")
    if not found.items:
        found.raise_errors()
        raise CommandError("no objects passed to scale")
    for item in found.items:
        if dry_run == "client":
            printer.print(item.obj)
            continue
        scale(session, item, replicas, dry_run)
        if flags.seconds("timeout") and dry_run == "none":
            _wait(item, replicas, flags.seconds("timeout"))
        if dry_run == "none":
            record(session, item)
        printer.print(item.obj)
    found.raise_errors()
    return 0


def scale(session: Session, item: Item, replicas: int, dry_run: str = "none") -> None:
    """Set the size. CommandError when a precondition does not hold."""
    flags = session.flags
    path = item.path("scale")
    current, version = flags.number("current-replicas"), flags.text("resource-version")
    if item.resource.subresources and "scale" not in item.resource.subresources:
        raise StatusFailure(404, {"reason": "NotFound", "message": "the server could not find the requested resource"})
    query = "?dryRun=All" if dry_run == "server" else ""
    patch: dict[str, Any] = {"spec": {"replicas": replicas}}
    if current == -1 and not version:
        session.client.call(
            "PATCH", path + query, body=compact(patch).encode(), content_type="application/merge-patch+json"
        )
        return
    for _ in range(_ATTEMPTS):
        found = session.client.get(path)
        have = int((found.get("spec") or {}).get("replicas") or 0)
        if current not in (-1, have):
            raise CommandError(f"Expected replicas to be {current}, was {have}")
        seen = str((found.get("metadata") or {}).get("resourceVersion") or "")
        if version and seen != version:
            raise CommandError(f"Expected resource version to be {version}, was {seen}")
        found.setdefault("spec", {})["replicas"] = replicas
        try:
            session.client.call("PUT", path + query, body=compact(found).encode())
            return
        except StatusFailure as error:
            if error.reason != "Conflict":
                raise
        again()
    raise CommandError("timed out waiting for the condition")


def _wait(item: Item, replicas: int, seconds: float) -> None:
    """Until the status says so."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        obj = item.get()
        status = obj.get("status") or {}
        done = int(status.get("replicas") or 0) == replicas
        if done and int(status.get("observedGeneration") or 0) >= int(obj["metadata"].get("generation") or 0):
            return
        time.sleep(0.2)
    raise CommandError(f"timed out waiting for {quoted_name(item)} to be synced")


def quoted_name(item: Item) -> str:
    return f'"{item.name}"'
