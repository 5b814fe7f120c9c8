"""[sig-api-machinery] of controllers, step by step: quotas, namespaces and garbage with the bodies of Go's clients."""

import asyncio
import json
from typing import Any

import pytest
from tests.controllers.conformance.test_machinery import GARBAGE, nothing_left, ready
from tests.support.control_plane import World, control_plane, template

from pybernetes.api.core import ConfigMap, Namespace, Pod, ReplicationController, Service
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.resource import resource
from pybernetes.api.status import StatusError, is_not_found
from pybernetes.client.client import STRATEGIC_MERGE_PATCH
from pybernetes.client.view import View

QUOTAS: View[Any] = View(resource("resourcequotas"), dict)
QUOTA = "resourcequota-controller"
NOBODY = {"cpu": "0", "memory": "0", "ephemeral-storage": "0", "requests.example.com/dongle": "0", "pods": "0"}
HARD = {
    "pods": "5",
    "services": "10",
    "services.nodeports": "1",
    "services.loadbalancers": "1",
    "replicationcontrollers": "10",
    "resourcequotas": "1",
    "cpu": "1",
    "memory": "500Mi",
    "configmaps": "10",
    "secrets": "10",
    "persistentvolumeclaims": "10",
    "requests.storage": "10Gi",
    "ephemeral-storage": "50Gi",
    "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "10",
    "gold.storageclass.storage.k8s.io/requests.storage": "10Gi",
    "count/replicasets.apps": "5",
    "requests.example.com/dongle": "3",
}


def quota(name: str, hard: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": None},
        "spec": {"hard": hard, **spec},
        "status": {},
    }


async def used(world: World, name: str, wanted: dict[str, str]) -> None:
    async def is_so() -> bool:
        status = (await world.client.get(QUOTAS, name, "default"))["status"]
        found = status.get("used") or {}
        return {key: found.get(key) for key in wanted} == wanted

    await world.until(is_so)


def service(name: str, kind: str, *, node_ports: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {"type": kind, "ports": [{"port": 80, "targetPort": 80}]}
    if kind == "LoadBalancer":
        spec["allocateLoadBalancerNodePorts"] = node_ports
    metadata = {"name": name, "namespace": "default", "creationTimestamp": None}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec, "status": {"loadBalancer": {}}}


def asking(name: str, requests: dict[str, str], limits: dict[str, str], **spec: Any) -> dict[str, Any]:
    resources = {"limits": limits, "requests": requests}
    container = {"name": "pause", "image": "registry.k8s.io/pause:3.10", "resources": resources}
    metadata = {"name": name, "namespace": "default", "creationTimestamp": None}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [container], **spec},
        "status": {},
    }


async def test_the_life_of_services_under_a_quota() -> None:
    async with control_plane(QUOTA) as world:
        await world.client.delete(Service, "kubernetes", "default")
        await world.create(quota("test-quota", HARD))
        await used(world, "test-quota", {"resourcequotas": "1", "services": "0"})
        await world.create(service("test-service", "ClusterIP", node_ports=False))
        await world.create(service("test-service-np", "NodePort", node_ports=False))
        with pytest.raises(StatusError) as caught:
            await world.create(service("test-service-lb", "LoadBalancer", node_ports=True))
        assert caught.value.code == 403
        assert caught.value.message == (
            'services "test-service-lb" is forbidden: exceeded quota: test-quota, '
            "requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1"
        )
        await used(world, "test-quota", {"resourcequotas": "1", "services": "2", "services.nodeports": "1"})
        await world.create(service("test-service-lb", "LoadBalancer", node_ports=False))
        await used(world, "test-quota", {"services": "3", "services.nodeports": "1", "services.loadbalancers": "1"})
        for name in ("test-service", "test-service-np", "test-service-lb"):
            await world.client.delete(Service, name, "default")
        await used(world, "test-quota", {"services": "0", "services.nodeports": "0", "services.loadbalancers": "0"})


