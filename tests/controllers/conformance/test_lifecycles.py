"""Whole lives of workloads, as [sig-apps] follows them: created, scaled, patched, replaced, listed and deleted."""

import asyncio
from typing import Any

from tests.controllers.cronjob.test_controller import cron_job, finish, names
from tests.controllers.test_daemonset import daemon_set, places, rolled_out, until_places
from tests.controllers.test_replicationcontroller import RC, controller
from tests.support.control_plane import World, control_plane, deployment, node, template

from pybernetes.api.apps import DaemonSet, Deployment, ReplicaSet
from pybernetes.api.batch import CronJob, Job
from pybernetes.api.core import Node, Pod
from pybernetes.api.resource import resource
from pybernetes.client.client import STRATEGIC_MERGE_PATCH
from pybernetes.client.view import View

RS = resource("replicasets", "apps")
FOREVER: dict[str, Any] = {
    "node_monitor_grace_period_seconds": 1e6,
    "node_startup_grace_period_seconds": 1e6,
}


async def test_daemons_follow_the_labels_of_nodes_and_the_selector_of_the_template() -> None:
    async with control_plane("daemonset-controller", "node-lifecycle-controller", **FOREVER) as world:
        await world.run_pods()
        for name in ("a", "b"):
            await world.create(node(name))
        body = daemon_set(updateStrategy={"type": "RollingUpdate"})
        body["spec"]["template"]["spec"]["nodeSelector"] = {"daemonset-color": "blue"}
        await world.create(body)
        await asyncio.sleep(5)
        assert await places(world) == []
        await label(world, "a", "blue")
        await until_places(world, "a")
        status = (await world.get(DaemonSet, "agent")).status
        assert (status.desired_number_scheduled, status.number_misscheduled) == (1, 0)
        await label(world, "a", "green")
        await until_places(world)
        green = {"spec": {"template": {"spec": {"nodeSelector": {"daemonset-color": "green"}}}}}
        await world.client.patch(DaemonSet, "agent", "default", body=green)
        await until_places(world, "a")
        image = template({})["spec"]["containers"][0]["image"]
        await world.until(lambda: rolled_out(world, image, 1))


async def label(world: World, name: str, color: str) -> None:
    await world.client.patch(Node, name, body={"metadata": {"labels": {"daemonset-color": color}}})


async def test_cron_job_runs_jobs_side_by_side_and_removes_the_finished_ones() -> None:
    async with control_plane("cronjob-controller") as world:
        await world.create(cron_job(concurrencyPolicy="Allow", successfulJobsHistoryLimit=1))
        await asyncio.sleep(605)
        active = (await world.get(CronJob, "tick")).status.active or []
        assert sorted(one.name for one in active) == await names(world)
        assert len(active) == 2
        for found in await world.list(Job):
            await finish(world, found)

        async def one_left() -> bool:
            return len(await names(world)) == 1 and not (await world.get(CronJob, "tick")).status.active

        await world.until(one_left, within_seconds=60)
        owner = ((await world.list(Job))[0].metadata.owner_references or [])[0]
        assert (owner.kind, owner.name, owner.controller) == ("CronJob", "tick", True)


async def test_replica_set_is_scaled_replaced_and_patched() -> None:
    labels = {"app": "web"}
    body = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "web", "namespace": "default", "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template(labels)},
    }
    async with control_plane("replicaset-controller") as world:
        await world.run_pods()
        await world.create(body)

        async def ready(count: int) -> bool:
            status = (await world.get(ReplicaSet, "web")).status
            return (status.ready_replicas or 0) == status.replicas == count

        await world.until(lambda: ready(1))
        scale = {"kind": "Scale", "apiVersion": "autoscaling/v1"}
        scale |= {"metadata": {"name": "web", "namespace": "default"}, "spec": {"replicas": 2}}  # type: ignore[dict-item]
        view: View[Any] = View(RS, dict)
        await world.client.update(scale, subresource="scale", resource=RS)
        await world.until(lambda: ready(2))
        patch = {
            "metadata": {"labels": {"test-rs": "patched"}},
            "spec": {
                "replicas": 3,
                "template": {
                    "metadata": {"labels": {"test-rs": "patched"}},
                    "spec": {
                        "terminationGracePeriodSeconds": 0,
                        "containers": [{"name": "main", "image": "example/web:2"}],
                    },
                },
            },
        }
        await world.client.patch(ReplicaSet, "web", "default", body=patch, content_type=STRATEGIC_MERGE_PATCH)
        await world.until(lambda: ready(3))
        found: Any = await world.client.get(view, "web", "default")
        assert found["metadata"]["labels"] == {"app": "web", "test-rs": "patched"}
        status = found["status"]
        assert (status["fullyLabeledReplicas"], status["observedGeneration"]) == (1, found["metadata"]["generation"])
        pods = await world.list(Pod)
        images = sorted((one.spec.containers or [])[0].image or "" for one in pods)
        assert images.count("example/web:2") == 1, "only what is made from now on follows the template"


