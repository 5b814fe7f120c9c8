"""Volumes and claims begin in a phase that the binder moves on from."""

from datetime import UTC, datetime

from .strategy import Object, Strategy, Write, instant

_SINCE = "lastPhaseTransitionTime"


class PersistentVolumeStrategy(Strategy):
    """Pending until the binder has looked at it; the status tells since when the phase is what it is (KEP-3762)."""

    def prepare_create(self, obj: Object, write: Write) -> None:
        super().prepare_create(obj, write)
        obj["status"] = {"phase": "Pending", _SINCE: instant(datetime.now(UTC))}

    def prepare_update(self, new: Object, old: Object, write: Write) -> None:
        super().prepare_update(new, old, write)
        if write.subresource != "status":
            return
        before, status = old.get("status") or {}, dict(new.get("status") or {})
        if status.get("phase") == before.get("phase"):
            if _SINCE in before:
                status.setdefault(_SINCE, before[_SINCE])
        elif status.get(_SINCE) in (None, before.get(_SINCE)):
            status[_SINCE] = instant(datetime.now(UTC))
        new["status"] = status


class PersistentVolumeClaimStrategy(Strategy):
    """Pending until it is bound."""

    def prepare_create(self, obj: Object, write: Write) -> None:
        super().prepare_create(obj, write)
        obj["status"] = {"phase": "Pending"}
