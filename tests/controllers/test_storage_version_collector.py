"""What StorageVersions tell of API servers that are gone goes with them."""

from typing import Any

import pytest
from tests.support.clock import START
from tests.support.control_plane import World, control_plane

from pybernetes.api.coordination import Lease
from pybernetes.api.resource import resource
from pybernetes.controllers.storage_version_collector import without_the_dead

COLLECTOR = "storageversion-garbage-collector-controller"
VERSIONS = resource("storageversions", "internal.apiserver.k8s.io", "v1alpha1")
SERVED = {
    "runtime_config": {"internal.apiserver.k8s.io/v1alpha1": True},
    "feature_gates": {"StorageVersionAPI": True},
}


def entries(**encodings: str) -> list[dict[str, Any]]:
    return [
        {"apiServerID": server, "encodingVersion": version, "decodableVersions": [version]}
        for server, version in encodings.items()
    ]


def lease(name: str) -> dict[str, Any]:
    labels = {"apiserver.kubernetes.io/identity": "kube-apiserver"}
    metadata = {"name": name, "namespace": "kube-system", "labels": labels}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {}}


async def told(world: World) -> dict[str, tuple[list[str], str | None]]:
    """By name: the servers, and what they agree on."""
    found = (await world.client.list(VERSIONS)).items or []
    return {
        item["metadata"]["name"]: (
            [entry["apiServerID"] for entry in item["status"]["storageVersions"]],
            item["status"].get("commonEncodingVersion"),
        )
        for item in found
        if item.get("status", {}).get("storageVersions")
    }


async def test_entries_go_with_the_lease_of_their_server() -> None:
    async with control_plane(COLLECTOR, rbac=True, server_config=SERVED) as world:
        for name in ("a", "b"):
            await world.create(lease(name))
        for name, rows in (("apps.deployments", entries(a="v1", b="v2")), (".pods", entries(b="v1"))):
            name = name if not name.startswith(".") else "core.pods"
            made = await world.create(
                {
                    "apiVersion": "internal.apiserver.k8s.io/v1alpha1",
                    "kind": "StorageVersion",
                    "metadata": {"name": name},
                    "spec": {},
                }
            )
            common = {"commonEncodingVersion": "v1"} if len(rows) == 1 else {}
            made["status"] = {"storageVersions": rows, **common}
            await world.client.update_status(made, resource=VERSIONS)
        assert await told(world) == {"apps.deployments": (["a", "b"], None), "core.pods": (["b"], "v1")}
        await world.client.delete(Lease, "b", "kube-system")

        async def is_collected() -> bool:
            return await told(world) == {"apps.deployments": (["a"], "v1")}

        await world.until(is_collected)
        left = (await world.client.list(VERSIONS)).items or []
        assert [item["metadata"]["name"] for item in left] == ["apps.deployments"]
        assert not world.denied


@pytest.mark.parametrize(
    ("rows", "living", "kept", "condition"),
    [
        (entries(a="v1"), {"a"}, None, None),
        (entries(a="v1", b="v2"), {"a"}, ["a"], ("True", "CommonEncodingVersionSet")),
        (entries(a="v1", b="v2", c="v1"), {"a", "b"}, ["a", "b"], ("False", "CommonEncodingVersionUnset")),
        (entries(a="v1"), set(), [], ("False", "CommonEncodingVersionUnset")),
    ],
)
def test_what_is_kept(rows: list[Any], living: set[str], kept: list[str] | None, condition: Any) -> None:
    changed = without_the_dead({"status": {"storageVersions": rows}}, living, START)
    if kept is None or changed is None:
        assert changed is kept
        return
    assert [entry["apiServerID"] for entry in changed["status"]["storageVersions"]] == kept
    (made,) = changed["status"]["conditions"]
    assert (made["status"], made["reason"]) == condition
