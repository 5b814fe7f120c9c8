"""Requests and limits in the terms of the kernel: pure arithmetic, no I/O.

    Pod, container, node allocatable ──▶ LinuxResources   (handed to the runtime per container)
    Pod ──▶ PodResources                                  (written into the pod-level cgroup by `cgroups.py`)

The conversions and their minimums follow upstream's `pkg/kubelet/cm/helpers_linux.go` and `pkg/kubelet/qos/policy.go`:
1 CPU is 1024 shares, a quota is counted per period of 100 ms, 2 shares and 1 ms of quota are the least. QoS classes are
those of the page "Pod Quality of Service Classes"; pod-level resources are KEP-2837.
"""

from collections.abc import Iterable, Mapping

import msgspec

from pybernetes.api import quantity
from pybernetes.api.core import Container, Pod

from ..cri.messages import LinuxContainerResources

MINIMUM_SHARES = 2
MAXIMUM_SHARES = 262144
SHARES_PER_CPU = 1024
QUOTA_PERIOD_MICROSECONDS = 100_000
MINIMUM_QUOTA_MICROSECONDS = 1000

GUARANTEED = "Guaranteed"
BURSTABLE = "Burstable"
BEST_EFFORT = "BestEffort"

GUARANTEED_OOM_SCORE = -997
BEST_EFFORT_OOM_SCORE = 1000
SYSTEM_CRITICAL_PRIORITY = 2_000_000_000


class PodResources(msgspec.Struct, kw_only=True, frozen=True):
    """What the pod-level cgroup enforces. None = the kernel's default."""

    cpu_shares: int
    cpu_quota: int | None = None
    memory_limit_bytes: int | None = None


