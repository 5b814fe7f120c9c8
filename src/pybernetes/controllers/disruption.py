"""The disruption controller: how many pods of a PodDisruptionBudget may be evicted now (concept page "Disruptions").

    pods of the selector ─▶ expected (replicas of their controllers) ─▶ desired healthy ─▶ disruptionsAllowed

The eviction subresource of the API server subtracts from `disruptionsAllowed` and notes the pod in `disruptedPods`; it
is dropped from there once it is gone, or after two minutes when it was not deleted after all. When the number of
expected pods cannot be told, no disruption is allowed.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from ..api.apps import Deployment, ReplicaSet, StatefulSet
from ..api.core import Pod, ReplicationController
from ..api.intstr import scaled
from ..api.meta import Condition, OwnerReference
from ..api.policy import PodDisruptionBudget, PodDisruptionBudgetStatus
from ..api.selectors import from_label_selector
from ..api.status import StatusError, is_not_found
from ..client.view import key_of, split_key
from ..reconcile.controller import Controller, Result
from ..reconcile.manager import ControllerContext
from ..reconcile.ownership import controller_of
from ..reconcile.pods import is_ready, is_terminal, structs_equal
from ..reconcile.selection import may_match
from ..reconcile.sources import source

DELETION_TIMEOUT = timedelta(minutes=2)
UNMANAGED = (
    "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. As a result, the "
    "status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these "
    'pods please set ".spec.minAvailable" field of the PDB to an integer value.'
)


def desired_healthy(budget: PodDisruptionBudget, expected: int) -> int:
    """How many of the expected pods have to stay healthy."""
    spec = budget.spec
    if spec.max_unavailable is not None:
        return max(0, expected - scaled(spec.max_unavailable, expected, round_up=True))
    return scaled(spec.min_available, expected, round_up=True)


def counts_pods_itself(budget: PodDisruptionBudget) -> bool:
    """Whether the budget is an absolute number of pods, for which controllers need not be asked."""
    return budget.spec.max_unavailable is None and isinstance(budget.spec.min_available, int)


def still_disrupted(
    budget: PodDisruptionBudget, pods: Mapping[str, Pod], now: datetime
) -> tuple[dict[str, datetime], float]:
    """The evicted pods that are still to go, and in how many seconds the next of them times out (0: none)."""
    kept: dict[str, datetime] = {}
    soonest = 0.0
    for name, since in (budget.status.disrupted_pods or {}).items():
        pod = pods.get(name)
        if pod is None or pod.metadata.deletion_timestamp is not None:
            continue
        left = (since + DELETION_TIMEOUT - now).total_seconds()
        if left > 0:
            kept[name] = since
            soonest = min(soonest or left, left)
    return kept, soonest


def status_of(
    budget: PodDisruptionBudget, pods: Iterable[Pod], expected: int, disrupted: dict[str, datetime], now: datetime
) -> PodDisruptionBudgetStatus:
    """The status for these pods."""
    healthy = sum(
        is_ready(pod) and pod.metadata.deletion_timestamp is None and (pod.metadata.name or "") not in disrupted
        for pod in pods
    )
    desired = desired_healthy(budget, expected)
    allowed = max(0, healthy - desired) if expected > 0 else 0
    reason = "SufficientPods" if allowed > 0 else "InsufficientPods"
    return PodDisruptionBudgetStatus(
        observed_generation=budget.metadata.generation,
        disrupted_pods=disrupted or None,
        disruptions_allowed=allowed,
        current_healthy=healthy,
        desired_healthy=desired,
        expected_pods=expected,
        conditions=_conditions(budget, "True" if allowed > 0 else "False", reason, "", now),
    )


def _conditions(budget: PodDisruptionBudget, status: str, reason: str, message: str, now: datetime) -> list[Condition]:
    type_ = "DisruptionAllowed"
    current = next((found for found in budget.status.conditions or () if found.type == type_), None)
    changed_at = current.last_transition_time if current is not None and current.status == status else now
    fresh = Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message,
        observed_generation=budget.metadata.generation,
        last_transition_time=changed_at,
    )
    return [fresh, *(found for found in budget.status.conditions or () if found.type != type_)]


class DisruptionController:
    """See the module docstring. Keys are those of budgets."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder("controllermanager")
        self._budgets = context.informers.of(PodDisruptionBudget)
        self._pods = context.informers.of(Pod)
        self._sets = context.informers.of(ReplicaSet)
        self._deployments = context.informers.of(Deployment)
        self._controller = Controller("disruption", self._reconcile)
        source(self._budgets, self._controller.enqueue)
        source(self._pods, self._controller.enqueue, keys=self._budgets_of)
        self._deployments.add_handler(self._scaled)
        self._sets.add_handler(self._scaled)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _budgets_of(self, pod: Pod) -> list[str]:
        budgets = self._budgets.list(pod.metadata.namespace or "")
        return [key_of(budget) for budget in budgets if _matches(budget, pod)]

    def _scaled(self, old: Deployment | ReplicaSet | None, new: Deployment | ReplicaSet | None) -> None:
        """A changed number of replicas changes what is expected."""
        if old is None or new is None or old.spec.replicas != new.spec.replicas:
            found = new or old
            assert found is not None
            for budget in self._budgets.list(found.metadata.namespace or ""):
                self._controller.enqueue(key_of(budget))

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        budget = self._budgets.get(name, namespace)
        if budget is None:
            return None
        now = self._clock.now()
        every = {pod.metadata.name or "": pod for pod in self._pods.list(namespace)}
        pods = [pod for pod in every.values() if _matches(budget, pod) and not is_terminal(pod)]
        if not pods:
            self._recorder.normal(budget, "NoPods", "No matching pods found")
        disrupted, soonest = still_disrupted(budget, every, now)
        try:
            expected = len(pods) if counts_pods_itself(budget) else await self._expected(budget, pods)
        except (ValueError, LookupError) as error:
            message = f"Failed to calculate the number of expected pods: {error}"
            self._recorder.warning(budget, "CalculateExpectedPodCountFailed", message)
            status = msgspec.structs.replace(
                budget.status,
                disruptions_allowed=0,
                observed_generation=budget.metadata.generation,
                conditions=_conditions(budget, "False", "SyncFailed", str(error), now),
            )
        else:
            status = status_of(budget, pods, expected, disrupted, now)
        if not structs_equal(status, budget.status):
            await self._client.update_status(msgspec.structs.replace(budget, status=status))
        return Result(soonest + 0.1) if soonest else None

    async def _expected(self, budget: PodDisruptionBudget, pods: Iterable[Pod]) -> int:
        """The replicas of every controller of these pods. LookupError when one cannot be told."""
        asked: set[str] = set()
        replicas: dict[str, int] = {}
        is_managed = True
        for pod in pods:
            reference = controller_of(pod)
            if reference is None:
                is_managed = False
            elif reference.uid not in asked:
                asked.add(reference.uid)
                uid, count = await self._scale_of(reference, pod.metadata.namespace or "")
                replicas[uid] = count
        if not is_managed:
            selector = from_label_selector(budget.spec.selector)
            self._recorder.warning(budget, "UnmanagedPods", UNMANAGED.format(selector=selector))
        return sum(replicas.values())

    async def _scale_of(self, controller: OwnerReference, namespace: str) -> tuple[str, int]:
        """(uid, replicas) of a pod's controller; the ReplicaSets of a Deployment count once, as their Deployment."""
        kind, name = controller.kind, controller.name
        if kind == "ReplicaSet":
            found = self._sets.get(name, namespace)
            if found is None:
                raise LookupError(f"replicasets.apps {name!r} not found")
            reference = controller_of(found)
            if reference is not None and reference.kind == "Deployment":
                deployment = self._deployments.get(reference.name, namespace)
                if deployment is None:
                    raise LookupError(f"deployments.apps {reference.name!r} not found")
                return reference.uid, _replicas(deployment.spec.replicas)
            return controller.uid, _replicas(found.spec.replicas)
        try:
            if kind == "StatefulSet":
                owner: StatefulSet | ReplicationController = await self._client.get(StatefulSet, name, namespace)
            elif kind == "ReplicationController":
                owner = await self._client.get(ReplicationController, name, namespace)
            else:
                raise LookupError(f"{kind} {name!r} has no scale this controller knows")
        except StatusError as error:
            if is_not_found(error):
                raise LookupError(error.message) from error
            raise
        return controller.uid, _replicas(owner.spec.replicas)


def _replicas(value: int | None) -> int:
    return value if value is not None else 1


def _matches(budget: PodDisruptionBudget, pod: Pod) -> bool:
    """An empty selector matches every pod of the namespace, an absent one none."""
    if budget.spec.selector is None:
        return False
    return may_match(budget.spec.selector, pod.metadata.labels)
