"""Deployments, seen from outside: what pods and ReplicaSets there are after which change."""

from typing import Any

from tests.support.control_plane import World, control_plane, deployment, replica_set

from pybernetes.api.apps import Deployment, ReplicaSet
from pybernetes.api.core import Pod

CONTROLLERS = ("deployment-controller", "replicaset-controller")


def condition(found: Deployment, type_: str) -> Any:
    return next((c for c in found.status.conditions or () if c.type == type_), None)


async def is_rolled_out(world: World, name: str = "web") -> bool:
    found = await world.get(Deployment, name)
    status, wanted = found.status, found.spec.replicas
    return (
        status.observed_generation == found.metadata.generation
        and (status.updated_replicas or 0) == (status.replicas or 0) == (status.available_replicas or 0) == wanted
    )


async def set_image(world: World, image: str, name: str = "web") -> None:
    body = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}
    await world.client.patch(Deployment, name, "default", body=body)


async def test_deployment_gets_its_pods_and_reports_them() -> None:
    async with control_plane(*CONTROLLERS) as world:
        await world.run_pods()
        await world.create(deployment("web", 3))
        await world.until(lambda: is_rolled_out(world))
        found = await world.get(Deployment, "web")
        assert condition(found, "Available").status == "True"
        assert condition(found, "Progressing").reason == "NewReplicaSetAvailable"
        assert (found.metadata.annotations or {})["deployment.kubernetes.io/revision"] == "1"
        sets = await world.list(ReplicaSet)
        assert await world.messages("ScalingReplicaSet") == {
            f"Scaled up replica set {sets[0].metadata.name} from 0 to 3"
        }


async def test_rolling_update_never_leaves_the_bounds() -> None:
    async with control_plane(*CONTROLLERS) as world:
        pods = await world.run_pods()
        await world.create(deployment("web", 4, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}))
        await world.until(lambda: is_rolled_out(world))
        seen: list[tuple[int, int]] = []

        def note(old: Pod | None, new: Pod | None) -> None:
            alive = [found for found in pods.list() if found.metadata.deletion_timestamp is None]
            ready = [found for found in alive if found.status.phase == "Running"]
            seen.append((len(alive), len(ready)))

        pods.add_handler(note)
        seen.clear()
        await set_image(world, "example/web:2")
        await world.until(lambda: is_rolled_out(world))
        assert max(alive for alive, _ in seen) <= 5
        assert min(ready for _, ready in seen) >= 3
        images = {found.spec.containers[0].image for found in await world.list(Pod)}  # type: ignore[index]
        assert images == {"example/web:2"}


async def test_bad_template_keeps_the_old_pods() -> None:
    async with control_plane(*CONTROLLERS) as world:
        world.reject = lambda found: found.spec.containers[0].image == "example/web:bad"  # type: ignore[index]
        await world.run_pods()
        await world.create(deployment("web", 4, progressDeadlineSeconds=60))
        await world.until(lambda: is_rolled_out(world))
        await set_image(world, "example/web:bad")

        async def is_timed_out() -> bool:
            return condition(await world.get(Deployment, "web"), "Progressing").reason == "ProgressDeadlineExceeded"

        started = world.clock.monotonic()
        await world.until(is_timed_out)
        assert 59 <= world.clock.monotonic() - started <= 65
        running = [found for found in await world.list(Pod) if found.status.phase == "Running"]
        assert len(running) == 3


async def test_undo_takes_the_old_replica_set_again() -> None:
    async with control_plane(*CONTROLLERS) as world:
        await world.run_pods()
        await world.create(deployment("web", 2))
        await world.until(lambda: is_rolled_out(world))
        await set_image(world, "example/web:2")
        await world.until(lambda: is_rolled_out(world))
        await set_image(world, "example/web:1")
        await world.until(lambda: is_rolled_out(world))
        sets = {found.spec.template.spec.containers[0].image: found for found in await world.list(ReplicaSet)}  # type: ignore[index]
        assert len(sets) == 2
        annotations = sets["example/web:1"].metadata.annotations or {}
        assert annotations["deployment.kubernetes.io/revision"] == "3"
        assert annotations["deployment.kubernetes.io/revision-history"] == "1"
        assert (sets["example/web:1"].spec.replicas, sets["example/web:2"].spec.replicas) == (2, 0)


