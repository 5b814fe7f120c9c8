"""The ReplicaSet controller: as many pods of a template as asked for.

    ReplicaSet, Pod ──▶ key of the ReplicaSet ──▶ claim pods ──▶ create or delete ──▶ status

Decisions are the pure functions at the top. Creations start slowly (1, 2, 4, … at a time), so that a template which
the server refuses costs few requests; at most 500 pods are created or deleted per run. Until the caches show what was
asked for (expectations.py) only the status is kept.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ..api.apps import ReplicaSet, ReplicaSetCondition, ReplicaSetStatus
from ..api.core import Pod
from ..api.selectors import from_label_selector
from ..api.status import StatusError, is_not_found
from ..client.view import key_of, split_key
from ..reconcile.controller import Controller, Result
from ..reconcile.expectations import Expectations
from ..reconcile.manager import ControllerContext
from ..reconcile.ownership import Claim, claim, controller_of
from ..reconcile.pod_control import PodControl, in_slow_start, is_namespace_terminating
from ..reconcile.pod_index import CONTROLLER, ORPHANS, index_pods
from ..reconcile.pods import (
    available_in_seconds,
    deletion_rank,
    is_active,
    is_ready,
    is_terminal,
    node_of,
    pod_from_template,
    structs_equal,
)
from ..reconcile.sources import owner_key, source

BURST = 500


class Plan(msgspec.Struct, frozen=True):
    """How many pods to create, which to delete."""

    create: int = 0
    delete: tuple[Pod, ...] = ()


def plan(replica_set: ReplicaSet, active: Sequence[Pod], related: Iterable[Pod], now: datetime) -> Plan:
    """What brings the active pods to the wanted number; `related` are the active pods of sibling ReplicaSets too."""
    wanted = replica_set.spec.replicas if replica_set.spec.replicas is not None else 1
    missing = wanted - len(active)
    if missing > 0:
        return Plan(create=min(missing, BURST))
    if missing < 0:
        surplus = min(-missing, BURST)
        on_node = Counter(node_of(pod) for pod in related)
        ranked = sorted(active, key=lambda pod: deletion_rank(pod, on_node, now))
        return Plan(delete=tuple(ranked[:surplus]))
    return Plan()


def status_of(
    replica_set: ReplicaSet, pods: Iterable[Pod], failure: BaseException | None, now: datetime
) -> tuple[ReplicaSetStatus, float]:
    """The status to report, and in how many seconds it changes by itself (0: not).

    `failure` is what went wrong when replicas were managed; None clears the ReplicaFailure condition.
    """
    wanted_labels = (replica_set.spec.template.metadata.labels or {}).items()
    min_ready = replica_set.spec.min_ready_seconds or 0
    replicas = labeled = ready = available = terminating = 0
    soonest = 0.0
    for pod in pods:
        if not is_active(pod):
            terminating += pod.metadata.deletion_timestamp is not None and not is_terminal(pod)
            continue
        replicas += 1
        labeled += wanted_labels <= (pod.metadata.labels or {}).items()
        ready += is_ready(pod)
        waits = available_in_seconds(pod, min_ready, now)
        if waits == 0.0:
            available += 1
        elif waits is not None:
            soonest = min(soonest or waits, waits)
    old = replica_set.status
    status = msgspec.structs.replace(
        old,
        replicas=replicas,
        fully_labeled_replicas=labeled or None,
        ready_replicas=ready or None,
        available_replicas=available or None,
        terminating_replicas=terminating,
        observed_generation=replica_set.metadata.generation,
        conditions=_conditions(replica_set, replicas, failure, now),
    )
    return status, soonest


def _conditions(
    replica_set: ReplicaSet, replicas: int, failure: BaseException | None, now: datetime
) -> list[ReplicaSetCondition] | None:
    conditions = list(replica_set.status.conditions or ())
    current = next((condition for condition in conditions if condition.type == "ReplicaFailure"), None)
    others = [condition for condition in conditions if condition is not current]
    if failure is None:
        return others or None
    if current is not None:
        return conditions
    missing = (replica_set.spec.replicas or 0) - replicas
    fresh = ReplicaSetCondition(
        type="ReplicaFailure",
        status="True",
        reason="FailedCreate" if missing > 0 else "FailedDelete",
        message=str(failure),
        last_transition_time=now,
    )
    return [*others, fresh]


class ReplicaSetController:
    """See the module docstring."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._control = PodControl(context.client, context.recorder("replicaset-controller"))
        self._expectations = Expectations()
        self._replica_sets = context.informers.of(ReplicaSet)
        self._replica_sets.add_index("controller", _controller_uid)
        self._pods = context.informers.of(Pod)
        index_pods(self._pods)
        self._controller = Controller("replicaset", self._reconcile, workers=context.config.concurrent_reconciles)
        source(self._replica_sets, self._controller.enqueue)
        self._pods.add_handler(self._pod_changed)
        source(self._pods, self._controller.enqueue, keys=owner_key("ReplicaSet"))

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """Tick off expectations; wake the ReplicaSets an orphan could belong to."""
        pod = new or old
        assert pod is not None
        for key in owner_key("ReplicaSet")(pod):
            if old is None:
                self._expectations.created(key)
            if new is None or new.metadata.deletion_timestamp is not None:
                self._expectations.deleted(key, pod.metadata.uid or "")
        if new is not None and new.metadata.deletion_timestamp is None and controller_of(new) is None:
            labels = new.metadata.labels or {}
            if not labels or (old is not None and controller_of(old) is None and old.metadata.labels == labels):
                return
            for replica_set in self._replica_sets.list(new.metadata.namespace or ""):
                if from_label_selector(replica_set.spec.selector).matches(labels):
                    self._controller.enqueue(key_of(replica_set))

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        replica_set = self._replica_sets.get(name, namespace)
        if replica_set is None:
            self._expectations.forget(key)
            return None
        now = self._clock.monotonic()
        wait_seconds = self._expectations.wait_seconds(key, now)
        pods = await self._claim(replica_set)
        failure: BaseException | None = None
        if wait_seconds == 0.0 and replica_set.metadata.deletion_timestamp is None:
            failure = await self._manage(key, replica_set, [pod for pod in pods if is_active(pod)])
        soonest = await self._report(replica_set, pods, failure if wait_seconds == 0.0 else None, wait_seconds > 0.0)
        if failure is not None and not is_namespace_terminating(failure):
            raise failure
        waits = [seconds for seconds in (wait_seconds, soonest) if seconds > 0.0]
        return Result(min(waits) + 0.05) if waits else None

    async def _claim(self, replica_set: ReplicaSet) -> list[Pod]:
        selector = from_label_selector(replica_set.spec.selector)
        uid, namespace = replica_set.metadata.uid or "", replica_set.metadata.namespace or ""
        candidates = [*self._pods.by_index(CONTROLLER, uid), *self._pods.by_index(ORPHANS, namespace)]
        found: Claim[Pod] = claim(
            replica_set,
            candidates,
            lambda pod: selector.matches(pod.metadata.labels or {}),
            may_adopt=is_active,
        )
        owned = list(found.owned)
        if found.adopt and await self._is_current(replica_set):
            for pod in found.adopt:
                try:
                    owned.append(await self._control.adopt(pod, replica_set))
                except StatusError as error:
                    if not is_not_found(error):
                        raise
        for pod in found.release:
            await self._control.release(pod, replica_set)
        return owned

    async def _is_current(self, replica_set: ReplicaSet) -> bool:
        """Whether the server still has this very ReplicaSet, not deleted: the cache may be behind."""
        meta = replica_set.metadata
        fresh = await self._client.get(ReplicaSet, meta.name or "", meta.namespace or "")
        return fresh.metadata.uid == meta.uid and fresh.metadata.deletion_timestamp is None

    async def _manage(self, key: str, replica_set: ReplicaSet, active: list[Pod]) -> BaseException | None:
        steps = plan(replica_set, active, self._related(replica_set), self._clock.now())
        if steps.create:
            return await self._create(key, replica_set, steps.create)
        if steps.delete:
            return await self._delete(key, replica_set, steps.delete)
        return None

    async def _create(self, key: str, replica_set: ReplicaSet, count: int) -> BaseException | None:
        self._expectations.expect_creations(key, count, self._clock.monotonic())
        pod = pod_from_template(replica_set.spec.template, replica_set)

        async def create(_: int) -> None:
            await self._control.create(pod, replica_set)

        try:
            succeeded, failure = await in_slow_start(count, create)
        except BaseException:
            self._expectations.forget(key)
            raise
        self._expectations.created(key, count - succeeded)
        return failure

    async def _delete(self, key: str, replica_set: ReplicaSet, pods: Sequence[Pod]) -> BaseException | None:
        self._expectations.expect_deletions(key, {pod.metadata.uid or "" for pod in pods}, self._clock.monotonic())

        async def delete(pod: Pod) -> None:
            try:
                await self._control.delete(pod, replica_set)
            except BaseException:
                self._expectations.deleted(key, pod.metadata.uid or "")
                raise

        results = await asyncio.gather(*map(delete, pods), return_exceptions=True)
        return next((result for result in results if isinstance(result, BaseException)), None)

    def _related(self, replica_set: ReplicaSet) -> Iterable[Pod]:
        """The active pods of every ReplicaSet that has the same controller."""
        reference = controller_of(replica_set)
        siblings = [replica_set] if reference is None else self._replica_sets.by_index("controller", reference.uid)
        for sibling in siblings:
            yield from filter(is_active, self._pods.by_index(CONTROLLER, sibling.metadata.uid or ""))

    async def _report(
        self, replica_set: ReplicaSet, pods: list[Pod], failure: BaseException | None, keep_failure: bool
    ) -> float:
        status, soonest = status_of(replica_set, pods, failure, self._clock.now())
        if keep_failure:
            status.conditions = replica_set.status.conditions
        if not structs_equal(status, replica_set.status):
            await self._client.update_status(msgspec.structs.replace(replica_set, status=status))
        return soonest


def _controller_uid(obj: Any) -> Iterable[str]:
    reference = controller_of(obj)
    if reference is not None:
        yield reference.uid
