"""The shell of the Deployment controller: read, decide (plan.py, revision.py, status.py), write, record.

    one run:   claim ReplicaSets ─▶ paused? scaling? ─▶ scale and report
                                 └▶ Recreate: old to 0, wait for their pods, new to full
                                 └▶ RollingUpdate: grow the new, else shrink the old
               then report the status; look again when the progress deadline is due

Each run makes one step of scaling; the ReplicaSets' changes bring the key back.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from ...api.apps import Deployment, DeploymentStatus, ReplicaSet, ReplicaSetSpec
from ...api.core import Pod
from ...api.meta import LabelSelector, ObjectMeta
from ...api.selectors import from_label_selector
from ...api.status import StatusError, is_already_exists, is_conflict, is_not_found
from ...client.client import STRATEGIC_MERGE_PATCH
from ...client.view import key_of, split_key
from ...reconcile.controller import Result
from ...reconcile.freshness import Freshness
from ...reconcile.manager import ControllerContext
from ...reconcile.ownership import (
    adoption_patch,
    claim,
    controller_of,
    controller_reference,
    is_controlled_by,
    release_patch,
)
from ...reconcile.pod_control import is_namespace_terminating
from ...reconcile.pod_index import CONTROLLER, index_pods
from ...reconcile.pods import is_terminal, structs_equal
from ...reconcile.selection import may_match
from ...reconcile.sources import owner_key, source
from . import plan, revision
from .plan import max_replicas, new_size, size, wanted
from .rollback import rollback
from .status import (
    PROGRESSING,
    condition,
    condition_of,
    counted,
    has_deadline,
    is_complete,
    paused_condition,
    rolled_out,
    seconds_to_deadline,
    with_condition,
)

SETS_BY_CONTROLLER = "controller"
STALE_CACHE_SECONDS = 1.0


class DeploymentController:
    """See the module docstring."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._freshness = Freshness(context.clock)
        self._recorder = context.recorder("deployment-controller")
        self._deployments = context.informers.of(Deployment)
        self._sets = context.informers.of(ReplicaSet)
        self._sets.add_index(SETS_BY_CONTROLLER, _controller_uid)
        self._pods = context.informers.of(Pod)
        index_pods(self._pods)
        self._controller = context.controller(
            "deployment", self._reconcile, workers=context.config.concurrent_reconciles
        )
        source(self._deployments, self._controller.enqueue)
        source(self._sets, self._controller.enqueue, keys=owner_key("Deployment"))
        self._sets.add_handler(self._orphan_changed)
        self._pods.add_handler(self._pod_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _orphan_changed(self, old: ReplicaSet | None, new: ReplicaSet | None) -> None:
        """Wake the Deployments an orphan could belong to."""
        if new is None or controller_of(new) is not None or new.metadata.deletion_timestamp is not None:
            return
        labels = new.metadata.labels or {}
        for deployment in self._deployments.list(new.metadata.namespace or ""):
            if labels and may_match(deployment.spec.selector, labels):
                self._controller.enqueue(key_of(deployment))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """A Recreate rollout waits for the last old pod to go."""
        if old is None or (new is not None and not is_terminal(new)):
            return
        reference = controller_of(old)
        if reference is None or reference.kind != "ReplicaSet":
            return
        replica_set = self._sets.get(reference.name, old.metadata.namespace or "")
        if replica_set is None:
            return
        for key in owner_key("Deployment")(replica_set):
            namespace, name = split_key(key)
            deployment = self._deployments.get(name, namespace)
            if deployment is not None and not plan.is_rolling(deployment):
                self._controller.enqueue(key)

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        deployment = self._deployments.get(name, namespace)
        if deployment is None:
            self._freshness.forget(key)
            return None
        if self._freshness.is_behind(key, deployment):
            return Result(STALE_CACHE_SECONDS)
        selector = deployment.spec.selector
        if selector is None or not (selector.match_labels or selector.match_expressions):
            self._recorder.warning(
                deployment,
                "SelectingAll",
                "This deployment is selecting all pods. A non-empty selector is required.",
            )
            return None
        sets = await self._claim(deployment)
        if deployment.metadata.deletion_timestamp is not None:
            return await self._report_counts(deployment, sets)
        fresh = paused_condition(deployment, self._clock.now())
        if fresh is not None:
            conditions = with_condition(deployment.status.conditions or (), fresh)
            deployment = await self._write_status(
                deployment, msgspec.structs.replace(deployment.status, conditions=conditions)
            )
        if deployment.spec.paused:
            return await self._scale_only(deployment, sets)
        back = rollback(deployment, sets)
        if back is not None:
            await self._client.update(back.deployment)
            (self._recorder.warning if back.is_warning else self._recorder.normal)(
                deployment, back.reason, back.message
            )
            return None
        if plan.is_scaling(deployment, sets):
            return await self._scale_only(deployment, sets)
        if plan.is_rolling(deployment):
            return await self._roll(deployment, sets)
        return await self._recreate(deployment, sets)

    async def _claim(self, deployment: Deployment) -> list[ReplicaSet]:
        namespace = deployment.metadata.namespace or ""
        selector = from_label_selector(deployment.spec.selector)
        found = claim(
            deployment,
            self._sets.list(namespace),
            lambda replica_set: selector.matches(replica_set.metadata.labels or {}),
        )
        owned = list(found.owned)
        if found.adopt:
            fresh = await self._client.get(Deployment, deployment.metadata.name or "", namespace)
            if fresh.metadata.uid == deployment.metadata.uid and fresh.metadata.deletion_timestamp is None:
                for replica_set in found.adopt:
                    owned.append(await self._patch(replica_set, adoption_patch(deployment, replica_set)))
        for replica_set in found.release:
            try:
                await self._patch(replica_set, release_patch(deployment, replica_set))
            except StatusError as error:
                if error.reason not in ("NotFound", "Invalid"):
                    raise
        return owned

    async def _patch(self, replica_set: ReplicaSet, body: dict[str, object]) -> ReplicaSet:
        meta = replica_set.metadata
        return await self._client.patch(
            ReplicaSet, meta.name or "", meta.namespace or "", body=body, content_type=STRATEGIC_MERGE_PATCH
        )

    async def _roll(self, deployment: Deployment, sets: list[ReplicaSet]) -> Result | None:
        deployment, new, old = await self._sync_revision(deployment, sets, create=True)
        if new is None:
            return None
        sizes = plan.grow_new(deployment, new, old) or plan.shrink_old(deployment, new, old)
        if sizes:
            scaled = await self._apply(deployment, [new, *old], sizes)
            new, old = scaled[0], scaled[1:]
        elif is_complete(deployment, deployment.status):
            await self._clean_up(deployment, old)
        return await self._report(deployment, new, old)

    async def _recreate(self, deployment: Deployment, sets: list[ReplicaSet]) -> Result | None:
        deployment, new, old = await self._sync_revision(deployment, sets, create=False)
        active = [replica_set for replica_set in old if size(replica_set) > 0]
        if active:
            old = await self._apply(deployment, old, {replica_set.metadata.name or "": 0 for replica_set in active})
            return await self._report(deployment, new, old)
        if self._has_running_pods(old):
            return await self._report(deployment, new, old)
        if new is None:
            deployment, new, old = await self._sync_revision(deployment, sets, create=True)
            if new is None:
                return None
        if size(new) != wanted(deployment):
            new = (await self._apply(deployment, [new], {new.metadata.name or "": wanted(deployment)}))[0]
        if is_complete(deployment, deployment.status):
            await self._clean_up(deployment, old)
        return await self._report(deployment, new, old)

    def _has_running_pods(self, old: Iterable[ReplicaSet]) -> bool:
        for replica_set in old:
            if replica_set.status.replicas:
                return True
            if any(not is_terminal(pod) for pod in self._pods.by_index(CONTROLLER, replica_set.metadata.uid or "")):
                return True
        return False

    async def _scale_only(self, deployment: Deployment, sets: list[ReplicaSet]) -> Result | None:
        deployment, new, old = await self._sync_revision(deployment, sets, create=False)
        sizes = plan.scale(deployment, new, old)
        every = [*([new] if new is not None else []), *old]
        every = await self._apply(deployment, every, sizes)
        if deployment.spec.paused:
            await self._clean_up(deployment, old)
        return await self._report_counts(deployment, every, new.metadata.name if new is not None else None)

    async def _sync_revision(
        self, deployment: Deployment, sets: list[ReplicaSet], *, create: bool
    ) -> tuple[Deployment, ReplicaSet | None, list[ReplicaSet]]:
        """Find (or create) the new ReplicaSet and number it; the Deployment carries the same revision."""
        new = revision.find_new(deployment, sets)
        old = [found for found in sets if new is None or found.metadata.uid != new.metadata.uid]
        number = revision.next_revision(old)
        if new is None and not create:
            return deployment, None, old
        if new is None:
            deployment, new = await self._create(deployment, old, number)
            if new is None:
                return deployment, None, old
        else:
            annotations = revision.annotations_for(deployment, new.metadata.annotations or {}, number, None)
            min_ready = deployment.spec.min_ready_seconds
            if annotations != (new.metadata.annotations or {}) or (new.spec.min_ready_seconds or 0) != (min_ready or 0):
                new = await self._client.update(
                    msgspec.structs.replace(
                        new,
                        metadata=msgspec.structs.replace(new.metadata, annotations=annotations),
                        spec=msgspec.structs.replace(new.spec, min_ready_seconds=min_ready),
                    )
                )
            if has_deadline(deployment) and condition_of(deployment.status, PROGRESSING) is None:
                message = f'Found new replica set "{new.metadata.name}"'
                deployment = await self._set_progressing(deployment, "True", "FoundNewReplicaSet", message)
        deployment = await self._set_revision(deployment, str(revision.revision_of(new)))
        return deployment, new, old

    async def _create(
        self, deployment: Deployment, old: list[ReplicaSet], number: int
    ) -> tuple[Deployment, ReplicaSet | None]:
        fresh = self._new_set(deployment, old, number)
        name = fresh.metadata.name or ""
        try:
            new = await self._client.create(fresh)
        except StatusError as error:
            if is_already_exists(error):
                return deployment, await self._resolve_collision(deployment, fresh, error)
            if is_namespace_terminating(error):
                return deployment, None
            message = f'Failed to create new replica set "{name}": {error.message}'
            await self._set_progressing(deployment, "False", "ReplicaSetCreateError", message)
            self._recorder.warning(deployment, "ReplicaSetCreateError", message)
            raise
        if size(new) > 0:
            self._recorder.normal(
                deployment, "ScalingReplicaSet", f"Scaled up replica set {name} from 0 to {size(new)}"
            )
        if has_deadline(deployment):
            message = f'Created new replica set "{name}"'
            deployment = await self._set_progressing(deployment, "True", "NewReplicaSetCreated", message)
        return deployment, new

    def _new_set(self, deployment: Deployment, old: list[ReplicaSet], number: int) -> ReplicaSet:
        template = deployment.spec.template
        hashed = revision.template_hash(template, deployment.status.collision_count or 0)
        labels = revision.with_label(template.metadata.labels, hashed)
        selector = deployment.spec.selector or LabelSelector()
        sizes = (wanted(deployment), max_replicas(deployment))
        return ReplicaSet(
            metadata=ObjectMeta(
                name=f"{deployment.metadata.name}-{hashed}",
                namespace=deployment.metadata.namespace,
                labels=labels,
                annotations=revision.annotations_for(deployment, {}, number, sizes),
                owner_references=[controller_reference(deployment)],
            ),
            spec=ReplicaSetSpec(
                replicas=new_size(deployment, old, None),
                min_ready_seconds=deployment.spec.min_ready_seconds,
                selector=msgspec.structs.replace(
                    selector, match_labels=revision.with_label(selector.match_labels, hashed)
                ),
                template=msgspec.structs.replace(
                    template, metadata=msgspec.structs.replace(template.metadata, labels=labels)
                ),
            ),
        )

    async def _resolve_collision(self, deployment: Deployment, fresh: ReplicaSet, error: StatusError) -> ReplicaSet:
        """The name is taken: by our own ReplicaSet the cache does not show yet, or by a hash collision."""
        existing = await self._client.get(ReplicaSet, fresh.metadata.name or "", fresh.metadata.namespace or "")
        if is_controlled_by(existing, deployment) and revision.same_template(
            existing.spec.template, deployment.spec.template
        ):
            return existing
        count = (deployment.status.collision_count or 0) + 1
        await self._write_status(deployment, msgspec.structs.replace(deployment.status, collision_count=count))
        raise error

    async def _apply(self, deployment: Deployment, sets: list[ReplicaSet], sizes: plan.Sizes) -> list[ReplicaSet]:
        """Scale the ReplicaSets that have a size given; the others stay. Same order."""
        result = []
        for replica_set in sets:
            target = sizes.get(replica_set.metadata.name or "")
            result.append(replica_set if target is None else await self._scale(deployment, replica_set, target))
        return result

    async def _scale(self, deployment: Deployment, replica_set: ReplicaSet, target: int) -> ReplicaSet:
        before = size(replica_set)
        annotations = {
            **(replica_set.metadata.annotations or {}),
            **revision.size_annotations(wanted(deployment), max_replicas(deployment)),
        }
        if before == target and annotations == replica_set.metadata.annotations:
            return replica_set
        scaled = await self._client.update(
            msgspec.structs.replace(
                replica_set,
                metadata=msgspec.structs.replace(replica_set.metadata, annotations=annotations),
                spec=msgspec.structs.replace(replica_set.spec, replicas=target),
            )
        )
        if before != target:
            direction = "up" if target > before else "down"
            self._recorder.normal(
                deployment,
                "ScalingReplicaSet",
                f"Scaled {direction} replica set {replica_set.metadata.name} from {before} to {target}",
            )
        return scaled

    async def _clean_up(self, deployment: Deployment, old: list[ReplicaSet]) -> None:
        for replica_set in revision.to_clean_up(deployment, old):
            meta = replica_set.metadata
            try:
                await self._client.delete(ReplicaSet, meta.name or "", meta.namespace or "", uid=meta.uid or "")
            except StatusError as error:
                if not is_not_found(error):
                    raise

    async def _report(self, deployment: Deployment, new: ReplicaSet | None, old: list[ReplicaSet]) -> Result | None:
        sets = [*([new] if new is not None else []), *old]
        status = rolled_out(deployment, new, sets, self._clock.now())
        await self._write_status(deployment, status)
        seconds = seconds_to_deadline(deployment, status, self._clock.now())
        return Result(seconds) if seconds else None

    async def _report_counts(
        self, deployment: Deployment, sets: list[ReplicaSet], new_name: str | None = None
    ) -> Result | None:
        new = next((found for found in sets if found.metadata.name == new_name), None)
        if new_name is None:
            new = revision.find_new(deployment, sets)
        await self._write_status(deployment, counted(deployment, new, sets, self._clock.now()))
        return None

    async def _set_progressing(self, deployment: Deployment, status: str, reason: str, message: str) -> Deployment:
        if not has_deadline(deployment):
            return deployment
        fresh = condition(PROGRESSING, status, reason, message, self._clock.now())
        conditions = with_condition(deployment.status.conditions or (), fresh)
        return await self._write_status(deployment, msgspec.structs.replace(deployment.status, conditions=conditions))

    async def _set_revision(self, deployment: Deployment, number: str) -> Deployment:
        annotations = deployment.metadata.annotations or {}
        if annotations.get(revision.REVISION) == number:
            return deployment
        metadata = msgspec.structs.replace(deployment.metadata, annotations={**annotations, revision.REVISION: number})
        return await self._client.update(msgspec.structs.replace(deployment, metadata=metadata))

    async def _write_status(self, deployment: Deployment, status: DeploymentStatus) -> Deployment:
        if structs_equal(status, deployment.status):
            return deployment
        try:
            return await self._client.update_status(msgspec.structs.replace(deployment, status=status))
        except StatusError as error:
            if is_conflict(error) or is_not_found(error):
                self._freshness.refused(key_of(deployment), deployment)
            raise


def _controller_uid(replica_set: ReplicaSet) -> Iterable[str]:
    reference = controller_of(replica_set)
    return () if reference is None else (reference.uid,)
