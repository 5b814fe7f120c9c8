"""[sig-apps] step by step: the bodies that Go's clients send, empty fields among them, in the suite's order."""

import asyncio
from typing import Any

import pytest
from tests.controllers.conformance.test_workloads import (
    DAEMON,
    DEPLOYMENT,
    FOREVER,
    daemon_set,
    daemons,
    images,
    start_daemons,
)
from tests.support.control_plane import control_plane, deployment, node, pod, replica_set, template

from pybernetes.api.apps import ControllerRevision, DaemonSet
from pybernetes.api.core import Endpoints, Pod
from pybernetes.api.discovery import EndpointSlice
from pybernetes.api.resource import resource
from pybernetes.client.client import STRATEGIC_MERGE_PATCH
from pybernetes.client.view import View

DEPLOYMENTS: View[Any] = View(resource("deployments", "apps"), dict)
REPLICA_SETS: View[Any] = View(resource("replicasets", "apps"), dict)
CONTROLLERS: View[Any] = View(resource("replicationcontrollers"), dict)
SCALE = {"metadata": {"creationTimestamp": None}, "status": {"replicas": 0}}


async def test_a_controller_revision_made_by_a_user_lives_beside_the_controllers() -> None:
    async with control_plane(*DAEMON, **FOREVER) as world:
        await start_daemons(world, daemon_set(), "a")
        (first,) = await world.list(ControllerRevision)
        meta = first.metadata
        second = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": "web-5d4f8c7b9",
                "namespace": "default",
                "labels": {"app": "web", "controller-revision-hash": "5d4f8c7b9"},
                "ownerReferences": [
                    {
                        "apiVersion": "apps/v1",
                        "kind": "DaemonSet",
                        "name": "web",
                        "uid": (meta.owner_references or [])[0].uid,
                        "controller": True,
                        "blockOwnerDeletion": True,
                    }
                ],
            },
            "data": first.data,
            "revision": first.revision + 1,
        }
        await world.create(second)
        await asyncio.sleep(10)
        assert sorted(one.revision for one in await world.list(ControllerRevision)) == [1, 2]
        await world.client.delete(ControllerRevision, meta.name or "", "default")
        await asyncio.sleep(10)
        (left,) = await world.list(ControllerRevision)
        assert (left.metadata.name, left.revision) == ("web-5d4f8c7b9", 2)
        labels = {"metadata": {"labels": {"web-5d4f8c7b9": "updated"}}}
        await world.client.patch(ControllerRevision, "web-5d4f8c7b9", "default", body=labels)
        patch = {
            "spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}},
            "updateStrategy": {"type": "RollingUpdate"},
        }
        await world.client.patch(DaemonSet, "web", "default", body=patch, content_type=STRATEGIC_MERGE_PATCH)

        async def revisions(*wanted: int) -> bool:
            return sorted(one.revision for one in await world.list(ControllerRevision)) == [*wanted]

        await world.until(lambda: revisions(2, 3))
        await world.client.delete_collection(ControllerRevision, "default", label_selector="web-5d4f8c7b9=updated")
        await world.until(lambda: revisions(3))
        await asyncio.sleep(30)
        assert await revisions(3)
        await daemons(world, 1)


