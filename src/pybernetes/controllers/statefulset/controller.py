"""The shell of the StatefulSet controller: read, decide (plan.py, claims.py), write, record.

    one run:  claim pods ─▶ current and update revision ─▶ next steps ─▶ claims, then pods ─▶ status ─▶ history

Names are given, not generated: a creation that happened already is refused, and deletions name the uid. So a stale
cache can delay a step, never repeat it, and no expectations are needed.
"""

import asyncio
from collections.abc import Awaitable, Iterable

import msgspec

from ...api.apps import ControllerRevision, StatefulSet
from ...api.core import PersistentVolumeClaim, Pod
from ...api.selectors import from_label_selector
from ...api.status import StatusError, is_already_exists, is_conflict, is_not_found
from ...client.client import STRATEGIC_MERGE_PATCH
from ...client.view import key_of, split_key
from ...reconcile import revisions
from ...reconcile.controller import Result
from ...reconcile.freshness import Freshness
from ...reconcile.manager import ControllerContext
from ...reconcile.ownership import adoption_patch, claim, controller_of
from ...reconcile.pod_control import PodControl, in_slow_start, is_namespace_terminating
from ...reconcile.pod_index import CONTROLLER, ORPHANS, index_pods
from ...reconcile.pods import phase_of, structs_equal
from ...reconcile.sources import owner_key, source
from .claims import is_stale, owned_by, with_owner
from .identity import claim_names, claims_of, is_member, missing_labels, ordinal_of, pod_of, revision_of
from .plan import Steps, next_steps, status_of, uses_current

HASH_LABEL = "controller.kubernetes.io/hash"
REVISIONS = "controller"
STALE_CLAIM_SECONDS = 5.0
STALE_CACHE_SECONDS = 1.0


