"""DaemonSets: one pod on every node that suits, and updates within the bounds."""

import asyncio
from typing import Any

import pytest
from tests.support.control_plane import World, control_plane, node, template

from pybernetes.api.apps import ControllerRevision, DaemonSet
from pybernetes.api.core import Node, Pod
from pybernetes.controllers.daemonset.plan import target_of

ONLY = ("daemonset-controller", "node-lifecycle-controller")


def daemon_set(**spec: Any) -> dict[str, Any]:
    labels = {"app": "agent"}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}, "template": template(labels), **spec},
    }


async def places(world: World) -> list[str]:
    return sorted(target_of(found) for found in await world.list(Pod) if found.metadata.deletion_timestamp is None)


async def until_places(world: World, *names: str) -> None:
    async def is_so() -> bool:
        return await places(world) == list(names)

    await world.until(is_so)


async def test_every_node_gets_one_pod_and_new_nodes_too() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(node("a"))
        await world.create(node("b"))
        await world.create(daemon_set())
        await until_places(world, "a", "b")
        await world.create(node("c"))
        await until_places(world, "a", "b", "c")
        tolerated = {t.key for t in (await world.list(Pod))[0].spec.tolerations or ()}
        assert "node.kubernetes.io/unschedulable" in tolerated


async def test_selector_and_taints_choose_the_nodes() -> None:
    async with control_plane(*ONLY) as world:
        body = daemon_set()
        body["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd"}
        for name, labels in (("a", {"disk": "ssd"}), ("b", {}), ("c", {"disk": "ssd"})):
            await world.create(node(name, labels=labels))
        taint = {"key": "dedicated", "value": "x", "effect": "NoSchedule"}
        await world.client.patch(Node, "c", body={"spec": {"taints": [taint]}})
        await world.create(body)
        await until_places(world, "a")
        await world.client.patch(Node, "c", body={"spec": {"taints": None}})
        await until_places(world, "a", "c")
        await world.client.patch(Node, "a", body={"metadata": {"labels": {"disk": None}}})
        await until_places(world, "c")


async def rolled_out(world: World, image: str, count: int) -> bool:
    status = (await world.get(DaemonSet, "agent")).status
    images = [found.spec.containers[0].image for found in await world.list(Pod)]  # type: ignore[index]
    return images == [image] * count and status.number_available == status.updated_number_scheduled == count


@pytest.mark.parametrize(
    ("rolling", "least", "most"),
    [({"maxUnavailable": 1}, 3, 4), ({"maxSurge": 1, "maxUnavailable": 0}, 4, 5)],
    ids=["unavailable", "surge"],
)
async def test_rolling_update_stays_within_the_bounds(rolling: dict[str, int], least: int, most: int) -> None:
    async with control_plane(*ONLY) as world:
        pods = await world.run_pods()
        for name in "abcd":
            await world.create(node(name))
        await world.create(daemon_set(updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling}))
        await world.until(lambda: rolled_out(world, "example/web:1", 4))
        seen: list[tuple[int, int]] = []

        def note(old: Pod | None, new: Pod | None) -> None:
            alive = [found for found in pods.list() if found.metadata.deletion_timestamp is None]
            seen.append((sum(found.status.phase == "Running" for found in alive), len(alive)))

        pods.add_handler(note)
        seen.clear()
        container = {"name": "main", "image": "example/web:2"}
        body = {"spec": {"template": {"spec": {"containers": [container]}}}}
        await world.client.patch(DaemonSet, "agent", "default", body=body)
        await world.until(lambda: rolled_out(world, "example/web:2", 4))
        assert min(ready for ready, _ in seen) >= least
        assert max(alive for _, alive in seen) <= most
        numbers = sorted(found.revision for found in await world.list(ControllerRevision))
        assert numbers == [1, 2]


