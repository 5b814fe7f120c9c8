"""Autoscaling, seen from outside: load goes up and down, and the target follows."""

import asyncio
from typing import Any

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
        assert message.startswith(
            "invalid metrics (1 invalid out of 1), first error is: failed to get cpu utilization: "
            "unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: "
        )
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
        assert 'deployments.apps "web" not found' in await world.messages("FailedGetScale")


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