async def test_the_life_of_a_replication_controller() -> None:
    async with control_plane("replicationcontroller-controller", "garbage-collector-controller") as world:
        await world.run_pods()
        body = {
            "apiVersion": "v1",
            "kind": "ReplicationController",
            "metadata": {"name": "rc-test", "namespace": "default", "creationTimestamp": None,
                         "labels": {"test-rc-static": "true"}},
            "spec": {"replicas": 1, "selector": {"test-rc-static": "true"},
                     "template": {**template({"test-rc-static": "true"}),
                                  "metadata": {"name": "rc-test", "creationTimestamp": None,
                                               "labels": {"test-rc-static": "true"}}}},
            "status": {"replicas": 0},
        }  # fmt: skip
        made = await world.create(body)
        version = made["metadata"]["resourceVersion"]
        seen: list[tuple[str, Any]] = []

        async def follow() -> None:
            watch = world.client.watch(
                CONTROLLERS, "default", resource_version=version, label_selector="test-rc-static=true"
            )
            async for event in watch:
                seen.append((event.type, event.object))

        following = asyncio.create_task(follow())

        async def ready(count: int) -> bool:
            status = (await world.client.get(CONTROLLERS, "rc-test", "default"))["status"]
            return status["replicas"] == status.get("readyReplicas", 0) == count

        async def patch(body: dict[str, Any], subresource: str = "") -> Any:
            return await world.client.patch(
                CONTROLLERS, "rc-test", "default", body=body, subresource=subresource,
                content_type=STRATEGIC_MERGE_PATCH,
            )  # fmt: skip

        await world.until(lambda: ready(1))
        label = {"metadata": {"creationTimestamp": None, "labels": {"test-rc": "patched"}}, "spec": {}}
        patched = await patch({**label, "status": {"replicas": 0}})
        assert patched["metadata"]["labels"]["test-rc"] == "patched"
        assert patched["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]
        assert patched["status"]["replicas"] == 1
        told = await patch({"status": {"readyReplicas": 0, "availableReplicas": 0}}, "status")
        assert told["status"].get("readyReplicas", 0) == 0
        await world.until(lambda: ready(1))
        scale = await patch({**SCALE, "spec": {"replicas": 2}}, "scale")
        assert scale["spec"]["replicas"] == 2
        await world.until(lambda: ready(2))
        current = await world.client.get(CONTROLLERS, "rc-test", "default")
        current["status"] |= {"availableReplicas": 1, "readyReplicas": 1}
        await world.client.update_status(current)
        await world.until(lambda: ready(2))
        await world.client.delete_collection(CONTROLLERS, "default", label_selector="test-rc-static=true")
        await world.until(lambda: seen[-1][0] == "DELETED")
        following.cancel()


async def test_the_life_of_a_deployment() -> None:
    async with control_plane(*DEPLOYMENT) as world:
        await world.run_pods()
        body = deployment("web", 2)
        body["metadata"] |= {"labels": {"test-deployment-static": "true"}, "creationTimestamp": None}
        body["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1
        body["status"] = {}
        await world.create({**body})

        async def is_so(replicas: int, image: str) -> bool:
            status = (await world.client.get(DEPLOYMENTS, "web", "default"))["status"]
            numbers = [status.get(field, 0) for field in ("readyReplicas", "updatedReplicas", "unavailableReplicas")]
            return numbers == [replicas, replicas, 0] and await images(world) == [image] * replicas

        await world.until(lambda: is_so(2, "example/web:1"))
        containers = [{"name": "main", "image": "example/web:2"}]
        patch = {
            "metadata": {"labels": {"test-deployment": "patched"}},
            "spec": {
                "replicas": 1,
                "template": {"spec": {"terminationGracePeriodSeconds": 2, "containers": containers}},
            },
        }
        await world.client.patch(DEPLOYMENTS, "web", "default", body=patch, content_type=STRATEGIC_MERGE_PATCH)
        await world.until(lambda: is_so(1, "example/web:2"))
        # The object as it was created, without a resourceVersion, is an update.
        body["metadata"]["labels"] = {"test-deployment-static": "true", "test-deployment": "updated"}
        body["spec"]["template"]["spec"]["containers"][0]["image"] = "example/web:3"
        await world.client.update(body)
        found = await world.client.get(DEPLOYMENTS, "web", "default")
        assert found["metadata"]["labels"]["test-deployment"] == "updated"
        await world.until(lambda: is_so(2, "example/web:3"))
        wrong = {
            "metadata": {"labels": {"test-deployment": "patched-status"}},
            "status": {"readyReplicas": 0, "availableReplicas": 0},
        }
        await world.client.patch(
            DEPLOYMENTS, "web", "default", body=wrong, subresource="status", content_type=STRATEGIC_MERGE_PATCH
        )
        found = await world.client.get(DEPLOYMENTS, "web", "default")
        assert found["metadata"]["labels"]["test-deployment"] == "updated", "labels do not change by the status"
        await world.until(lambda: is_so(2, "example/web:3"))


async def test_a_scale_is_put_without_a_version_and_patched_with_empty_fields() -> None:
    async with control_plane("replicaset-controller") as world:
        await world.run_pods()
        await world.create(replica_set("web", 1))

        async def is_scaled() -> bool:
            scale = await world.client.get(REPLICA_SETS, "web", "default")
            return scale["status"].get("readyReplicas") == 1

        await world.until(is_scaled)
        scale = await world.client.patch(REPLICA_SETS, "web", "default", body={}, subresource="scale")
        assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (1, 1)
        assert scale["status"]["selector"] == "app=web"
        del scale["metadata"]["resourceVersion"]
        scale["spec"]["replicas"] = 2
        put = await world.client.update(scale, subresource="scale", resource=resource("replicasets", "apps"))
        assert put["spec"]["replicas"] == 2
        await world.client.patch(
            REPLICA_SETS, "web", "default", body={**SCALE, "spec": {"replicas": 4}}, subresource="scale",
            content_type=STRATEGIC_MERGE_PATCH,
        )  # fmt: skip
        assert (await world.client.get(REPLICA_SETS, "web", "default"))["spec"]["replicas"] == 4


@pytest.mark.parametrize(
    ("plural", "body", "only"),
    [
        ("replicasets", replica_set("web", 1), ("replicaset-controller",)),
        ("deployments", deployment("web", 1), DEPLOYMENT),
        ("statefulsets", {**replica_set("web", 1), "kind": "StatefulSet"}, ("statefulset-controller",)),
        ("daemonsets", daemon_set(), DAEMON),
    ],
)
async def test_conditions_set_by_others_replace_and_stay(
    plural: str, body: dict[str, Any], only: tuple[str, ...]
) -> None:
    view: View[Any] = View(resource(plural, "apps"), dict)
    async with control_plane(*only, **FOREVER) as world:
        await world.run_pods()
        await world.create(node("a"))
        await world.create(body)
        await asyncio.sleep(10)
        patch = {"status": {"conditions": [{"type": "StatusPatched", "status": "True"}]}}
        patched = await world.client.patch(view, "web", "default", body=patch, subresource="status")
        assert [one["type"] for one in patched["status"]["conditions"]] == ["StatusPatched"]
        await asyncio.sleep(10)
        kept = (await world.client.get(view, "web", "default"))["status"]["conditions"]
        assert "StatusPatched" in {one["type"] for one in kept}


async def test_a_new_object_tells_the_numbers_that_are_always_told() -> None:
    labels = {"a": "b"}
    selector = {"selector": {"matchLabels": labels}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}
    for version, kind, spec, status in (
        ("v1", "ReplicationController", {"selector": labels, "template": template(labels)}, {"replicas": 0}),
        ("apps/v1", "ReplicaSet", {**selector, "template": template(labels)}, {"replicas": 0}),
        (
            "apps/v1",
            "StatefulSet",
            {**selector, "template": template(labels)},
            {"replicas": 0, "availableReplicas": 0},
        ),
        (
            "apps/v1",
            "DaemonSet",
            {**selector, "template": template(labels)},
            {"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0},
        ),
        ("apps/v1", "Deployment", {**selector, "template": template(labels)}, {}),
        (
            "policy/v1",
            "PodDisruptionBudget",
            {**selector, "minAvailable": 1},
            {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0},
        ),
        (
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            {"maxReplicas": 2, "scaleTargetRef": target},
            {"currentMetrics": None, "desiredReplicas": 0},
        ),
    ):
        async with control_plane("ttl-controller") as world:
            body = {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "default"}}
            made = await world.create({**body, "spec": spec, "status": {"replicas": 7, "currentHealthy": 7}})
            assert made["status"] == status, kind


async def test_slices_of_pods_whose_named_port_differs() -> None:
    """Two pods with another number behind one name: two subsets and two slices, made again when they are deleted."""

    def on(name: str, *ports: tuple[str, int], **labels: str) -> dict[str, Any]:
        body = pod(name, labels=labels)
        body["spec"]["containers"][0]["ports"] = [{"name": port, "containerPort": number} for port, number in ports]
        return body

    def service(name: str, selector: dict[str, str], target: int | str) -> dict[str, Any]:
        port = {"name": "http", "port": 80, "targetPort": target, "protocol": "TCP"}
        spec = {"selector": selector, "publishNotReadyAddresses": True, "ports": [port]}
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}, "spec": spec}

    async with control_plane("endpointslice-controller", "endpoints-controller") as world:
        await world.create(on("pod1", ("example-name", 3000), pod1="on", shared12="on"))
        await world.create(on("pod2", ("example-name", 3001), ("other-port", 3002), pod2="on", shared12="on"))
        for name, address in (("pod1", "10.0.0.1"), ("pod2", "10.0.0.2")):
            await world.report(await world.get(Pod, name), "Running", pod_ip=address)
        await world.create(service("int-port", {"pod1": "on"}, 3000))
        await world.create(service("named-port", {"shared12": "on"}, "example-name"))
        await world.create(service("no-match", {"pod3": "on"}, 8080))

        async def slices(name: str) -> list[EndpointSlice]:
            found = await world.client.list(
                EndpointSlice, "default", label_selector=f"kubernetes.io/service-name={name}"
            )
            return found.items or []

        async def places(name: str) -> list[tuple[int | None, str, str]]:
            return sorted(
                ((one.ports or [])[0].port, (endpoint.addresses or [""])[0], endpoint.target_ref.name or "")
                for one in await slices(name)
                for endpoint in one.endpoints or ()
                if endpoint.target_ref is not None
            )

        async def subsets(name: str) -> list[tuple[int, str, str]]:
            found = await world.get(Endpoints, name)
            return sorted(
                ((one.ports or [])[0].port, address.ip, address.target_ref.name or "")
                for one in found.subsets or ()
                for address in one.addresses or ()
                if address.target_ref is not None
            )

        both = [(3000, "10.0.0.1", "pod1"), (3001, "10.0.0.2", "pod2")]

        async def are_there() -> bool:
            return await places("named-port") == both and len(await slices("no-match")) == 1

        await world.until(are_there)
        assert await places("int-port") == await subsets("int-port") == both[:1]
        assert await subsets("named-port") == both
        assert len((await world.get(Endpoints, "named-port")).subsets or ()) == 2
        assert await places("no-match") == await subsets("no-match") == []
        for one in await slices("named-port"):
            (owner,) = one.metadata.owner_references or []
            assert (owner.kind, owner.name, owner.controller) == ("Service", "named-port", True)
            assert (one.metadata.labels or {})["endpointslice.kubernetes.io/managed-by"] == (
                "endpointslice-controller.k8s.io"
            )
        before = {one.metadata.uid for one in await slices("named-port")}
        await world.client.delete_collection(
            EndpointSlice, "default", label_selector="kubernetes.io/service-name=named-port"
        )
        await world.until(are_there)
        assert len(await slices("named-port")) == 2
        assert not before & {one.metadata.uid for one in await slices("named-port")}


