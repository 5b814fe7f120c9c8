"""ReplicationControllers: kept at their number, adoption and release, scale and failure (the sig-apps behaviours)."""

from typing import Any

from tests.support.control_plane import World, control_plane, pod, template

from pybernetes.api.core import Pod, ReplicationController
from pybernetes.api.resource import resource
from pybernetes.base.http.message import Request
from pybernetes.client.view import View

ONLY = ("replicationcontroller-controller",)
RC = resource("replicationcontrollers", "")


def controller(name: str, replicas: int = 1, **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"replicas": replicas, "selector": labels, "template": template(labels), **spec},
    }


async def ready(world: World, count: int) -> bool:
    return ((await world.get(ReplicationController, "web")).status.ready_replicas or 0) == count


async def owners(world: World, name: str) -> list[str]:
    return [reference.name for reference in (await world.get(Pod, name)).metadata.owner_references or ()]


async def test_pods_are_made_and_counted() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(controller("web", 2))
        await world.until(lambda: ready(world, 2))
        status = (await world.get(ReplicationController, "web")).status
        assert (status.replicas, status.fully_labeled_replicas, status.available_replicas) == (2, 2, 2)
        assert status.observed_generation == 1
        assert all((found.metadata.generate_name or "") == "web-" for found in await world.list(Pod))


async def test_matching_orphan_is_adopted() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(pod("orphan", labels={"app": "web"}))
        await world.create(controller("web"))
        await world.until(lambda: owned(world))
        assert len(await world.list(Pod)) == 1


async def owned(world: World) -> bool:
    return await owners(world, "orphan") == ["web"]


async def test_pod_that_no_longer_matches_is_released() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(controller("web"))
        (first,) = await world.until(lambda: world.list(Pod))
        name = first.metadata.name or ""
        await world.client.patch(Pod, name, "default", body={"metadata": {"labels": {"app": "other"}}})

        async def released() -> bool:
            return await owners(world, name) == [] and len(await world.list(Pod)) == 2

        await world.until(released)


async def test_scale_subresource_resizes() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(controller("web", 1))
        await world.until(lambda: ready(world, 1))
        view: View[dict[str, Any]] = View(RC, dict)
        scale = await world.client.patch(view, "web", "default", body={"spec": {"replicas": 2}}, subresource="scale")
        assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 2)
        await world.until(lambda: ready(world, 2))


async def test_refused_creation_is_reported_and_recovers() -> None:
    async with control_plane(*ONLY) as world:
        created: list[str] = []

        def third(request: Request) -> bool:
            if request.method == "POST" and request.path.endswith("/pods"):
                created.append(request.path)
                return len(created) > 2
            return False

        world.refuse = third
        await world.create(controller("web", 3))

        async def failed() -> bool:
            conditions = (await world.get(ReplicationController, "web")).status.conditions or []
            return [(found.type, found.reason) for found in conditions] == [("ReplicaFailure", "FailedCreate")]

        await world.until(failed)
        (condition,) = (await world.get(ReplicationController, "web")).status.conditions or []
        assert "refused by the test" in (condition.message or "")
        view: View[dict[str, Any]] = View(RC, dict)
        await world.client.patch(view, "web", "default", body={"spec": {"replicas": 2}}, subresource="scale")

        async def recovered() -> bool:
            status = (await world.get(ReplicationController, "web")).status
            return not status.conditions and status.replicas == 2

        await world.until(recovered)
