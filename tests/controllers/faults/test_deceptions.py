"""Lied to, cut off, followed by another leader, off the clock, and given malformed objects to read."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import orjson
import pytest
from tests.controllers.faults.harness import Faults, act
from tests.controllers.faults.scenarios import ALL, alive
from tests.support.clock import LoopClock, eventually
from tests.support.control_plane import World, deployment, node, replica_set, template
from tests.support.scripted_app import json_response, status_response

from pybernetes.api.apps import DaemonSet, Deployment, ReplicaSet
from pybernetes.api.batch import CronJob, Job
from pybernetes.api.coordination import Lease
from pybernetes.api.core import Node, Pod
from pybernetes.base.http.message import Request, Response
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.controllers.manager import ControllerManager, ControllerManagerConfig
from pybernetes.store.memory import MemoryStore
from pybernetes.testing import ADMIN, api_server

EVERY = pytest.mark.parametrize("name", list(ALL))


def is_list(request: Request) -> bool:
    return request.method == "GET" and "watch=true" not in request.query and "limit=" in request.query


class Liar:
    """Answers the n-th list of a collection with nothing, and ends every watch after a while with 410."""

    def __init__(self, clock_seconds: float = 20.0) -> None:
        self.lists: dict[str, int] = {}
        self.told: list[str] = []

    def read(self, request: Request, response: Response) -> Response:
        if not is_list(request) or response.status != 200:
            return response
        count = self.lists[request.path] = self.lists.get(request.path, 0) + 1
        if count != 2:
            return response
        assert isinstance(response.body, bytes)
        body = orjson.loads(response.body)
        if body.get("items"):
            self.told.append(request.path)
        return json_response({**body, "items": []}, 200)


@EVERY
async def test_empty_list_in_between_does_no_harm(name: str) -> None:
    liar = Liar()
    watches: dict[str, int] = {}

    def prepare(faults: Faults) -> None:
        def read(request: Request, response: Response) -> Response:
            if "watch=true" in request.query:
                count = watches[request.path] = watches.get(request.path, 0) + 1
                # The first watches are cut: the collection has to be listed again, twice.
                if count <= 3:
                    return status_response(410, "Expired")
            return liar.read(request, response)

        faults.read = read

    await act(ALL[name], prepare)
    assert max(watches.values()) > 3


@EVERY
async def test_watch_that_expired_is_begun_anew(name: str) -> None:
    count = 0

    def prepare(faults: Faults) -> None:
        def read(request: Request, response: Response) -> Response:
            nonlocal count
            if "watch=true" in request.query:
                count += 1
                if count % 3:
                    return status_response(410, "Expired")
            return response

        faults.read = read

    await act(ALL[name], prepare)
    assert count > 3


class Cable:
    """The way of one process to the server; cut, nothing passes."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.cut = False
        self.writes: list[tuple[float, str]] = []

    async def __call__(self, request: Request) -> Response:
        if self.cut:
            raise ConnectionError("cut off")
        if request.method != "GET" and "/leases/" not in request.path and "/events" not in request.path:
            self.writes.append((asyncio.get_running_loop().time(), request.path))
        response: Response = await self._app(request)
        return response


async def test_leader_that_is_cut_off_is_followed_within_its_lease() -> None:
    clock = LoopClock()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(api_server(clock=clock))
        world = World(Client(InProcessTransport(server.app, ADMIN)), clock, stack)
        cables = {name: Cable(server.app) for name in ("first", "second")}
        for name, cable in cables.items():
            client = Client(InProcessTransport(cable, ADMIN))
            only = ("deployment-controller", "replicaset-controller")
            settings = ControllerManagerConfig(identity=name, controllers=only)
            manager = ControllerManager(lambda _, client=client: client, settings, clock)  # type: ignore[misc]
            await stack.enter_async_context(running(name, manager.serve))
            await asyncio.sleep(5)
        await world.run_pods()
        await world.create(deployment("web", 2))

        async def running_pods(count: int) -> bool:
            return len(await alive(world)) == count

        await eventually(lambda: running_pods(2))
        lease = await world.get(Lease, "kube-controller-manager", "kube-system")
        assert lease.spec.holder_identity == "first"
        assert not cables["second"].writes
        cables["first"].cut = True
        began = clock.monotonic()
        await world.client.patch(Deployment, "web", "default", body={"spec": {"replicas": 4}})
        await eventually(lambda: running_pods(4))
        assert clock.monotonic() - began < 15 + 5
        cables["first"].cut = False
        before = len(cables["first"].writes)
        await asyncio.sleep(60)
        assert len(cables["first"].writes) == before
        assert len(await world.list(Pod, "default")) == 4
        assert (await world.get(Lease, "kube-controller-manager", "kube-system")).spec.holder_identity == "second"


