"""The shell that ReplicaSets and ReplicationControllers share: as many pods of a template as asked for.

    owner, Pod ──▶ key of the owner ──▶ claim pods ──▶ create or delete (replicas.py decides) ──▶ status

Creations start slowly (1, 2, 4, … at a time), so that a template which the server refuses costs few requests. Until the
caches show what was asked for (expectations.py) only the status is kept.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from ..api.core import Pod
from ..api.selectors import Labels
from ..api.status import StatusError, is_conflict, is_not_found
from ..client.view import key_of, split_key
from .controller import Result, TerminalError
from .expectations import Expectations
from .freshness import Freshness
from .manager import ControllerContext
from .ownership import Claim, claim, controller_of
from .pod_control import PodControl, in_slow_start, is_namespace_terminating
from .pod_index import CONTROLLER, ORPHANS, index_pods
from .pods import is_active, pod_from_template, structs_equal
from .replicas import Counts, Failure, count, failure_of, plan
from .sources import owner_key, source

T = TypeVar("T")
STALE_CACHE_SECONDS = 1.0
SMALL = 20
CALM_SECONDS_PER_POD = 0.0004
"""How long changes of a large owner's pods are gathered: 200 ms for 500 pods, forty times what a look costs."""


class ReplicaController(Generic[T]):
    """Controls the pods of one kind of owner; a kind says how its selector, siblings and conditions are written.

    `kind` is the owner's Struct class, `name` the component that events come from, `queue` the name of its keys' queue.
    """

    def __init__(self, context: ControllerContext, kind: type[T], name: str, queue: str) -> None:
        self._kind = kind
        self._client = context.client
        self._clock = context.clock
        self._control = PodControl(context.client, context.recorder(name))
        self._expectations = Expectations()
        self._freshness = Freshness(context.clock)
        self._owners = context.informers.of(kind)
        self._owners.add_index("controller", _controller_uid)
        self._pods = context.informers.of(Pod)
        index_pods(self._pods)
        owner_keys = owner_key(kind.KIND)  # type: ignore[attr-defined]
        self._owner_keys = owner_keys
        self._controller = context.controller(queue, self._reconcile, workers=context.config.concurrent_reconciles)
        source(self._owners, self._controller.enqueue)
        self._pods.add_handler(self._pod_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def selector_of(self, owner: Any) -> Labels:
        """The owner's selector."""
        raise NotImplementedError

    def siblings_of(self, owner: Any) -> Iterable[Any]:
        """The owners whose pods count when the fullest node is looked for, the owner itself among them."""
        return (owner,)

    def status_fields(self, terminating: int) -> dict[str, Any]:
        """Fields of the status beyond those both kinds have."""
        return {}

    def condition(self, failure: Failure) -> Any:
        """A ReplicaFailure condition that is True from now on."""
        raise NotImplementedError

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """Tick off expectations; wake the owners an orphan could belong to."""
        pod = new or old
        assert pod is not None
        for key in self._owner_keys(pod):
            if old is None:
                self._expectations.created(key)
            if new is None or new.metadata.deletion_timestamp is not None:
                self._expectations.deleted(key, pod.metadata.uid or "")
            self._wake(key, old, new)
        if old is not None and new is not None and controller_of(old) != controller_of(new):
            for key in self._owner_keys(old):
                self._controller.enqueue(key)
        if new is not None and new.metadata.deletion_timestamp is None and controller_of(new) is None:
            labels = new.metadata.labels or {}
            if not labels or (old is not None and controller_of(old) is None and old.metadata.labels == labels):
                return
            for owner in self._owners.list(new.metadata.namespace or ""):
                if self._may_match(owner, labels):
                    self._controller.enqueue(key_of(owner))

    def _wake(self, key: str, old: Pod | None, new: Pod | None) -> None:
        """Look at an owner whose pod changed: at once when a pod is missing, else, a large owner, a little later.

        Five hundred pods that become ready one by one would otherwise be counted five hundred times.
        """
        reference = controller_of(new) if new is not None else None
        if reference is None or new is None or new.metadata.deletion_timestamp is not None or not is_active(new):
            self._controller.enqueue(key)
        else:
            namespace, name = split_key(key)
            owner: Any = self._owners.get(name, namespace)
            wanted = (owner.spec.replicas or 0) if owner is not None else 0
            size = max(self._pods.count_by_index(CONTROLLER, reference.uid), wanted)
            self._controller.enqueue_after(key, size * CALM_SECONDS_PER_POD if size > SMALL else 0.0)

    def _may_match(self, owner: Any, labels: Mapping[str, str]) -> bool:
        """Whether an owner's selector matches; a malformed one matches nothing, and keeps nobody else from waking."""
        try:
            return self.selector_of(owner).matches(labels)
        except StatusError:
            return False

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        owner: Any = self._owners.get(name, namespace)
        if owner is None:
            self._expectations.forget(key)
            self._freshness.forget(key)
            return None
        if self._freshness.is_behind(key, owner):
            return Result(STALE_CACHE_SECONDS)
        wait_seconds = self._expectations.wait_seconds(key, self._clock.monotonic())
        pods = await self._claim(owner)
        template = owner.spec.template
        labels = template.metadata.labels if template is not None else None
        counts = count(pods, labels, owner.spec.min_ready_seconds or 0, self._clock.now())
        failure: BaseException | None = None
        may_change = wait_seconds == 0.0 and owner.metadata.deletion_timestamp is None
        if may_change and counts.replicas != owner.spec.replicas:
            failure = await self._manage(key, owner, [pod for pod in pods if is_active(pod)])
        soonest = await self._report(owner, counts, failure, keep_failure=wait_seconds > 0.0)
        if failure is not None and not is_namespace_terminating(failure):
            raise failure
        waits = [seconds for seconds in (wait_seconds, soonest) if seconds > 0.0]
        return Result(min(waits) + 0.05) if waits else None

    async def _claim(self, owner: Any) -> list[Pod]:
        selector = self.selector_of(owner)
        uid, namespace = owner.metadata.uid or "", owner.metadata.namespace or ""
        template = owner.spec.template
        usual = template.metadata.labels if template is not None else None
        owned: list[Pod] = []
        others: list[Pod] = self._pods.by_index(ORPHANS, namespace)
        if usual and selector.matches(usual):
            for pod in self._pods.by_index(CONTROLLER, uid):  # most are as they were made
                (owned if pod.metadata.labels == usual else others).append(pod)
        else:
            others += self._pods.by_index(CONTROLLER, uid)
        found: Claim[Pod] = claim(
            owner,
            others,
            lambda pod: selector.matches(pod.metadata.labels or {}),
            may_adopt=is_active,
        )
        owned += found.owned
        if found.adopt and await self._is_current(owner):
            for pod in found.adopt:
                try:
                    owned.append(await self._control.adopt(pod, owner))
                except StatusError as error:
                    if not is_not_found(error):
                        raise
        for pod in found.release:
            await self._control.release(pod, owner)
        return owned

    async def _is_current(self, owner: Any) -> bool:
        """Whether the server still has this very owner, not deleted: the cache may be behind."""
        meta = owner.metadata
        fresh: Any = await self._client.get(self._kind, meta.name or "", meta.namespace or "")
        return bool(fresh.metadata.uid == meta.uid and fresh.metadata.deletion_timestamp is None)

    async def _manage(self, key: str, owner: Any, active: list[Pod]) -> BaseException | None:
        steps = plan(owner.spec.replicas, active, self._related(owner), self._clock.now())
        if steps.create and owner.spec.template is None:
            raise TerminalError("there is no template to make pods of")
        if steps.create:
            return await self._create(key, owner, steps.create)
        if steps.delete:
            return await self._delete(key, owner, steps.delete)
        return None

    async def _create(self, key: str, owner: Any, number: int) -> BaseException | None:
        self._expectations.expect_creations(key, number, self._clock.monotonic())
        pod = pod_from_template(owner.spec.template, owner)

        async def create(_: int) -> None:
            await self._control.create(pod, owner)

        try:
            succeeded, failure = await in_slow_start(number, create)
        except BaseException:
            self._expectations.forget(key)
            raise
        self._expectations.created(key, number - succeeded)
        return failure

    async def _delete(self, key: str, owner: Any, pods: Sequence[Pod]) -> BaseException | None:
        self._expectations.expect_deletions(key, {pod.metadata.uid or "" for pod in pods}, self._clock.monotonic())

        async def delete(pod: Pod) -> None:
            try:
                await self._control.delete(pod, owner)
            except BaseException:
                self._expectations.deleted(key, pod.metadata.uid or "")
                raise

        results = await asyncio.gather(*map(delete, pods), return_exceptions=True)
        return next((result for result in results if isinstance(result, BaseException)), None)

    def _related(self, owner: Any) -> Iterable[Pod]:
        """The active pods of the owner's siblings and its own."""
        for sibling in self.siblings_of(owner):
            yield from filter(is_active, self._pods.by_index(CONTROLLER, sibling.metadata.uid or ""))

    async def _report(self, owner: Any, counts: Counts, error: BaseException | None, *, keep_failure: bool) -> float:
        """Write the status; in how many seconds it changes by itself (0: not)."""
        conditions = owner.status.conditions
        if not keep_failure:
            conditions = self._conditions(owner, failure_of(error, owner.spec.replicas, counts.replicas))
        status = msgspec.structs.replace(
            owner.status,
            replicas=counts.replicas,
            fully_labeled_replicas=counts.labeled or None,
            ready_replicas=counts.ready or None,
            available_replicas=counts.available or None,
            observed_generation=owner.metadata.generation,
            conditions=conditions,
            **self.status_fields(counts.terminating),
        )
        if not structs_equal(status, owner.status):
            try:
                await self._client.update_status(msgspec.structs.replace(owner, status=status))
            except StatusError as error:
                if is_conflict(error) or is_not_found(error):
                    self._freshness.refused(key_of(owner), owner)
                raise
        return counts.soonest

    def _conditions(self, owner: Any, failure: Failure | None) -> list[Any] | None:
        """ReplicaFailure while there is one; it keeps its first reason and message."""
        conditions = list(owner.status.conditions or ())
        if failure is None:
            return [found for found in conditions if found.type != "ReplicaFailure"] or None
        if any(found.type == "ReplicaFailure" for found in conditions):
            return conditions
        return [*conditions, self.condition(failure)]


def _controller_uid(obj: Any) -> Iterable[str]:
    reference = controller_of(obj)
    if reference is not None:
        yield reference.uid
