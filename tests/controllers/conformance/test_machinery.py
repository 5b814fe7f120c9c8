"""The sig-api-machinery behaviours of controllers: garbage collection, namespaces, quotas."""

import asyncio
from typing import Any

import pytest
from tests.support.control_plane import World, control_plane, deployment, pod, template

from pybernetes.api.apps import Deployment, ReplicaSet
from pybernetes.api.core import ConfigMap, Namespace, Pod, ReplicationController, ResourceQuota, Secret, Service
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.status import StatusError
from pybernetes.client.client import STRATEGIC_MERGE_PATCH

GARBAGE = ("garbage-collector-controller", "replicationcontroller-controller")


def controller(name: str, replicas: int) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": labels, "template": template(labels)},
    }


async def pods(world: World) -> list[Pod]:
    return await world.list(Pod, "default")


async def ready(world: World, name: str, count: int) -> None:
    async def is_so() -> bool:
        return (await world.get(ReplicationController, name)).status.ready_replicas == count

    await world.until(is_so)


async def nothing_left(world: World, *kinds: type[Any]) -> None:
    async def is_so() -> bool:
        return not [one for kind in kinds for one in await world.list(kind, "default")]

    await world.until(is_so)


def owned_by(*owners: Any) -> list[dict[str, Any]]:
    return [
        {"apiVersion": "v1", "kind": type(one).KIND, "name": one.metadata.name, "uid": one.metadata.uid}
        for one in owners
    ]


# Garbage collection


async def test_pods_of_a_controller_go_with_it() -> None:
    async with control_plane(*GARBAGE) as world:
        await world.run_pods()
        await world.create(controller("web", 3))
        await ready(world, "web", 3)
        await world.client.delete(ReplicationController, "web", "default", propagation_policy="Background")
        await nothing_left(world, ReplicationController, Pod)


async def test_pods_are_orphaned_on_request() -> None:
    async with control_plane(*GARBAGE) as world:
        await world.run_pods()
        await world.create(controller("web", 3))
        await ready(world, "web", 3)
        await world.client.delete(ReplicationController, "web", "default", propagation_policy="Orphan")
        await nothing_left(world, ReplicationController)
        await asyncio.sleep(60)
        assert [one.metadata.owner_references for one in await pods(world)] == [None, None, None]


async def test_controller_stays_until_all_its_pods_are_deleted() -> None:
    async with control_plane(*GARBAGE) as world:
        await world.run_pods()
        await world.create(controller("web", 2))
        await ready(world, "web", 2)
        held = (await pods(world))[0].metadata.name or ""
        await world.client.patch(Pod, held, "default", body={"metadata": {"finalizers": ["example.com/hold"]}})
        await world.client.delete(ReplicationController, "web", "default", propagation_policy="Foreground")

        async def one_left() -> bool:
            return len(await pods(world)) == 1

        await world.until(one_left)
        await asyncio.sleep(60)
        found = await world.get(ReplicationController, "web")
        assert found.metadata.finalizers == ["foregroundDeletion"]
        await world.client.patch(Pod, held, "default", body={"metadata": {"finalizers": None}})
        await nothing_left(world, ReplicationController, Pod)


async def test_dependent_with_another_valid_owner_stays() -> None:
    async with control_plane(*GARBAGE) as world:
        await world.run_pods()
        await world.create(controller("goes", 4))
        await world.create(controller("stays", 0))
        await ready(world, "goes", 4)
        stays = await world.get(ReplicationController, "stays")
        shared = [one.metadata.name or "" for one in await pods(world)][:2]
        for name in shared:
            body = {"metadata": {"ownerReferences": owned_by(stays)}}
            await world.client.patch(Pod, name, "default", body=body, content_type=STRATEGIC_MERGE_PATCH)
        await world.client.delete(ReplicationController, "goes", "default", propagation_policy="Foreground")

        async def gone() -> bool:
            return [one.metadata.name for one in await world.list(ReplicationController)] == ["stays"]

        await world.until(gone)
        await asyncio.sleep(60)
        left = await pods(world)
        assert sorted(one.metadata.name or "" for one in left) == sorted(shared)
        assert {reference.name for one in left for reference in one.metadata.owner_references or ()} == {"stays"}


