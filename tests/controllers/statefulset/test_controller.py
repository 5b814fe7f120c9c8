"""StatefulSets, seen from outside: order, updates, storage (the sig-apps behaviours)."""

import asyncio
from typing import Any

import pytest
from tests.support.control_plane import World, control_plane, pod, template

from pybernetes.api.apps import ControllerRevision, StatefulSet
from pybernetes.api.core import PersistentVolumeClaim, Pod
from pybernetes.api.resource import resource
from pybernetes.client.client import STRATEGIC_MERGE_PATCH
from pybernetes.client.view import View

ONLY = ("statefulset-controller",)
SETS: View[dict[str, Any]] = View(resource("statefulsets", "apps"), dict)


def stateful_set(replicas: int = 3, **spec: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "web", "namespace": "default", "labels": labels},
        "spec": {
            "replicas": replicas,
            "serviceName": "web",
            "selector": {"matchLabels": labels},
            "template": template(labels),
            **spec,
        },
    }


CLAIMS = [
    {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
]


async def names(world: World) -> list[str]:
    return sorted(found.metadata.name or "" for found in await world.list(Pod))


async def status_is(world: World, **wanted: Any) -> bool:
    status = (await world.get(StatefulSet, "web")).status
    return all(getattr(status, name) == value for name, value in wanted.items())


async def ready(world: World, count: int) -> None:
    await world.until(lambda: status_is(world, ready_replicas=count or None, replicas=count, available_replicas=count))


async def scale(world: World, replicas: int) -> None:
    await world.client.patch(SETS, "web", "default", body={"spec": {"replicas": replicas}}, subresource="scale")


async def set_image(world: World, image: str) -> None:
    containers = [{"name": "main", "image": image}]
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    await world.client.patch(StatefulSet, "web", "default", body=body, content_type=STRATEGIC_MERGE_PATCH)


async def images(world: World) -> dict[str, str]:
    return {found.metadata.name or "": found.spec.containers[0].image or "" for found in await world.list(Pod)}


async def test_pods_have_names_hostnames_and_labels() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(stateful_set(2, ordinals={"start": 3}))
        await ready(world, 2)
        assert await names(world) == ["web-3", "web-4"]
        first = await world.get(Pod, "web-3")
        assert (first.spec.hostname, first.spec.subdomain) == ("web-3", "web")
        labels = first.metadata.labels or {}
        assert labels["statefulset.kubernetes.io/pod-name"] == "web-3"
        assert labels["apps.kubernetes.io/pod-index"] == "3"
        (revision,) = await world.list(ControllerRevision)
        assert labels["controller-revision-hash"] == revision.metadata.name
        status = (await world.get(StatefulSet, "web")).status
        assert status.current_revision == status.update_revision == revision.metadata.name
        assert await world.messages("SuccessfulCreate") == {
            f"create Pod web-{n} in StatefulSet web successful" for n in (3, 4)
        }


async def test_scaling_is_in_order_and_halts_on_an_unhealthy_pod() -> None:
    async with control_plane(*ONLY) as world:
        sick: set[str] = set()
        world.reject = lambda found: (found.metadata.name or "") in sick
        pods = await world.run_pods()
        came: list[str] = []
        went: list[str] = []

        def note(old: Pod | None, new: Pod | None) -> None:
            if old is None and new is not None:
                came.append(new.metadata.name or "")
            elif new is None and old is not None:
                went.append(old.metadata.name or "")

        pods.add_handler(note)
        await world.create(stateful_set(1))
        await ready(world, 1)
        await world.report(await world.get(Pod, "web-0"), "Running", ready=False)
        await scale(world, 3)
        await asyncio.sleep(20)
        assert await names(world) == ["web-0"]
        await world.report(await world.get(Pod, "web-0"), "Running", ready=True)
        await ready(world, 3)
        assert await names(world) == ["web-0", "web-1", "web-2"]
        for name in await names(world):
            await world.report(await world.get(Pod, name), "Running", ready=False)
        await world.until(lambda: status_is(world, ready_replicas=None))
        await scale(world, 0)
        await asyncio.sleep(20)
        assert await names(world) == ["web-0", "web-1", "web-2"]
        for name in await names(world):
            await world.report(await world.get(Pod, name), "Running", ready=True)
        await ready(world, 0)
        assert (came, went) == (["web-0", "web-1", "web-2"], ["web-2", "web-1", "web-0"])


async def test_burst_scaling_ignores_unhealthy_pods() -> None:
    async with control_plane(*ONLY) as world:
        world.reject = lambda found: True
        await world.run_pods()
        await world.create(stateful_set(3, podManagementPolicy="Parallel"))
        await world.until(lambda: has(world, ["web-0", "web-1", "web-2"]))
        await scale(world, 1)
        await world.until(lambda: has(world, ["web-0"]))
        await scale(world, 0)
        await world.until(lambda: has(world, []))


async def has(world: World, wanted: list[str]) -> bool:
    return await names(world) == wanted


async def test_rolling_update_and_roll_back() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(stateful_set(3))
        await ready(world, 3)
        first = (await world.get(StatefulSet, "web")).status.current_revision
        await set_image(world, "example/web:2")
        await world.until(lambda: all_images(world, "example/web:2"))
        await world.until(lambda: settled_at(world))
        second = (await world.get(StatefulSet, "web")).status.current_revision
        assert first != second
        await set_image(world, "example/web:1")
        await world.until(lambda: all_images(world, "example/web:1"))
        await world.until(lambda: settled_at(world))
        assert (await world.get(StatefulSet, "web")).status.current_revision == first
        numbers = {found.metadata.name: found.revision for found in await world.list(ControllerRevision)}
        assert numbers == {first: 3, second: 2}


async def all_images(world: World, image: str) -> bool:
    found = await images(world)
    return len(found) == 3 and set(found.values()) == {image}


async def settled_at(world: World) -> bool:
    status = (await world.get(StatefulSet, "web")).status
    return status.current_revision == status.update_revision and status.ready_replicas == 3


async def test_canary_and_phased_update() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}
        await world.create(stateful_set(3, updateStrategy=strategy))
        await ready(world, 3)
        await set_image(world, "example/web:2")
        await world.until(lambda: differing(world))
        await asyncio.sleep(30)
        assert set((await images(world)).values()) == {"example/web:1"}
        await set_partition(world, 2)
        await world.until(lambda: image_of(world, "web-2", "example/web:2"))
        await ready(world, 3)
        # Deleted pods come back at the revision their ordinal is at.
        await world.client.delete(Pod, "web-0", "default")
        await world.client.delete(Pod, "web-2", "default")
        await asyncio.sleep(20)
        await ready(world, 3)
        assert await images(world) == {"web-0": "example/web:1", "web-1": "example/web:1", "web-2": "example/web:2"}
        status = (await world.get(StatefulSet, "web")).status
        assert (status.current_replicas, status.updated_replicas) == (2, 1)
        for partition in (1, 0):
            await set_partition(world, partition)
            await world.until(lambda at=partition: image_of(world, f"web-{at}", "example/web:2"))  # type: ignore[misc]
            await ready(world, 3)
        await world.until(lambda: settled_at(world))


