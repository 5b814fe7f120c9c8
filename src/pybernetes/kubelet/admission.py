"""Whether this node can take a pod at all: the kubelet's own check, after the scheduler's. Pure.

Pods may be bound past the scheduler (spec.nodeName, static pods) and decisions may be outdated, so the kubelet refuses
what does not fit: the pod fails with the reason and is not started. The questions are asked in upstream's order
(`pkg/kubelet/lifecycle/predicate.go` and the admit handlers before it); a critical pod passes those about room, which
others make for it (`preemption.py`). A pod that has been accepted before (it has a start time) is never refused later.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ..api import quantity
from ..api.core import Node, Pod, Toleration
from ..api.node_affinity import node_affinity_matches
from ..reconcile.taints import no_execute, tolerates
from .kernel.resources import BEST_EFFORT, is_critical, qos_class
from .restart_policy import all_containers
from .static_pods import is_static
from .sysctls import forbidden

COUNTED = ("cpu", "memory")
ALWAYS_COUNTED = (*COUNTED, "ephemeral-storage")
DEFAULT_PODS = "110"
MEMORY_PRESSURE = "MemoryPressure"
MEMORY_PRESSURE_TAINT = "node.kubernetes.io/memory-pressure"
OS_LABEL = "kubernetes.io/os"


class Refusal(msgspec.Struct, frozen=True):
    """Reason and message of the event about a pod that is not taken; its status says the same after a few words."""

    reason: str
    message: str

    @property
    def status_message(self) -> str:
        return f"Pod was rejected: {self.message}"


class Shortage(msgspec.Struct, frozen=True):
    """A resource of which too little is left: what a pod asks for, what others use, and what there is."""

    resource: str
    wanted: int
    used: int
    capacity: int


class NodeState(msgspec.Struct, frozen=True, kw_only=True):
    """What an admission depends on besides the pod. `others` are the pods that count already, as allocated."""

    node: Node | None
    allocatable: Mapping[str, str]
    others: Sequence[Pod]
    pressures: frozenset[str] = frozenset()
    allowed_unsafe_sysctls: Sequence[str] = ()
    shuts_down: bool = False
    apparmor: bool = False
    """The kernel enforces AppArmor profiles."""


def refusal(pod: Pod, state: NodeState) -> Refusal | None:
    """Why the node does not take the pod, or None."""
    if pod.status.start_time is not None:
        return None
    if state.shuts_down:
        return Refusal("NodeShutdown", "Pod was rejected as the node is shutting down.")
    found = _under_pressure(pod, state.pressures)
    if found is None:
        sysctl = forbidden(pod, state.allowed_unsafe_sysctls)
        found = Refusal("SysctlForbidden", sysctl) if sysctl else _unsupported(pod, state)
    if found is None and not is_critical(pod):
        found = lacking(pod, state.others, state.allocatable)
    return found or _misplaced(pod, state)


def _under_pressure(pod: Pod, pressures: frozenset[str]) -> Refusal | None:
    """A node in trouble takes critical pods; one that lacks only memory also those that have asked for theirs."""
    if not pressures or is_critical(pod):
        return None
    if pressures == {MEMORY_PRESSURE}:
        tolerated = any(_tolerates_memory_pressure(toleration) for toleration in pod.spec.tolerations or ())
        if tolerated or qos_class(pod) != BEST_EFFORT:
            return None
    return Refusal("Evicted", f"The node had condition: [{' '.join(sorted(pressures))}]. ")


def _tolerates_memory_pressure(toleration: Toleration) -> bool:
    key_fits = toleration.key == MEMORY_PRESSURE_TAINT or (not toleration.key and toleration.operator == "Exists")
    return key_fits and toleration.effect in (None, "", "NoSchedule")


def _unsupported(pod: Pod, state: NodeState) -> Refusal | None:
    """What this kind of node does not have."""
    if not state.apparmor and _wants_apparmor(pod):
        return Refusal("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host")
    if pod.spec.os is not None and pod.spec.os.name != "linux":
        return Refusal("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
    context = pod.spec.security_context
    if context is not None and context.supplemental_groups_policy == "Strict":
        text = "SupplementalGroupsPolicy=Strict is not supported in this node"
        return Refusal("SupplementalGroupsPolicyNotSupported", text)
    return None


def _wants_apparmor(pod: Pod) -> bool:
    """The pod, or a container of it, names a profile that must be enforced."""
    spec = pod.spec
    contexts = [spec.security_context, *(c.security_context for c in all_containers(pod))]
    profiles = [context.app_armor_profile for context in contexts if context is not None]
    return any(profile is not None and profile.type != "Unconfined" for profile in profiles)


def lacking(pod: Pod, others: Sequence[Pod], allocatable: Mapping[str, str]) -> Refusal | None:
    """The first resource of which the pods that count already leave too little."""
    first = next(iter(shortages(pod, others, allocatable)), None)
    return _out_of(first) if first is not None else None


def shortages(pod: Pod, others: Sequence[Pod], allocatable: Mapping[str, str]) -> Iterator[Shortage]:
    """The resources of which the pods that count already leave too little."""
    counted = (name for name in allocatable if "/" in name or name.startswith("hugepages-"))
    for resource in ("pods", *ALWAYS_COUNTED, *counted):
        wanted = requested(pod, resource)
        if not wanted:
            continue
        used = sum(requested(other, resource) for other in others)
        capacity = allocatable_amount(resource, allocatable)
        if used + wanted > capacity:
            yield Shortage(resource, wanted, used, capacity)


def _misplaced(pod: Pod, state: NodeState) -> Refusal | None:
    """Affinity, ports and taints, of which the scheduler may have been ignorant."""
    node = state.node
    if node is not None and not node_affinity_matches(pod.spec, node.metadata.name or "", node.metadata.labels or {}):
        return _predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector")
    if any(_ports_clash(pod, other) for other in state.others):
        return _predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports")
    if node is not None and not is_static(pod):
        for taint in no_execute(node):
            if not any(tolerates(toleration, taint) for toleration in pod.spec.tolerations or ()):
                return _predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate")
    return None


def _predicate(name: str, why: str) -> Refusal:
    return Refusal(name, f"Predicate {name} failed: {why}")


def host_ports(pod: Pod) -> list[tuple[str, str, int]]:
    """(address, protocol, port) of what the pod wants of the node's ports; address `0.0.0.0` is all of them."""
    return [
        (port.host_ip or "0.0.0.0", port.protocol or "TCP", port.host_port)
        for container in [*(pod.spec.init_containers or ()), *(pod.spec.containers or ())]
        for port in container.ports or ()
        if port.host_port
    ]


def _ports_clash(pod: Pod, other: Pod) -> bool:
    return any(
        (protocol, port) == (taken_protocol, taken_port) and (ip == taken_ip or "0.0.0.0" in (ip, taken_ip))
        for ip, protocol, port in host_ports(pod)
        for taken_ip, taken_protocol, taken_port in host_ports(other)
    )


def _out_of(found: Shortage) -> Refusal:
    amounts = f"requested: {found.wanted}, used: {found.used}, capacity: {found.capacity}"
    return Refusal(f"OutOf{found.resource}", f"Node didn't have enough resource: {found.resource}, {amounts}")


def _amount(resource: str, text: str) -> int:
    return quantity.milli(text) if resource == "cpu" else quantity.value(text)


def allocatable_amount(resource: str, allocatable: Mapping[str, str]) -> int:
    """How much of a resource pods may use together."""
    return _amount(resource, allocatable.get(resource, DEFAULT_PODS if resource == "pods" else "0"))


def requested(pod: Pod, resource: str) -> int:
    """A pod's request of one resource: its containers and sidecars together, or its largest init phase; and overhead.

    CPU in thousandths, memory in bytes; each pod is one of "pods"."""
    if resource == "pods":
        return 1

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
