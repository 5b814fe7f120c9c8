"""What controllers do that run with their feature gate only."""

from typing import Any

from tests.controllers.faults.harness import Scenario
from tests.support.control_plane import World, pod

from pybernetes.api.coordination import Lease
from pybernetes.api.core import Pod
from pybernetes.api.resource import resource
from pybernetes.controllers.storage_version_migrator import is_over

_GROUPS = resource("podgroups", "scheduling.k8s.io", "v1alpha2")
_MIGRATIONS = resource("storageversionmigrations", "storagemigration.k8s.io", "v1beta1")
_VERSIONS = resource("storageversions", "internal.apiserver.k8s.io", "v1alpha1")


def _server(version: str, gate: str) -> dict[str, Any]:
    return {"runtime_config": {version: True}, "feature_gates": {gate: True}}


async def _gang(world: World) -> None:
    metadata, spec = {"name": "g", "namespace": "default"}, {"schedulingPolicy": {"gang": {"minCount": 1}}}
    head = {"apiVersion": "scheduling.k8s.io/v1alpha2", "kind": "PodGroup"}
    await world.create({**head, "metadata": metadata, "spec": spec})
    await world.create(pod("member", node="n1", schedulingGroup={"podGroupName": "g"}))
    await world.client.delete(_GROUPS, "g", "default")


async def _is_kept(world: World) -> bool:
    return bool((await world.client.get(_GROUPS, "g", "default"))["metadata"].get("deletionTimestamp"))


async def _last_pod_goes(world: World) -> None:
    await world.client.delete(Pod, "member", "default", grace_period_seconds=0)


async def _is_gone(world: World) -> bool:
    return not (await world.client.list(_GROUPS, "default")).items


async def _old_maps(world: World) -> None:
    for name in ("a", "b"):
        metadata = {"name": name, "namespace": "default"}
        await world.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    head = {"apiVersion": "storagemigration.k8s.io/v1beta1", "kind": "StorageVersionMigration"}
    await world.create({**head, "metadata": {"name": "m"}, "spec": {"resource": {"resource": "configmaps"}}})


async def _migrated(world: World) -> bool:
    return is_over(await world.client.get(_MIGRATIONS, "m"))


async def _two_servers(world: World) -> None:
    labels = {"apiserver.kubernetes.io/identity": "kube-apiserver"}
    for name in ("a", "b"):
        metadata = {"name": name, "namespace": "kube-system", "labels": labels}
        await world.create({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {}})
    head = {"apiVersion": "internal.apiserver.k8s.io/v1alpha1", "kind": "StorageVersion"}
    for name in ("apps.deployments", "core.pods"):
        made = await world.create({**head, "metadata": {"name": name}, "spec": {}})
        entry = {"encodingVersion": "v1", "decodableVersions": ["v1"]}
        rows = [{"apiServerID": server, **entry} for server in ("a", "b")]
        made["status"] = {"storageVersions": rows, "commonEncodingVersion": "v1"}
        await world.client.update_status(made, resource=_VERSIONS)


async def _tell_of_both(world: World) -> bool:
    return await _told(world) == [["a", "b"], ["a", "b"]]


async def _one_dies(world: World) -> None:
    await world.client.delete(Lease, "b", "kube-system")


async def _tell_of_one(world: World) -> bool:
    return await _told(world) == [["a"], ["a"]]


async def _told(world: World) -> list[list[str]]:
    found = (await world.client.list(_VERSIONS)).items or []
    return [[entry["apiServerID"] for entry in item["status"]["storageVersions"]] for item in found]


GATED: dict[str, Scenario] = {
    "pod-group": Scenario(
        ("podgroup-protection-controller",),
        _gang,
        _is_kept,
        _last_pod_goes,
        _is_gone,
        server=_server("scheduling.k8s.io/v1alpha2", "GenericWorkload"),
    ),
    "migration": Scenario(
        ("storage-version-migrator-controller",),
        _old_maps,
        _migrated,
        server=_server("storagemigration.k8s.io/v1beta1", "StorageVersionMigrator"),
    ),
    "storage-versions": Scenario(
        ("storageversion-garbage-collector-controller",),
        _two_servers,
        _tell_of_both,
        _one_dies,
        _tell_of_one,
        server=_server("internal.apiserver.k8s.io/v1alpha1", "StorageVersionAPI"),
    ),
}
