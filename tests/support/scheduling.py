"""Pods, nodes and an API server's part, for tests of the scheduler."""

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec

from pybernetes.api.apps import ReplicaSet, StatefulSet
from pybernetes.api.core import (
    Affinity,
    Binding,
    Container,
    ContainerImage,
    ContainerPort,
    Namespace,
    Node,
    NodeSpec,
    NodeStatus,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodSchedulingGate,
    PodSpec,
    PodStatus,
    ReplicationController,
    ResourceRequirements,
    Service,
    Taint,
    Toleration,
)
from pybernetes.api.dynamic_resource import DeviceClass, ResourceClaim, ResourceSlice
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.policy import PodDisruptionBudget
from pybernetes.api.status import conflict, not_found
from pybernetes.api.storage import CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment
from pybernetes.base.http.message import Response
from pybernetes.client.client import WatchEvent
from pybernetes.client.informers import Informers

KINDS: tuple[Any, ...] = (
    Pod,
    Node,
    Namespace,
    PodDisruptionBudget,
    Service,
    ReplicationController,
    ReplicaSet,
    StatefulSet,
    PersistentVolumeClaim,
    PersistentVolume,
    StorageClass,
    CSINode,
    CSIDriver,
    CSIStorageCapacity,
    VolumeAttachment,
    ResourceClaim,
    ResourceSlice,
    DeviceClass,
)


def node(
    name: str,
    *,
    cpu: str = "4",
    memory: str = "8Gi",
    pods: str = "110",
    labels: dict[str, str] | None = None,
    taints: Iterable[Taint] = (),
    unschedulable: bool = False,
    images: dict[str, int] | None = None,
    **resources: str,
) -> Node:
    allocatable = {"cpu": cpu, "memory": memory, "pods": pods, **resources}
    return Node(
        metadata=ObjectMeta(name=name, uid=f"node-{name}", labels={"kubernetes.io/hostname": name, **(labels or {})}),
        spec=NodeSpec(taints=list(taints) or None, unschedulable=unschedulable or None),
        status=NodeStatus(
            allocatable=allocatable,
            images=[ContainerImage(names=[image], size_bytes=size) for image, size in (images or {}).items()] or None,
        ),
    )


def pod(
    name: str,
    *,
    cpu: str = "",
    memory: str = "",
    namespace: str = "default",
    labels: dict[str, str] | None = None,
    on: str = "",
    priority: int | None = None,
    ports: Iterable[int] = (),
    tolerations: Iterable[Toleration] = (),
    node_selector: dict[str, str] | None = None,
    affinity: Affinity | None = None,
    gates: Iterable[str] = (),
    image: str = "app:1",
    requests: dict[str, str] | None = None,
    **spec: Any,
) -> Pod:
    wanted = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value} | (requests or {})
    container = Container(
        name="app",
        image=image,
        resources=ResourceRequirements(requests=wanted or None),
        ports=[ContainerPort(container_port=80, host_port=port, protocol="TCP") for port in ports] or None,
    )
    return Pod(
        metadata=ObjectMeta(name=name, namespace=namespace, uid=f"uid-{namespace}-{name}", labels=labels, generation=1),
        spec=PodSpec(
            containers=[container],
            scheduler_name="default-scheduler",
            node_name=on or None,
            priority=priority,
            tolerations=list(tolerations) or None,
            node_selector=node_selector,
            affinity=affinity,
            scheduling_gates=[PodSchedulingGate(name=gate) for gate in gates] or None,
            **spec,
        ),
        status=PodStatus(phase="Running" if on else "Pending"),
    )


