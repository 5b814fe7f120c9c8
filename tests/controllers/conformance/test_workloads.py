"""The sig-apps behaviours of Deployments, ReplicaSets, DaemonSets and StatefulSets that the other tests do not have."""

import asyncio
from typing import Any

import pytest
from tests.support.control_plane import World, control_plane, deployment, node, pod, replica_set, template

from pybernetes.api.apps import ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet
from pybernetes.api.core import Pod
from pybernetes.api.resource import resource
from pybernetes.client.client import STRATEGIC_MERGE_PATCH
from pybernetes.client.view import View

DEPLOYMENT = ("deployment-controller", "replicaset-controller")
DAEMON = ("daemonset-controller", "node-lifecycle-controller")
FOREVER = {"node_monitor_grace_period_seconds": 1e6}
REVISION = "deployment.kubernetes.io/revision"


async def set_image(world: World, kind: type[Any], image: str, name: str = "web") -> None:
    body = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}
    await world.client.patch(kind, name, "default", body=body, content_type=STRATEGIC_MERGE_PATCH)


async def images(world: World) -> list[str]:
    found = [one for one in await world.list(Pod, "default") if one.metadata.deletion_timestamp is None]
    return sorted(one.spec.containers[0].image or "" for one in found if one.spec.containers)


async def status_of(world: World, kind: type[Any], name: str = "web", **wanted: Any) -> bool:
    status = (await world.get(kind, name)).status
    return all(getattr(status, field) == value for field, value in wanted.items())


async def available(world: World, count: int, image: str | None = None) -> None:
    async def is_so() -> bool:
        status = (await world.get(Deployment, "web")).status
        sizes = (status.available_replicas or 0, status.replicas or 0, status.updated_replicas or 0)
        return sizes == (count, count, count) and (image is None or await images(world) == [image] * count)

    await world.until(is_so)


async def sets(world: World) -> dict[str, ReplicaSet]:
    """ReplicaSets by the image of their template."""
    found = await world.list(ReplicaSet, "default")
    return {(one.spec.template.spec.containers or [])[0].image or "": one for one in found}


# Deployments


async def test_deployment_adopts_pods_through_an_older_replica_set_and_replaces_them() -> None:
    async with control_plane(*DEPLOYMENT) as world:
        await world.run_pods()
        old = replica_set("old", 1)
        labels = {"app": "web"}
        old["spec"].update(selector={"matchLabels": labels}, template=template(labels, image="example/web:0"))
        old["metadata"]["labels"] = labels
        old["metadata"]["annotations"] = {REVISION: "3546343826724305832"}
        await world.create(old)
        await world.until(lambda: status_of(world, ReplicaSet, "old", ready_replicas=1))
        await world.create(deployment("web", 1))
        await available(world, 1, "example/web:1")
        found = await sets(world)
        adopted = found["example/web:0"]
        assert [one.name for one in adopted.metadata.owner_references or ()] == ["web"]
        assert adopted.spec.replicas == 0
        assert (found["example/web:1"].metadata.annotations or {})[REVISION] == "3546343826724305833"


async def test_recreate_deletes_all_before_it_creates() -> None:
    async with control_plane(*DEPLOYMENT) as world:
        pods = await world.run_pods()
        await world.create(deployment("web", 3, strategy={"type": "Recreate"}))
        await available(world, 3, "example/web:1")
        together: list[set[str]] = []

        def note(old: Pod | None, new: Pod | None) -> None:
            alive = [one for one in pods.list() if one.metadata.deletion_timestamp is None]
            together.append({one.spec.containers[0].image or "" for one in alive if one.spec.containers})

        pods.add_handler(note)
        await set_image(world, Deployment, "example/web:2")
        await available(world, 3, "example/web:2")
        assert not [mixed for mixed in together if len(mixed) > 1]


async def test_old_replica_sets_are_deleted() -> None:
    async with control_plane(*DEPLOYMENT) as world:
        await world.run_pods()
        await world.create(deployment("web", 1, revisionHistoryLimit=0))
        await available(world, 1)
        await set_image(world, Deployment, "example/web:2")
        await available(world, 1, "example/web:2")

        async def only_the_new() -> bool:
            return list(await sets(world)) == ["example/web:2"]

        await world.until(only_the_new)


async def test_rollover_goes_on_with_the_newest_template() -> None:
    async with control_plane(*DEPLOYMENT) as world:
        world.reject = lambda one: "broken" in (one.spec.containers or [])[0].image  # type: ignore[operator]
        await world.run_pods()
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
        await world.create(deployment("web", 2, strategy=strategy))
        await available(world, 2)
        await set_image(world, Deployment, "example/broken:1")
        await asyncio.sleep(20)
        assert await images(world) == ["example/broken:1", "example/web:1", "example/web:1"]
        await set_image(world, Deployment, "example/web:2")
        await available(world, 2, "example/web:2")
        found = await sets(world)
        assert {image: one.spec.replicas for image, one in found.items()} == {
            "example/web:1": 0,
            "example/broken:1": 0,
            "example/web:2": 2,
        }


