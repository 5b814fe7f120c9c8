"""What the container runtime reports, turned into "look at this pod again".

    runtime.events() ──▶ container id ──▶ pod uid ──▶ on_change(uid, container id, kind)
    every relist_seconds, and after the runtime was away: list everything, compare ──▶ on_change(uid, "", "relisted")

The event stream makes changes known at once and costs nothing while nothing happens; the slow listing catches what a
broken stream lost and shows sandboxes of pods nobody knows (`pods`, for the clean-up of orphans).
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

import msgspec

from ..base.clock import Clock
from ..base.log import logger
from .cri.messages import Container, PodSandbox
from .cri.protocol import POD_NAME_LABEL, POD_NAMESPACE_LABEL, POD_UID_LABEL, ContainerRuntime, RuntimeServiceError

log = logger(__name__)

RECONNECT_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)

OnChange = Callable[[str, str, str], None]
"""(pod uid, container or sandbox id, kind)."""


class RuntimePod(msgspec.Struct, frozen=True):
    """A pod the runtime has something of."""

    uid: str
    namespace: str
    name: str


class LifecycleEvents:
    """Follows one runtime. `available` tells whether the last contact with it worked."""

    def __init__(self, runtime: ContainerRuntime, clock: Clock, on_change: OnChange, relist_seconds: float) -> None:
        self._runtime = runtime
        self._clock = clock
        self._on_change = on_change
        self._relist_seconds = relist_seconds
        self._owner: dict[str, str] = {}
        self._states: dict[str, int] = {}
        self.pods: dict[str, RuntimePod] = {}
        self.available = False
        self.on_availability: Callable[[bool, str], None] = lambda _available, _why: None

    async def serve(self, ready: asyncio.Event) -> None:
        """Ready once the runtime has answered for the first time."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(ready), name="runtime events")
            group.create_task(self._relist_now_and_then(ready), name="runtime relist")

    def note(self, thing_id: str, pod_uid: str) -> None:
        """Remember whose container or sandbox an id is."""
        self._owner[thing_id] = pod_uid

    async def _follow(self, ready: asyncio.Event) -> None:
        attempt = 0
        while True:
            try:
                async with aclosing(self._runtime.events()) as events:  # type: ignore[type-var]
                    listing = asyncio.create_task(self._relist_and_say(ready), name="runtime list")
                    try:
                        async for event in events:
                            attempt = 0
                            await self._seen(event.id, event.kind)
                    finally:
                        listing.cancel()
            except RuntimeServiceError as error:
                self._lost(error)
            await self._clock.sleep(RECONNECT_SECONDS[min(attempt, len(RECONNECT_SECONDS) - 1)])
            attempt += 1

    async def _seen(self, thing_id: str, kind: str) -> None:
        uid = self._owner.get(thing_id)
        if kind == "deleted":
            self._owner.pop(thing_id, None)
            self._states.pop(thing_id, None)
        if uid is None and kind != "deleted":
            # A container that ended faster than its pod was looked at again.
            await self._relist()
            uid = self._owner.get(thing_id)
        if uid is not None:
            self._on_change(uid, thing_id, kind)

    async def _relist_and_say(self, ready: asyncio.Event) -> None:
        """The listing that follows a (re)connection; it says whether the runtime answers."""
        while not await self._relist():
            await self._clock.sleep(RECONNECT_SECONDS[0])
        ready.set()

    async def _relist_now_and_then(self, ready: asyncio.Event) -> None:
        await ready.wait()
        while True:
            await self._clock.sleep(self._relist_seconds)
            await self._relist()

    async def _relist(self) -> bool:
        """List everything and report the pods for which something differs from the last listing."""
        try:
            sandboxes = await self._runtime.list_sandboxes()
            containers = await self._runtime.list_containers()
        except RuntimeServiceError as error:
            self._lost(error)
            return False
        states: dict[str, int] = {}
        pods: dict[str, RuntimePod] = {}
        owner: dict[str, str] = {}
        things: list[PodSandbox | Container] = [*sandboxes, *containers]
        for thing in things:
            uid = thing.labels.get(POD_UID_LABEL)
            if uid is None:
                continue
            states[thing.id] = thing.state
            owner[thing.id] = uid
            names = thing.labels.get(POD_NAMESPACE_LABEL, ""), thing.labels.get(POD_NAME_LABEL, "")
            pods.setdefault(uid, RuntimePod(uid, *names))
        differing = {i for i in {*states, *self._states} if states.get(i) != self._states.get(i)}
        changed = {owner.get(i) or self._owner.get(i) for i in differing}
        self._states, self._owner, self.pods = states, owner, pods
        if not self.available:
            self.available = True
            self.on_availability(True, "")
        for uid in changed:
            if uid is not None:
                self._on_change(uid, "", "relisted")
        return True

    def _lost(self, error: RuntimeServiceError) -> None:
        if self.available:
            log.warning("Container runtime does not answer", err=error)
        self.available = False
        self.on_availability(False, str(error))