async def differing(world: World) -> bool:
    status = (await world.get(StatefulSet, "web")).status
    return status.current_revision != status.update_revision


async def set_partition(world: World, partition: int) -> None:
    body = {"spec": {"updateStrategy": {"rollingUpdate": {"partition": partition}}}}
    await world.client.patch(StatefulSet, "web", "default", body=body)


async def image_of(world: World, name: str, image: str) -> bool:
    return (await images(world)).get(name) == image


async def test_evicted_pod_is_made_again() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(stateful_set(1))
        await ready(world, 1)
        before = await world.get(Pod, "web-0")
        await world.report(before, "Failed")
        await world.until(lambda: replaced(world, before))
        await ready(world, 1)


async def replaced(world: World, before: Pod) -> bool:
    found = [pod for pod in await world.list(Pod) if pod.metadata.name == before.metadata.name]
    return bool(found) and found[0].metadata.uid != before.metadata.uid


async def test_pod_is_made_as_soon_as_the_one_in_the_way_goes() -> None:
    async with control_plane(*ONLY) as world:
        await world.create({**pod("web-0", labels={"other": "pod"})})
        await world.create(stateful_set(1))
        await asyncio.sleep(5)
        assert not (await world.get(Pod, "web-0")).metadata.owner_references
        await world.client.delete(Pod, "web-0", "default", grace_period_seconds=0)

        async def owned() -> bool:
            return [bool(found.metadata.owner_references) for found in await world.list(Pod)] == [True]

        await world.until(owned, within_seconds=100)


async def test_orphan_with_a_members_name_is_adopted_and_labeled() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(pod("web-0", labels={"app": "web"}))
        await world.create(stateful_set(1))

        async def adopted() -> bool:
            found = await world.get(Pod, "web-0")
            is_labeled = (found.metadata.labels or {}).get("statefulset.kubernetes.io/pod-name") == "web-0"
            return bool(found.metadata.owner_references) and is_labeled

        await world.until(adopted)


async def test_claims_are_made_before_the_pod_and_kept() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(stateful_set(2, volumeClaimTemplates=CLAIMS))
        await ready(world, 2)
        found = await world.list(PersistentVolumeClaim)
        assert sorted(claim.metadata.name or "" for claim in found) == ["data-web-0", "data-web-1"]
        assert all((claim.metadata.labels or {}).get("app") == "web" for claim in found)
        volumes = (await world.get(Pod, "web-1")).spec.volumes or []
        claims = [volume.persistent_volume_claim.claim_name for volume in volumes if volume.persistent_volume_claim]
        assert claims == ["data-web-1"]
        await scale(world, 0)
        await ready(world, 0)
        assert len(await world.list(PersistentVolumeClaim)) == 2
        assert "create Claim data-web-0 Pod web-0 in StatefulSet web success" in await world.messages(
            "SuccessfulCreate"
        )


@pytest.mark.parametrize("when_scaled", ["Retain", "Delete"])
async def test_claims_follow_the_retention_policy_when_scaled(when_scaled: str) -> None:
    async with control_plane(*ONLY, "garbage-collector-controller", "persistentvolumeclaim-protection-controller") as w:
        await w.run_pods()
        policy = {"whenDeleted": "Delete", "whenScaled": when_scaled}
        await w.create(stateful_set(2, volumeClaimTemplates=CLAIMS, persistentVolumeClaimRetentionPolicy=policy))
        await ready(w, 2)
        await scale(w, 1)
        await ready(w, 1)
        await asyncio.sleep(30)
        left = sorted(claim.metadata.name or "" for claim in await w.list(PersistentVolumeClaim))
        assert left == (["data-web-0"] if when_scaled == "Delete" else ["data-web-0", "data-web-1"])
        await w.client.delete(StatefulSet, "web", "default", propagation_policy="Background")

        async def empty() -> bool:
            return not await w.list(PersistentVolumeClaim) and not await w.list(Pod)

        await w.until(empty)


async def test_history_is_limited() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(stateful_set(1, revisionHistoryLimit=1))
        for number in range(2, 6):
            await ready(world, 1)
            await set_image(world, f"example/web:{number}")
            await world.until(lambda at=number: image_of(world, "web-0", f"example/web:{at}"))  # type: ignore[misc]

        async def short() -> bool:
            return len(await world.list(ControllerRevision)) == 2

        await world.until(short)