async def test_scaling_in_the_middle_of_a_rollout_is_proportional() -> None:
    async with control_plane(*DEPLOYMENT) as world:
        world.reject = lambda one: "broken" in (one.spec.containers or [])[0].image  # type: ignore[operator]
        await world.run_pods()
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}
        await world.create(deployment("web", 10, strategy=strategy))
        await available(world, 10)
        await set_image(world, Deployment, "example/broken:1")

        async def sizes() -> tuple[int, int]:
            found = await sets(world)
            new = found.get("example/broken:1")
            return found["example/web:1"].spec.replicas or 0, (new.spec.replicas or 0) if new is not None else 0

        async def held() -> bool:
            return await sizes() == (8, 5)

        await world.until(held)
        await world.client.patch(Deployment, "web", "default", body={"spec": {"replicas": 30}})

        async def shared() -> bool:
            return await sizes() == (20, 13)

        await world.until(shared)


async def test_rollback_by_annotation() -> None:
    async with control_plane(*DEPLOYMENT) as world:
        await world.run_pods()
        await world.create(deployment("web", 1))
        await available(world, 1)
        await set_image(world, Deployment, "example/web:2")
        await available(world, 1, "example/web:2")
        asked = {"metadata": {"annotations": {"deprecated.deployment.rollback.to": "1"}}}
        await world.client.patch(Deployment, "web", "default", body=asked)
        await available(world, 1, "example/web:1")
        found = await world.get(Deployment, "web")
        assert "deprecated.deployment.rollback.to" not in (found.metadata.annotations or {})
        assert await world.messages("DeploymentRollback") == {'Rolled back deployment "web" to revision 1'}
        asked = {"metadata": {"annotations": {"deprecated.deployment.rollback.to": "77"}}}
        await world.client.patch(Deployment, "web", "default", body=asked)
        assert await world.until(lambda: world.messages("DeploymentRollbackRevisionNotFound"))


async def test_progress_deadline_is_told_and_overcome() -> None:
    async with control_plane(*DEPLOYMENT) as world:
        world.reject = lambda one: "broken" in (one.spec.containers or [])[0].image  # type: ignore[operator]
        await world.run_pods()
        await world.create(deployment("web", 1, progressDeadlineSeconds=30))
        await available(world, 1)
        await set_image(world, Deployment, "example/broken:1")

        async def progressing() -> tuple[str, str]:
            conditions = (await world.get(Deployment, "web")).status.conditions or []
            return next((one.status, one.reason or "") for one in conditions if one.type == "Progressing")

        async def exceeded() -> bool:
            return await progressing() == ("False", "ProgressDeadlineExceeded")

        await world.until(exceeded, within_seconds=60)
        await set_image(world, Deployment, "example/web:2")
        await available(world, 1, "example/web:2")

        async def fine() -> bool:
            return await progressing() == ("True", "NewReplicaSetAvailable")

        await world.until(fine)


@pytest.mark.parametrize(
    ("plural", "body", "only"),
    [
        ("deployments", deployment("web", 1), DEPLOYMENT),
        ("replicasets", replica_set("web", 1), ("replicaset-controller",)),
        (
            "statefulsets",
            {**replica_set("web", 1), "kind": "StatefulSet"},
            ("statefulset-controller",),
        ),
    ],
)
async def test_scale_status_and_collection(plural: str, body: dict[str, Any], only: tuple[str, ...]) -> None:
    view: View[dict[str, Any]] = View(resource(plural, "apps"), dict)
    async with control_plane(*only) as world:
        await world.run_pods()
        await world.create({**body, "metadata": {**body["metadata"], "labels": {"e2e": "yes"}}})

        async def ready(count: int) -> bool:
            status = (await world.client.get(view, "web", "default"))["status"]
            return status.get("readyReplicas", 0) == count and status.get("observedGeneration") is not None

        await world.until(lambda: ready(1))
        scale = await world.client.patch(view, "web", "default", body={"spec": {"replicas": 2}}, subresource="scale")
        assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 2)
        await world.until(lambda: ready(2))
        condition = {"type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "Set from e2e test"}
        current = await world.client.get(view, "web", "default")
        current["status"].setdefault("conditions", []).append(condition)
        await world.client.update_status(current)
        await asyncio.sleep(1)
        kept = (await world.client.get(view, "web", "default"))["status"]["conditions"]
        assert "StatusUpdate" in {one["type"] for one in kept}
        await world.client.delete_collection(view, "default", label_selector="e2e=yes")
        assert not (await world.client.list(view, "default")).items


# ReplicaSets


async def test_replica_set_adopts_and_releases() -> None:
    async with control_plane("replicaset-controller") as world:
        await world.create(pod("orphan", labels={"app": "web"}))
        await world.create(replica_set("web", 1))

        async def owner() -> list[str]:
            references = (await world.get(Pod, "orphan")).metadata.owner_references or []
            return [one.name for one in references]

        async def adopted() -> bool:
            return await owner() == ["web"]

        await world.until(adopted)
        await world.client.patch(Pod, "orphan", "default", body={"metadata": {"labels": {"app": "other"}}})

        async def released() -> bool:
            return await owner() == []

        await world.until(released)


# DaemonSets


def daemon_set(**spec: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "web", "namespace": "default", "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": template(labels), **spec},
    }