def shares_from_milli_cpu(milli_cpu: int) -> int:
    """cpu.shares of a request in thousandths of a CPU, within the kernel's bounds."""
    if milli_cpu == 0:
        return MINIMUM_SHARES
    return min(max(milli_cpu * SHARES_PER_CPU // 1000, MINIMUM_SHARES), MAXIMUM_SHARES)


def quota_from_milli_cpu(milli_cpu: int, period: int = QUOTA_PERIOD_MICROSECONDS) -> int:
    """cpu.cfs_quota_us of a limit in thousandths of a CPU; 0 (no limit) for 0."""
    if milli_cpu == 0:
        return 0
    return max(milli_cpu * period // 1000, MINIMUM_QUOTA_MICROSECONDS)


def weight_from_shares(shares: int) -> int:
    """cgroup v2's cpu.weight (1..10000) of v1's cpu.shares (2..262144), linearly as KEP-2254."""
    return 1 + (shares - 2) * 9999 // 262142


def _amounts(resources: object, field: str) -> Mapping[str, str]:
    found: Mapping[str, str] | None = getattr(resources, field, None) if resources is not None else None
    return found or {}


def milli_cpu(amounts: Mapping[str, str]) -> int:
    """Thousandths of a CPU in a resource list; 0 when it names none."""
    return quantity.milli(amounts["cpu"]) if "cpu" in amounts else 0


def memory_bytes(amounts: Mapping[str, str]) -> int:
    """Bytes of memory in a resource list; 0 when it names none."""
    return quantity.value(amounts["memory"]) if "memory" in amounts else 0


def requests_of(container: Container) -> Mapping[str, str]:
    """What the container requests, as written."""
    return _amounts(container.resources, "requests")


def limits_of(container: Container) -> Mapping[str, str]:
    """What the container is limited to, as written."""
    return _amounts(container.resources, "limits")


def is_sidecar(container: Container) -> bool:
    """An init container that keeps running beside the others (KEP-753)."""
    return container.restart_policy == "Always"


def all_containers(pod: Pod) -> list[Container]:
    """Init containers, then the others: what counts for QoS and limits (not the ephemeral ones)."""
    return [*(pod.spec.init_containers or ()), *(pod.spec.containers or ())]


def _positive(amounts: Mapping[str, str]) -> dict[str, int]:
    counted = {"cpu": milli_cpu(amounts), "memory": memory_bytes(amounts)}
    return {name: amount for name, amount in counted.items() if amount > 0}


def qos_class(pod: Pod) -> str:
    """Guaranteed, Burstable or BestEffort, from the spec alone."""
    if pod.spec.resources is not None:
        requests = _positive(_amounts(pod.spec.resources, "requests"))
        limits = _positive(_amounts(pod.spec.resources, "limits"))
        if not requests and not limits:
            return BEST_EFFORT
        return GUARANTEED if len(limits) == 2 and requests == limits else BURSTABLE
    total_requests: dict[str, int] = {}
    total_limits: dict[str, int] = {}
    guaranteed = True
    for container in all_containers(pod):
        requests, limits = _positive(requests_of(container)), _positive(limits_of(container))
        for total, amounts in ((total_requests, requests), (total_limits, limits)):
            for name, amount in amounts.items():
                total[name] = total.get(name, 0) + amount
        guaranteed = guaranteed and len(limits) == 2
    if not total_requests and not total_limits:
        return BEST_EFFORT
    return GUARANTEED if guaranteed and total_requests == total_limits else BURSTABLE


def is_critical(pod: Pod) -> bool:
    """Static, mirror and system-priority pods: the last ones to be killed for memory."""
    annotations = pod.metadata.annotations or {}
    if "kubernetes.io/config.mirror" in annotations or annotations.get("kubernetes.io/config.source", "api") != "api":
        return True
    return (pod.spec.priority or 0) >= SYSTEM_CRITICAL_PRIORITY


def oom_score_adjustment(pod: Pod, container: Container, memory_capacity_bytes: int) -> int:
    """How readily the kernel kills the container: -997 guaranteed, 2..999 burstable by its share of memory, 1000 last.

    A sidecar is never killed before the containers it serves (KEP-753)."""
    if is_critical(pod):
        return GUARANTEED_OOM_SCORE
    kind = qos_class(pod)
    if kind == GUARANTEED:
        return GUARANTEED_OOM_SCORE
    if kind == BEST_EFFORT:
        return BEST_EFFORT_OOM_SCORE
    requested = memory_bytes(requests_of(container))
    if is_sidecar(container):
        requested = max([requested, *(memory_bytes(requests_of(other)) for other in pod.spec.containers or ())])
    score = 1000 - (1000 * requested) // memory_capacity_bytes if memory_capacity_bytes > 0 else 999
    if score < 1000 + GUARANTEED_OOM_SCORE:
        return 1000 + GUARANTEED_OOM_SCORE
    return min(score, BEST_EFFORT_OOM_SCORE - 1)


def container_resources(pod: Pod, container: Container, node_allocatable: Mapping[str, str]) -> LinuxContainerResources:
    """The runtime's settings for one container. node_allocatable as in the Node's status (`memory` is used).

    A container without any CPU request gets the shares of its limit; without both, the least."""
    requests, limits = requests_of(container), limits_of(container)
    if "cpu" not in requests and milli_cpu(limits) > 0:
        shares = shares_from_milli_cpu(milli_cpu(limits))
    else:
        shares = shares_from_milli_cpu(milli_cpu(requests))
    quota = quota_from_milli_cpu(milli_cpu(limits))
    return LinuxContainerResources(
        cpu_period=QUOTA_PERIOD_MICROSECONDS,
        cpu_quota=quota,
        cpu_shares=shares,
        memory_limit_in_bytes=memory_bytes(limits),
        oom_score_adj=oom_score_adjustment(pod, container, memory_bytes(node_allocatable)),
    )


def _peak(pod: Pod, per_container: Mapping[str, tuple[int, ...]], width: int) -> tuple[int, ...]:
    """The most that is in use at once: the running containers, or one init container beside earlier sidecars."""
    sidecars = (0,) * width
    peak = (0,) * width
    for container in pod.spec.init_containers or ():
        own = per_container[container.name or ""]
        together = tuple(a + b for a, b in zip(sidecars, own, strict=True))
        if is_sidecar(container):
            sidecars = together
        peak = tuple(map(max, peak, together))
    running = sidecars
    for container in pod.spec.containers or ():
        running = tuple(a + b for a, b in zip(running, per_container[container.name or ""], strict=True))
    return tuple(map(max, peak, running))


def _every(containers: Iterable[Container], resource: str) -> bool:
    return all(resource in limits_of(container) for container in containers)


def pod_resources(pod: Pod) -> PodResources:
    """What the pod as a whole may use: sums over its containers, or its pod-level resources where given.

    A limit holds for the pod only if every container has one (or the pod itself does)."""
    containers = all_containers(pod)
    kind = qos_class(pod)
    if kind == BEST_EFFORT:
        return PodResources(cpu_shares=MINIMUM_SHARES)
    amounts = {
        c.name or "": (
            milli_cpu(requests_of(c) if "cpu" in requests_of(c) else limits_of(c)),
            milli_cpu(limits_of(c)),
            memory_bytes(limits_of(c)),
        )
        for c in containers
    }
    request, cpu_limit, memory_limit = _peak(pod, amounts, 3)
    cpu_limited, memory_limited = _every(containers, "cpu"), _every(containers, "memory")
    own_requests = _amounts(pod.spec.resources, "requests")
    own_limits = _amounts(pod.spec.resources, "limits")
    if "cpu" in own_requests:
        request = milli_cpu(own_requests)
    if "cpu" in own_limits:
        cpu_limit, cpu_limited = milli_cpu(own_limits), True
    if "memory" in own_limits:
        memory_limit, memory_limited = memory_bytes(own_limits), True
    overhead = pod.spec.overhead or {}
    if overhead:
        request += milli_cpu(overhead)
        cpu_limit += milli_cpu(overhead)
        memory_limit += memory_bytes(overhead)
    return PodResources(
        cpu_shares=shares_from_milli_cpu(request),
        cpu_quota=quota_from_milli_cpu(cpu_limit) if cpu_limited and cpu_limit else None,
        memory_limit_bytes=memory_limit if memory_limited and memory_limit else None,
    )
