"""The namespace controller: a namespace that is deleted takes its content with it.

    deletionTimestamp set ─▶ discover ─▶ delete pods, wait for them ─▶ delete everything else ─▶ nothing left?
                                             │ something left: conditions say what; look again     │
                                             ◀──────────────────────────────────────────────────────┘
                                                                                       remove `kubernetes` finalizer

Pods go first (KEP-5080), so that nothing they rely on, such as a NetworkPolicy, disappears before them. A pod that ends
wakes its namespace; other content with finalizers is looked at again after growing waits.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from ..api.core import Namespace, NamespaceCondition, Pod
from ..api.resource import ResourceInfo
from ..api.status import StatusError, is_conflict, is_not_found
from ..client.client import Client
from ..client.discovery import Discovered, discover
from ..client.view import PartialObject, metadata_view
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.pods import structs_equal
from ..reconcile.sources import source

FINALIZER = "kubernetes"
LOOK_AGAIN_SECONDS = 5.0


class Remaining(msgspec.Struct):
    """What is left in a namespace: instances per resource, and per finalizer."""

    resources: dict[str, int] = {}
    finalizers: dict[str, int] = {}
    grace_seconds: int = 0

    def add(self, resource: ResourceInfo, objects: Iterable[PartialObject]) -> None:
        for obj in objects:
            name = resource.group_resource if resource.group else f"{resource.plural}."
            self.resources[name] = self.resources.get(name, 0) + 1
            for finalizer in obj.metadata.finalizers or ():
                self.finalizers[finalizer] = self.finalizers.get(finalizer, 0) + 1


def conditions_of(
    current: Iterable[NamespaceCondition],
    remaining: Remaining,
    failures: list[str],
    undiscovered: list[str],
    now: datetime,
) -> list[NamespaceCondition]:
    """The five conditions of a terminating namespace, with upstream's reasons and messages."""
    resources = ", ".join(
        f"{name} has {count} resource instances" for name, count in sorted(remaining.resources.items())
    )
    finalizers = ", ".join(
        f"{name} in {count} resource instances" for name, count in sorted(remaining.finalizers.items())
    )
    stale = ", ".join(f"{version}: stale GroupVersion discovery: {version}" for version in sorted(undiscovered))
    rows = (
        (
            "NamespaceDeletionDiscoveryFailure",
            (
                "DiscoveryFailed",
                f"Discovery failed for some groups, {len(undiscovered)} failing: "
                f"unable to retrieve the complete list of server APIs: {stale}",
            )
            if undiscovered
            else None,
            ("ResourcesDiscovered", "All resources successfully discovered"),
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            None,
            ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
        ),
        (
            "NamespaceDeletionContentFailure",
            (
                "ContentDeletionFailed",
                f"Failed to delete all resource types, {len(failures)} remaining: {', '.join(sorted(failures))}",
            )
            if failures
            else None,
            ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        ),
        (
            "NamespaceContentRemaining",
            ("SomeResourcesRemain", f"Some resources are remaining: {resources}") if resources else None,
            ("ContentRemoved", "All content successfully removed"),
        ),
        (
            "NamespaceFinalizersRemaining",
            ("SomeFinalizersRemain", f"Some content in the namespace has finalizers remaining: {finalizers}")
            if finalizers
            else None,
            ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        ),
    )
    before = {condition.type: condition for condition in current}
    found = [condition for type_, condition in before.items() if type_ not in {row[0] for row in rows}]
    for type_, bad, good in rows:
        status = "True" if bad else "False"
        reason, message = bad or good
        old = before.get(type_)
        changed_at = old.last_transition_time if old is not None and old.status == status else now
        found.append(
            NamespaceCondition(
                type=type_, status=status, reason=reason, message=message, last_transition_time=changed_at
            )
        )
    return found


