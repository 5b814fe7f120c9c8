"""The scheduler dies after every one of its writes, and the API server fails in between: no pod is bound twice, none is
forgotten, no node holds more than it can."""

import asyncio
from contextlib import AsyncExitStack
from random import Random

import pytest
from tests.support.scheduling import node, pod

from pybernetes.api.core import Node, Pod
from pybernetes.api.quantity import milli
from pybernetes.base.http.message import Request, Response
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.informers import Informers
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.testing import ADMIN, api_server

FAST = SchedulerConfig(initial_backoff_seconds=0.01, max_backoff_seconds=0.05)
ERROR = b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"%b","code":%d,"message":"injected"}'


class Faults:
    """An App in front of the API server that stands for the network and for the scheduler's process."""

    def __init__(self, app, *, crash_after=0, random=None, faults=0):
        self._app = InProcessTransport(app, ADMIN)
        self._crash_after = crash_after
        self._random = random
        self._faults = faults
        self.writes = 0
        self.crashed = asyncio.Event()

    async def __call__(self, request: Request) -> Response:
        if self._random is not None and self._faults and self._random.random() < 0.3:
            self._faults -= 1
            return await self._fail(request)
        response = await self._app(request)
        if request.method != "GET":
            self.writes += 1
            if self.writes == self._crash_after:
                self.crashed.set()
                await asyncio.get_running_loop().create_future()  # the process is no more
        return response

    async def _fail(self, request: Request) -> Response:
        kind = self._random.choice(["refused", "lost", "conflict", "busy", "expired"])
        if request.method == "GET":
            if kind == "expired" and "watch" in request.query:
                return Response(410, [("content-type", "application/json")], ERROR % (b"Expired", 410))
            raise ConnectionError("injected")
        if kind == "lost":
            await self._app(request)
        if kind == "conflict":
            return Response(409, [("content-type", "application/json")], ERROR % (b"Conflict", 409))
        if kind == "busy":
            return Response(500, [("content-type", "application/json")], ERROR % (b"InternalError", 500))
        raise ConnectionError("injected")


class World:
    """The API server, and what every pod went through."""

    def __init__(self, server):
        self.server = server
        self.admin = Client(InProcessTransport(server.app, ADMIN))
        self.bound: dict[str, str] = {}
        self.bound_twice: list[str] = []
        self.changed = asyncio.Event()

    async def prepare(self, nodes, pods):
        for one in nodes:
            one.metadata.uid = None
            await self.admin.create(one)
            await self.admin.update_status(one)
        for one in pods:
            await self.add(one)

    async def add(self, one):
        one.metadata.uid = None
        await self.admin.create(one)

    def saw(self, old, new):
        """Every version of every pod: a node, once given, stays."""
        if new is not None and new.spec.node_name:
            before = self.bound.setdefault(new.metadata.uid, new.spec.node_name)
            if before != new.spec.node_name:
                self.bound_twice.append(new.metadata.name)
        self.changed.set()

    async def run(self, faults, done):
        """One life of a scheduler; whether the world is as wished when it ends."""
        client = Client(faults)
        informers, watched = Informers(client), Informers(self.admin)
        pods = watched.of(Pod)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(running("watched", watched.serve))
            pods.add_handler(self.saw)
            await stack.enter_async_context(running("informers", informers.serve))
            scheduler = Scheduler(client, informers, FAST)
            await stack.enter_async_context(running("scheduler", scheduler.serve))
            crash = asyncio.ensure_future(faults.crashed.wait())
            try:
                async with asyncio.timeout(60):
                    while not faults.crashed.is_set() and not done(pods.list()):
                        self.changed.clear()
                        change = asyncio.ensure_future(self.changed.wait())
                        await asyncio.wait([crash, change], return_when=asyncio.FIRST_COMPLETED)
                        change.cancel()
            finally:
                crash.cancel()
            return not faults.crashed.is_set()

    async def check(self):
        """Nobody moved, and no node holds more than it can."""
        assert not self.bound_twice
        pods = (await self.admin.list(Pod, "default")).items
        for one in (await self.admin.list(Node)).items:
            used = sum(
                milli(other.spec.containers[0].resources.requests["cpu"])
                for other in pods
                if other.spec.node_name == one.metadata.name
            )
            assert used <= milli(one.status.allocatable["cpu"])


def server():
    return api_server(disable_admission=("ServiceAccount", "TaintNodesByCondition"))


def low(name):
    return pod(name, cpu="1", termination_grace_period_seconds=0)


def high(name):
    return pod(name, cpu="2", priority_class_name="system-cluster-critical", termination_grace_period_seconds=0)


def settled(pods):
    """Two of the four gave way to the important one."""
    names = {one.metadata.name for one in pods if one.spec.node_name}
    return "high" in names and len(names) == 3


async def lives(crash_after):
    """Fill two nodes, then preempt, in as many lives as it takes; how many writes the first life made."""
    async with server() as running_server:
        world = World(running_server)
        await world.prepare([node("a", cpu="2"), node("b", cpu="2")], [low(f"low{i}") for i in range(4)])
        faults = Faults(running_server.app, crash_after=crash_after)
        first = faults
        full = lambda pods: sum(bool(one.spec.node_name) for one in pods) == 4  # noqa: E731
        if not await world.run(faults, full):
            faults = Faults(running_server.app)
            assert await world.run(faults, full)
        await world.add(high("high"))
        if first.crashed.is_set():
            assert await world.run(Faults(running_server.app), settled)
        else:
            again = Faults(running_server.app, crash_after=crash_after - first.writes)
            if not await world.run(again, settled):
                assert await world.run(Faults(running_server.app), settled)
            first.writes += again.writes
        await world.check()
        return first.writes


@pytest.mark.parametrize("crash_after", range(1, 31))
async def test_the_scheduler_dies_after_a_write(crash_after):
    await lives(crash_after)


async def test_the_writes_of_a_whole_life_are_covered():
    """The range above reaches past the last write (bindings, conditions, nominations, deletions, events)."""
    assert await lives(0) <= 30


@pytest.mark.parametrize("seed", range(8))
async def test_errors_lost_answers_conflicts_and_expired_watches(seed):
    async with server() as running_server:
        world = World(running_server)
        nodes = [node(name, cpu="4") for name in "abc"]
        await world.prepare(nodes, [pod(f"p{i}", cpu="1") for i in range(12)])
        faults = Faults(running_server.app, random=Random(seed), faults=25)
        assert await world.run(faults, lambda pods: all(one.spec.node_name for one in pods) and len(pods) == 12)
        await world.check()