async def test_circle_of_owners_is_no_obstacle() -> None:
    async with control_plane(*GARBAGE) as world:
        await world.run_pods()
        made = [await world.create(pod(f"pod{number}")) for number in (1, 2, 3)]
        for number, body in enumerate(made):
            owner = made[number - 1]["metadata"]
            reference = {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": owner["name"],
                "uid": owner["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
            name = body["metadata"]["name"]
            await world.client.patch(Pod, name, "default", body={"metadata": {"ownerReferences": [reference]}})
        await world.client.delete(Pod, "pod1", "default", propagation_policy="Foreground")
        await nothing_left(world, Pod)


@pytest.mark.parametrize(("policy", "kept"), [("Background", 0), ("Orphan", 1)])
async def test_replica_sets_of_a_deployment(policy: Any, kept: int) -> None:
    async with control_plane("garbage-collector-controller", "deployment-controller") as world:
        await world.create(deployment("web", 1))
        await world.until(lambda: world.list(ReplicaSet))
        await world.client.delete(Deployment, "web", "default", propagation_policy=policy)
        await nothing_left(world, Deployment)
        await asyncio.sleep(60)
        left = await world.list(ReplicaSet)
        assert len(left) == kept
        assert not [one for one in left if one.metadata.owner_references]


async def test_owner_in_another_namespace_is_told_and_the_dependent_collected() -> None:
    async with control_plane(*GARBAGE) as world:
        await world.create(Namespace(metadata=ObjectMeta(name="other")))
        owner = await world.create(ConfigMap(metadata=ObjectMeta(name="owner", namespace="other")))
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "dependent", "namespace": "default", "ownerReferences": owned_by(owner)},
        }
        await world.create(body)
        (message,) = await world.until(lambda: world.messages("OwnerRefInvalidNamespace"))
        assert message == (
            f"ownerRef [v1/ConfigMap, namespace: other, name: owner, uid: {owner.metadata.uid}] "
            'does not exist in namespace "default"'
        )

        async def collected() -> bool:
            return "dependent" not in {one.metadata.name for one in await world.list(ConfigMap, "default")}

        await world.until(collected)
        assert (await world.get(ConfigMap, "owner", "other")).metadata.uid == owner.metadata.uid


# Namespaces


async def test_pods_and_services_go_with_their_namespace() -> None:
    async with control_plane("namespace-controller") as world:
        await world.run_pods()
        await world.create(Namespace(metadata=ObjectMeta(name="team")))
        body = pod("work")
        body["metadata"]["namespace"] = "team"
        await world.create(body)
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "team"},
            "spec": {"ports": [{"port": 80}]},
        }
        await world.create(service)
        await world.client.delete(Namespace, "team")

        async def gone() -> bool:
            return "team" not in {one.metadata.name for one in await world.list(Namespace)}

        await world.until(gone)
        await world.create(Namespace(metadata=ObjectMeta(name="team")))
        assert not await world.list(Pod, "team") and not await world.list(Service, "team")


async def test_pods_are_deleted_first_and_the_rest_waits_for_them() -> None:
    async with control_plane("namespace-controller") as world:
        await world.create(Namespace(metadata=ObjectMeta(name="team")))
        body = pod("work")
        body["metadata"].update(namespace="team", finalizers=["example.com/hold"])
        await world.create(body)
        await world.create(ConfigMap(metadata=ObjectMeta(name="needed", namespace="team")))
        await world.client.delete(Namespace, "team")

        async def remaining() -> str:
            conditions = (await world.get(Namespace, "team", "")).status.conditions or []
            return next((one.message or "" for one in conditions if one.type == "NamespaceContentRemaining"), "")

        message = await world.until(remaining)
        assert message == "Some resources are remaining: pods. has 1 resource instances"
        await asyncio.sleep(30)
        assert "needed" in {one.metadata.name for one in await world.list(ConfigMap, "team")}
        await world.client.patch(Pod, "work", "team", body={"metadata": {"finalizers": None}})

        async def gone() -> bool:
            return "team" not in {one.metadata.name for one in await world.list(Namespace)}

        await world.until(gone)


async def test_finalizers_and_status_of_a_namespace_are_its_users() -> None:
    async with control_plane("namespace-controller") as world:
        made = await world.create(Namespace(metadata=ObjectMeta(name="team")))
        assert made.spec.finalizers == ["kubernetes"] and made.status.phase == "Active"
        made.spec.finalizers = ["kubernetes", "e2e.example.com/fakeFinalizer"]
        updated = await world.client.update(made, subresource="finalize")
        assert updated.spec.finalizers == ["kubernetes", "e2e.example.com/fakeFinalizer"]
        updated.spec.finalizers = ["kubernetes"]
        await world.client.update(updated, subresource="finalize")
        patched = await world.client.patch(Namespace, "team", body={"metadata": {"labels": {"testLabel": "value"}}})
        assert (patched.metadata.labels or {})["testLabel"] == "value"
        condition = {"type": "StatusPatch", "status": "True", "reason": "E2E", "message": "Patched by an e2e test"}
        body = {"status": {"conditions": [condition]}}
        changed = await world.client.patch(Namespace, "team", body=body, subresource="status")
        assert [one.type for one in changed.status.conditions or ()] == ["StatusPatch"]


