"""Budgets: how many pods may be evicted now."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.support.control_plane import World, control_plane, deployment, pod, template

from pybernetes.api.core import Pod
from pybernetes.api.policy import PodDisruptionBudget, PodDisruptionBudgetSpec
from pybernetes.api.status import StatusError
from pybernetes.client.client import STRATEGIC_MERGE_PATCH
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
        (message,) = await world.messages("UnmanagedPods")
        selector = (
            "&LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}"
        )
        assert message.startswith(f"Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be ")


async def test_pods_that_have_ended_are_expected_and_not_healthy() -> None:
    async with control_plane("disruption-controller") as world:
        await world.create(budget(minAvailable=1))
        for name in ("a", "b", "c"):
            await world.create(pod(name, labels={"app": "web"}, node="n1"))
        for name in ("a", "b"):
            await world.report(await world.get(Pod, name), "Running", ready=True, pod_ip="10.0.0.1")
        await world.report(await world.get(Pod, "c"), "Succeeded", exit_code=0)

        async def is_counted() -> bool:
            status = (await world.get(PodDisruptionBudget, "web")).status
            numbers = (status.expected_pods, status.current_healthy, status.desired_healthy, status.disruptions_allowed)
            return numbers == (3, 2, 1, 1)

        await world.until(is_counted)


async def test_a_pod_under_two_budgets_is_told_so_and_counts_for_both() -> None:
    async with control_plane("disruption-controller") as world:
        for name in ("web", "other"):
            one = budget(minAvailable=1)
            one["metadata"]["name"] = name
            await world.create(one)
        await world.create(pod("a", labels={"app": "web"}, node="n1"))

        async def is_counted() -> bool:
            found = await world.list(PodDisruptionBudget)
            return [one.status.expected_pods for one in found] == [1, 1]

        await world.until(is_counted)
        (message,) = await world.until(lambda: world.messages("MultiplePodDisruptionBudgets"))
        assert message in {
            f'Pod "default"/"a" matches multiple PodDisruptionBudgets.  Chose "{name}" arbitrarily.'
            for name in ("web", "other")
        }


async def test_eviction_is_blocked_until_the_budget_allows_it() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(budget(minAvailable=3))
        await world.create(deployment("web", 3))
        await world.until(lambda: allowed(world, 0))
        status = (await world.get(PodDisruptionBudget, "web")).status

        async def three_healthy() -> bool:
            return (await world.get(PodDisruptionBudget, "web")).status.current_healthy == 3

        await world.until(three_healthy)
        name = (await world.list(Pod))[0].metadata.name or ""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": "default"},
        }
        with pytest.raises(StatusError) as raised:
            await world.client.create(eviction, subresource="eviction")
        assert raised.value.code == 429
        await world.client.patch(PodDisruptionBudget, "web", "default", body={"spec": {"minAvailable": 2}})
        await world.until(lambda: allowed(world, 1))
        await world.client.create(eviction, subresource="eviction")
        assert status.desired_healthy == 3


async def test_every_kind_of_workload_is_counted_in_percent() -> None:
    labels = {"app": "web"}
    replicated = {"replicas": 2, "template": template(labels)}
    stateful = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "set", "namespace": "default"},
        "spec": {**replicated, "serviceName": "web", "selector": {"matchLabels": labels}},
    }
    controller = {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "rc", "namespace": "default"},
        "spec": {**replicated, "selector": labels},
    }
    only = (*ONLY, "statefulset-controller", "replicationcontroller-controller")
    async with control_plane(*only) as world:
        await world.run_pods()
        await world.create(budget(minAvailable="50%"))
        await world.create(stateful)
        await world.create(controller)
        await world.create(deployment("web", 2))

        async def all_expected() -> bool:
            status = (await world.get(PodDisruptionBudget, "web")).status
            return (status.expected_pods, status.desired_healthy, status.disruptions_allowed) == (6, 3, 3)

        await world.until(all_expected)


async def test_pods_of_a_kind_without_scale_allow_no_disruption() -> None:
    async with control_plane("disruption-controller") as world:
        await world.create(budget(maxUnavailable="50%"))
        owner = {"apiVersion": "example.com/v1", "kind": "Flock", "name": "f", "uid": "f-uid", "controller": True}
        body = pod("a", labels={"app": "web"}, node="n1")
        body["metadata"]["ownerReferences"] = [owner]
        await world.create(body)
        (message,) = await world.until(lambda: world.messages("CalculateExpectedPodCountFailed"))
        assert message == (
            "Failed to calculate the number of expected pods: "
            "example.com/v1, Kind=Flock does not implement the scale subresource"
        )
        assert await allowed(world, 0)


async def test_announced_disruption_that_did_not_happen_is_taken_back() -> None:
    async with control_plane("disruption-controller") as world:
        await world.create(pod("a", labels={"app": "web"}, node="n1"))
        announced = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "EvictionByEvictionAPI",
            "lastTransitionTime": world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        body = {"status": {"conditions": [announced]}}
        await world.client.patch(
            Pod, "a", "default", body=body, content_type=STRATEGIC_MERGE_PATCH, subresource="status"
        )
        await asyncio.sleep(110)

        async def value() -> str:
            conditions = (await world.get(Pod, "a")).status.conditions or []
            return next(found.status for found in conditions if found.type == "DisruptionTarget")

        assert await value() == "True"
        await asyncio.sleep(15)
        assert await value() == "False"


async def test_status_is_updated_and_patched_by_others_beside_the_controller() -> None:
    """Who evicts says so in the status; the controller keeps that for a while and computes the rest anew."""
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(budget(minAvailable=1))
        await world.create(deployment("web", 3))
        await world.until(lambda: allowed(world, 2))
        first = (await world.list(Pod, "default"))[0].metadata.name or ""
        found = await world.get(PodDisruptionBudget, "web")
        status = msgspec.structs.replace(found.status, disrupted_pods={first: world.clock.now()}, disruptions_allowed=0)
        updated = await world.client.update_status(msgspec.structs.replace(found, status=status))
        assert set(updated.status.disrupted_pods or {}) == {first}
        await world.until(lambda: allowed(world, 1))
        assert set((await world.get(PodDisruptionBudget, "web")).status.disrupted_pods or {}) == {first}
        body = {"status": {"disruptedPods": None}}
        patched = await world.client.patch(PodDisruptionBudget, "web", "default", body=body, subresource="status")
        assert not patched.status.disrupted_pods
        await world.until(lambda: allowed(world, 2))
