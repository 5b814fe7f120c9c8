"""The shell of the garbage collector.

    discovery ─▶ one informer per deletable resource ─▶ Graph ─▶ uids to look at ─▶ decide ─▶ API

The informer is one of metadata alone, unless another controller has one of the whole objects: then that one serves.

Everything is verified against the API before anything is deleted, and deletions name the uid: a stale cache can delay
a collection, never misdirect it. CustomResourceDefinitions are watched; when they change, what is watched follows.
"""

import asyncio
from typing import Any, NamedTuple

from ...api.resource import ResourceInfo, resource
from ...api.status import StatusError, is_conflict, is_not_found
from ...base.log import logger
from ...client.discovery import discover
from ...client.informer import Handler, Informer
from ...client.view import METADATA_ONLY, Owner, PartialObject, View, metadata_view
from ...reconcile.controller import Result
from ...reconcile.manager import ControllerContext
from .graph import FOREGROUND, ORPHAN, Graph, Node, Owned, Reference
from .plan import Action, OwnerState, decide

log = logger(__name__)

IGNORED = {("", "events"), ("events.k8s.io", "events"), ("", "bindings"), ("", "componentstatuses")}
SETTLE_SECONDS = 1.0
"""Several definitions are often applied at once: look at discovery when they have settled."""
WORKERS = 8