class FakeApi:
    """The part of the API server the scheduler needs: informers that are fed by hand, and a client whose writes come
    back through them."""

    def __init__(self) -> None:
        self.informers = Informers(self)  # type: ignore[arg-type]
        self.bound: dict[str, str] = {}
        self.deleted: list[str] = []
        self.patches: list[tuple[str, dict[str, Any]]] = []
        self.fail_bindings = 0
        self.changed = asyncio.Event()
        self._version = 0
        for kind in KINDS:
            self.informers.of(kind).synced.set()

    def put(self, *objects: Any) -> None:
        """Create or replace, as a watch would show it."""
        for obj in objects:
            informer = self.informers.of(type(obj))
            self._version += 1
            metadata = msgspec.structs.replace(obj.metadata, resource_version=str(self._version))
            informer.apply(WatchEvent("MODIFIED", msgspec.structs.replace(obj, metadata=metadata)))

    def remove(self, obj: Any) -> None:
        """Delete, as a watch would show it."""
        self.informers.of(type(obj)).apply(WatchEvent("DELETED", obj))

    def pod(self, name: str, namespace: str = "default") -> Pod:
        found = self.informers.of(Pod).get(name, namespace)
        assert found is not None
        return found

    # the client

    async def create(self, obj: Any, *, subresource: str = "", name: str = "", **_: Any) -> Any:
        await asyncio.sleep(0)
        if isinstance(obj, Binding):
            found = self.informers.of(Pod).get(obj.metadata.name or "", obj.metadata.namespace or "")
            if found is None:
                raise not_found("pods", obj.metadata.name or "")
            if self.fail_bindings:
                self.fail_bindings -= 1
                raise conflict("pods", obj.metadata.name or "", "try again")
            assert not found.spec.node_name
            self.bound[found.metadata.name or ""] = obj.target.name or ""
            self.put(
                msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, node_name=obj.target.name))
            )
            self._note()
        return obj

    async def request(self, method: str, path: str, **_: Any) -> Response:
        """Knows no bindings in bulk, as upstream's server."""
        await asyncio.sleep(0)
        return Response(415, [], b"")

    async def patch(self, kind: Any, name: str, namespace: str = "", *, body: Any, **_: Any) -> Any:
        await asyncio.sleep(0)
        self.patches.append((name, body))
        self._note()
        found = self.informers.of(kind).get(name, namespace)
        if found is None:
            raise not_found(kind.KIND, name)
        if kind is Pod and "status" in body:
            status = body["status"]
            changes: dict[str, Any] = {}
            if "nominatedNodeName" in status:
                changes["nominated_node_name"] = status["nominatedNodeName"]
            if "conditions" in status:
                fresh = msgspec.convert(status["conditions"], type=PodStatus.__annotations__["conditions"])
                types = {row.type for row in fresh}
                kept = [row for row in found.status.conditions or () if row.type not in types]
                changes["conditions"] = kept + fresh
            self.put(msgspec.structs.replace(found, status=msgspec.structs.replace(found.status, **changes)))
        if kind is PersistentVolumeClaim:
            annotations = {**(found.metadata.annotations or {}), **body["metadata"]["annotations"]}
            metadata = msgspec.structs.replace(found.metadata, annotations=annotations)
            self.put(msgspec.structs.replace(found, metadata=metadata))
            return self.informers.of(kind).get(name, namespace)
        return found

    async def delete(self, kind: Any, name: str, namespace: str = "", **_: Any) -> None:
        await asyncio.sleep(0)
        found = self.informers.of(kind).get(name, namespace)
        if found is None:
            raise not_found(kind.KIND, name)
        self.deleted.append(name)
        self.remove(found)
        self._note()

    def _note(self) -> None:
        self.changed.set()

    async def until(self, condition: Any) -> None:
        """Wait until the condition holds after some write."""
        async with asyncio.timeout(60):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Recorder:
    """Events as (type, reason, object name, message)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, str]] = []
        self.components: list[str] = []
        """Who recorded each of them."""

    def event(
        self, obj: Any, type_: str, reason: str, message: str, *, field_path: str = "", component: str = ""
    ) -> None:
        self.events.append((type_, reason, obj.metadata.name, message))
        self.components.append(component)

    def reasons(self) -> list[str]:
        return [event[1] for event in self.events]