async def test_scaling_changes_the_size_and_not_the_revision() -> None:
    async with control_plane(*CONTROLLERS) as world:
        await world.run_pods()
        await world.create(deployment("web", 2))
        await world.until(lambda: is_rolled_out(world))
        await world.client.patch(Deployment, "web", "default", body={"spec": {"replicas": 5}})
        await world.until(lambda: is_rolled_out(world))
        assert len(await world.list(Pod)) == 5
        found = await world.get(Deployment, "web")
        assert (found.metadata.annotations or {})["deployment.kubernetes.io/revision"] == "1"


async def test_recreate_waits_for_the_old_pods_to_end() -> None:
    async with control_plane(*CONTROLLERS) as world:
        pods = await world.run_pods()
        await world.create(deployment("web", 3, strategy={"type": "Recreate"}))
        await world.until(lambda: is_rolled_out(world))
        mixes: list[set[str]] = []
        pods.add_handler(lambda old, new: mixes.append({f.spec.containers[0].image for f in pods.list()}))
        mixes.clear()
        await set_image(world, "example/web:2")
        await world.until(lambda: is_rolled_out(world))
        assert all(len(mix) <= 1 for mix in mixes)


async def test_paused_deployment_does_not_roll_but_scales() -> None:
    async with control_plane(*CONTROLLERS) as world:
        await world.run_pods()
        await world.create(deployment("web", 2))
        await world.until(lambda: is_rolled_out(world))
        await world.client.patch(Deployment, "web", "default", body={"spec": {"paused": True}})
        await set_image(world, "example/web:2")
        await world.client.patch(Deployment, "web", "default", body={"spec": {"replicas": 3}})

        async def has_three() -> bool:
            return len(await world.list(Pod)) == 3

        await world.until(has_three)
        found = await world.get(Deployment, "web")
        assert condition(found, "Progressing").reason == "DeploymentPaused"
        assert {f.spec.containers[0].image for f in await world.list(Pod)} == {"example/web:1"}  # type: ignore[index]
        await world.client.patch(Deployment, "web", "default", body={"spec": {"paused": False}})
        await world.until(lambda: is_rolled_out(world))


async def test_history_beyond_the_limit_is_removed() -> None:
    async with control_plane(*CONTROLLERS) as world:
        await world.run_pods()
        await world.create(deployment("web", 1, revisionHistoryLimit=1))
        await world.until(lambda: is_rolled_out(world))
        for version in (2, 3, 4):
            await set_image(world, f"example/web:{version}")
            await world.until(lambda: is_rolled_out(world))

        async def has_two() -> bool:
            return len(await world.list(ReplicaSet)) == 2

        await world.until(has_two)


async def test_min_ready_seconds_delay_availability() -> None:
    async with control_plane(*CONTROLLERS) as world:
        await world.run_pods()
        started = world.clock.monotonic()
        await world.create(deployment("web", 1, minReadySeconds=30))
        await world.until(lambda: is_rolled_out(world))
        assert 29 <= world.clock.monotonic() - started <= 33


async def test_a_name_that_is_taken_by_another_template_is_avoided() -> None:
    async with control_plane(*CONTROLLERS) as world:
        await world.run_pods()
        await world.create(deployment("web", 1))
        await world.until(lambda: is_rolled_out(world))
        (name,) = [found.metadata.name or "" for found in await world.list(ReplicaSet)]
    async with control_plane(*CONTROLLERS) as world:
        await world.run_pods()
        stranger = replica_set("other", 0)
        stranger["metadata"]["name"] = name
        await world.create(stranger)
        await world.create(deployment("web", 1))
        await world.until(lambda: is_rolled_out(world))
        found = await world.get(Deployment, "web")
        assert found.status.collision_count == 1
        assert {one.metadata.name: one.spec.replicas for one in await world.list(ReplicaSet)}.pop(name) == 0
        assert len(await world.list(ReplicaSet)) == 2


async def test_pods_that_are_still_ending_are_told() -> None:
    async with control_plane(*CONTROLLERS) as world:
        await world.create(deployment("web", 2))

        async def made() -> bool:
            return len(await world.list(Pod)) == 2

        await world.until(made)
        (first, _) = await world.list(Pod)
        name = first.metadata.name or ""
        await world.client.patch(Pod, name, "default", body={"metadata": {"finalizers": ["example.com/hold"]}})
        await world.client.delete(Pod, name, "default")

        async def told(count: int) -> bool:
            (replicas,) = await world.list(ReplicaSet)
            statuses = (replicas.status, (await world.get(Deployment, "web")).status)
            return [one.terminating_replicas for one in statuses] == [count, count]

        await world.until(lambda: told(1))
        await world.client.patch(Pod, name, "default", body={"metadata": {"finalizers": None}})
        await world.until(lambda: told(0))
