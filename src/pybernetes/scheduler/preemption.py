"""DefaultPreemption: when no node has room, which less important pods would make some.

Pure: `plan` finds the node and the victims, the scheduler carries it out (deletes them, nominates the pod). On every
node that preemption could help, all less important pods are taken away in thought; if the pod then fits, they are put
back one by one, most important first and those protected by a disruption budget before others, as long as it still
fits; the rest are the victims. Among the nodes the one with the least harm is chosen.
"""

from collections.abc import Iterable, Sequence
from random import Random

import msgspec

from pybernetes.api.policy import PodDisruptionBudget
from pybernetes.api.selectors import from_label_selector
from pybernetes.scheduler.configuration.types import DefaultPreemptionArgs
from pybernetes.scheduler.cycle import Cycle
from pybernetes.scheduler.diagnosis import Diagnosis
from pybernetes.scheduler.framework import Code, CycleState, Filter, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.nominations import Nominations
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

NAME = "DefaultPreemption"
NO_CANDIDATE = "preemption: no candidate node for preemption"
"""What is said when extenders left none."""
_DEFAULTS = DefaultPreemptionArgs()

NOT_HELPFUL = Verdict(Code.UNRESOLVABLE, NAME, ("Preemption is not helpful for scheduling",))
NO_VICTIMS = Verdict(Code.UNRESOLVABLE, NAME, ("No preemption victims found for incoming pod",))


class Plan(msgspec.Struct, frozen=True):
    """Victims to remove from a node, most important first; `violations`: how many of them a budget protects."""

    node_name: str
    victims: tuple[PodInfo, ...]
    violations: int


def ineligible(pod: PodInfo, snapshot: Snapshot, nominations: Nominations, diagnosis: Diagnosis) -> str:
    """Why the pod may not preempt now; "" when it may."""
    if pod.pod.spec.preemption_policy == "Never":
        return "not eligible due to preemptionPolicy=Never."
    nominated = nominations.node_of(pod.uid)
    node = snapshot.node(nominated) if nominated else None
    if node is not None:
        verdict = diagnosis.verdict(nominated)
        if verdict is not None and verdict.code is Code.UNRESOLVABLE:
            return ""
        if any(other.priority < pod.priority and _is_preempted(other) for other in node.pods.values()):
            return "not eligible due to a terminating pod on the nominated node."
    return ""


def _is_preempted(pod: PodInfo) -> bool:
    """Whether the pod ends because a scheduler made room; one that ends for another reason holds nobody up."""
    if not pod.terminating:
        return False
    found = next((row for row in pod.pod.status.conditions or () if row.type == "DisruptionTarget"), None)
    return found is not None and found.status == "True" and found.reason == "PreemptionByScheduler"


def candidates_wanted(nodes: int, args: DefaultPreemptionArgs = _DEFAULTS) -> int:
    """How many nodes with victims are enough to choose from."""
    share = nodes * args.min_candidate_nodes_percentage // 100
    return min(max(share, args.min_candidate_nodes_absolute), nodes)


def plan(
    cycle: Cycle,
    snapshot: Snapshot,
    nominations: Nominations,
    pod: PodInfo,
    diagnosis: Diagnosis,
    budgets: Sequence[PodDisruptionBudget],
    random: Random,
    args: DefaultPreemptionArgs = _DEFAULTS,
) -> Plan | str:
    """The least harmful way to make room for the pod, or the message that there is none."""
    found = candidates(cycle, snapshot, nominations, pod, diagnosis, budgets, random, args)
    return found if isinstance(found, str) else min(found, key=harm)


