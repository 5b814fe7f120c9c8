"""Taints and tolerations as every controller of nodes reads them (KEP-166, concept page "Taints and Tolerations")."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from ..api.core import Node, Taint, Toleration

NO_SCHEDULE, NO_EXECUTE = "NoSchedule", "NoExecute"
NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether one toleration covers one taint."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    operator = toleration.operator or "Equal"
    if operator == "Exists":
        return True
    if operator == "Equal":
        return bool(toleration.key) and (toleration.value or "") == (taint.value or "")
    if operator in ("Lt", "Gt"):
        try:
            bound, value = int(toleration.value or ""), int(taint.value or "")
        except ValueError:
            return False
        return value < bound if operator == "Lt" else value > bound
    return False


def no_execute(node: Node) -> list[Taint]:
    """The node's NoExecute taints."""
    return [taint for taint in node.spec.taints or () if taint.effect == NO_EXECUTE]


def toleration_seconds(taints: Sequence[Taint], tolerations: Iterable[Toleration]) -> float | None:
    """How long a pod may stay under these taints: 0 not at all, None for ever, else the shortest time granted."""
    every = list(tolerations)
    used: list[Toleration] = []
    for taint in taints:
        found = next((toleration for toleration in every if tolerates(toleration, taint)), None)
        if found is None:
            return 0.0
        used.append(found)
    limited = [found.toleration_seconds for found in used if found.toleration_seconds is not None]
    return float(max(0, min(limited))) if limited else None


def replaced(
    taints: Iterable[Taint], managed: Iterable[tuple[str, str]], wanted: Iterable[tuple[str, str]], now: datetime
) -> list[Taint] | None:
    """The taints with those of `managed` (key, effect) made equal to `wanted`; None when they are already.

    A taint that stays keeps the instant it was added.
    """
    current = list(taints)
    managed, wanted = set(managed), set(wanted)
    kept = [taint for taint in current if (taint.key, taint.effect) not in managed - wanted]
    present = {(taint.key, taint.effect) for taint in kept}
    fresh = [
        Taint(key=key, effect=effect, time_added=now if effect == NO_EXECUTE else None)
        for key, effect in sorted(wanted - present)
    ]
    return [*kept, *fresh] if fresh or len(kept) != len(current) else None


def taints_patch(node: Node, taints: list[Taint]) -> dict[str, object]:
    """A merge patch that sets a node's taints, only if it is still in the state they were computed from."""
    wire = [msgspec.to_builtins(taint) for taint in taints]
    for entry in wire:
        if entry.get("timeAdded"):
            entry["timeAdded"] = entry["timeAdded"].split(".")[0].rstrip("Z") + "Z"
    return {"metadata": {"resourceVersion": node.metadata.resource_version}, "spec": {"taints": wire or None}}
