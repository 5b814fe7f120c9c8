"""Deleting, and waiting until it is done."""

from __future__ import annotations

import time

from ..client import query_of
from ..errors import StatusFailure
from ..wire.json_read import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session
    from .item import Item

CASCADES = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}


def delete_options(grace_seconds: int, cascade: str) -> dict[str, Any]:
    """DeleteOptions of a grace period (negative: the object's own) and a cascade."""
    options: dict[str, Any] = {}
    if grace_seconds >= 0:
        options["gracePeriodSeconds"] = grace_seconds
    options["propagationPolicy"] = CASCADES[cascade]
    return options


def wait_until_gone(session: Session, item: Item, uid: str, timeout_seconds: float) -> None:
    """Blocks on a watch until the object of that uid is no more. TimedOut."""
    deadline = time.monotonic() + (timeout_seconds or 7 * 24 * 3600)
    while True:
        try:
            found = session.client.get(item.resource.path(item.namespace) + query_of(_one(item)))
        except StatusFailure as failure:
            if failure.code in (404, 405):
                return
            raise
        items = found.get("items") or []
        if not items or (uid and (items[0].get("metadata") or {}).get("uid") != uid):
            return
        version = (found.get("metadata") or {}).get("resourceVersion") or ""
        if _gone(session, item, version, deadline):
            return
        if time.monotonic() >= deadline:
            from ..errors import CommandError

            raise CommandError(f"timed out waiting for the condition on {item.resource.name}/{item.name}")


def _one(item: Item) -> list[tuple[str, Any]]:
    return [("fieldSelector", f"metadata.name={item.name}")]


def _gone(session: Session, item: Item, version: str, deadline: float) -> bool:
    """Watch until it is deleted (true) or the watch ends (false)."""
    seconds = max(1, int(deadline - time.monotonic()) + 1)
    query = query_of(
        [*_one(item), ("watch", "true"), ("resourceVersion", version), ("timeoutSeconds", min(seconds, 3600))]
    )
    try:
        response = session.client.stream(item.resource.path(item.namespace) + query)
        for line in response.lines():
            event = loads(line)
            if event["type"] == "DELETED":
                response.close()
                return True
            if event["type"] == "ERROR":
                response.close()
                return False
    except (StatusFailure, OSError):
        time.sleep(0.2)
    return False