class NamespaceController:
    """See the module docstring. Keys are namespace names."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._namespaces = context.informers.of(Namespace)
        self._pods = context.informers.of(Pod)
        self._controller = context.controller(
            "namespace", self._reconcile, workers=context.config.namespace_concurrency
        )
        source(
            self._namespaces,
            self._controller.enqueue,
            when=lambda old, new: new is not None and new.metadata.deletion_timestamp is not None,
        )
        self._pods.add_handler(self._pod_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is not None or old is None:
            return
        name = old.metadata.namespace or ""
        namespace = self._namespaces.get(name)
        if namespace is not None and namespace.metadata.deletion_timestamp is not None:
            self._controller.enqueue(name)

    async def _reconcile(self, key: str) -> Result | None:
        namespace = self._namespaces.get(key)
        if namespace is None or namespace.metadata.deletion_timestamp is None:
            return None
        if FINALIZER not in (namespace.spec.finalizers or ()):
            return None
        discovered = await discover(self._client)
        remaining, failures = await self._empty(key, discovered)
        conditions = conditions_of(
            namespace.status.conditions or (), remaining, failures, discovered.failed, self._clock.now()
        )
        namespace = await self._report(namespace, conditions)
        if remaining.resources or failures or discovered.failed:
            waits = max(LOOK_AGAIN_SECONDS, remaining.grace_seconds / 2 + 1)
            return Result(waits)
        await self._finalize(namespace)
        return None

    async def _empty(self, namespace: str, discovered: Discovered) -> tuple[Remaining, list[str]]:
        """Delete the content, pods before all else; what is left, and what could not be deleted."""
        remaining = Remaining()
        failures: list[str] = []
        deletable = [
            resource
            for resource in discovered.resources
            if resource.namespaced and "delete" in resource.verbs and "list" in resource.verbs
        ]
        pods = [resource for resource in deletable if not resource.group and resource.plural == "pods"]
        others = [resource for resource in deletable if resource not in pods]
        for stage in (pods, others):
            for resource in stage:
                try:
                    await self._empty_one(namespace, resource, remaining)
                except StatusError as error:
                    if not is_not_found(error):
                        failures.append(error.message)
            if remaining.resources or failures:
                if stage is pods:
                    remaining.grace_seconds = self._longest_grace(namespace)
                break
        return remaining, failures

    async def _empty_one(self, namespace: str, resource: ResourceInfo, remaining: Remaining) -> None:
        view = metadata_view(resource)
        if not (await self._client.list(view, namespace)).items:
            return
        if "deletecollection" in resource.verbs:
            await self._client.delete_collection(resource, namespace, propagation_policy="Background")
        else:
            await _delete_each(self._client, resource, namespace)
        remaining.add(resource, (await self._client.list(view, namespace)).items or ())

    def _longest_grace(self, namespace: str) -> int:
        """The longest grace period of the pods that still run."""
        return max((pod.metadata.deletion_grace_period_seconds or 0 for pod in self._pods.list(namespace)), default=0)

    async def _report(self, namespace: Namespace, conditions: list[NamespaceCondition]) -> Namespace:
        status = msgspec.structs.replace(namespace.status, conditions=conditions)
        if structs_equal(status, namespace.status):
            return namespace
        try:
            return await self._client.update_status(msgspec.structs.replace(namespace, status=status))
        except StatusError as error:
            if is_conflict(error) or is_not_found(error):
                return namespace
            raise

    async def _finalize(self, namespace: Namespace) -> None:
        finalizers = [name for name in namespace.spec.finalizers or () if name != FINALIZER]
        spec = msgspec.structs.replace(namespace.spec, finalizers=finalizers or None)
        try:
            await self._client.update(msgspec.structs.replace(namespace, spec=spec), subresource="finalize")
        except StatusError as error:
            if not is_not_found(error):
                raise


async def _delete_each(client: Client, resource: ResourceInfo, namespace: str) -> None:
    page: Any = await client.list(metadata_view(resource), namespace)
    for obj in page.items or ():
        try:
            await client.delete(resource, obj.metadata.name, namespace, propagation_policy="Background")
        except StatusError as error:
            if not is_not_found(error):
                raise