async def test_failed_pod_is_replaced() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(node("a"))
        await world.create(daemon_set())
        await until_places(world, "a")
        first = (await world.list(Pod))[0]
        await world.report(first, "Failed", exit_code=1)

        async def replaced() -> bool:
            found = await world.list(Pod)
            return len(found) == 1 and found[0].metadata.uid != first.metadata.uid

        await world.until(replaced)
        assert "FailedDaemonPod" in await world.reasons()


async def numbers(world: World) -> tuple[int, ...]:
    """desired, current, misscheduled, ready, updated"""
    status = (await world.get(DaemonSet, "agent")).status
    return (
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_misscheduled,
        status.number_ready,
        status.updated_number_scheduled or 0,
    )


async def test_a_pod_that_may_stay_where_none_would_be_made_is_misscheduled() -> None:
    async with control_plane(*ONLY, node_monitor_grace_period_seconds=1e6) as world:
        await world.run_pods()
        for name in ("a", "b"):
            await world.create(node(name))
        await world.create(daemon_set())

        async def are(*wanted: int) -> bool:
            return await numbers(world) == wanted

        await world.until(lambda: are(2, 2, 0, 2, 2))
        taint = {"key": "dedicated", "value": "x", "effect": "NoSchedule"}
        await world.client.patch(Node, "b", body={"spec": {"taints": [taint]}})
        await world.until(lambda: are(1, 1, 1, 1, 1))
        assert await places(world) == ["a", "b"]
        await world.client.patch(Node, "b", body={"spec": {"taints": [{**taint, "effect": "NoExecute"}]}})
        await world.until(lambda: are(1, 1, 0, 1, 1))
        assert await places(world) == ["a"]


async def test_a_pod_that_is_going_counts_until_it_has_ended() -> None:
    async with control_plane(*ONLY, node_monitor_grace_period_seconds=1e6) as world:
        await world.create(node("a"))
        await world.create(daemon_set())
        await until_places(world, "a")
        (pod,) = await world.list(Pod)
        # As the scheduler does: a pod on its node is given time to end.
        name = pod.metadata.name or ""
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name, "namespace": "default"}}
        target = {"apiVersion": "v1", "kind": "Node", "name": "a"}
        await world.client.create({**binding, "target": target}, subresource="binding")
        await world.report(await world.get(Pod, name), "Running", ready=True)

        async def are(*wanted: int) -> bool:
            return await numbers(world) == wanted

        await world.until(lambda: are(1, 1, 0, 1, 1))
        container = {"name": "main", "image": "example/web:2"}
        body = {"spec": {"template": {"spec": {"containers": [container]}}}}
        await world.client.patch(DaemonSet, "agent", "default", body=body)

        async def is_going() -> bool:
            return (await world.get(Pod, name)).metadata.deletion_timestamp is not None

        await world.until(is_going)
        await asyncio.sleep(5)
        assert await numbers(world) == (1, 1, 0, 1, 0)
        assert len(await world.list(Pod)) == 1, "the next one waits for the place"
        await world.report(await world.get(Pod, name), "Failed", exit_code=143)
        await world.client.delete(Pod, name, "default", grace_period_seconds=0)
        await world.until(lambda: are(1, 1, 0, 0, 1))


async def test_a_revision_whose_label_somebody_took_is_known_by_its_name() -> None:
    async with control_plane(*ONLY, node_monitor_grace_period_seconds=1e6) as world:
        await world.run_pods()
        await world.create(node("a"))
        await world.create(daemon_set())
        await world.until(lambda: rolled_out(world, "example/web:1", 1))
        (pod,) = await world.list(Pod)
        (revision,) = await world.list(ControllerRevision)
        body = {"metadata": {"labels": {"controller-revision-hash": None}}}
        await world.client.patch(ControllerRevision, revision.metadata.name or "", "default", body=body)
        await world.client.patch(DaemonSet, "agent", "default", body={"spec": {"minReadySeconds": 1}})
        await asyncio.sleep(30)
        assert [one.metadata.uid for one in await world.list(Pod)] == [pod.metadata.uid]
        assert (await world.get(DaemonSet, "agent")).status.observed_generation == 2
