"""The shell of the DaemonSet controller: read, decide (plan.py), write, record.

    one run:  current revision ─▶ manage (create, delete) ─▶ nothing to do: roll one step ─▶ status

Failed pods are replaced after 1 s, doubling up to 15 minutes per node, so that a broken daemon does not spin.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from ...api.apps import ControllerRevision, DaemonSet, DaemonSetStatus
from ...api.core import Node, Pod
from ...api.selectors import from_label_selector
from ...api.status import StatusError, is_conflict, is_not_found
from ...base.backoff import Backoff
from ...client.view import key_of, split_key
from ...reconcile import revisions
from ...reconcile.controller import Result
from ...reconcile.expectations import Expectations
from ...reconcile.freshness import Freshness
from ...reconcile.manager import ControllerContext
from ...reconcile.ownership import claim, controller_of
from ...reconcile.pod_control import PodControl, in_slow_start, is_namespace_terminating
from ...reconcile.pod_index import CONTROLLER, ORPHANS, index_pods
from ...reconcile.pods import (
    available_in_seconds,
    is_ready,
    is_terminal,
    node_of,
    phase_of,
    pod_from_template,
    structs_equal,
)
from ...reconcile.selection import may_match
from ...reconcile.sources import owner_key, source
from .plan import (
    GENERATION_LABEL,
    HASH_LABEL,
    Changes,
    by_node,
    is_current,
    manage,
    on_node,
    placement,
    roll,
)

BURST = 250
STALE_CACHE_SECONDS = 1.0
REVISIONS = "controller"


class DaemonSetController:
    """See the module docstring. Keys are those of DaemonSets."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder("daemonset-controller")
        self._control = PodControl(context.client, self._recorder)
        self._expectations = Expectations()
        self._freshness = Freshness(context.clock)
        self._failures: dict[tuple[str, str], tuple[Backoff, float]] = {}
        self._sets = context.informers.of(DaemonSet)
        self._nodes = context.informers.of(Node)
        self._revisions = context.informers.of(ControllerRevision)
        self._revisions.add_index(REVISIONS, _controller_uid)
        self._pods = context.informers.of(Pod)
        index_pods(self._pods)
        self._controller = context.controller(
            "daemonset", self._reconcile, workers=context.config.concurrent_reconciles
        )
        source(self._sets, self._controller.enqueue)
        source(self._revisions, self._controller.enqueue, keys=owner_key("DaemonSet"))
        self._nodes.add_handler(self._node_changed)
        self._pods.add_handler(self._pod_changed)
        source(self._pods, self._controller.enqueue, keys=owner_key("DaemonSet"))

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        """Wake the DaemonSets for which the node now counts differently."""
        for daemon_set in self._sets.list():
            before = placement(daemon_set, old) if old is not None else None
            after = placement(daemon_set, new) if new is not None else None
            if before != after:
                self._controller.enqueue(key_of(daemon_set))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        assert pod is not None
        for key in owner_key("DaemonSet")(pod):
            if old is None:
                self._expectations.created(key)
            if new is None or new.metadata.deletion_timestamp is not None:
                self._expectations.deleted(key, pod.metadata.uid or "")
        if new is not None and controller_of(new) is None and new.metadata.labels:
            for daemon_set in self._sets.list(new.metadata.namespace or ""):
                if may_match(daemon_set.spec.selector, new.metadata.labels):
                    self._controller.enqueue(key_of(daemon_set))

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        daemon_set = self._sets.get(name, namespace)
        if daemon_set is None:
            self._expectations.forget(key)
            self._freshness.forget(key)
            self._failures = {found: value for found, value in self._failures.items() if found[0] != key}
            return None
        if self._freshness.is_behind(key, daemon_set):
            return Result(STALE_CACHE_SECONDS)
        selector = daemon_set.spec.selector
        if selector is None or not (selector.match_labels or selector.match_expressions):
            message = "This daemon set is selecting all pods. A non-empty selector is required."
            self._recorder.warning(daemon_set, "SelectingAll", message)
            return None
        if daemon_set.metadata.deletion_timestamp is not None:
            return None
        pods = await self._claim(daemon_set)
        known = self._revisions.by_index(REVISIONS, daemon_set.metadata.uid or "")
        found = await revisions.current_revision(
            self._client,
            daemon_set,
            daemon_set.spec.template,
            known,
            hash_label=HASH_LABEL,
            labels=daemon_set.spec.template.metadata.labels,
        )
        current = found.revision
        hashed = _hash_of(current, name)
        wait_seconds = self._expectations.wait_seconds(key, self._clock.monotonic())
        failure: BaseException | None = None
        backoff = 0.0
        if wait_seconds == 0.0:
            failure, backoff = await self._step(key, daemon_set, pods, hashed)
        soonest = await self._report(daemon_set, pods, hashed, found.collision_count)
        in_use = {f"{name}-{(pod.metadata.labels or {}).get(HASH_LABEL)}" for pod in pods}
        in_use.add(current.metadata.name or "")
        await revisions.clean_up(self._client, known, in_use, daemon_set.spec.revision_history_limit)
        if failure is not None and not is_namespace_terminating(failure):
            raise failure
        waits = [seconds for seconds in (wait_seconds, soonest, backoff) if seconds > 0]
        return Result(min(waits) + 0.05) if waits else None

    async def _claim(self, daemon_set: DaemonSet) -> list[Pod]:
        selector = from_label_selector(daemon_set.spec.selector)
        uid, namespace = daemon_set.metadata.uid or "", daemon_set.metadata.namespace or ""
        candidates = [*self._pods.by_index(CONTROLLER, uid), *self._pods.by_index(ORPHANS, namespace)]
        found = claim(daemon_set, candidates, lambda pod: selector.matches(pod.metadata.labels or {}))
        owned = list(found.owned)
        if found.adopt:
            fresh = await self._client.get(DaemonSet, daemon_set.metadata.name or "", namespace)
            if fresh.metadata.uid == uid and fresh.metadata.deletion_timestamp is None:
                owned += [await self._control.adopt(pod, daemon_set) for pod in found.adopt]
        for pod in found.release:
            await self._control.release(pod, daemon_set)
        return owned

    async def _step(
        self, key: str, daemon_set: DaemonSet, pods: list[Pod], revision: str
    ) -> tuple[BaseException | None, float]:
        """Carry out what is missing or too many, else one step of an update: the failure, seconds of back-off."""
        now = self._clock.now()
        nodes = self._nodes.list()
        grouped = by_node(pods)
        changes = manage(daemon_set, nodes, grouped, revision, now)
        backoff = self._collect_failed(key, daemon_set, changes)
        for pod in changes.delete:
            if phase_of(pod) == "Succeeded":
                message = f"Found succeeded daemon pod {key_of(pod)} on node {node_of(pod)}, will try to delete it"
                self._recorder.normal(daemon_set, "SucceededDaemonPod", message)
        is_rolling = (daemon_set.spec.update_strategy.type or "RollingUpdate") == "RollingUpdate"
        if is_rolling and not (changes.create or changes.delete):
            changes = roll(daemon_set, nodes, grouped, revision, now)
        return await self._apply(key, daemon_set, changes, revision), backoff

    def _collect_failed(self, key: str, daemon_set: DaemonSet, changes: Changes) -> float:
        """Failed pods whose back-off is over are deleted; how long the next one has to wait."""
        soonest = 0.0
        now = self._clock.monotonic()
        for pod in changes.failed:
            place = (key, pod.spec.node_name or "")
            backoff, due = self._failures.get(place) or (Backoff(initial=1.0, maximum=900.0), 0.0)
            if now < due:
                soonest = min(soonest or due - now, due - now)
                continue
            self._failures[place] = (backoff, now + backoff.next())
            message = f"Found failed daemon pod {key_of(pod)} on node {place[1]}, will try to kill it"
            self._recorder.warning(daemon_set, "FailedDaemonPod", message)
            changes.delete.append(pod)
        return soonest

    async def _apply(self, key: str, daemon_set: DaemonSet, changes: Changes, revision: str) -> BaseException | None:
        create, delete = changes.create[:BURST], changes.delete[:BURST]
        if not (create or delete):
            return None
        now = self._clock.monotonic()
        self._expectations.expect(key, len(create), {pod.metadata.uid or "" for pod in delete}, now)

        async def create_on(number: int) -> None:
            await self._control.create(_pod(daemon_set, create[number], revision), daemon_set)

        async def remove(pod: Pod) -> None:
            try:
                await self._control.delete(pod, daemon_set)
            except BaseException:
                self._expectations.deleted(key, pod.metadata.uid or "")
                raise

        succeeded, failure = await in_slow_start(len(create), create_on)
        self._expectations.created(key, len(create) - succeeded)
        results = await asyncio.gather(*map(remove, delete), return_exceptions=True)
        return failure or next((found for found in results if isinstance(found, BaseException)), None)

    async def _report(self, daemon_set: DaemonSet, pods: list[Pod], revision: str, collision_count: int) -> float:
        """Write the status; in how many seconds it changes by itself (0: not)."""
        now = self._clock.now()
        grouped = by_node(pods)
        desired = current = misscheduled = ready = available = updated = 0
        soonest = 0.0
        for node in self._nodes.list():
            should_run, _ = placement(daemon_set, node)
            pod = min(filter(_counts, grouped.get(node.metadata.name or "", ())), key=_age, default=None)
            desired += should_run
            if not should_run:
                misscheduled += pod is not None
                continue
            if pod is None:
                continue
            # As upstream: of several pods, such as with a surge, the oldest tells.
            current += 1
            updated += is_current(pod, revision)
            ready += is_ready(pod)
            waits = available_in_seconds(pod, daemon_set.spec.min_ready_seconds or 0, now)
            available += waits == 0.0
            if waits:
                soonest = min(soonest or waits, waits)
        status = DaemonSetStatus(
            observed_generation=daemon_set.metadata.generation,
            desired_number_scheduled=desired,
            current_number_scheduled=current,
            number_misscheduled=misscheduled,
            number_ready=ready,
            updated_number_scheduled=updated or None,
            number_available=available or None,
            number_unavailable=desired - available or None,
            collision_count=collision_count or daemon_set.status.collision_count,
            conditions=daemon_set.status.conditions,
        )
        if not structs_equal(status, daemon_set.status):
            try:
                await self._client.update_status(msgspec.structs.replace(daemon_set, status=status))
            except StatusError as error:
                if is_conflict(error) or is_not_found(error):
                    self._freshness.refused(key_of(daemon_set), daemon_set)
                if not is_not_found(error):
                    raise
        return soonest