async def daemons(world: World, count: int, image: str = "example/web:1") -> None:
    async def is_so() -> bool:
        status = (await world.get(DaemonSet, "web")).status
        numbers = (status.desired_number_scheduled, status.number_ready, status.updated_number_scheduled or 0)
        return numbers == (count, count, count) and await images(world) == [image] * count

    await world.until(is_so)


async def start_daemons(world: World, body: dict[str, Any], *names: str) -> Any:
    """Nodes of these names with a ready daemon each; the DaemonSet as it was made."""
    await world.run_pods()
    for name in names:
        await world.create(node(name))
    made = await world.create(body)
    await daemons(world, len(names))
    return made


async def test_daemon_pod_that_is_deleted_or_fails_comes_back() -> None:
    async with control_plane(*DAEMON, **FOREVER) as world:
        await start_daemons(world, daemon_set(), "a", "b")
        first, second = await world.list(Pod, "default")
        await world.client.delete(Pod, first.metadata.name or "", "default", grace_period_seconds=0)
        await world.report(second, "Failed", exit_code=1)
        await asyncio.sleep(5)
        await daemons(world, 2)
        left = {one.metadata.uid for one in await world.list(Pod, "default")}
        assert not {first.metadata.uid, second.metadata.uid} & left


async def test_rollback_restarts_only_what_has_to() -> None:
    async with control_plane(*DAEMON, **FOREVER) as world:
        world.reject = lambda one: "broken" in (one.spec.containers or [])[0].image  # type: ignore[operator]
        await start_daemons(world, daemon_set(), "a", "b", "c")
        await set_image(world, DaemonSet, "example/broken:1")

        async def begun() -> bool:
            return "example/broken:1" in await images(world)

        await world.until(begun)
        await asyncio.sleep(20)
        untouched = {
            one.metadata.uid
            for one in await world.list(Pod, "default")
            if (one.spec.containers or [])[0].image == "example/web:1"
        }
        assert len(untouched) == 2
        await set_image(world, DaemonSet, "example/web:1")
        await daemons(world, 3)
        assert untouched <= {one.metadata.uid for one in await world.list(Pod, "default")}


async def test_controller_revision_lifecycle() -> None:
    async with control_plane(*DAEMON, **FOREVER) as world:
        await start_daemons(world, daemon_set(), "a")
        (first,) = await world.list(ControllerRevision)
        assert [one.name for one in first.metadata.owner_references or ()] == ["web"]
        name = first.metadata.name or ""
        labeled = {"metadata": {"labels": {"e2e": "yes"}}}
        await world.client.patch(ControllerRevision, name, "default", body=labeled)
        await set_image(world, DaemonSet, "example/web:2")
        await daemons(world, 1, "example/web:2")
        assert sorted(one.revision for one in await world.list(ControllerRevision)) == [1, 2]
        await world.client.delete_collection(ControllerRevision, "default", label_selector="e2e=yes")
        assert [one.revision for one in await world.list(ControllerRevision)] == [2]
        (newest,) = await world.list(ControllerRevision)
        await world.client.delete(ControllerRevision, newest.metadata.name or "", "default")

        async def made_again() -> bool:
            return bool(await world.list(ControllerRevision))

        await world.until(made_again)


async def test_daemon_set_status_is_kept_and_collection_deleted() -> None:
    async with control_plane(*DAEMON, **FOREVER) as world:
        await start_daemons(world, daemon_set(), "a")
        condition = {"type": "StatusUpdate", "status": "True", "reason": "E2E", "message": "Set from e2e test"}
        body = {"status": {"conditions": [condition]}}
        await world.client.patch(DaemonSet, "web", "default", body=body, subresource="status")
        await asyncio.sleep(5)
        conditions = (await world.get(DaemonSet, "web")).status.conditions or []
        assert [one.type for one in conditions] == ["StatusUpdate"]
        await world.client.delete_collection(DaemonSet, "default", label_selector="app=web")
        assert not await world.list(DaemonSet)
        assert not await world.list(StatefulSet)
