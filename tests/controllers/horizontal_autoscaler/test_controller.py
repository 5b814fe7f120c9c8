"""Autoscaling, seen from outside: load goes up and down, and the target follows."""

import asyncio
from typing import Any

import pytest
from tests.support.control_plane import World, control_plane, deployment
from tests.support.scripted_app import json_response

from pybernetes.api.apps import Deployment
from pybernetes.api.autoscaling import HorizontalPodAutoscaler
from pybernetes.api.core import Pod
from pybernetes.base.http.message import Request, Response

ONLY = ("deployment-controller", "replicaset-controller", "horizontal-pod-autoscaler-controller")


def autoscaler(metrics: list[dict[str, Any]] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 1,
            "maxReplicas": 10,
            **({"metrics": metrics} if metrics else {}),
            **spec,
        },
    }


class Load:
    """The metrics APIs: what the pods use together (milli cores), and other values by path."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.total: int | None = None
        self.values: dict[str, str] = {}
        self.pods: list[str] = []
        world.answer = self.answer

    async def refresh(self) -> None:
        self.pods = [found.metadata.name or "" for found in await self.world.list(Pod)]

    def answer(self, request: Request) -> Response | None:
        now = self.world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        if request.path == "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods" and self.total is not None:
            each = f"{self.total // max(1, len(self.pods))}m"
            items = [
                {
                    "metadata": {"name": name, "namespace": "default"},
                    "timestamp": now,
                    "window": "30s",
                    "containers": [{"name": "main", "usage": {"cpu": each, "memory": "1Mi"}}],
                }
                for name in self.pods
            ]
            return json_response({"kind": "PodMetricsList", "items": items}, 200)
        for path, value in self.values.items():
            if request.path == path:
                return json_response({"items": [{"value": value, "timestamp": now}]}, 200)
        return None


async def target(world: World) -> None:
    body = deployment("web", 1)
    body["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1"}}
    await world.create(body)
    await sized(world, 1)
    await asyncio.sleep(600)


async def sized(world: World, replicas: int, load: Load | None = None) -> None:
    async def is_so() -> bool:
        if load is not None:
            await load.refresh()
        found = await world.get(Deployment, "web")
        return found.spec.replicas == replicas and found.status.ready_replicas == replicas

    await world.until(is_so, within_seconds=2000)


async def conditions(world: World) -> dict[str, tuple[str, str]]:
    status = (await world.get(HorizontalPodAutoscaler, "web")).status
    return {found.type: (found.status, found.reason or "") for found in status.conditions or ()}


async def active(world: World) -> str:
    """The message of the condition ScalingActive."""
    status = (await world.get(HorizontalPodAutoscaler, "web")).status
    return next(found.message or "" for found in status.conditions or () if found.type == "ScalingActive")


async def test_deployment_follows_its_load() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        load = Load(world)
        await target(world)
        load.total = 2000
        await world.create(autoscaler())
        # 200 % of 80 %: three replicas.
        await sized(world, 3, load)
        await asyncio.sleep(600)
        status = (await world.get(HorizontalPodAutoscaler, "web")).status
        assert (status.current_replicas, status.desired_replicas) == (3, 3)
        (metric,) = status.current_metrics or []
        assert metric.resource is not None and metric.resource.current.average_utilization == 66
        assert await conditions(world) == {
            "AbleToScale": ("True", "ReadyForNewScale"),
            "ScalingActive": ("True", "ValidMetricFound"),
            "ScalingLimited": ("False", "DesiredWithinRange"),
        }
        wanted = "New size: 3; reason: cpu resource utilization (percentage of request) above target"
        assert wanted in await world.messages("SuccessfulRescale")
        load.total = 100
        await sized(world, 1, load)
        assert "New size: 1; reason: All metrics below target" in await world.messages("SuccessfulRescale")


async def test_bounds_hold_without_metrics() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await target(world)
        await world.create(autoscaler(minReplicas=2))
        await sized(world, 2)
        message = "New size: 2; reason: Current number of replicas below Spec.MinReplicas"
        assert message in await world.messages("SuccessfulRescale")


async def test_missing_metrics_are_told_and_change_nothing() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await target(world)
        await world.create(autoscaler())

        async def told() -> bool:
            return (await conditions(world)).get("ScalingActive") == ("False", "FailedGetResourceMetric")

        await world.until(told)
        reasons = await world.reasons()
        assert {"FailedGetResourceMetric", "FailedComputeMetricsReplicas"} <= reasons
        (message,) = await world.messages("FailedComputeMetricsReplicas")
        words = (
            "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from "
            "resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"
        )
        first = f"first error is: failed to get cpu resource metric value: {words}"
        assert message == f"invalid metrics (1 invalid out of 1), {first}"
        assert await world.messages("FailedGetResourceMetric") == {words}
        assert await active(world) == f"the HPA was unable to compute the replica count: {words}"
        await sized(world, 1)


async def test_scaling_is_disabled_at_zero() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await target(world)
        await world.client.patch(Deployment, "web", "default", body={"spec": {"replicas": 0}})
        await world.create(autoscaler())

        async def disabled() -> bool:
            return (await conditions(world)).get("ScalingActive") == ("False", "ScalingDisabled")

        await world.until(disabled)
        assert (await world.get(Deployment, "web")).spec.replicas == 0


async def test_missing_target_is_told() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(autoscaler())

        async def told() -> bool:
            return (await conditions(world)).get("AbleToScale") == ("False", "FailedGetScale")

        await world.until(told)
        assert 'deployments/scale.apps "web" not found' in await world.messages("FailedGetScale")


async def test_external_and_object_metrics() -> None:
    external = {
        "type": "External",
        "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "10"}},
    }
    described = {"apiVersion": "v1", "kind": "Service", "name": "front"}
    on_object = {
        "type": "Object",
        "object": {
            "metric": {"name": "hits"},
            "describedObject": described,
            "target": {"type": "Value", "value": "100"},
        },
    }
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        load = Load(world)
        load.values = {
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue": "35",
            "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/services/front/hits": "150",
        }
        await target(world)
        await world.create(autoscaler([external, on_object]))
        await sized(world, 4, load)
        status = (await world.get(HorizontalPodAutoscaler, "web")).status
        kinds = [metric.type for metric in status.current_metrics or ()]
        assert kinds == ["External", "Object"]
        messages = await world.messages("SuccessfulRescale")
        assert "New size: 4; reason: external metric queue(nil) above target" in messages


def per_container(container: str) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": 50}
    return {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": container, "target": target}}


async def test_one_container_decides() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        load = Load(world)
        await target(world)
        load.total = 1000
        await world.create(autoscaler([per_container("main")]))
        await sized(world, 2, load)
        status = (await world.get(HorizontalPodAutoscaler, "web")).status
        (metric,) = status.current_metrics or []
        assert metric.container_resource is not None and metric.container_resource.container == "main"
        assert await active(world) == (
            "the HPA was able to successfully calculate a replica count from "
            "cpu container resource utilization (percentage of request)"
        )


def pods_metric(name: str) -> dict[str, Any]:
    target = {"type": "AverageValue", "averageValue": "10"}
    return {"type": "Pods", "pods": {"metric": {"name": name}, "target": target}}


def object_metric(name: str, **target: Any) -> dict[str, Any]:
    described = {"apiVersion": "v1", "kind": "Service", "name": "front"}
    return {"type": "Object", "object": {"metric": {"name": name}, "describedObject": described, "target": target}}


def external_metric(name: str, labels: dict[str, str] | None = None, **target: Any) -> dict[str, Any]:
    metric: dict[str, Any] = {"name": name}
    if labels:
        metric["selector"] = {"matchLabels": labels}
    return {"type": "External", "external": {"metric": metric, "target": target}}


NO_CUSTOM = "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered"
NO_EXTERNAL = "unable to fetch metrics from external metrics API: the server could not find the requested resource"
GO_SELECTOR = "&LabelSelector{MatchLabels:map[string]string{a: b,c: d,},MatchExpressions:[]LabelSelectorRequirement{},}"


@pytest.mark.parametrize(
    ("metric", "reason", "message", "whole"),
    [
        (
            pods_metric("hits"),
            "FailedGetPodsMetric",
            f"unable to get metric hits: {NO_CUSTOM}",
            "failed to get pods metric value: {}",
        ),
        (
            object_metric("hits", type="Value", value="1"),
            "FailedGetObjectMetric",
            f"unable to get metric hits: Service on default front/{NO_CUSTOM}",
            "failed to get object metric value: {}",
        ),
        (
            object_metric("hits", type="AverageValue", averageValue="1"),
            "FailedGetObjectMetric",
            f"unable to get metric hits: Service on default front/{NO_CUSTOM}",
            "failed to get object metric value: failed to get hits object metric: {}",
        ),
        (
            external_metric("queue", type="AverageValue", averageValue="1"),
            "FailedGetExternalMetric",
            f"unable to get external metric default/queue/nil: {NO_EXTERNAL} (get queue.external.metrics.k8s.io)",
            "failed to get queue external metric value: failed to get queue external metric: {}",
        ),
        (
            external_metric("queue", {"c": "d", "a": "b"}, type="Value", value="1"),
            "FailedGetExternalMetric",
            f"unable to get external metric default/queue/{GO_SELECTOR}: {NO_EXTERNAL} "
            "(get queue.external.metrics.k8s.io)",
            "failed to get queue external metric value: failed to get external metric queue: {}",
        ),
        (
            per_container("main"),
            "FailedGetContainerResourceMetric",
            "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from "
            "resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)",
            "failed to get main container metric value: {}",
        ),
    ],
)
async def test_what_is_told_of_a_metric_that_is_not_there(
    metric: dict[str, Any], reason: str, message: str, whole: str
) -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await target(world)
        await world.create(autoscaler([metric]))

        async def told() -> bool:
            return (await conditions(world)).get("ScalingActive") == ("False", reason)

        await world.until(told)
        assert await world.messages(reason) == {message}
        assert await active(world) == f"the HPA was unable to compute the replica count: {message}"
        summed = f"invalid metrics (1 invalid out of 1), first error is: {whole.format(message)}"
        assert await world.messages("FailedComputeMetricsReplicas") == {summed}


async def test_a_container_that_is_not_measured_is_told() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        load = Load(world)
        await target(world)
        await load.refresh()
        load.total = 100
        await world.create(autoscaler([per_container("side")]))

        async def told() -> bool:
            return (await conditions(world)).get("ScalingActive") == ("False", "FailedGetContainerResourceMetric")

        await world.until(told)
        assert await active(world) == (
            "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for "
            "resource cpu: failed to get container metrics: container side not present in metrics for pod "
            f"default/{load.pods[0]}"
        )


async def test_the_older_custom_metrics_api_will_do() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        load = Load(world)
        load.values = {"/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/services/front/hits": "30"}
        await target(world)
        await world.create(autoscaler([object_metric("hits", type="AverageValue", averageValue="10")]))
        await sized(world, 3, load)
        assert "New size: 3; reason: external metric hits(nil) above target" in await world.messages(
            "SuccessfulRescale"
        )


async def test_with_one_metric_missing_it_grows_but_does_not_shrink() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        load = Load(world)
        load.values = {"/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue": "30"}
        await target(world)
        queue = external_metric("queue", type="AverageValue", averageValue="10")
        await world.create(autoscaler([queue, pods_metric("hits")]))
        await sized(world, 3, load)
        assert (await conditions(world))["ScalingActive"] == ("True", "ValidMetricFound")
        load.values = {"/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue": "10"}
        await asyncio.sleep(900)
        assert (await world.get(Deployment, "web")).spec.replicas == 3
        assert (await conditions(world))["ScalingActive"] == ("False", "FailedGetPodsMetric")


async def test_pods_under_two_autoscalers_are_left_alone() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        load = Load(world)
        await target(world)
        await load.refresh()
        load.total = 2000
        other = autoscaler()
        other["metadata"]["name"] = "again"
        await world.create(other)
        await world.create(autoscaler())

        async def told() -> bool:
            return (await conditions(world)).get("ScalingActive") == ("False", "AmbiguousSelector")

        await world.until(told)
        words = "pods by selector app=web are controlled by multiple HPAs: [default/again default/web]"
        assert await active(world) == words
        assert await world.messages("AmbiguousSelector") == {words}
        assert words in await world.messages("FailedComputeMetricsReplicas")
        await world.client.delete(HorizontalPodAutoscaler, "again", "default")

        async def active_again() -> bool:
            await load.refresh()
            return (await conditions(world)).get("ScalingActive") == ("True", "ValidMetricFound")

        await world.until(active_again)
