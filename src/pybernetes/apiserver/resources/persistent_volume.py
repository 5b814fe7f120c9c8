"""Volumes and claims begin in a phase that the binder moves on from."""

from .strategy import Object, Strategy, Write


class PersistentVolumeStrategy(Strategy):
    """Pending until the binder has looked at it."""

    def prepare_create(self, obj: Object, write: Write) -> None:
        super().prepare_create(obj, write)
        obj["status"] = {"phase": "Pending"}


class PersistentVolumeClaimStrategy(Strategy):
    """Pending until it is bound."""

    def prepare_create(self, obj: Object, write: Write) -> None:
        super().prepare_create(obj, write)
        obj["status"] = {"phase": "Pending"}