async def test_clock_that_jumps_does_no_harm() -> None:
    clock = LoopClock()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(api_server(clock=clock))
        client = Client(InProcessTransport(server.app, ADMIN))
        world = World(client, clock, stack)
        settings = ControllerManagerConfig(leader_elect=False)
        manager = ControllerManager(lambda _: client, settings, clock)
        await stack.enter_async_context(running("manager", manager.serve))
        await world.run_pods()
        await world.create(node("n1"))
        await world.create(deployment("web", 2, minReadySeconds=5))
        hourly = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "tick", "namespace": "default"},
            "spec": {
                "schedule": "30 * * * *",
                "jobTemplate": {"spec": {"template": template({}, restartPolicy="Never")}},
            },
        }
        await world.create(hourly)
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "n1", "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": "n1", "leaseDurationSeconds": 40},
        }
        await world.create(lease)
        number = 0

        async def beat(seconds: int) -> None:
            nonlocal number
            for _ in range(seconds // 10):
                number += 1
                renewed = (clock.now() + timedelta(microseconds=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
                await client.patch(Lease, "n1", "kube-node-lease", body={"spec": {"renewTime": renewed}})
                await asyncio.sleep(10)

        for offset in (timedelta(hours=3), timedelta(hours=-3), timedelta(days=400), timedelta()):
            clock.offset = offset
            await beat(120)
            found = await world.get(Node, "n1", "")
            assert not [taint for taint in found.spec.taints or () if taint.effect == "NoExecute"]
            status = (await world.get(Deployment, "web")).status
            assert (status.ready_replicas, status.replicas) == (2, 2)
        # However often the clock went over it, the hour was run at most once per jump forward.
        jobs = await world.list(Job, "default")
        assert len({found.metadata.name for found in jobs}) == len(jobs) <= 2
        active = (await world.get(CronJob, "tick")).status.active or []
        assert {one.name for one in active} <= {found.metadata.name for found in jobs}


BAD_SELECTOR = {"matchExpressions": [{"key": "a", "operator": "Resembles", "values": ["b"]}]}


def stored(kind: str, name: str, spec: dict[str, Any]) -> bytes:
    group = "policy/v1" if kind == "PodDisruptionBudget" else "batch/v1" if "Job" in kind else "apps/v1"
    meta = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{kind}-{name}",
        "creationTimestamp": "2025-01-01T00:00:00Z",
    }
    return orjson.dumps({"apiVersion": group, "kind": kind, "metadata": meta, "spec": spec, "status": {}})


MALFORMED = (
    ("replicasets", "ReplicaSet", {"replicas": "three"}),
    ("replicasets", "ReplicaSet", {"replicas": 1, "selector": BAD_SELECTOR, "template": template({})}),
    ("deployments", "Deployment", {"replicas": 1, "selector": BAD_SELECTOR, "template": template({})}),
    (
        "deployments",
        "Deployment",
        {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "bad"}},
            "template": template({"app": "bad"}),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "many"}},
        },
    ),
    ("daemonsets", "DaemonSet", {"selector": BAD_SELECTOR, "template": template({})}),
    ("statefulsets", "StatefulSet", {"selector": BAD_SELECTOR, "template": template({})}),
    ("jobs", "Job", {"completions": 1, "selector": BAD_SELECTOR, "template": template({})}),
    ("cronjobs", "CronJob", {"schedule": "whenever", "jobTemplate": {}}),
    ("poddisruptionbudgets", "PodDisruptionBudget", {"minAvailable": "most", "selector": BAD_SELECTOR}),
)


async def test_malformed_objects_do_not_stop_the_others() -> None:
    clock = LoopClock()
    store = MemoryStore(clock=clock)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(api_server(clock=clock, store=store))
        for number, (plural, kind, spec) in enumerate(MALFORMED):
            key = f"/registry/{plural}/default/bad-{number}"
            await store.put(key, stored(kind, f"bad-{number}", spec), expected=0)
        client = Client(InProcessTransport(server.app, ADMIN))
        world = World(client, clock, stack)
        settings = ControllerManagerConfig(leader_elect=False)
        manager = ControllerManager(lambda _: client, settings, clock)
        await stack.enter_async_context(running("manager", manager.serve))
        await world.run_pods()
        await world.create(node("n1"))
        await world.create(deployment("good", 2))
        await world.create(replica_set("plain", 1))
        await world.create({**deployment("agent"), "kind": "DaemonSet"})

        async def all_run() -> bool:
            good = (await world.get(Deployment, "good")).status.available_replicas
            plain = (await world.get(ReplicaSet, "plain")).status.ready_replicas
            agent = (await world.get(DaemonSet, "agent")).status.number_ready
            return (good, plain, agent) == (2, 1, 1)

        await eventually(all_run)
