"""CSI volumes, attached where their pods are, and let go of."""

import asyncio
from typing import Any

from tests.support.control_plane import World, control_plane, node, pod

from pybernetes.api.core import Node, PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.storage import VolumeAttachment

ONLY = ("persistentvolume-attach-detach-controller",)
DEVICE = "kubernetes.io/csi/disks.example.com^handle-1"


async def disk(
    world: World,
    *,
    modes: tuple[str, ...] = ("ReadWriteOnce",),
    source: dict[str, Any] | None = None,
    storage_class: str = "",
) -> None:
    csi = {"csi": {"driver": "disks.example.com", "volumeHandle": "handle-1"}}
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "default"},
        "spec": {
            "accessModes": list(modes),
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": storage_class,
            "volumeName": "disk",
        },
    }
    owner = await world.create(claim)
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "disk"},
        "spec": {
            "accessModes": list(modes),
            "capacity": {"storage": "1Gi"},
            "claimRef": {"namespace": "default", "name": "data", "uid": owner["metadata"]["uid"]},
            "storageClassName": storage_class,
            **(source or csi),
        },
    }
    await world.create(volume)
    await world.client.patch(
        PersistentVolumeClaim, "data", "default", body={"status": {"phase": "Bound"}}, subresource="status"
    )
    for name in ("n1", "n2"):
        await world.create(node(name))


def user(name: str, on: str) -> dict[str, Any]:
    return pod(name, node=on, volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}])


async def attachments(world: World) -> list[tuple[str, str]]:
    found = await world.list(VolumeAttachment)
    return sorted((one.spec.node_name, one.spec.source.persistent_volume_name or "") for one in found)


async def until_attached(world: World, *nodes: str) -> None:
    async def is_so() -> bool:
        return await attachments(world) == [(name, "disk") for name in nodes]

    await world.until(is_so)


async def confirm(world: World, on: str) -> None:
    """As the driver's external attacher would."""
    for one in await world.list(VolumeAttachment):
        if one.spec.node_name == on:
            body = {"status": {"attached": True}}
            await world.client.patch(VolumeAttachment, one.metadata.name or "", body=body, subresource="status")


async def reported(world: World, on: str, *devices: str) -> None:
    async def is_so() -> bool:
        return [found.name for found in (await world.get(Node, on, "")).status.volumes_attached or ()] == list(devices)

    await world.until(is_so)


async def in_use(world: World, on: str, *devices: str) -> None:
    await world.client.patch(Node, on, body={"status": {"volumesInUse": list(devices)}}, subresource="status")


async def test_volume_is_attached_reported_and_detached_after_use() -> None:
    async with control_plane(*ONLY) as world:
        await disk(world)
        await world.create(user("a", "n1"))
        await until_attached(world, "n1")
        await confirm(world, "n1")
        await reported(world, "n1", DEVICE)
        assert await world.until(lambda: world.messages("SuccessfulAttachVolume"))
        await in_use(world, "n1", DEVICE)
        await world.client.delete(Pod, "a", "default", grace_period_seconds=0)
        await asyncio.sleep(100)
        assert await attachments(world) == [("n1", "disk")]
        await in_use(world, "n1")
        await until_attached(world)
        await reported(world, "n1")


async def test_exclusive_volume_moves_only_when_let_go_of() -> None:
    async with control_plane(*ONLY) as world:
        await disk(world)
        await world.create(user("a", "n1"))
        await until_attached(world, "n1")
        await confirm(world, "n1")
        await in_use(world, "n1", DEVICE)
        await world.create(user("b", "n2"))
        (message,) = await world.until(lambda: world.messages("FailedAttachVolume"))
        assert message == 'Multi-Attach error for volume "disk" Volume is already used by pod(s) a'
        await world.client.delete(Pod, "a", "default", grace_period_seconds=0)
        await in_use(world, "n1")
        await until_attached(world, "n2")


async def test_shared_volume_is_attached_twice() -> None:
    async with control_plane(*ONLY) as world:
        await disk(world, modes=("ReadWriteMany",))
        await world.create(user("a", "n1"))
        await world.create(user("b", "n2"))
        await until_attached(world, "n1", "n2")


async def test_dead_node_loses_its_volume_after_six_minutes_or_at_once_when_out_of_service() -> None:
    for taints, least, most in (
        ([], 300, 400),
        ([{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}], 0, 5),
    ):
        async with control_plane(*ONLY) as world:
            await disk(world)
            await world.create(user("a", "n1"))
            await until_attached(world, "n1")
            await in_use(world, "n1", DEVICE)
            conditions = [{"type": "Ready", "status": "Unknown"}]
            await world.client.patch(Node, "n1", body={"status": {"conditions": conditions}}, subresource="status")
            await world.client.patch(Node, "n1", body={"spec": {"taints": taints}})
            await world.client.delete(Pod, "a", "default", grace_period_seconds=0)
            began = world.clock.monotonic()
            await until_attached(world)
            assert least <= world.clock.monotonic() - began <= most


async def test_what_needs_no_attaching_is_left_alone() -> None:
    async with control_plane(*ONLY) as world:
        driver = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "CSIDriver",
            "metadata": {"name": "disks.example.com"},
            "spec": {"attachRequired": False},
        }
        await world.create(driver)
        await disk(world)
        await world.create(user("a", "n1"))
        await asyncio.sleep(10)
        assert await attachments(world) == []


async def test_node_volume_is_not_attached() -> None:
    async with control_plane(*ONLY) as world:
        await disk(world, source={"hostPath": {"path": "/x"}})
        await world.create(user("a", "n1"))
        await asyncio.sleep(10)
        assert await attachments(world) == []
        assert len(await world.list(PersistentVolume)) == 1


async def test_growing_claim_is_handed_on() -> None:
    async with control_plane("persistentvolume-expander-controller") as world:
        await disk(world)
        body = {"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}
        await world.client.patch(PersistentVolumeClaim, "data", "default", body=body, subresource="status")
        storage_class = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "fast"},
            "provisioner": "x",
            "allowVolumeExpansion": True,
        }
        await world.create(storage_class)
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "grows", "namespace": "default"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
                "storageClassName": "fast",
                "volumeName": "disk",
            },
        }
        await world.create(claim)
        await world.client.patch(PersistentVolumeClaim, "grows", "default", body=body, subresource="status")
        grown = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
        await world.client.patch(PersistentVolumeClaim, "grows", "default", body=grown)
        (message,) = await world.until(lambda: world.messages("ExternalExpanding"))
        assert message == "waiting for an external controller to expand this PVC"
