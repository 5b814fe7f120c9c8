"""Claims and volumes, seen from outside: bound, provisioned, released, lost."""

import asyncio
from typing import Any

import pytest
from tests.support.control_plane import World, control_plane, pod

from pybernetes.api.core import PersistentVolume, PersistentVolumeClaim

ONLY = ("persistentvolume-binder-controller",)


def claim(name: str = "data", size: str = "1Gi", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}},
            "storageClassName": "",
            **spec,
        },
    }


def volume(name: str = "disk", size: str = "1Gi", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": spec.pop("annotations", {})},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": size},
            "hostPath": {"path": "/x"},
            **spec,
        },
    }


def storage_class(name: str = "fast", mode: str = "Immediate", default: bool = False) -> dict[str, Any]:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": annotations},
        "provisioner": "example.com/disks",
        "volumeBindingMode": mode,
    }


async def phase(world: World, wanted: str, name: str = "data") -> PersistentVolumeClaim:
    async def is_so() -> PersistentVolumeClaim | None:
        found = await world.get(PersistentVolumeClaim, name)
        return found if found.status.phase == wanted else None

    found: PersistentVolumeClaim = await world.until(is_so)
    return found


async def volume_phase(world: World, wanted: str, name: str = "disk") -> PersistentVolume:
    async def is_so() -> PersistentVolume | None:
        found = await world.get(PersistentVolume, name, "")
        return found if found.status.phase == wanted else None

    found: PersistentVolume = await world.until(is_so)
    return found


@pytest.mark.parametrize("volume_first", [True, False])
async def test_claim_and_volume_are_bound(volume_first: bool) -> None:
    async with control_plane(*ONLY) as world:
        both = [volume(), claim()] if volume_first else [claim(), volume()]
        await world.create(both[0])
        await asyncio.sleep(1)
        await world.create(both[1])
        bound = await phase(world, "Bound")
        disk = await volume_phase(world, "Bound")
        assert bound.spec.volume_name == "disk"
        assert bound.status.capacity == {"storage": "1Gi"}
        assert (bound.metadata.annotations or {})["pv.kubernetes.io/bind-completed"] == "yes"
        assert disk.spec.claim_ref is not None and disk.spec.claim_ref.uid == bound.metadata.uid


async def test_two_claims_never_share_a_volume() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(volume())
        await world.create(claim("a"))
        await world.create(claim("b"))
        await asyncio.sleep(60)
        phases = sorted(found.status.phase or "" for found in await world.list(PersistentVolumeClaim))
        assert phases == ["Bound", "Pending"]
        assert "no persistent volumes available for this claim and no storage class is set" in (
            await world.messages("FailedBinding")
        )


async def test_provisioner_is_told_and_its_volume_bound() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(storage_class())
        await world.create(claim(storageClassName="fast"))

        async def told() -> bool:
            annotations = (await world.get(PersistentVolumeClaim, "data")).metadata.annotations or {}
            return annotations.get("volume.kubernetes.io/storage-provisioner") == "example.com/disks"

        await world.until(told)
        (message,) = await world.messages("ExternalProvisioning")
        assert "by the external provisioner 'example.com/disks' or manually" in message
        owner = await world.get(PersistentVolumeClaim, "data")
        reference = {"namespace": "default", "name": "data", "uid": owner.metadata.uid}
        made = {"pv.kubernetes.io/provisioned-by": "example.com/disks"}
        await world.create(
            volume(
                claimRef=reference,
                storageClassName="fast",
                persistentVolumeReclaimPolicy="Delete",
                annotations=made,
            )
        )
        await phase(world, "Bound")
        await world.client.patch(PersistentVolumeClaim, "data", "default", body={"metadata": {"finalizers": None}})
        await world.client.delete(PersistentVolumeClaim, "data", "default")
        await volume_phase(world, "Released")
        # What a provisioner made, it removes itself.
        await asyncio.sleep(60)
        await volume_phase(world, "Released")


async def test_missing_class_is_told() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(claim(storageClassName="none"))
        (message,) = await world.until(lambda: world.messages("ProvisioningFailed"))
        assert message == 'storageclass.storage.k8s.io "none" not found'


async def test_binding_waits_for_the_first_consumer() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(storage_class(mode="WaitForFirstConsumer"))
        await world.create(volume(storageClassName="fast"))
        await world.create(claim(storageClassName="fast"))
        await phase(world, "Pending")
        assert await world.until(lambda: world.messages("WaitForFirstConsumer"))
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
        await world.create(pod("user", volumes=volumes))
        # The scheduler reserves the volume it chose.
        owner = await world.get(PersistentVolumeClaim, "data")
        reference = {"namespace": "default", "name": "data", "uid": owner.metadata.uid}
        await world.client.patch(PersistentVolume, "disk", body={"spec": {"claimRef": reference}})
        await phase(world, "Bound")


async def test_default_class_is_given_afterwards() -> None:
    async with control_plane(*ONLY) as world:
        body = claim()
        del body["spec"]["storageClassName"]
        await world.create(body)
        await asyncio.sleep(2)
        await world.create(storage_class(default=True))

        async def given() -> bool:
            return (await world.get(PersistentVolumeClaim, "data")).spec.storage_class_name == "fast"

        await world.until(given)


@pytest.mark.parametrize(
    ("policy", "end", "reason"),
    [
        ("Retain", "Released", ""),
        ("Delete", "Failed", "VolumeFailedDelete"),
        ("Recycle", "Failed", "VolumeFailedRecycle"),
    ],
)
async def test_volume_of_a_deleted_claim_is_reclaimed(policy: str, end: str, reason: str) -> None:
    async with control_plane(*ONLY) as world:
        await world.create(volume(persistentVolumeReclaimPolicy=policy))
        await world.create(claim())
        await phase(world, "Bound")
        await world.client.patch(PersistentVolumeClaim, "data", "default", body={"metadata": {"finalizers": None}})
        await world.client.delete(PersistentVolumeClaim, "data", "default")
        await volume_phase(world, end)
        assert not reason or reason in await world.reasons()


async def test_claim_whose_volume_is_gone_is_lost() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(volume())
        await world.create(claim())
        await phase(world, "Bound")
        await world.client.patch(PersistentVolume, "disk", body={"metadata": {"finalizers": None}})
        await world.client.delete(PersistentVolume, "disk")
        await phase(world, "Lost")
        assert "ClaimLost" in await world.reasons()
