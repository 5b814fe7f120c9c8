"""Budgets: how many pods may be evicted now."""

from typing import Any

import pytest
from tests.support.control_plane import World, control_plane, deployment, pod

from pybernetes.api.core import Pod
from pybernetes.api.policy import PodDisruptionBudget, PodDisruptionBudgetSpec
from pybernetes.api.status import StatusError
from pybernetes.controllers.disruption import desired_healthy

ONLY = ("disruption-controller", "deployment-controller", "replicaset-controller")


@pytest.mark.parametrize(
    ("spec", "expected", "desired"),
    [
        ({"min_available": 2}, 5, 2),
        ({"min_available": "50%"}, 5, 3),
        ({"max_unavailable": 1}, 5, 4),
        ({"max_unavailable": "30%"}, 5, 3),
        ({"max_unavailable": 9}, 5, 0),
    ],
)
def test_pods_that_have_to_stay(spec: dict[str, Any], expected: int, desired: int) -> None:
    assert desired_healthy(PodDisruptionBudget(spec=PodDisruptionBudgetSpec(**spec)), expected) == desired


def budget(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }


async def allowed(world: World, count: int) -> bool:
    status = (await world.get(PodDisruptionBudget, "web")).status
    return status.disruptions_allowed == count and status.observed_generation is not None


async def test_allowance_follows_the_pods() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(budget(maxUnavailable=1))
        await world.create(deployment("web", 3))
        await world.until(lambda: allowed(world, 1))
        status = (await world.get(PodDisruptionBudget, "web")).status
        assert (status.expected_pods, status.desired_healthy, status.current_healthy) == (3, 2, 3)
        assert [c.reason for c in status.conditions or ()] == ["SufficientPods"]


async def test_eviction_uses_the_allowance_up() -> None:
    async with control_plane("disruption-controller") as world:
        await world.create(budget(minAvailable=1))
        for name in ("a", "b"):
            await world.create(pod(name, labels={"app": "web"}, node="n1"))
            await world.report(await world.get(Pod, name), "Running", ready=True, pod_ip="10.0.0.1")
        await world.until(lambda: allowed(world, 1))

        def eviction(name: str) -> dict[str, Any]:
            return {
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": name, "namespace": "default"},
            }

        await world.client.create(eviction("a"), subresource="eviction")
        with pytest.raises(StatusError) as raised:
            await world.client.create(eviction("b"), subresource="eviction")
        assert raised.value.code == 429


async def test_pods_without_controller_cannot_be_counted_in_percent() -> None:
    async with control_plane("disruption-controller") as world:
        await world.create(budget(minAvailable="50%"))
        await world.create(pod("a", labels={"app": "web"}, node="n1"))

        async def is_told() -> bool:
            return "UnmanagedPods" in await world.reasons()

        await world.until(is_told)
        assert await allowed(world, 0)
