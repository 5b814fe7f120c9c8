"""Nodes: the kubelet registers them with their status."""

from .strategy import Object, Strategy, Write


class NodeStrategy(Strategy):
    """Status is kept on create and changed through `/status` afterwards."""

    def prepare_create(self, obj: Object, write: Write) -> None:
        super().prepare_create(obj, write)
        obj.setdefault("spec", {})
        obj.setdefault("status", {})
