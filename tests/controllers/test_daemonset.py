"""DaemonSets: one pod on every node that suits, and updates within the bounds."""

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
