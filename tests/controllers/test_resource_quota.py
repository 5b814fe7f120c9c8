"""Resource quotas: counted at once, and again as objects come and go."""

from typing import Any

import pytest
from tests.support.control_plane import World, control_plane, deployment, pod

from pybernetes.api.core import ConfigMap, Pod, ResourceQuota
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.status import StatusError

ONLY = ("resourcequota-controller",)


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


async def test_status_is_calculated_promptly() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(quota({"pods": "5", "secrets": "10", "count/deployments.apps": "2"}))
        await used(world, pods="0")
        status = (await world.get(ResourceQuota, "limits")).status
        assert status.hard == {"pods": "5", "secrets": "10", "count/deployments.apps": "2"}
        assert status.used == {"pods": "0", "secrets": "0", "count/deployments.apps": "0"}
        # The time it took is that of a few requests, not of a resync.
        assert world.clock.monotonic() < 5


async def test_counted_objects_come_and_go() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(quota({"configmaps": "5", "count/deployments.apps": "2"}))
        await world.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default")))
        await world.create(deployment("web"))
        await used(world, configmaps="1", count__deployments_apps="1")
        await world.client.delete(ConfigMap, "a", "default")
        await used(world, configmaps="0", count__deployments_apps="1")


async def test_what_is_created_before_admission_knows_the_limits_is_counted_soon() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(quota({"configmaps": "5"}))
        for name in ("a", "b", "c"):
            await world.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="default")))

        async def all_counted() -> bool:
            return (await world.get(ResourceQuota, "limits")).status.used == {"configmaps": "3"}

        await world.until(all_counted, within_seconds=30)


async def test_a_charge_is_not_given_back_before_its_object_is_there() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(quota({"configmaps": "1"}))
        await used(world, configmaps="0")
        await world.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="default")))
        for name in ("b", "c"):
            with pytest.raises(StatusError, match="exceeded quota: limits"):
                await world.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="default")))
        assert (await world.get(ResourceQuota, "limits")).status.used == {"configmaps": "1"}


async def test_life_of_a_pod() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(quota({"pods": "5", "requests.cpu": "2", "requests.memory": "1Gi"}))
        await used(world, pods="0", requests_cpu="0")
        body = pod("work")
        body["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "500m", "memory": "100Mi"}}
        await world.create(body)
        await used(world, pods="1", requests_cpu="500m", requests_memory="100Mi")
        await world.report(await world.get(Pod, "work"), "Succeeded")
        await used(world, pods="0", requests_cpu="0")
        await world.client.delete(Pod, "work", "default", grace_period_seconds=0)
        await used(world, pods="0")


async def test_scopes_choose_pods() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(quota({"pods": "5"}, scopes=["BestEffort"]))
        await world.create(pod("effortless"))
        busy = pod("busy")
        busy["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}
        await world.create(busy)
        await used(world, pods="1")
        await world.client.delete(Pod, "effortless", "default", grace_period_seconds=0)
        await used(world, pods="0")


async def test_extended_resources_and_limits_of_pods_are_counted() -> None:
    async with control_plane(*ONLY) as world:
        hard = {"requests.example.com/gpu": "3", "requests.cpu": "2", "limits.memory": "1Gi"}
        await world.create(quota({**hard, "requests.ephemeral-storage": "1Gi", "requests.hugepages-2Mi": "4Mi"}))

        def hungry(name: str) -> dict[str, Any]:
            body = pod(name)
            requests = {"cpu": "500m", "example.com/gpu": "2", "ephemeral-storage": "10Mi"}
            limits = {"memory": "10Mi", "example.com/gpu": "2"}
            body["spec"]["containers"][0]["resources"] = {"requests": requests, "limits": limits}
            return body

        await used(world, requests_cpu="0")
        await world.create(hungry("a"))
        expected = {"requests.example.com/gpu": "2", "requests.cpu": "500m", "limits.memory": "10Mi"}
        expected |= {"requests.ephemeral-storage": "10Mi", "requests.hugepages-2Mi": "0"}

        async def is_counted() -> bool:
            return (await world.get(ResourceQuota, "limits")).status.used == expected

        await world.until(is_counted)
        with pytest.raises(StatusError) as refused:
            await world.create(hungry("b"))
        assert refused.value.message == (
            'pods "b" is forbidden: exceeded quota: limits, requested: requests.example.com/gpu=2, '
            "used: requests.example.com/gpu=2, limited: requests.example.com/gpu=3"
        )
        await world.client.delete(Pod, "a", "default", grace_period_seconds=0)
        await used(world, requests_cpu="0", limits_memory="0")


TERM = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {}}
SPECS: dict[str, dict[str, Any]] = {
    "reaching": {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [TERM]}}},
    "critical": {"priorityClassName": "system-node-critical"},
    "ending": {"activeDeadlineSeconds": 100},
    "plain": {},
}


@pytest.mark.parametrize(
    ("scope", "counted"),
    [
        ({"scopeName": "CrossNamespacePodAffinity", "operator": "Exists"}, ["reaching"]),
        ({"scopeName": "PriorityClass", "operator": "In", "values": ["system-node-critical"]}, ["critical"]),
        (
            {"scopeName": "PriorityClass", "operator": "NotIn", "values": ["other"]},
            ["reaching", "critical", "ending", "plain"],
        ),
        ({"scopeName": "PriorityClass", "operator": "Exists"}, ["critical"]),
        ({"scopeName": "PriorityClass", "operator": "DoesNotExist"}, ["reaching", "ending", "plain"]),
        ({"scopeName": "Terminating", "operator": "Exists"}, ["ending"]),
        ({"scopeName": "NotTerminating", "operator": "Exists"}, ["reaching", "critical", "plain"]),
    ],
)
async def test_every_scope_chooses_its_pods(scope: dict[str, Any], counted: list[str]) -> None:
    """Those that were there before the quota, and those that admission counts as they come."""
    names = list(SPECS)
    async with control_plane(*ONLY) as world:
        for name in names[:2]:
            await world.create(pod(name, **SPECS[name]))
        await world.create(quota({"pods": "9"}, scopeSelector={"matchExpressions": [scope]}))
        await used(world, pods=str(len(set(counted) & set(names[:2]))))
        for name in names[2:]:
            await world.create(pod(name, **SPECS[name]))
        await used(world, pods=str(len(counted)))
        for name in names:
            await world.client.delete(Pod, name, "default", grace_period_seconds=0)
        await used(world, pods="0")


async def test_changed_limits_are_taken_over() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(quota({"pods": "5"}))
        await used(world, pods="0")
        await world.client.patch(
            ResourceQuota, "limits", "default", body={"spec": {"hard": {"pods": "7", "secrets": "1"}}}
        )

        async def taken() -> bool:
            return (await world.get(ResourceQuota, "limits")).status.hard == {"pods": "7", "secrets": "1"}

        await world.until(taken)
        await used(world, secrets="0")


async def test_wrong_status_is_put_right() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(quota({"pods": "5"}))
        await used(world, pods="0")
        body = {"status": {"used": {"pods": "4"}}}
        await world.client.patch(ResourceQuota, "limits", "default", body=body, subresource="status")
        await used(world, pods="0")


async def test_unknown_resource_keeps_nothing_else_from_being_counted() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(quota({"count/widgets.example.com": "3", "pods": "1"}))
        await used(world, pods="0")
        assert "count/widgets.example.com" not in ((await world.get(ResourceQuota, "limits")).status.used or {})
