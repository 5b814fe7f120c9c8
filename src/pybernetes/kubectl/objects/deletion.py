"""Deleting, and waiting until it is done."""

from __future__ import annotations

import time

from ..ending import interruptible
from ..errors import CommandError, StatusFailure
from ..following import follow

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
    """Blocks on a watch until the object of that uid is no more. CommandError when time is up."""
    with interruptible():
        _wait_until_gone(session, item, uid, time.monotonic() + (timeout_seconds or 7 * 24 * 3600))


class _Gone(Exception):
    """It is no more, or nobody may tell."""


def _wait_until_gone(session: Session, item: Item, uid: str, deadline: float) -> None:
    def refused(failure: StatusFailure) -> None:
        """One who may not list may yet get; one who may not even that need not wait."""
        try:
            item.get()
        except StatusFailure as error:
            if error.code in (403, 404, 405):
                raise _Gone from None

    try:
        for event, obj in follow(session.client, item.resource, item.namespace, item.name, deadline, refused=refused):
            if event in ("ABSENT", "DELETED") or (uid and (obj.get("metadata") or {}).get("uid") != uid):
                return
    except _Gone:
        return
    raise CommandError(f"timed out waiting for the condition on {item.resource.name}/{item.name}")
