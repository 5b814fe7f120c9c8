"""Controllers that are killed, refused, deceived and cut off while they work: the same scenario, every fault in turn.

    Scenario: set the stage, change it, say when all is done and what must hold then
    crashes(scenario)      kills the controllers right after their n-th write, for every n, and starts new ones
    refusals(scenario, …)  has the n-th write refused (or carried out, but its answer lost), for every n
    lies(scenario, …)      answers lists with nothing, ends watches with 410

Whatever happens in between, `done` has to become true, and `holds` has to stay true for another minute.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from tests.support.clock import LoopClock, eventually
from tests.support.control_plane import World
from tests.support.scripted_app import status_response

from pybernetes.base.http.message import App, Request, Response
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.controllers.manager import ControllerManager, ControllerManagerConfig
from pybernetes.testing import ADMIN, api_server

SETTLED_SECONDS = 60.0
WRITES = ("POST", "PUT", "PATCH", "DELETE")
MOST_WRITES = 200


class Scenario(msgspec.Struct):
    """What the controllers have to do. `setup` may start helpers of its own (pods that run); `done` is polled.
    `manager` makes what runs them, where that is not the controller manager; `server` is how the API server is set."""

    controllers: tuple[str, ...]
    setup: Callable[[World], Awaitable[None]]
    done: Callable[[World], Awaitable[bool]]
    change: Callable[[World], Awaitable[None]] | None = None
    changed: Callable[[World], Awaitable[bool]] | None = None
    config: dict[str, Any] = {}
    within_seconds: float = 900.0
    manager: Callable[[Client, LoopClock], Any] | None = None
    server: dict[str, Any] = {}


def is_write(request: Request) -> bool:
    """Whether a request changes something that matters; events are only told."""
    return request.method in WRITES and "/events" not in request.path


class Faults:
    """An App between the controllers and the server, which counts writes and misbehaves at one of them."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.writes = 0
        self.writers: set[str] = set()
        """The service accounts of those that wrote, were it only an event."""
        self.at = 0
        self.crash: asyncio.Event | None = None
        self.crash_at = 0
        """The write after which to crash, if it is another than the one that fails."""
        self.answer: Callable[[Request], Response | None] = lambda request: None
        self.lose_answer = False
        self.read: Callable[[Request, Response], Response] = lambda request, response: response

    def of(self, account: str) -> App:
        """What the controllers of that service account talk to."""

        async def app(request: Request) -> Response:
            if request.method in WRITES:
                self.writers.add(account)
            return await self(request)

        return app

    async def __call__(self, request: Request) -> Response:
        if not is_write(request):
            return self.read(request, await self._app(request))
        self.writes += 1
        if self.crash is not None and self.writes == (self.crash_at or self.at):
            await self._app(request)
            self.crash.set()
            # Nothing of this process runs on: the answer never arrives.
            await asyncio.get_running_loop().create_future()
        if self.writes != self.at:
            return await self._app(request)
        if self.lose_answer:
            await self._app(request)
            return status_response(504, "Timeout")
        return self.answer(request) or await self._app(request)


class Stage:
    """One run of a scenario: a server of its own, and controllers that can be restarted."""

    def __init__(self, scenario: Scenario, world: World, faults: Faults, clock: LoopClock) -> None:
        self.scenario = scenario
        self.world = world
        self.faults = faults
        self.clock = clock

    async def play(self) -> None:
        """Act the scenario out, restarting the controllers whenever they crash."""
        acting = asyncio.create_task(self._act())
        try:
            while not acting.done():
                crash = self.faults.crash
                async with running("controllers", self._manager().serve):
                    if crash is None or crash.is_set():
                        await acting
                    else:
                        crashed = asyncio.create_task(crash.wait())
                        await asyncio.wait({acting, crashed}, return_when=asyncio.FIRST_COMPLETED)
                        crashed.cancel()
            await acting
        finally:
            acting.cancel()

    def _manager(self) -> Any:
        if self.scenario.manager is not None:
            return self.scenario.manager(Client(InProcessTransport(self.faults, ADMIN)), self.clock)
        settings = ControllerManagerConfig(
            leader_elect=False, controllers=self.scenario.controllers, **self.scenario.config
        )
        return ControllerManager(self._client_for, settings, self.clock)

    def _client_for(self, account: str) -> Client:
        return Client(InProcessTransport(self.faults.of(account), ADMIN))

    async def _act(self) -> None:
        scenario, world = self.scenario, self.world
        await scenario.setup(world)
        await self._come_true(scenario.done)
        last = scenario.done
        if scenario.change is not None and scenario.changed is not None:
            await scenario.change(world)
            last = scenario.changed
            await self._come_true(last)
        for _ in range(4):
            # What is late must not undo it: an expectation that expires, a timer, a second relist.
            await asyncio.sleep(SETTLED_SECONDS / 4)
            assert await last(world), "it did not last"

    async def _come_true(self, check: Callable[[World], Awaitable[bool]]) -> None:
        within = self.scenario.within_seconds
        await eventually(lambda: check(self.world), within_seconds=within, longest_step_seconds=max(1.0, within / 900))


async def act(scenario: Scenario, prepare: Callable[[Faults], None]) -> Faults:
    """One run on a server of its own; `prepare` arms the fault."""
    clock = LoopClock()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(api_server(clock=clock, **scenario.server))
        world = World(Client(InProcessTransport(server.app, ADMIN)), clock, stack)
        faults = Faults(server.app)
        prepare(faults)
        await Stage(scenario, world, faults, clock).play()
        return faults


async def crashes(scenario: Scenario) -> int:
    """Kill the controllers after their first, second, … write, until a run needs fewer writes. How many there were."""

    def arm(at: int) -> Callable[[Faults], None]:
        def prepare(faults: Faults) -> None:
            faults.at, faults.crash = at, asyncio.Event()

        return prepare

    return await _every(scenario, arm)


async def refusals(scenario: Scenario, code: int, reason: str) -> int:
    """Have each write in turn refused."""

    def arm(at: int) -> Callable[[Faults], None]:
        def prepare(faults: Faults) -> None:
            faults.at, faults.answer = at, lambda request: status_response(code, reason)

        return prepare

    return await _every(scenario, arm)


async def refusals_and_crashes(scenario: Scenario, code: int, reason: str) -> int:
    """Have each write in turn refused, and kill the controllers after the next one: who takes over knows of neither."""

    def arm(at: int) -> Callable[[Faults], None]:
        def prepare(faults: Faults) -> None:
            faults.at, faults.crash_at, faults.crash = at, at + 1, asyncio.Event()
            faults.answer = lambda request: status_response(code, reason)

        return prepare

    return await _every(scenario, arm)


async def lost_answers(scenario: Scenario) -> int:
    """Have each write in turn carried out, and reported as timed out."""

    def arm(at: int) -> Callable[[Faults], None]:
        def prepare(faults: Faults) -> None:
            faults.at, faults.lose_answer = at, True

        return prepare

    return await _every(scenario, arm)


async def _every(scenario: Scenario, arm: Callable[[int], Callable[[Faults], None]]) -> int:
    for at in range(1, MOST_WRITES):
        try:
            faults = await act(scenario, arm(at))
        except Exception as error:
            raise AssertionError(f"fault at write {at}: {error}") from error
        if faults.writes < at:
            return at - 1
    raise AssertionError(f"the scenario needs more than {MOST_WRITES} writes")
