"""Where a kind keeps its pod's spec."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PATHS = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_TEMPLATED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController")


def path_of(kind: str) -> tuple[str, ...] | None:
    """The keys that lead to the pod's spec; None for kinds without pods."""
    return ("spec", "template", "spec") if kind in _TEMPLATED else _PATHS.get(kind)


def spec_of(obj: dict[str, Any]) -> dict[str, Any] | None:
    """The pod's spec inside an object, to be read or changed."""
    path = path_of(str(obj.get("kind", "")))
    if path is None:
        return None
    found: Any = obj
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """`{"spec": {"template": {"spec": value}}}`."""
    for key in reversed(path):
        value = {key: value}
    found: dict[str, Any] = value
    return found


def with_times(obj: dict[str, Any]) -> dict[str, Any]:
    """As a typed client prints it: a pod template's metadata has its empty time."""
    template = (obj.get("spec") or {}).get("template")
    if isinstance(template, dict) and isinstance(template.get("metadata"), dict):
        template["metadata"].setdefault("creationTimestamp", None)
    return obj