async def test_the_life_of_a_pod_under_a_quota() -> None:
    dongles = {"example.com/dongle": "2"}
    async with control_plane(QUOTA) as world:
        await world.create(quota("test-quota", HARD))
        await used(world, "test-quota", {"resourcequotas": "1", **NOBODY})
        requests = {"cpu": "500m", "memory": "252Mi", "ephemeral-storage": "30Gi", **dongles}
        made = await world.create(asking("test-pod", requests, dongles))
        taken = {"pods": "1", "cpu": "500m", "memory": "252Mi", "ephemeral-storage": "30Gi"}
        taken["requests.example.com/dongle"] = "2"
        await used(world, "test-quota", taken)
        with pytest.raises(StatusError) as caught:
            await world.create(asking("fail-pod", {"cpu": "600m", "memory": "100Mi"}, {}))
        assert caught.value.code == 403
        assert caught.value.message == (
            'pods "fail-pod" is forbidden: exceeded quota: test-quota, '
            "requested: cpu=600m, used: cpu=500m, limited: cpu=1"
        )
        wanted = {"cpu": "500m", "memory": "100Mi", "ephemeral-storage": "30Gi", **dongles}
        with pytest.raises(StatusError) as caught:
            await world.create(asking("fail-pod-for-extended-resource", wanted, dongles))
        assert caught.value.message == (
            'pods "fail-pod-for-extended-resource" is forbidden: exceeded quota: test-quota, '
            "requested: ephemeral-storage=30Gi,requests.example.com/dongle=2, "
            "used: ephemeral-storage=30Gi,requests.example.com/dongle=2, "
            "limited: ephemeral-storage=50Gi,requests.example.com/dongle=3"
        )
        changed = {"cpu": "100m", "memory": "100Mi", "ephemeral-storage": "10Gi"}
        made["spec"]["containers"][0]["resources"]["requests"] = changed
        with pytest.raises(StatusError) as caught:
            await world.client.update(made)
        assert caught.value.code == 422
        await used(world, "test-quota", taken)
        await world.client.delete(Pod, "test-pod", "default", grace_period_seconds=0)
        await used(world, "test-quota", NOBODY)


async def test_terminating_scopes_take_requests_and_limits() -> None:
    hard = {"pods": "5", "requests.cpu": "1", "requests.memory": "500Mi", "limits.cpu": "2", "limits.memory": "1Gi"}
    nothing = dict.fromkeys(hard, "0")
    taken = {"pods": "1", "requests.cpu": "500m", "requests.memory": "200Mi", "limits.cpu": "1"}
    taken["limits.memory"] = "400Mi"
    requests, limits = {"cpu": "500m", "memory": "200Mi"}, {"cpu": "1", "memory": "400Mi"}
    async with control_plane(QUOTA) as world:
        for name, scope in (("terminating", "Terminating"), ("not-terminating", "NotTerminating")):
            await world.create(quota(f"quota-{name}", hard, scopes=[scope]))
            await used(world, f"quota-{name}", nothing)
        cases: list[tuple[str, dict[str, Any], str, str]] = [
            ("test-pod", {}, "quota-not-terminating", "quota-terminating"),
            ("terminating-pod", {"activeDeadlineSeconds": 3600}, "quota-terminating", "quota-not-terminating"),
        ]
        for name, spec, captures, ignores in cases:
            await world.create(asking(name, requests, limits, **spec))
            await used(world, captures, taken)
            await used(world, ignores, nothing)
            await asyncio.sleep(30)
            await used(world, ignores, nothing)
            await world.client.delete(Pod, name, "default", grace_period_seconds=0)
            await used(world, captures, nothing)


async def test_a_quota_is_replaced_without_its_version() -> None:
    async with control_plane(QUOTA) as world:
        body = quota("test-quota", {"cpu": "1", "memory": "500Mi"})
        await world.create(body)
        await used(world, "test-quota", {"cpu": "0", "memory": "0"})
        body["spec"]["hard"] = {"cpu": "2", "memory": "1Gi"}
        assert (await world.client.update(body))["spec"]["hard"] == {"cpu": "2", "memory": "1Gi"}
        assert (await world.client.get(QUOTAS, "test-quota", "default"))["spec"]["hard"]["cpu"] == "2"
        await world.client.delete(QUOTAS, "test-quota", "default")
        with pytest.raises(StatusError) as caught:
            await world.client.get(QUOTAS, "test-quota", "default")
        assert is_not_found(caught.value)


