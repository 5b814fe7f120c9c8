"""The disruption controller: how many pods of a PodDisruptionBudget may be evicted now (concept page "Disruptions").

    pods of the selector ─▶ expected (replicas of their controllers) ─▶ desired healthy ─▶ disruptionsAllowed

The eviction subresource of the API server subtracts from `disruptionsAllowed` and notes the pod in `disruptedPods`; it
is dropped from there once it is gone, or after two minutes when it was not deleted after all; its condition
DisruptionTarget is taken back then, too. What a pod's controller wants is read from the workload, or for kinds not
built in from their scale subresource. When the number of expected pods cannot be told, no disruption is allowed.
"""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from ..api.apps import Deployment, ReplicaSet, StatefulSet
from ..api.core import Pod, ReplicationController
from ..api.instants import format_time
from ..api.intstr import scaled
from ..api.meta import Condition, OwnerReference
from ..api.policy import PodDisruptionBudget, PodDisruptionBudgetStatus
from ..api.status import StatusError, is_not_found
from ..client.informer import Informer
from ..client.view import key_of, split_key
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.ownership import controller_of
from ..reconcile.pods import condition_of, is_ready, is_terminal, structs_equal
from ..reconcile.scales import Scales
from ..reconcile.selection import may_match, shown_selector
from ..reconcile.sources import source
from ..reconcile.status_patches import patch_status