def _hash_of(revision: ControllerRevision, name: str) -> str:
    """What the pods of a revision are labeled with; its name ends so too, should somebody have taken its label."""
    own = (revision.metadata.labels or {}).get(HASH_LABEL)
    return own or (revision.metadata.name or "").removeprefix(f"{name}-")


def _counts(pod: Pod) -> bool:
    """Whether the pod is there: one that has ended and is going is not."""
    return pod.metadata.deletion_timestamp is None or not is_terminal(pod)


def _age(pod: Pod) -> tuple[bool, str, str]:
    """Sorts pods that are on their node first, and then by age."""
    return not node_of(pod), str(pod.metadata.creation_timestamp), pod.metadata.name or ""


def _pod(daemon_set: DaemonSet, node: str, revision: str) -> Pod:
    """A pod of the DaemonSet for one node."""
    pod = pod_from_template(daemon_set.spec.template, daemon_set)
    generation = (daemon_set.metadata.annotations or {}).get("deprecated.daemonset.template.generation")
    labels = {**(pod.metadata.labels or {}), HASH_LABEL: revision}
    labels[GENERATION_LABEL] = generation or str(daemon_set.metadata.generation or 1)
    pod.metadata.labels = labels
    pod.spec = on_node(pod.spec, node)
    return pod


def _controller_uid(obj: ControllerRevision) -> Iterable[str]:
    reference = controller_of(obj)
    return () if reference is None else (reference.uid,)