async def test_custom_endpoints_are_put_without_a_version_and_mirrored() -> None:
    async with control_plane("endpointslice-mirroring-controller", "endpoints-controller") as world:
        port = {"name": "example", "port": 80, "protocol": "TCP"}
        metadata = {"name": "custom", "namespace": "default"}
        await world.create({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [port]}})

        def custom(*addresses: str) -> dict[str, Any]:
            subset = {"addresses": [{"ip": one} for one in addresses], "ports": [{"port": 80}]}
            return {"apiVersion": "v1", "kind": "Endpoints", "metadata": dict(metadata), "subsets": [subset]}

        async def mirrored(*addresses: str) -> bool:
            found = [one for one in await world.list(EndpointSlice, "default") if one.metadata.name != "kubernetes"]
            return [
                (one.addresses, [p.port for p in each.ports or ()]) for each in found for one in each.endpoints or ()
            ] == [([one], [80]) for one in addresses]

        await world.create(custom("10.1.2.3"))
        await world.until(lambda: mirrored("10.1.2.3"), within_seconds=12)
        await world.client.update(custom("10.2.3.4"))
        await world.until(lambda: mirrored("10.2.3.4"), within_seconds=12)
        await world.client.delete(Endpoints, "custom", "default")
        await world.until(lambda: mirrored(), within_seconds=12)
