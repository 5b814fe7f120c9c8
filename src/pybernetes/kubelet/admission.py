"""Whether this node can take a pod at all: the kubelet's own check, after the scheduler's. Pure.

Pods may be bound past the scheduler (spec.nodeName, static pods) and decisions may be outdated, so the kubelet refuses
what does not fit: the pod fails with reason NodeAffinity, OutOfpods, OutOfcpu or OutOfmemory and is not started. A pod
that has been accepted before (it has a start time) is never refused later.
"""

from collections.abc import Mapping, Sequence

import msgspec

from ..api import quantity
from ..api.core import Pod
from .kernel.resources import is_critical
from .sysctls import forbidden

COUNTED = ("cpu", "memory")


class Refusal(msgspec.Struct, frozen=True):
    """Reason and message of the event about a pod that is not taken; its status says the same after a few words."""

    reason: str
    message: str

    @property
    def status_message(self) -> str:
        return f"Pod was rejected: {self.message}"


def refusal(
    pod: Pod,
    allocatable: Mapping[str, str],
    others: Sequence[Pod],
    node_labels: Mapping[str, str],
    allowed_unsafe_sysctls: Sequence[str] = (),
) -> Refusal | None:
    """Why the node does not take the pod, or None. `others` are the pods that count already."""
    if pod.status.start_time is not None:
        return None
    sysctl = forbidden(pod, allowed_unsafe_sysctls)
    if sysctl:
        return Refusal("SysctlForbidden", sysctl)
    if is_critical(pod):
        return None
    for key, value in (pod.spec.node_selector or {}).items():
        if node_labels and node_labels.get(key) != value:
            return Refusal(
                "NodeAffinity",
                "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
            )
    limit = int(allocatable.get("pods", "110"))
    if len(others) + 1 > limit:
        return _out_of("pods", 1, len(others), limit)
    for resource in COUNTED:
        wanted = requested(pod, resource)
        if not wanted:
            continue
        used = sum(requested(other, resource) for other in others)
        capacity = _amount(resource, allocatable.get(resource, "0"))
        if used + wanted > capacity:
            return _out_of(resource, wanted, used, capacity)
    return None


def _out_of(resource: str, wanted: int, used: int, capacity: int) -> Refusal:
    message = f"Node didn't have enough resource: {resource}, requested: {wanted}, used: {used}, capacity: {capacity}"
    return Refusal(f"OutOf{resource}", message)


def _amount(resource: str, text: str) -> int:
    return quantity.milli(text) if resource == "cpu" else quantity.value(text)


def requested(pod: Pod, resource: str) -> int:
    """A pod's request of one resource: its containers and sidecars together, or its largest init phase; and overhead.

    CPU in thousandths, memory in bytes."""

    def of(container_requests: Mapping[str, str] | None) -> int:
        return _amount(resource, (container_requests or {}).get(resource, "0"))

    sidecars = 0
    peak = 0
    for container in pod.spec.init_containers or ():
        own = of(container.resources.requests)
        if container.restart_policy == "Always":
            sidecars += own
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + own)
    total = max(peak, sidecars + sum(of(c.resources.requests) for c in pod.spec.containers or ()))
    if pod.spec.resources is not None and resource in (pod.spec.resources.requests or {}):
        total = of(pod.spec.resources.requests)
    return total + of(pod.spec.overhead)