def candidates(
    cycle: Cycle,
    snapshot: Snapshot,
    nominations: Nominations,
    pod: PodInfo,
    diagnosis: Diagnosis,
    budgets: Sequence[PodDisruptionBudget],
    random: Random,
    args: DefaultPreemptionArgs = _DEFAULTS,
) -> list[Plan] | str:
    """Ways to make room on different nodes, as many as are enough to choose from, one of them without a violated budget
    if there is any; the message when there is none."""
    reason = ineligible(pod, snapshot, nominations, diagnosis)
    if reason:
        return f"preemption: {reason}"
    outcome = Diagnosis(len(snapshot.rows))
    outcome.absent = NOT_HELPFUL
    helpful = []
    for node in snapshot.rows:
        verdict = diagnosis.verdict(node.name)
        if verdict is None or verdict.code is Code.UNSCHEDULABLE:
            helpful.append(node)
    found = cycle.filters(pod) if helpful else None
    plans: list[Plan] = []
    needless: list[str] = []
    harmless = False
    if found is not None:
        state, filters = found
        wanted = candidates_wanted(len(snapshot.rows), args)
        offset = random.randrange(len(helpful))
        for node in helpful[offset:] + helpful[:offset]:
            answer = try_node(cycle, state, filters, pod, node, budgets)
            if isinstance(answer, Plan) and not answer.victims:  # an extender stands in the way, no pod does
                needless.append(f'expected at least one victim pod on node "{node.name}"')
            elif isinstance(answer, Plan):
                plans.append(answer)
                harmless = harmless or not answer.violations
                if harmless and len(plans) >= wanted:
                    break
            else:
                outcome.rejected[node.name] = answer
    if plans or not needless:
        return plans or f"preemption: {outcome.message()}"
    words = ", ".join(needless)
    return f"preemption: {words}" if len(needless) == 1 else f"preemption: [{words}]"


def try_node(
    cycle: Cycle,
    state: CycleState,
    filters: list[Filter],
    pod: PodInfo,
    node: NodeInfo,
    budgets: Sequence[PodDisruptionBudget],
) -> Plan | Verdict:
    """The victims on one node, or why none help. state and filters are those that `Cycle.filters` gave for the pod."""
    potential = sorted((other for other in node.pods.values() if other.priority < pod.priority), key=importance)
    if not potential:
        return NO_VICTIMS
    twin, what_if = node.copy(), state.clone()
    for other in potential:
        cycle.remove(what_if, pod, other, twin)
    failure = cycle.fits(what_if, pod, twin, filters)
    if failure is not None:
        return failure.rejected[node.name]
    victims: list[PodInfo] = []
    violations = 0
    protected, free = split_by_budgets(potential, budgets)
    for group in (protected, free):
        for other in group:
            cycle.add(what_if, pod, other, twin)
            if cycle.fits(what_if, pod, twin, filters) is not None:
                cycle.remove(what_if, pod, other, twin)
                victims.append(other)
                violations += group is protected
    return Plan(node.name, tuple(sorted(victims, key=importance)), violations)


def _started(pod: PodInfo) -> float:
    """When the pod began to run, seconds of the epoch; far in the future when it has not."""
    begun = pod.pod.status.start_time
    return begun.timestamp() if begun is not None else float("inf")


def importance(pod: PodInfo) -> tuple[int, float]:
    """Sorts the most important first: higher priority, then the longer running."""
    return (-pod.priority, _started(pod))


def harm(candidate: Plan) -> tuple[float, ...]:
    """Sorts the least harmful first: violated budgets, the highest priority lost, the sum of priorities, the number of
    pods, and then the node whose most important victims started last."""
    victims = candidate.victims
    first, number = victims[0], len(victims)
    shifted = sum([victim.priority for victim in victims]) + (number << 31)
    return (candidate.violations, first.priority, shifted, number, -_started(first))


def split_by_budgets(
    pods: Iterable[PodInfo], budgets: Sequence[PodDisruptionBudget]
) -> tuple[list[PodInfo], list[PodInfo]]:
    """(pods whose loss would violate a disruption budget, the others), in the given order. A budget that allows n
    disruptions protects from the n+1st on."""
    allowed = [budget.status.disruptions_allowed for budget in budgets]
    selectors = [from_label_selector(budget.spec.selector) for budget in budgets]
    protected: list[PodInfo] = []
    free: list[PodInfo] = []
    for pod in pods:
        violates = False
        for position, budget in enumerate(budgets):
            if (
                not pod.labels
                or budget.metadata.namespace != pod.namespace
                or selectors[position].empty
                or not selectors[position].matches(pod.labels)
                or pod.name in (budget.status.disrupted_pods or {})
            ):
                continue
            allowed[position] -= 1
            violates = violates or allowed[position] < 0
        (protected if violates else free).append(pod)
    return protected, free
