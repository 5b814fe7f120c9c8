"""All controllers together: each gets along with the rights its role gives it, and an idle cluster is idle."""

import asyncio
import json
from importlib import resources

import pytest
from tests.support.control_plane import control_plane, deployment, job, node, pod, template
from tests.support.scripted_app import ScriptedApp

from pybernetes.api.apps import Deployment, StatefulSet
from pybernetes.api.batch import Job
from pybernetes.api.core import Namespace, PersistentVolumeClaim, Pod
from pybernetes.api.meta import ObjectMeta
from pybernetes.client.client import Client
from pybernetes.controllers.manager import (
    ALIASES,
    CONTROLLERS,
    ELSEWHERE,
    ControllerManager,
    ControllerManagerConfig,
    selection,
)


async def test_controllers_need_no_more_than_their_roles() -> None:
    async with control_plane(rbac=True, root_ca=b"CA", node_monitor_grace_period_seconds=50) as world:
        await world.run_pods()
        for name in ("alive", "dead"):
            await world.create(node(name))
        await world.create(Namespace(metadata=ObjectMeta(name="team")))
        await world.create(deployment("web", 3))
        await world.create(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "web", "namespace": "default"},
                "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
            }
        )
        await world.create(job("work"))
        await asyncio.sleep(5)
        for found in await world.list(Pod, "default"):
            if "work" in (found.metadata.name or ""):
                await world.report(found, "Succeeded", exit_code=0)
        await asyncio.sleep(100)
        await world.client.delete(Deployment, "web", "default", propagation_policy="Foreground")
        await world.client.delete(Job, "work", "default", propagation_policy="Background")
        await world.client.delete(Namespace, "team")
        await asyncio.sleep(100)
        assert not await world.list(Pod)
        assert "team" not in {found.metadata.name for found in await world.list(Namespace)}
        assert world.denied == []


async def test_controllers_of_state_need_no_more_than_their_roles() -> None:
    claim_spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    labels = {"app": "db"}
    stateful = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "default"},
        "spec": {
            "replicas": 2,
            "serviceName": "db",
            "selector": {"matchLabels": labels},
            "template": template(labels),
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim_spec}],
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
        },
    }
    controller = {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "rc", "namespace": "default"},
        "spec": {"replicas": 1, "selector": {"app": "rc"}, "template": template({"app": "rc"})},
    }
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "tick", "namespace": "default"},
        "spec": {
            "schedule": "* * * * *",
            "concurrencyPolicy": "Replace",
            "jobTemplate": {"spec": {"template": template({}, restartPolicy="Never")}},
        },
    }
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "rc", "namespace": "default"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "v1", "kind": "ReplicationController", "name": "rc"},
            "minReplicas": 2,
            "maxReplicas": 3,
        },
    }
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "default"},
        "spec": {"hard": {"pods": "100", "count/deployments.apps": "3", "persistentvolumeclaims": "10"}},
    }
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "disk"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "csi": {"driver": "disks.example.com", "volumeHandle": "h"},
        },
    }
    scratch = [{"name": "s", "ephemeral": {"volumeClaimTemplate": {"spec": claim_spec}}}]
    endpoints = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "custom", "namespace": "default"},
        "subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}],
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "custom", "namespace": "default"},
        "spec": {"ports": [{"port": 80}]},
    }
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "db", "namespace": "default"},
        "spec": {"maxUnavailable": "50%", "selector": {"matchLabels": labels}},
    }
    async with control_plane(rbac=True, root_ca=b"CA", node_monitor_grace_period_seconds=1e6) as world:
        await world.run_pods()
        await world.create(node("n1"))
        for body in (volume, service, endpoints, quota, stateful, controller, cron, autoscaler, budget):
            await world.create(body)
        await world.create(pod("scratch", volumes=scratch, node="n1"))
        await asyncio.sleep(200)
        assert len(await world.list(Job)) == 1
        await world.client.patch(StatefulSet, "db", "default", body={"spec": {"replicas": 1}})
        await asyncio.sleep(30)
        await world.client.delete(StatefulSet, "db", "default", propagation_policy="Background")
        await world.client.delete(Pod, "scratch", "default", grace_period_seconds=0)
        await asyncio.sleep(60)
        assert await world.list(PersistentVolumeClaim) == []
        assert world.denied == []


async def test_idle_controllers_send_nothing() -> None:
    async with control_plane(root_ca=b"CA") as world:
        await world.run_pods()
        await world.create(deployment("web", 5))
        await world.create(node("n1"))
        await asyncio.sleep(1000)
        requests: list[str] = []

        def count(request: object) -> bool:
            method, path, query = request.method, request.path, request.query  # type: ignore[attr-defined]
            if "watch=true" not in query:
                requests.append(f"{method} {path}")
            return False

        world.refuse = count
        await asyncio.sleep(3600)
        assert requests == []


def test_unknown_controller_is_refused_by_name() -> None:
    config = ControllerManagerConfig(controllers=("*", "-nonsense"))
    with pytest.raises(ValueError, match=r"unknown controller '-nonsense'; known are: .*deployment-controller"):
        ControllerManager(lambda _: Client(ScriptedApp()), config)


def test_every_name_of_upstream_is_accepted() -> None:
    names = json.loads((resources.files("pybernetes.api") / "data" / "wellknown.json").read_text())["controllerNames"]
    cloud = {"cloud-node-controller"}
    for name in set(names) - cloud:
        assert name in CONTROLLERS or name in ELSEWHERE, name
        assert selection((f"-{name}",)) in ((), (f"-{name}",))


def test_names_of_earlier_releases_are_understood() -> None:
    assert selection(("*", "-garbagecollector", "job")) == ("*", "-garbage-collector-controller", "job-controller")
    assert set(ALIASES.values()) <= set(CONTROLLERS) | ELSEWHERE
    with pytest.raises(ValueError, match="'selinux-warning-controller' is not available here"):
        selection(("selinux-warning-controller",))
