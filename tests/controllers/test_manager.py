"""All controllers together: each gets along with the rights its role gives it, and an idle cluster is idle."""

import asyncio
import json
from importlib import resources

import pytest
from tests.support.control_plane import control_plane, deployment, job, node
from tests.support.scripted_app import ScriptedApp

from pybernetes.api.apps import Deployment
from pybernetes.api.batch import Job
from pybernetes.api.core import Namespace, Pod
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