async def test_the_status_of_a_quota_is_written_and_set_right() -> None:
    async with control_plane(QUOTA) as world:

        async def hard() -> Any:
            return (await world.client.get(QUOTAS, "status", "default"))["status"].get("hard")

        async def until_hard(wanted: dict[str, str]) -> None:
            async def is_so() -> bool:
                return bool(await hard() == wanted)

            await world.until(is_so)

        async def patch(body: dict[str, Any], subresource: str = "") -> Any:
            return await world.client.patch(
                QUOTAS, "status", "default", body=body, subresource=subresource, content_type=STRATEGIC_MERGE_PATCH
            )

        await world.create(quota("status", {"cpu": "500m", "memory": "500Mi"}))
        await used(world, "status", {"cpu": "0", "memory": "0"})
        current = await world.client.get(QUOTAS, "status", "default")
        current["status"] = {"hard": {"cpu": "500m", "memory": "500Mi"}}
        updated = await world.client.update_status(current)
        assert updated["status"] == {"hard": {"cpu": "500m", "memory": "500Mi"}}
        patched = await patch({"spec": {"hard": {"cpu": "1", "memory": "1Gi"}}})
        assert patched["spec"]["hard"] == {"cpu": "1", "memory": "1Gi"}
        patched = await patch({"status": {"hard": {"cpu": "1", "memory": "1Gi"}}}, "status")
        assert patched["status"]["hard"] == patched["spec"]["hard"]
        await until_hard({"cpu": "1", "memory": "1Gi"})
        repatched = await patch({"status": {"hard": {"cpu": "2", "memory": "2Gi"}}}, "status")
        assert repatched["status"]["hard"] == {"cpu": "2", "memory": "2Gi"}
        assert repatched["spec"]["hard"] == {"cpu": "1", "memory": "1Gi"}
        await until_hard({"cpu": "1", "memory": "1Gi"})


async def test_the_conditions_of_a_namespace_whose_pod_is_held() -> None:
    async with control_plane("namespace-controller") as world:
        await world.run_pods()
        await world.create(Namespace(metadata=ObjectMeta(name="team")))
        body = asking("test-pod", {}, {})
        body["metadata"] |= {"namespace": "team", "finalizers": ["e2e.example.com/finalizer"]}
        await world.create(body)

        async def running() -> bool:
            return (await world.get(Pod, "test-pod", "team")).status.phase == "Running"

        await world.until(running)
        await world.create(ConfigMap(metadata=ObjectMeta(name="test-configmap", namespace="team"), data={"key": "v"}))
        await world.client.delete(Namespace, "team")

        async def conditions() -> dict[str, tuple[str, str]]:
            status = (await world.get(Namespace, "team", "")).status
            assert status.phase == "Terminating"
            return {one.type: (one.status, one.reason or "") for one in status.conditions or ()}

        async def failure() -> bool:
            return "NamespaceDeletionContentFailure" in await conditions()

        await world.until(failure)
        await asyncio.sleep(30)
        assert await conditions() == {
            "NamespaceDeletionDiscoveryFailure": ("False", "ResourcesDiscovered"),
            "NamespaceDeletionGroupVersionParsingFailure": ("False", "ParsedGroupVersions"),
            "NamespaceDeletionContentFailure": ("False", "ContentDeleted"),
            "NamespaceContentRemaining": ("True", "SomeResourcesRemain"),
            "NamespaceFinalizersRemaining": ("True", "SomeFinalizersRemain"),
        }
        assert (await world.get(ConfigMap, "test-configmap", "team")).data == {"key": "v"}
        pod = await world.get(Pod, "test-pod", "team")
        assert pod.metadata.deletion_timestamp is not None
        pod.metadata.finalizers = []
        await world.client.update(pod)

        async def gone() -> bool:
            return "team" not in {one.metadata.name for one in await world.list(Namespace)}

        await world.until(gone)


def controller(name: str, replicas: int) -> dict[str, Any]:
    labels = {"gctest": name}
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": None},
        "spec": {
            "replicas": replicas,
            "selector": labels,
            "template": {**template(labels), "metadata": {"creationTimestamp": None, "labels": labels}},
        },
        "status": {"replicas": 0},
    }


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        pytest.param({"orphanDependents": True}, True, id="orphans"),
        pytest.param({}, True, id="the default of its kind"),
        pytest.param({"propagationPolicy": "Background"}, False, id="background"),
        pytest.param({"orphanDependents": False}, False, id="no orphans"),
    ],
)
async def test_pods_of_a_replication_controller(options: dict[str, Any], kept: bool) -> None:
    async with control_plane(*GARBAGE) as world:
        await world.run_pods()
        made = await world.create(controller("simpletest.rc", 2))
        await ready(world, "simpletest.rc", 2)
        path = "/api/v1/namespaces/default/replicationcontrollers/simpletest.rc"
        stranger = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "another"}, **options}
        refused = await world.client.request("DELETE", path, body=json.dumps(stranger).encode())
        assert refused.status == 409
        mine = {**stranger, "preconditions": {"uid": made["metadata"]["uid"]}}
        assert (await world.client.request("DELETE", path, body=json.dumps(mine).encode())).status == 200
        if not kept:
            await nothing_left(world, ReplicationController, Pod)
            return
        await nothing_left(world, ReplicationController)
        await asyncio.sleep(30)
        assert [one.metadata.owner_references for one in await world.list(Pod)] == [None, None]