class StatefulSetController:
    """See the module docstring. Keys are those of StatefulSets."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder("statefulset-controller")
        self._freshness = Freshness(context.clock)
        self._control = PodControl(context.client, self._recorder)
        self._sets = context.informers.of(StatefulSet)
        self._claims = context.informers.of(PersistentVolumeClaim)
        self._revisions = context.informers.of(ControllerRevision)
        self._revisions.add_index(REVISIONS, _controller_uid)
        self._pods = context.informers.of(Pod)
        index_pods(self._pods)
        self._controller = context.controller(
            "statefulset", self._reconcile, workers=context.config.concurrent_reconciles
        )
        source(self._sets, self._controller.enqueue)
        source(self._pods, self._controller.enqueue, keys=owner_key("StatefulSet"))
        self._pods.add_handler(self._orphan_changed)
        self._claims.add_handler(self._claim_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _orphan_changed(self, old: Pod | None, new: Pod | None) -> None:
        """Wake the StatefulSets an orphan could belong to."""
        if new is None or controller_of(new) is not None or not new.metadata.labels:
            return
        for stateful_set in self._sets.list(new.metadata.namespace or ""):
            if is_member(stateful_set, new):
                self._controller.enqueue(key_of(stateful_set))

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        """A claim that is gone may be what a pod waits for."""
        if new is None and old is not None:
            name = old.metadata.name or ""
            for stateful_set in self._sets.list(old.metadata.namespace or ""):
                templates = stateful_set.spec.volume_claim_templates or ()
                if any(name.startswith(f"{found.metadata.name}-{stateful_set.metadata.name}-") for found in templates):
                    self._controller.enqueue(key_of(stateful_set))

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        stateful_set = self._sets.get(name, namespace)
        if stateful_set is None:
            self._freshness.forget(key)
            return None
        if self._freshness.is_behind(key, stateful_set):
            return Result(STALE_CACHE_SECONDS)
        known = await self._known_revisions(stateful_set)
        pods = await self._claim(stateful_set)
        found = await revisions.current_revision(
            self._client,
            stateful_set,
            stateful_set.spec.template,
            known,
            hash_label=HASH_LABEL,
            labels=stateful_set.spec.template.metadata.labels,
        )
        update = found.revision
        named = stateful_set.status.current_revision
        current = next((revision for revision in known if revision.metadata.name == named), update)
        now = self._clock.now()
        failure: BaseException | None = None
        waits = 0.0
        deleted: set[str] = set()
        if stateful_set.metadata.deletion_timestamp is None:
            steps = next_steps(stateful_set, pods, update.metadata.name or "", now)
            failure, waits = await self._apply(stateful_set, steps, current, update, pods)
            if failure is None:
                deleted = {
                    pod.metadata.uid or "" for pod in steps.delete if phase_of(pod) not in ("Failed", "Succeeded")
                }
        names = (current.metadata.name or "", update.metadata.name or "")
        soonest = await self._report(stateful_set, pods, *names, found.collision_count, deleted)
        in_use = {*names, *map(revision_of, pods)}
        await revisions.clean_up(self._client, known, in_use, stateful_set.spec.revision_history_limit)
        if failure is not None and not is_namespace_terminating(failure):
            raise failure
        delays = [seconds for seconds in (soonest, waits) if seconds > 0]
        return Result(min(delays) + 0.05) if delays else None

    async def _known_revisions(self, stateful_set: StatefulSet) -> list[ControllerRevision]:
        """The revisions of the set; orphans that its selector matches are adopted."""
        namespace = stateful_set.metadata.namespace or ""
        selector = from_label_selector(stateful_set.spec.selector)
        found = claim(
            stateful_set,
            self._revisions.list(namespace),
            lambda revision: selector.matches(revision.metadata.labels or {}),
        )
        owned = [*found.owned, *found.release]
        if found.adopt and await self._is_current(stateful_set):
            for revision in found.adopt:
                body = adoption_patch(stateful_set, revision)
                name = revision.metadata.name or ""
                owned.append(
                    await self._client.patch(
                        ControllerRevision, name, namespace, body=body, content_type=STRATEGIC_MERGE_PATCH
                    )
                )
        return owned

    async def _claim(self, stateful_set: StatefulSet) -> list[Pod]:
        selector = from_label_selector(stateful_set.spec.selector)
        uid, namespace = stateful_set.metadata.uid or "", stateful_set.metadata.namespace or ""
        candidates = [*self._pods.by_index(CONTROLLER, uid), *self._pods.by_index(ORPHANS, namespace)]
        found = claim(
            stateful_set,
            [pod for pod in candidates if is_member(stateful_set, pod)],
            lambda pod: selector.matches(pod.metadata.labels or {}),
        )
        owned = list(found.owned)
        if found.adopt and await self._is_current(stateful_set):
            for pod in found.adopt:
                try:
                    owned.append(await self._control.adopt(pod, stateful_set))
                except StatusError as error:
                    if not is_not_found(error):
                        raise
        for pod in found.release:
            await self._control.release(pod, stateful_set)
        return owned

    async def _is_current(self, stateful_set: StatefulSet) -> bool:
        """Whether the server still has this very StatefulSet, not deleted: the cache may be behind."""
        meta = stateful_set.metadata
        fresh = await self._client.get(StatefulSet, meta.name or "", meta.namespace or "")
        return fresh.metadata.uid == meta.uid and fresh.metadata.deletion_timestamp is None

    async def _apply(
        self,
        stateful_set: StatefulSet,
        steps: Steps,
        current: ControllerRevision,
        update: ControllerRevision,
        pods: list[Pod],
    ) -> tuple[BaseException | None, float]:
        """Carry the steps out: the first failure, and in how many seconds to look at stale claims again."""
        templates = {
            True: (revisions.template_of(current), current.metadata.name or ""),
            False: (stateful_set.spec.template, update.metadata.name or ""),
        }
        waits = 0.0

        async def create(number: int) -> None:
            nonlocal waits
            ordinal = steps.create[number]
            template, revision = templates[uses_current(stateful_set, ordinal)]
            pod = pod_of(stateful_set, template, revision, ordinal)
            if self._has_stale_claim(stateful_set, pod):
                waits = STALE_CLAIM_SECONDS
                return
            await self._create_claims(stateful_set, ordinal, pod, pod_exists=False)
            await self._create(stateful_set, pod)

        async def remove(number: int) -> None:
            pod = steps.delete[number]
            await self._record(stateful_set, "Delete", pod, self._delete(pod))

        by_ordinal = {ordinal_of(pod): pod for pod in pods}

        async def complete(number: int) -> None:
            ordinal = steps.claims[number]
            await self._create_claims(stateful_set, ordinal, by_ordinal[ordinal], pod_exists=True)

        async def repair(number: int) -> None:
            pod = steps.repair[number]
            body = {"metadata": {"uid": pod.metadata.uid, "labels": missing_labels(stateful_set, pod)}}
            name, namespace = pod.metadata.name or "", pod.metadata.namespace or ""
            await self._record(stateful_set, "Update", pod, self._client.patch(Pod, name, namespace, body=body))

        # Before a pod is deleted its claims have to know whose they are: afterwards nobody could tell.
        failure = await self._own_claims(stateful_set, pods)
        for count, step in (
            (len(steps.claims), complete),
            (len(steps.create), create),
            (len(steps.repair), repair),
            (len(steps.delete), remove),
        ):
            _, failed = await in_slow_start(count, step)
            failure = failure or failed
            if failure is not None:
                break
        return failure, waits

    async def _own_claims(self, stateful_set: StatefulSet, pods: list[Pod]) -> BaseException | None:
        """Make the owners of existing claims follow the retention policy."""
        if not stateful_set.spec.volume_claim_templates:
            return None
        for pod in pods:
            for found in self._cached_claims(stateful_set, ordinal_of(pod)):
                try:
                    await self._set_owner(stateful_set, pod, found, pod_exists=True)
                except StatusError as error:
                    return error
        return None

    def _cached_claims(self, stateful_set: StatefulSet, ordinal: int) -> Iterable[PersistentVolumeClaim]:
        namespace = stateful_set.metadata.namespace or ""
        for name in claim_names(stateful_set, ordinal).values():
            found = self._claims.get(name, namespace)
            if found is not None:
                yield found

    def _has_stale_claim(self, stateful_set: StatefulSet, pod: Pod) -> bool:
        return any(is_stale(found, pod) for found in self._cached_claims(stateful_set, ordinal_of(pod)))

    async def _create_claims(self, stateful_set: StatefulSet, ordinal: int, pod: Pod, *, pod_exists: bool) -> None:
        """Have every claim of an ordinal. One that is being deleted is an error: the pod waits for it to go."""
        namespace = stateful_set.metadata.namespace or ""
        for wanted in claims_of(stateful_set, ordinal):
            name = wanted.metadata.name or ""
            found = self._claims.get(name, namespace)
            if found is not None:
                if found.metadata.deletion_timestamp is not None:
                    raise StatusError(409, "Conflict", f"pvc {name} is being deleted")
                await self._set_owner(stateful_set, pod, found, pod_exists=pod_exists)
                continue
            owners = with_owner(stateful_set, pod, wanted, pod_exists=pod_exists)
            metadata = msgspec.structs.replace(wanted.metadata, owner_references=owners)
            what = f"Claim {name} Pod {pod.metadata.name} in StatefulSet {stateful_set.metadata.name}"
            try:
                await self._client.create(msgspec.structs.replace(wanted, metadata=metadata))
            except StatusError as error:
                if is_already_exists(error):
                    continue
                what = f"Claim {name} for Pod {pod.metadata.name} in StatefulSet {stateful_set.metadata.name}"
                self._recorder.warning(stateful_set, "FailedCreate", f"create {what} failed error: {error.message}")
                raise
            self._recorder.normal(stateful_set, "SuccessfulCreate", f"create {what} success")

    async def _set_owner(
        self, stateful_set: StatefulSet, pod: Pod, found: PersistentVolumeClaim, *, pod_exists: bool
    ) -> None:
        owners = with_owner(stateful_set, pod, found, pod_exists=pod_exists)
        if owners is None:
            return
        try:
            await self._client.update(owned_by(found, owners))
        except StatusError as error:
            if not is_not_found(error):
                raise

    async def _create(self, stateful_set: StatefulSet, pod: Pod) -> None:
        try:
            await self._client.create(pod)
        except StatusError as error:
            if is_already_exists(error):
                # The cache was behind our own creation, or a pod of that name is in the way: look again.
                raise
            if not is_namespace_terminating(error):
                self._failed(stateful_set, "Create", pod, error)
            raise
        self._succeeded(stateful_set, "Create", pod)

    async def _delete(self, pod: Pod) -> None:
        meta = pod.metadata
        try:
            await self._client.delete(Pod, meta.name or "", meta.namespace or "", uid=meta.uid or "")
        except StatusError as error:
            # Gone, or another pod of that name by now.
            if not is_not_found(error) and error.code != 409:
                raise

    async def _record(self, stateful_set: StatefulSet, verb: str, pod: Pod, action: Awaitable[object]) -> None:
        try:
            await action
        except StatusError as error:
            self._failed(stateful_set, verb, pod, error)
            raise
        self._succeeded(stateful_set, verb, pod)

    def _succeeded(self, stateful_set: StatefulSet, verb: str, pod: Pod) -> None:
        message = f"{verb.lower()} Pod {pod.metadata.name} in StatefulSet {stateful_set.metadata.name} successful"
        self._recorder.normal(stateful_set, f"Successful{verb}", message)

    def _failed(self, stateful_set: StatefulSet, verb: str, pod: Pod, error: StatusError) -> None:
        where = f"Pod {pod.metadata.name} in StatefulSet {stateful_set.metadata.name}"
        message = f"{verb.lower()} {where} failed error: {error.message}"
        self._recorder.warning(stateful_set, f"Failed{verb}", message)

    async def _report(
        self, stateful_set: StatefulSet, pods: list[Pod], current: str, update: str, collisions: int, deleted: set[str]
    ) -> float:
        status, soonest = status_of(stateful_set, pods, current, update, self._clock.now(), deleted)
        status.collision_count = collisions
        if not structs_equal(status, stateful_set.status):
            key = key_of(stateful_set)
            try:
                fresh = msgspec.structs.replace(stateful_set, status=status)
                self._freshness.written(key, await self._client.update_status(fresh))
            except StatusError as error:
                if is_conflict(error) or is_not_found(error):
                    self._freshness.refused(key, stateful_set)
                raise
        return soonest


def _controller_uid(obj: ControllerRevision) -> Iterable[str]:
    reference = controller_of(obj)
    return () if reference is None else (reference.uid,)