DELETION_TIMEOUT = timedelta(minutes=2)
TARGET = "DisruptionTarget"
POD = "pod:"
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
    """See the module docstring. Keys are those of budgets, or `pod:` and that of a pod that was to be disrupted."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder("controllermanager")
        self._scales = Scales(context.client)
        self._budgets = context.informers.of(PodDisruptionBudget)
        self._pods = context.informers.of(Pod)
        self._workloads: dict[str, Informer[Any]] = {
            kind.KIND: context.informers.of(kind)
            for kind in (Deployment, ReplicaSet, StatefulSet, ReplicationController)
        }
        self._controller = context.controller("disruption", self._reconcile)
        source(self._budgets, self._controller.enqueue)
        source(self._pods, self._controller.enqueue, keys=self._budgets_of)
        self._pods.add_handler(self._pod_changed)
        for informer in self._workloads.values():
            informer.add_handler(self._scaled)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _budgets_of(self, pod: Pod) -> list[str]:
        budgets = self._budgets.list(pod.metadata.namespace or "")
        found = [budget for budget in budgets if _matches(budget, pod)]
        if len(found) > 1:
            where = f'Pod "{pod.metadata.namespace}"/"{pod.metadata.name}" matches multiple PodDisruptionBudgets.'
            message = f'{where}  Chose "{found[0].metadata.name}" arbitrarily.'
            self._recorder.warning(pod, "MultiplePodDisruptionBudgets", message)
        return [key_of(budget) for budget in found]

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """A pod that was to be disrupted is looked at when that should have happened."""
        if new is not None and _is_targeted(new) and (old is None or not _is_targeted(old)):
            self._controller.enqueue(POD + key_of(new))

    def _scaled(self, old: Any, new: Any) -> None:
        """A changed number of replicas changes what is expected."""
        if old is None or new is None or old.spec.replicas != new.spec.replicas:
            found = new or old
            for budget in self._budgets.list(found.metadata.namespace or ""):
                self._controller.enqueue(key_of(budget))

    async def _reconcile(self, key: str) -> Result | None:
        if key.startswith(POD):
            return await self._take_back(key.removeprefix(POD))
        namespace, name = split_key(key)
        budget = self._budgets.get(name, namespace)
        if budget is None:
            return None
        now = self._clock.now()
        every = {pod.metadata.name or "": pod for pod in self._pods.list(namespace)}
        pods = [pod for pod in every.values() if _matches(budget, pod)]
        if not pods:
            self._recorder.normal(budget, "NoPods", "No matching pods found")
        disrupted, soonest = still_disrupted(budget, every, now)
        self._tell_not_deleted(budget, every, disrupted)
        try:
            expected = len(pods) if counts_pods_itself(budget) else await self._expected(budget, pods)
            status = status_of(budget, pods, expected, disrupted, now)
        except (ValueError, LookupError) as error:
            message = f"Failed to calculate the number of expected pods: {error}"
            self._recorder.warning(budget, "CalculateExpectedPodCountFailed", message)
            status = msgspec.structs.replace(
                budget.status,
                disruptions_allowed=0,
                observed_generation=budget.metadata.generation,
                conditions=_conditions(budget, "False", "SyncFailed", str(error), now),
            )
        if not structs_equal(status, budget.status):
            await self._client.update_status(msgspec.structs.replace(budget, status=status))
        return Result(soonest + 0.1) if soonest else None

    def _tell_not_deleted(
        self, budget: PodDisruptionBudget, pods: Mapping[str, Pod], disrupted: Mapping[str, datetime]
    ) -> None:
        for name in budget.status.disrupted_pods or {}:
            pod = pods.get(name)
            if pod is not None and name not in disrupted and pod.metadata.deletion_timestamp is None:
                message = f"Pod was expected by PDB {key_of(budget)} to be deleted but it wasn't"
                self._recorder.warning(pod, "NotDeleted", message)

    async def _take_back(self, key: str) -> Result | None:
        """Take the condition DisruptionTarget back from a pod that was not deleted in time."""
        namespace, name = split_key(key)
        pod = self._pods.get(name, namespace)
        if pod is None or not _is_targeted(pod):
            return None
        condition = condition_of(pod, TARGET)
        since = condition.last_transition_time if condition is not None else None
        now = self._clock.now()
        left = (since + DELETION_TIMEOUT - now).total_seconds() if since is not None else 0.0
        if left > 0:
            return Result(left + 0.1)
        fresh = {"type": TARGET, "status": "False", "lastTransitionTime": format_time(now)}
        await patch_status(self._client, pod, {"conditions": [fresh]})
        return None

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
                uid, count = await self._scale_of(reference, pod)
                replicas[uid] = count
        if not is_managed:
            selector = shown_selector(budget.spec.selector)
            self._recorder.warning(budget, "UnmanagedPods", UNMANAGED.format(selector=selector))
        return sum(replicas.values())

    async def _scale_of(self, controller: OwnerReference, pod: Pod) -> tuple[str, int]:
        """(uid, replicas) of a pod's controller; the ReplicaSets of a Deployment count once, as their Deployment."""
        namespace = pod.metadata.namespace or ""
        found = self._workload(controller, namespace)
        if found is not None:
            above = controller_of(found) if controller.kind == "ReplicaSet" else None
            deployment = self._workload(above, namespace) if above is not None else None
            owner = deployment if deployment is not None else found
            return owner.metadata.uid, _replicas(owner.spec.replicas)
        if controller.kind in self._workloads:
            raise LookupError(f'found no controllers for pod "{pod.metadata.name}"')
        try:
            scale = await self._scales.get(controller.api_version, controller.kind, namespace, controller.name)
        except StatusError as error:
            if not is_not_found(error):
                raise
            raise LookupError(
                f"{controller.api_version}, Kind={controller.kind} does not implement the scale subresource"
            ) from error
        if scale.uid != controller.uid:
            raise LookupError(f'found no controllers for pod "{pod.metadata.name}"')
        return scale.uid, scale.replicas

    def _workload(self, reference: OwnerReference, namespace: str) -> Any:
        """The very workload a reference means, when it is of a built-in kind and exists."""
        informer = self._workloads.get(reference.kind)
        found = informer.get(reference.name, namespace) if informer is not None else None
        return found if found is not None and found.metadata.uid == reference.uid else None


def _is_targeted(pod: Pod) -> bool:
    """Whether somebody announced the pod's disruption, and it is still there."""
    condition = condition_of(pod, TARGET)
    is_announced = condition is not None and condition.status == "True"
    return is_announced and pod.metadata.deletion_timestamp is None and not is_terminal(pod)


def _replicas(value: int | None) -> int:
    return value if value is not None else 1


def _matches(budget: PodDisruptionBudget, pod: Pod) -> bool:
    """An empty selector matches every pod of the namespace, an absent one none."""
    if budget.spec.selector is None:
        return False
    return may_match(budget.spec.selector, pod.metadata.labels)