async def test_replication_controller_from_creation_to_deletion() -> None:
    view: View[Any] = View(RC, dict)
    async with control_plane("replicationcontroller-controller", "garbage-collector-controller") as world:
        await world.run_pods()
        await world.create(controller("web"))

        async def ready(count: int) -> bool:
            return (await world.client.get(view, "web", "default"))["status"].get("readyReplicas", 0) == count

        await world.until(lambda: ready(1))
        patched = await world.client.patch(
            view, "web", "default", body={"metadata": {"labels": {"test-rc-static": "true"}}}
        )
        assert patched["metadata"]["labels"]["test-rc-static"] == "true"
        told = await world.client.patch(
            view, "web", "default", body={"status": {"readyReplicas": 0, "availableReplicas": 0}}, subresource="status"
        )
        assert told["status"].get("readyReplicas", 0) == 0
        await world.until(lambda: ready(1))
        scale = await world.client.patch(view, "web", "default", body={"spec": {"replicas": 2}}, subresource="scale")
        assert scale["spec"]["replicas"] == 2
        await world.until(lambda: ready(2))
        for _ in range(5):
            current = await world.client.get(view, "web", "default")
            current["spec"]["replicas"] = 3
            try:
                await world.client.update(current, resource=RC)
                break
            except Exception as error:
                assert getattr(error, "code", 0) == 409
        await world.until(lambda: ready(3))
        everywhere = await world.client.list(view, label_selector="test-rc-static=true")
        assert [one["metadata"]["name"] for one in everywhere] == ["web"]
        await world.client.delete_collection(view, "default", label_selector="test-rc-static=true")

        async def orphaned() -> bool:
            pods = await world.list(Pod)
            is_gone = not (await world.client.list(view)).items
            return is_gone and len(pods) == 3 and not any(one.metadata.owner_references for one in pods)

        await world.until(orphaned)  # v1 controllers let go of their pods unless told otherwise


async def test_deployment_from_creation_to_deletion() -> None:
    """Created, scaled down with another template, its status set by a user and set right, deleted as a collection."""
    async with control_plane("deployment-controller", "replicaset-controller", "garbage-collector-controller") as world:
        await world.run_pods()
        body = deployment("web", 2)
        body["metadata"]["labels"] = {"test-deployment": "static"}
        await world.create(body)
        version = (await world.client.list(Deployment, "default")).resource_version
        seen: list[tuple[str, int]] = []

        async def follow() -> None:
            selector = "test-deployment"
            async for event in world.client.watch(
                Deployment, "default", resource_version=version, label_selector=selector
            ):
                seen.append((event.type, event.object.status.ready_replicas or 0))

        following = asyncio.create_task(follow())

        async def ready(replicas: int, image: str) -> bool:
            status = (await world.get(Deployment, "web")).status
            pods = [one for one in await world.list(Pod, "default") if one.metadata.deletion_timestamp is None]
            images = {(one.spec.containers or [])[0].image for one in pods}
            numbers = (status.replicas, status.ready_replicas, status.updated_replicas)
            return numbers == (replicas,) * 3 and images == {image}

        await world.until(lambda: ready(2, "example/web:1"))
        patch = {
            "metadata": {"labels": {"test-deployment": "patched"}},
            "spec": {
                "replicas": 1,
                "template": {
                    "spec": {
                        "terminationGracePeriodSeconds": 0,
                        "containers": [{"name": "main", "image": "example/web:2"}],
                    }
                },
            },
        }
        await world.client.patch(Deployment, "web", "default", body=patch, content_type=STRATEGIC_MERGE_PATCH)
        await world.until(lambda: ready(1, "example/web:2"))
        (listed,) = (await world.client.list(Deployment, label_selector="test-deployment=patched")).items
        assert (listed.spec.replicas, listed.spec.template.spec.termination_grace_period_seconds) == (1, 0)
        wrong = {"metadata": {"labels": {"test-deployment": "patched-status"}}, "status": {"updatedReplicas": 0}}
        told = await world.client.patch(Deployment, "web", "default", body=wrong, subresource="status")
        assert not told.status.updated_replicas
        await world.until(lambda: ready(1, "example/web:2"))  # the controller knows better
        await world.client.delete_collection(Deployment, "default", label_selector="test-deployment")

        async def gone() -> bool:
            left = [one for kind in (Deployment, ReplicaSet, Pod) for one in await world.list(kind, "default")]
            return not left and seen[-1][0] == "DELETED"

        await world.until(gone)
        following.cancel()
        assert {ready for _, ready in seen} == {0, 1, 2}
