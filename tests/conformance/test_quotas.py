"""Conformance: ResourceQuota, where a controller that counts and the admission that charges must agree."""

from typing import Any

import pytest
from tests.support.control_plane import World, control_plane, pod

from pybernetes.api.core import Pod, ResourceQuota
from pybernetes.api.status import StatusError

QUOTA = "resourcequota-controller"
EXTENDED = "example.com/dongle"


def quota(name: str, hard: dict[str, str], **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "labels": {"set": "x"}}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard, **spec}}


async def used(world: World, name: str, **wanted: str) -> None:
    """Wait until the quota says so; `__` stands for `/` and `_` for `.`."""
    values = {key.replace("__", "/").replace("_", "."): value for key, value in wanted.items()}

    async def is_so() -> bool:
        found = (await world.get(ResourceQuota, name)).status.used or {}
        return {key: found.get(key) for key in values} == values

    await world.until(is_so)


def asking(name: str, limits: dict[str, str] | None = None, **requests: str) -> dict[str, Any]:
    body = pod(name)
    wanted = {key.replace("ephemeral_storage", "ephemeral-storage"): value for key, value in requests.items()}
    body["spec"]["containers"][0]["resources"] = {"requests": {**wanted, **(limits or {})}, "limits": limits or {}}
    return body


async def test_the_life_of_a_pod_is_captured() -> None:
    """should create a ResourceQuota and capture the life of a pod."""
    hard = {
        "pods": "5",
        "cpu": "1",
        "memory": "500Mi",
        "ephemeral-storage": "50Gi",
        f"requests.{EXTENDED}": "3",
        "resourcequotas": "1",
    }
    async with control_plane(QUOTA) as world:
        await world.create(quota("q", hard))
        await used(world, "q", resourcequotas="1", pods="0")
        dongles = {EXTENDED: "2"}
        made = await world.create(asking("test-pod", dongles, cpu="500m", memory="252Mi", ephemeral_storage="30Gi"))
        charged = {"pods": "1", "cpu": "500m", "memory": "252Mi", "requests_example_com__dongle": "2"}
        await used(world, "q", **charged)
        assert ((await world.get(ResourceQuota, "q")).status.used or {})["ephemeral-storage"] == "30Gi"
        with pytest.raises(StatusError, match="exceeded quota: q, requested: cpu=600m, used: cpu=500m, limited: cpu=1"):
            await world.create(asking("fail-pod", cpu="600m", memory="100Mi", ephemeral_storage="1Gi"))
        with pytest.raises(StatusError, match=f"requested: .*requests.{EXTENDED}=2, used: .*requests.{EXTENDED}=2"):
            await world.create(asking("fail-extended", dongles, cpu="500m", memory="100Mi", ephemeral_storage="30Gi"))
        made["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "100m"
        with pytest.raises(StatusError, match="pod updates may not change fields other than"):
            await world.client.update(made)
        await used(world, "q", **charged)
        await world.client.delete(Pod, "test-pod", "default", grace_period_seconds=0)
        await used(world, "q", pods="0", cpu="0", memory="0", requests_example_com__dongle="0")


@pytest.mark.parametrize(
    ("scopes", "mine", "bodies"),
    [
        pytest.param(
            ("BestEffort", "NotBestEffort"),
            ("effortless", "burstable"),
            [pod("effortless"), asking("burstable", {"cpu": "500m", "memory": "200Mi"})],
            id="best effort",
        ),
        pytest.param(
            ("Terminating", "NotTerminating"),
            ("ends", "lasts"),
            [pod("ends", activeDeadlineSeconds=3600), pod("lasts")],
            id="terminating",
        ),
    ],
)
async def test_scopes_capture_their_pods_alone(
    scopes: tuple[str, str], mine: tuple[str, str], bodies: list[dict[str, Any]]
) -> None:
    """should verify ResourceQuota with best effort scope; ... with terminating scopes."""
    async with control_plane(QUOTA) as world:
        for scope in scopes:
            await world.create(quota(scope.lower(), {"pods": "5"}, scopes=[scope]))
            await used(world, scope.lower(), pods="0")
        for scope, name, body in zip(scopes, mine, bodies, strict=True):
            other = next(one for one in scopes if one != scope)
            await world.create(body)
            await used(world, scope.lower(), pods="1")
            await used(world, other.lower(), pods="0")
            await world.client.delete(Pod, name, "default", grace_period_seconds=0)
            await used(world, scope.lower(), pods="0")


async def test_the_lifecycle_of_a_quota() -> None:
    """should manage the lifecycle of a ResourceQuota."""
    async with control_plane(QUOTA) as world:
        await world.create(quota("q", {"cpu": "1", "memory": "500Mi"}))
        found = await world.get(ResourceQuota, "q")
        assert found.spec.hard == {"cpu": "1", "memory": "500Mi"}
        everywhere = await world.client.list(ResourceQuota, label_selector="set=x")
        assert [one.metadata.name for one in everywhere.items or ()] == ["q"]
        body = {"metadata": {"labels": {"q": "patched"}}, "spec": {"hard": {"memory": "750Mi"}}}
        patched = await world.client.patch(ResourceQuota, "q", "default", body=body)
        assert patched.spec.hard == {"cpu": "1", "memory": "750Mi"}
        assert (patched.metadata.labels or {})["q"] == "patched"
        await world.client.delete_collection(ResourceQuota, "default", label_selector="q=patched")
        assert not await world.list(ResourceQuota)