class GarbageCollector:
    """See the module docstring. Keys are uids."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._informers = context.informers
        self._recorder = context.recorder("garbage-collector-controller")
        self._graph = Graph()
        self._discovered = asyncio.Event()
        self._watched: dict[tuple[str, str], _Watched] = {}
        self._resources: dict[tuple[str, str], ResourceInfo] = {}
        self._controller = context.controller("garbage_collector_attempt_to_delete", self._look, workers=WORKERS)
        self._resync = context.controller("garbage_collector_resync", self._sync_resources, workers=1)
        definitions = context.informers.of(metadata_view(resource("customresourcedefinitions", "apiextensions.k8s.io")))
        definitions.add_handler(lambda old, new: self._resync.enqueue_after("resources", SETTLE_SECONDS))

    async def serve(self, ready: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._resync.serve(asyncio.Event()), name="garbage collector discovery")
            self._resync.enqueue("resources")
            group.create_task(self._start(ready), name="garbage collector")

    async def _start(self, ready: asyncio.Event) -> None:
        ready.set()
        await self._discovered.wait()
        await self._synced()
        await self._controller.serve(asyncio.Event())

    async def _synced(self) -> None:
        """Wait for the first list of every watched resource: before that every owner would look absent."""
        for watched in list(self._watched.values()):
            await watched.informer.synced.wait()

    async def _sync_resources(self, key: str) -> Result | None:
        """Watch what can be deleted, stop watching what is no longer served."""
        discovered = await discover(self._client)
        wanted: dict[tuple[str, str], ResourceInfo] = {}
        for info in discovered.resources:
            if {"delete", "list", "watch"} <= set(info.verbs) and (info.group, info.plural) not in IGNORED:
                wanted.setdefault((info.group, info.plural), info)
        self._resources = {(info.group, info.kind): info for info in discovered.resources}
        if not discovered.failed:
            for gone in self._watched.keys() - wanted.keys():
                await self._unwatch(gone)
        for name, info in wanted.items():
            if name not in self._watched:
                self._watch(name, info)
        self._discovered.set()
        return Result(30.0) if discovered.failed else None

    def _watch(self, name: tuple[str, str], info: ResourceInfo) -> None:
        informer = self._informers.whole(info) or self._informers.of(metadata_view(info))

        def changed(old: Owned | None, new: Owned | None) -> None:
            if new is not None:
                look = self._graph.observed(info, new)
            else:
                look = self._graph.removed(old.metadata.uid or "") if old is not None else []
            for uid in look:
                self._controller.enqueue(uid)

        informer.add_handler(changed)
        self._watched[name] = _Watched(informer, changed)

    async def _unwatch(self, name: tuple[str, str]) -> None:
        watched = self._watched.pop(name)
        for node in list(self._graph.dependents_of_resource(watched.informer.view.resource)):
            for uid in self._graph.removed(node.uid):
                self._controller.enqueue(uid)
        if watched.informer.view.type is PartialObject:
            await self._informers.leave(watched.informer, watched.handler)
        else:  # components that take the resource for granted read it
            watched.informer.remove_handler(watched.handler)

    async def _look(self, key: str) -> Result | None:
        node = self._graph.nodes.get(key)
        if node is None:
            return None
        if node.is_virtual:
            return await self._verify(node)
        if node.orphans_dependents:
            await self._orphan_dependents(node)
            return None
        if node.waits_for_dependents:
            await self._finish_foreground(node)
            return None
        if node.is_deleted:
            return None
        await self._collect(node)
        return None

    async def _verify(self, node: Node) -> Result | None:
        """An owner that only references know: does it exist? If not, its dependents need a look."""
        if await self._exists(node.reference, node.namespace, node.uid):
            return None
        for uid in list(node.dependents):
            self._controller.enqueue(uid)
        return None

    async def _collect(self, node: Node) -> None:
        """Decide about one object and carry it out, on its current state."""
        if not node.owners:
            return
        assert node.resource is not None
        live = await self._live(node.resource, node.namespace, node.name)
        if live is None or live.metadata.uid != node.uid:
            return
        owners = live.metadata.owner_references or []
        states = {owner.uid: await self._state_of(owner, node) for owner in owners}
        decision = decide(
            owners, states, has_dependents=bool(node.dependents), finalizers=live.metadata.finalizers or ()
        )
        if decision.action is Action.DROP_REFERENCES:
            await self._drop_references(node, decision.uids)
        elif decision.action is Action.DELETE:
            if OwnerState.WAITING in states.values() and any(d.waits_for_dependents for d in node.dependents.values()):
                # A circle of foreground deletions would wait for itself for ever: this object blocks nobody any more.
                await self._unblock_owners(node)
            await self._delete(node, live, decision.propagation)

    async def _state_of(self, owner: Owner, dependent: Node) -> OwnerState:
        known = self._graph.nodes.get(owner.uid)
        if known is not None and not known.is_virtual and known.namespace in ("", dependent.namespace):
            return OwnerState.WAITING if known.waits_for_dependents else OwnerState.SOLID
        if await self._exists(owner, dependent.namespace, owner.uid):
            return OwnerState.SOLID
        if known is not None and not known.is_virtual:
            self._recorder.event(
                _reference(dependent),
                "Warning",
                "OwnerRefInvalidNamespace",
                f"ownerRef [{owner.api_version}/{owner.kind}, namespace: {known.namespace}, name: {owner.name}, "
                f'uid: {owner.uid}] does not exist in namespace "{dependent.namespace}"',
            )
        return OwnerState.ABSENT

    async def _exists(self, owner: Reference | None, namespace: str, uid: str) -> bool:
        """Ask the API whether the owner exists. A kind that nobody serves is an error: it may come back."""
        if owner is None:
            return False
        group = owner.api_version.rpartition("/")[0]
        info = self._resources.get((group, owner.kind))
        if info is None:
            raise StatusError(404, "", f"no resource serves {owner.api_version} {owner.kind}, owner {owner.name}")
        live = await self._live(info, namespace if info.namespaced else "", owner.name)
        return live is not None and live.metadata.uid == uid

    async def _live(self, info: ResourceInfo, namespace: str, name: str) -> PartialObject | None:
        if info.namespaced and not namespace:
            return None
        try:
            return await self._client.get(metadata_view(info), name, namespace)
        except StatusError as error:
            if is_not_found(error):
                return None
            raise

    async def _delete(self, node: Node, live: PartialObject, propagation: str) -> None:
        assert node.resource is not None
        try:
            await self._client.delete(
                node.resource,
                node.name,
                node.namespace,
                uid=node.uid,
                resource_version=live.metadata.resource_version,
                propagation_policy=propagation,  # type: ignore[arg-type]
            )
        except StatusError as error:
            if is_conflict(error):
                self._controller.queue.add_rate_limited(node.uid)
            elif not is_not_found(error):
                raise
        else:
            log.debug("Collected", resource=node.resource.group_resource, name=node.name, namespace=node.namespace)

    async def _finish_foreground(self, node: Node) -> None:
        """Remove the finalizer once no blocking dependent is left; until then have the dependents deleted."""
        if not node.blocking_dependents():
            await self._remove_finalizer(node, FOREGROUND)
            return
        for dependent in node.dependents.values():
            if not dependent.waits_for_dependents:
                self._controller.enqueue(dependent.uid)

    async def _orphan_dependents(self, node: Node) -> None:
        for dependent in list(node.dependents.values()):
            await self._drop_references(dependent, frozenset((node.uid,)))
        await self._remove_finalizer(node, ORPHAN)

    async def _drop_references(self, node: Node, uids: frozenset[str]) -> None:
        def without(metadata: dict[str, Any]) -> dict[str, Any] | None:
            references = metadata.get("ownerReferences") or []
            kept = [reference for reference in references if reference["uid"] not in uids]
            return {"ownerReferences": kept} if len(kept) < len(references) else None

        await self._patch_metadata(node, without)

    async def _unblock_owners(self, node: Node) -> None:
        def unblocked(metadata: dict[str, Any]) -> dict[str, Any] | None:
            references = metadata.get("ownerReferences") or []
            if not any(reference.get("blockOwnerDeletion") for reference in references):
                return None
            return {"ownerReferences": [{**reference, "blockOwnerDeletion": False} for reference in references]}

        await self._patch_metadata(node, unblocked)

    async def _remove_finalizer(self, node: Node, name: str) -> None:
        def without(metadata: dict[str, Any]) -> dict[str, Any] | None:
            finalizers = metadata.get("finalizers") or []
            kept = [finalizer for finalizer in finalizers if finalizer != name]
            return {"finalizers": kept} if len(kept) < len(finalizers) else None

        await self._patch_metadata(node, without)

    async def _patch_metadata(self, node: Node, change: Any) -> None:
        """Change the metadata of this very object, on its current state (merge patch with its resourceVersion)."""
        info = node.resource
        if info is None:
            return
        view: View[dict[str, Any]] = View(info, dict, accept=METADATA_ONLY)
        for _ in range(5):
            try:
                live = await self._client.get(view, node.name, node.namespace)
                metadata = live["metadata"]
                changed = change(metadata)
                if metadata["uid"] != node.uid or changed is None:
                    return
                body = {"metadata": {**changed, "uid": node.uid, "resourceVersion": metadata["resourceVersion"]}}
                await self._client.patch(view, node.name, node.namespace, body=body)
                return
            except StatusError as error:
                if is_not_found(error):
                    return
                if not is_conflict(error):
                    raise
        raise StatusError(409, "Conflict", f"{info.group_resource} {node.name} changes too often")


class _Watched(NamedTuple):
    """A resource that is followed."""

    informer: Informer[Any]
    handler: Handler[Any]


def _reference(node: Node) -> dict[str, str]:
    assert node.resource is not None
    return {
        "apiVersion": node.resource.group_version,
        "kind": node.resource.kind,
        "namespace": node.namespace,
        "name": node.name,
        "uid": node.uid,
    }
