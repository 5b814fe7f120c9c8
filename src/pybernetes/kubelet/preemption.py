"""Which pods have to go so that a critical pod can be admitted. Pure.

    shortages of the critical pod ──▶ as few pods as possible: best-effort ones, else burstable, else guaranteed

A critical pod is never refused for want of room while there are pods that may make it. Those are chosen that together
free what is missing with the least harm: guaranteed pods only where all others would not do, and in each class the one
that comes nearest to what is still missing, the smaller of two that come equally near. Follows the page "Guaranteed
Scheduling For Critical Add-On Pods".
"""

from collections.abc import Mapping, Sequence

from ..api.core import Pod
from .admission import NodeState, Refusal, requested, shortages
from .kernel.resources import BEST_EFFORT, BURSTABLE, GUARANTEED, is_critical, qos_class

REASON = "Preempting"
MESSAGE = "Preempted in order to admit critical pod"
DISRUPTION_MESSAGE = "Pod was preempted by Kubelet to accommodate a critical pod."

Missing = Mapping[str, int]
"""Resource -> how much of it has to be freed."""


def victims(pod: Pod, state: NodeState) -> list[Pod] | Refusal:
    """The pods to end for a critical one, the least important first, or why that is of no use."""
    missing = {s.resource: s.used + s.wanted - s.capacity for s in shortages(pod, state.others, state.allocatable)}
    able = [other for other in state.others if _may_be_ended_for(pod, other)]
    by_class = {name: [p for p in able if qos_class(p) == name] for name in (BEST_EFFORT, BURSTABLE, GUARANTEED)}
    best_effort, burstable, guaranteed = by_class.values()
    left = _less(missing, able)
    if left:
        return _refused(left)
    chosen_guaranteed = _nearest(guaranteed, _less(missing, best_effort + burstable))
    chosen_burstable = _nearest(burstable, _less(missing, best_effort + chosen_guaranteed))
    chosen_best_effort = _nearest(best_effort, _less(missing, chosen_burstable + chosen_guaranteed))
    return chosen_best_effort + chosen_burstable + chosen_guaranteed


def _may_be_ended_for(pod: Pod, other: Pod) -> bool:
    if is_critical(pod) and not is_critical(other):
        return True
    return (pod.spec.priority or 0) > (other.spec.priority or 0)


def _less(missing: Missing, pods: Sequence[Pod]) -> dict[str, int]:
    """What is still missing once these pods are gone."""
    left = {name: amount - sum(requested(pod, name) for pod in pods) for name, amount in missing.items()}
    return {name: amount for name, amount in left.items() if amount > 0}


def _nearest(pods: Sequence[Pod], missing: Missing) -> list[Pod]:
    """One pod after the other, each the one that leaves least to be freed. There are enough of them."""
    able, chosen = list(pods), []
    while missing:
        best = min(able, key=lambda pod: (_distance(pod, missing), requested(pod, "memory"), requested(pod, "cpu")))
        able.remove(best)
        chosen.append(best)
        missing = _less(missing, [best])
    return chosen


def _distance(pod: Pod, missing: Missing) -> float:
    """How much would be missing without this pod; each resource counts by the share that is left of it."""
    shares = (max(amount - requested(pod, name), 0) / amount for name, amount in missing.items())
    return sum(share * share for share in shares)


def _refused(left: Missing) -> Refusal:
    amounts = "".join(f"(res: {name}, q: {amount}), " for name, amount in left.items())
    return Refusal(
        "UnexpectedAdmissionError",
        "Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods "
        f"to preempt: no set of running pods found to reclaim resources: [{amounts}]",
    )
