"""The static policy: which CPUs each container of a pod gets, and what is left to all others. Pure.

    shared (all at first) ──admit──▶ exclusive, by pod and container ──release──▶ shared

Reserved CPUs are never given away; what runs on shared ones may use them too, unless they are strictly reserved. Init
containers lend their CPUs to the containers that come after them. Reasons and messages are upstream's
(`pkg/kubelet/cm/cpumanager/policy_static.go`, `pkg/kubelet/cm/admission`).
"""

from collections.abc import Iterable, Mapping

import msgspec

from pybernetes.api.core import Container, Pod

from ..admission import Refusal
from ..kernel.resources import GUARANTEED, is_sidecar, limits_of, milli_cpu, qos_class
from . import affinity
from .assignment import NotEnoughCpus, take
from .cpu_set import CpuSet, shown
from .topology import Topology

STATIC = "static"
FULL_PCPUS_ONLY, STRICT_RESERVATION = "full-pcpus-only", "strict-cpu-reservation"
OPTIONS = (FULL_PCPUS_ONLY, STRICT_RESERVATION)

Entries = Mapping[str, Mapping[str, CpuSet]]
"""Exclusive CPUs by pod uid and container."""


class CpuState(msgspec.Struct, frozen=True):
    """Who has which CPUs."""

    shared: CpuSet
    entries: Entries = {}


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy goes by. `options` are those of OPTIONS that are on."""

    topology: Topology
    reserved: CpuSet
    options: frozenset[str] = frozenset()
    topology_policy: str = affinity.NONE
    topology_scope: str = affinity.CONTAINER

    @property
    def pool(self) -> CpuSet:
        """The shared CPUs as long as nobody has any alone."""
        return self.topology.cpus - (self.reserved if STRICT_RESERVATION in self.options else frozenset())

    @property
    def allocatable(self) -> CpuSet:
        """What may be given away."""
        return self.topology.cpus - self.reserved


class _Refused(Exception):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(reason, message)


def exclusive_cpus(pod: Pod, container: Container) -> int:
    """How many CPUs a container has to have alone: 0 unless its pod is Guaranteed and it asks for whole ones."""
    if qos_class(pod) != GUARANTEED or pod.spec.resources is not None:
        return 0
    cpus, rest = divmod(milli_cpu(limits_of(container)), 1000)
    return 0 if rest else cpus


def inconsistency(rules: Rules, state: CpuState) -> str:
    """Why a state of an earlier run cannot be gone on with, "" when it can."""
    reserved, held = rules.reserved & state.shared, _held(state.entries)
    if STRICT_RESERVATION in rules.options:
        if reserved:
            return (
                f'some of strictly reserved cpus: "{shown(reserved)}" are present in defaultCpuSet: '
                f'"{shown(state.shared)}"'
            )
    elif reserved != rules.reserved:
        return f'not all reserved cpus: "{shown(rules.reserved)}" are present in defaultCpuSet: "{shown(state.shared)}"'
    for uid, containers in state.entries.items():
        for name, cpus in containers.items():
            if cpus & state.shared:
                return (
                    f'pod: {uid}, container: {name} cpuset: "{shown(cpus)}" overlaps with default cpuset '
                    f'"{shown(state.shared)}"'
                )
    known = state.shared | held
    if known != rules.pool:
        return f'current set of available CPUs "{shown(rules.pool)}" doesn\'t match with CPUs in state "{shown(known)}"'
    return ""


def admitted(pod: Pod, state: CpuState, rules: Rules) -> CpuState | Refusal:
    """The state with the CPUs of a pod's containers; what they have already they keep."""
    uid = pod.metadata.uid or ""
    own = dict(state.entries.get(uid, {}))
    wanted = [(c, exclusive_cpus(pod, c)) for c in (*(pod.spec.init_containers or ()), *(pod.spec.containers or ()))]
    if not any(count for _, count in wanted):
        return state
    shared, lent = state.shared, frozenset[int]()
    try:
        together = _together(pod, shared - rules.reserved, rules) if rules.topology_scope == affinity.POD else None
        for container, count in wanted:
            if not count:
                continue
            _check_cores(count, shared, rules)
            if container.name not in own:
                found = _allocated(count, shared - rules.reserved, lent, rules, together)
                own[container.name] = found
                shared -= found
            lent = _lent(pod, container, lent, own[container.name])
    except _Refused as refused:
        return refused.refusal
    return CpuState(shared, {**state.entries, uid: own})


def released(pod_uids: Iterable[str], state: CpuState) -> CpuState:
    """The state once nothing of these pods runs."""
    gone = set(pod_uids)
    entries = {uid: containers for uid, containers in state.entries.items() if uid not in gone}
    if len(entries) == len(state.entries):
        return state
    return CpuState(state.shared | (_held(state.entries) - _held(entries)), entries)


def _held(entries: Entries) -> CpuSet:
    return frozenset(cpu for containers in entries.values() for cpus in containers.values() for cpu in cpus)


def _lent(pod: Pod, container: Container, lent: CpuSet, cpus: CpuSet) -> CpuSet:
    """What later containers of the pod may use too: CPUs of init containers, which have ended by then."""
    inits = {init.name: init for init in pod.spec.init_containers or ()}
    init = inits.get(container.name)
    return lent - cpus if init is None or is_sidecar(init) else lent | cpus


def _check_cores(count: int, shared: CpuSet, rules: Rules) -> None:
    if FULL_PCPUS_ONLY not in rules.options:
        return
    threads = rules.topology.cpus_per_core
    if count % threads:
        text = f"SMT Alignment Error: requested {count} cpus not multiple cpus per core = {threads}"
        raise _Refused("SMTAlignmentError", text)
    available = len(shared - rules.topology.with_siblings(rules.reserved))
    if count > available:
        text = (
            f"SMT Alignment Error: not enough free physical CPUs: available physical CPUs = {available}, "
            f"requested CPUs = {count}, CPUs per core = {threads}"
        )
        raise _Refused("SMTAlignmentError", text)


def _together(pod: Pod, available: CpuSet, rules: Rules) -> affinity.Hint:
    """Where all containers of a pod should be."""
    inits = pod.spec.init_containers or ()
    sidecars = sum(exclusive_cpus(pod, init) for init in inits if is_sidecar(init))
    at_once = sidecars + sum(exclusive_cpus(pod, container) for container in pod.spec.containers or ())
    count = max([at_once, *(exclusive_cpus(pod, init) for init in inits)])
    return _aligned(count, available, frozenset(), rules)


def _aligned(count: int, available: CpuSet, lent: CpuSet, rules: Rules) -> affinity.Hint:
    found = affinity.hints(rules.topology, available, lent, count)
    hint = affinity.chosen(rules.topology_policy, rules.topology, found)
    if hint is None:
        raise _Refused("TopologyAffinityError", "Resources cannot be allocated with Topology locality")
    return hint


def _allocated(count: int, available: CpuSet, lent: CpuSet, rules: Rules, together: affinity.Hint | None) -> CpuSet:
    hint = together or _aligned(count, available, lent, rules)
    free = available | lent
    near = free & rules.topology.on_nodes(hint.nodes)
    try:
        found = take(rules.topology, near, min(count, len(near))) if near != free else frozenset[int]()
        return found | take(rules.topology, free - found, count - len(found))
    except NotEnoughCpus as error:
        raise _Refused("UnexpectedAdmissionError", f"Allocate failed due to {error}, which is unexpected") from None