# Quotas


def quota(hard: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "limits", "namespace": "default"},
        "spec": {"hard": hard, **spec},
    }


async def used(world: World, **expected: str) -> None:
    wanted = {name.replace("__", "/").replace("_", "."): value for name, value in expected.items()}

    async def is_so() -> bool:
        status = (await world.get(ResourceQuota, "limits")).status
        return {name: (status.used or {}).get(name) for name in wanted} == wanted

    await world.until(is_so)


async def test_life_of_everything_a_quota_counts() -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"ports": [{"port": 80}], "type": "NodePort"},
    }
    replicas = {**deployment("web", 0), "kind": "ReplicaSet"}
    hard = {
        "configmaps": "10",
        "secrets": "10",
        "services": "10",
        "services.nodeports": "1",
        "replicationcontrollers": "10",
        "count/replicasets.apps": "10",
        "resourcequotas": "1",
    }
    async with control_plane("resourcequota-controller") as world:
        await world.create(quota(hard))
        await used(world, configmaps="0", resourcequotas="1")
        await world.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default")))
        await world.create(Secret(metadata=ObjectMeta(name="a", namespace="default")))
        await world.create(service)
        await world.create(controller("rc", 0))
        await world.create(replicas)
        await used(world, configmaps="1", secrets="1", services="2", services_nodeports="1")
        await used(world, replicationcontrollers="1", count__replicasets_apps="1")
        again = {**service, "metadata": {"name": "second", "namespace": "default"}}
        with pytest.raises(StatusError, match="exceeded quota: limits"):
            await world.create(again)
        kinds: tuple[tuple[type[Any], str], ...] = (
            (ConfigMap, "a"),
            (Secret, "a"),
            (Service, "web"),
            (ReplicationController, "rc"),
            (ReplicaSet, "web"),
        )
        for kind, name in kinds:
            await world.client.delete(kind, name, "default", propagation_policy="Background")
        await used(world, configmaps="0", secrets="0", services="1", services_nodeports="0")
        await used(world, replicationcontrollers="0", count__replicasets_apps="0")


async def test_terminating_and_other_pods_are_told_apart() -> None:
    async with control_plane("resourcequota-controller") as world:
        await world.create(quota({"pods": "5", "requests.cpu": "1"}, scopes=["Terminating"]))
        lasting = pod("lasting")
        lasting["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100m"}}
        await world.create(lasting)
        ending = pod("ending", activeDeadlineSeconds=3600)
        ending["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "200m"}}
        await world.create(ending)
        await used(world, pods="1", requests_cpu="200m")
        await world.client.delete(Pod, "ending", "default", grace_period_seconds=0)
        await used(world, pods="0", requests_cpu="0")


async def test_quota_is_updated_and_deleted_and_its_status_set_right() -> None:
    async with control_plane("resourcequota-controller") as world:
        await world.create(quota({"cpu": "1", "memory": "500Mi"}))
        await used(world, cpu="0", memory="0")
        body = {"spec": {"hard": {"cpu": "2", "memory": "1Gi"}}}
        await world.client.patch(ResourceQuota, "limits", "default", body=body)

        async def taken() -> bool:
            return (await world.get(ResourceQuota, "limits")).status.hard == {"cpu": "2", "memory": "1Gi"}

        await world.until(taken)
        wrong = {"status": {"hard": {"cpu": "99"}}}
        await world.client.patch(ResourceQuota, "limits", "default", body=wrong, subresource="status")
        await world.until(taken)
        await world.client.delete(ResourceQuota, "limits", "default")
        await asyncio.sleep(5)
        assert not await world.list(ResourceQuota)


async def test_exceeded_quota_is_a_failure_of_the_controller_that_recovers() -> None:
    async with control_plane("replicationcontroller-controller", "resourcequota-controller") as world:
        await world.create(quota({"pods": "2"}))
        await used(world, pods="0")
        await world.create(controller("web", 3))

        async def conditions() -> list[Any]:
            return (await world.get(ReplicationController, "web")).status.conditions or []

        (condition,) = await world.until(conditions)
        assert (condition.type, condition.reason) == ("ReplicaFailure", "FailedCreate")
        assert "exceeded quota: limits" in (condition.message or "")
        await world.client.patch(ReplicationController, "web", "default", body={"spec": {"replicas": 2}})

        async def recovered() -> bool:
            return not await conditions()

        await world.until(recovered)
