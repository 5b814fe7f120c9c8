"""What is in use stays: claims, volumes, volume attributes classes, ranges of Service addresses."""

import asyncio
from typing import Any

import pytest
from tests.support.clock import START
from tests.support.control_plane import World, control_plane, pod

from pybernetes.api.core import PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.networking import IPAddress, ServiceCIDR, ServiceCIDRSpec
from pybernetes.api.resource import resource
from pybernetes.api.storage import VolumeAttributesClass
from pybernetes.controllers.service_cidr import is_needed
from pybernetes.reconcile.protection import has_finalizer

PVC = "persistentvolumeclaim-protection-controller"
PV = "persistentvolume-protection-controller"
VAC = "volumeattributesclass-protection-controller"
CIDR = "service-cidr-controller"


def claim(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}, **spec},
    }


def using(name: str, claim_name: str, node: str = "n1") -> dict[str, Any]:
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": claim_name}}]
    return pod(name, node=node, volumes=volumes)


async def count(world: World, kind: type[Any]) -> int:
    return len(await world.list(kind))


async def gone(world: World, kind: type[Any]) -> None:
    async def none() -> bool:
        return await count(world, kind) == 0

    await world.until(none)


async def test_claim_stays_until_its_pod_is_gone() -> None:
    async with control_plane(PVC) as world:
        await world.create(claim("data"))
        await world.create(using("user", "data"))
        await world.client.delete(PersistentVolumeClaim, "data", "default")
        await asyncio.sleep(60)
        assert (await world.get(PersistentVolumeClaim, "data")).metadata.deletion_timestamp is not None
        await world.client.delete(Pod, "user", "default", grace_period_seconds=0)
        await gone(world, PersistentVolumeClaim)


async def test_pod_without_a_node_does_not_hold_a_claim() -> None:
    async with control_plane(PVC) as world:
        await world.create(claim("data"))
        await world.create(using("waits", "data", node=""))
        await world.client.delete(PersistentVolumeClaim, "data", "default")
        await gone(world, PersistentVolumeClaim)


async def test_bound_volume_stays() -> None:
    async with control_plane(PV) as world:
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "disk"},
            "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}},
        }
        await world.create(volume)
        await world.client.patch(PersistentVolume, "disk", body={"status": {"phase": "Bound"}}, subresource="status")
        await world.client.delete(PersistentVolume, "disk")
        await asyncio.sleep(60)
        assert await count(world, PersistentVolume) == 1
        await world.client.patch(PersistentVolume, "disk", body={"status": {"phase": "Released"}}, subresource="status")
        await gone(world, PersistentVolume)


async def test_class_of_a_claim_stays() -> None:
    async with control_plane(VAC) as world:
        await world.create(
            VolumeAttributesClass(metadata=ObjectMeta(name="gold"), driver_name="d", parameters={"iops": "9"})
        )

        async def protected() -> bool:
            return has_finalizer((await world.list(VolumeAttributesClass))[0], "kubernetes.io/vac-protection")

        await world.until(protected)
        await world.create(claim("data", volumeAttributesClassName="gold"))
        await asyncio.sleep(1)
        await world.client.delete(VolumeAttributesClass, "gold")
        await asyncio.sleep(60)
        assert await count(world, VolumeAttributesClass) == 1
        await world.client.patch(PersistentVolumeClaim, "data", "default", body={"metadata": {"finalizers": None}})
        await world.client.delete(PersistentVolumeClaim, "data", "default")
        await gone(world, VolumeAttributesClass)


def cidr(name: str, *ranges: str) -> ServiceCIDR:
    return ServiceCIDR(metadata=ObjectMeta(name=name), spec=ServiceCIDRSpec(cidrs=list(ranges)))


@pytest.mark.parametrize(
    ("mine", "others", "addresses", "needed"),
    [
        ("10.0.0.0/24", [], [], False),
        ("10.0.0.0/24", [], ["10.0.0.7"], True),
        ("10.0.0.0/24", [], ["10.0.1.7"], False),
        ("10.0.0.0/24", ["10.0.0.0/16"], ["10.0.0.7"], False),
        ("10.0.0.0/16", ["10.0.0.0/24"], ["10.0.0.7"], False),
        ("10.0.0.0/16", ["10.0.0.0/24"], ["10.0.1.7"], True),
        ("fd00::/112", ["10.0.0.0/24"], ["fd00::7"], True),
    ],
)
def test_range_is_needed_for_addresses_no_other_range_has(
    mine: str, others: list[str], addresses: list[str], needed: bool
) -> None:
    assert is_needed(cidr("mine", mine), [cidr("other", other) for other in others], addresses) is needed


async def test_range_stays_while_addresses_are_in_use() -> None:
    async with control_plane(CIDR) as world:
        await world.create(cidr("extra", "10.99.0.0/24"))

        async def condition(status: str) -> bool:
            found = await world.get(ServiceCIDR, "extra", "")
            return [row.status for row in found.status.conditions or ()] == [status]

        await world.until(lambda: condition("True"))
        address = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IPAddress",
            "metadata": {
                "name": "10.99.0.7",
                "labels": {
                    "ipaddress.kubernetes.io/ip-family": "IPv4",
                    "ipaddress.kubernetes.io/managed-by": "test",
                },
            },
            "spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "web"}},
        }
        await world.create(address)
        await world.client.delete(ServiceCIDR, "extra")
        await world.until(lambda: condition("False"))
        found = await world.get(ServiceCIDR, "extra", "")
        assert [row.reason for row in found.status.conditions or ()] == ["Terminating"]
        await world.client.delete(IPAddress, "10.99.0.7")

        async def is_gone() -> bool:
            return "extra" not in {found.metadata.name for found in await world.list(ServiceCIDR)}

        await world.until(is_gone)
        assert (world.clock.now() - START).total_seconds() >= 10


GANG = "podgroup-protection-controller"
GROUPS = resource("podgroups", "scheduling.k8s.io", "v1alpha2")
ALPHA = {"runtime_config": {"scheduling.k8s.io/v1alpha2": True}, "feature_gates": {"GenericWorkload": True}}


@pytest.mark.parametrize("end", ["Succeeded", "Failed", "deleted"])
async def test_pod_group_stays_until_its_last_pod_has_ended(end: str) -> None:
    async with control_plane(GANG, rbac=True, server_config=ALPHA) as world:
        made = await world.create(
            {
                "apiVersion": "scheduling.k8s.io/v1alpha2",
                "kind": "PodGroup",
                "metadata": {"name": "g", "namespace": "default"},
                "spec": {"schedulingPolicy": {"gang": {"minCount": 2}}},
            }
        )
        assert made["metadata"]["finalizers"] == ["scheduling.k8s.io/podgroup-protection"]
        member = await world.create(pod("member", node="n1", schedulingGroup={"podGroupName": "g"}))
        await world.create(pod("other", node="n1"))
        await world.client.delete(GROUPS, "g", "default")
        await asyncio.sleep(60)
        assert (await world.client.get(GROUPS, "g", "default"))["metadata"]["deletionTimestamp"]
        if end == "deleted":
            await world.client.delete(Pod, "member", "default", grace_period_seconds=0)
        else:
            await world.report(await world.get(Pod, member["metadata"]["name"]), end)

        async def none() -> bool:
            return not (await world.client.list(GROUPS, "default")).items

        await world.until(none)
        assert not world.denied
