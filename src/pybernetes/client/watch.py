"""The list-then-watch machine: how a view of a collection is obtained and kept, whatever happens to the connection.

                 start                    first page set                 watch answered
      EMPTY ───────────────▶ LISTING ───────────────────▶ LISTED ───────────────────────▶ WATCHING
        ▲                      │  ▲                         ▲  │                             │ │
        │  410, too old        │  │ error: back off         │  │ error: back off             │ │
        └──────────────────────┘  └─────────────────────────┼──┘                             │ │
        ▲                                                   │  ended, silent, error: resume   │ │
        │                                                   └────────────────────────────────┘ │
        └───────────────────────── 410 Expired: the history is gone ───────────────────────────┘

`Machine` holds the state and decides; it does no I/O and knows no clock but the instants it is told. `Reflector` is the
shell: it performs what the machine asks for and hands whole lists and single events to a `Target`, in order.

Resuming continues after the last event or bookmark seen, so no event is missed or repeated. After 410 the collection is
listed anew, not older than what was already seen, so the view never goes back in time. Errors wait 0.25 s to 10 s,
doubling, with full jitter; two quiet minutes reset the wait. A watch on which nothing was heard for `SILENCE_SECONDS`
(bookmarks come about every minute) is taken for dead and resumed.
"""

import asyncio
import enum
import random
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from ..api.status import StatusError, is_gone
from ..base.log import logger
from .client import Client, WatchEvent
from .view import View

T = TypeVar("T")
log = logger(__name__)

FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 10.0
RESET_AFTER_SECONDS = 120.0
SHORT_WATCH_SECONDS = 1.0
SILENCE_SECONDS = 180.0
WATCH_TIMEOUT_SECONDS = (300, 600)
PAGE_SIZE = 500


class State(enum.Enum):
    """Where the machine is; see the diagram above."""

    EMPTY = "empty"
    LISTING = "listing"
    LISTED = "listed"
    WATCHING = "watching"


class Listing(msgspec.Struct, frozen=True):
    """Asked of the shell: list from this resourceVersion on ("0": any state, "": the latest)."""

    resource_version: str


class Watching(msgspec.Struct, frozen=True):
    """Asked of the shell: watch what comes after this resourceVersion."""

    resource_version: str


class Machine:
    """The pure part: `next` says what to do, the other methods report how it went."""

    __slots__ = ("_must_be_latest", "_quiet_since", "_seen", "_started", "_waits", "resource_version", "state")

    def __init__(self) -> None:
        self.state = State.EMPTY
        self.resource_version = ""
        self._must_be_latest = False
        self._waits = 0
        self._seen = 0
        self._started = 0.0
        self._quiet_since = 0.0

    def next(self, now: float) -> Listing | Watching:
        """The next thing to do."""
        if self.state in (State.EMPTY, State.LISTING):
            self.state = State.LISTING
            if self._must_be_latest:
                return Listing("")
            return Listing(self.resource_version or "0")
        self.state = State.WATCHING
        self._started = now
        self._seen = 0
        return Watching(self.resource_version)

    def listed(self, resource_version: str) -> None:
        """The collection was read as of resource_version."""
        self.state = State.LISTED
        self.resource_version = resource_version
        self._must_be_latest = False

    def progressed(self, resource_version: str) -> None:
        """An event or bookmark of the running watch was handed over."""
        self._seen += 1
        if resource_version:
            self.resource_version = resource_version

    def ended(self, now: float) -> float:
        """The watch ended without an error: seconds to wait before resuming."""
        self.state = State.LISTED
        if self._seen == 0 and now - self._started < SHORT_WATCH_SECONDS:
            return self._back_off(now)
        return 0.0

    def failed(self, error: Exception, now: float) -> float:
        """Listing or watching failed: seconds (before jitter) to wait before `next`."""
        too_old = is_gone(error)
        if self.state is State.LISTING:
            if too_old or _is_too_large_version(error):
                waited = self._must_be_latest
                self._must_be_latest = True
                return self._back_off(now) if waited else 0.0
        elif too_old:
            self.state = State.EMPTY
            return self._back_off(now) if self._seen == 0 else 0.0
        else:
            self.state = State.LISTED
        return self._back_off(now)

    def _back_off(self, now: float) -> float:
        if now - self._quiet_since > RESET_AFTER_SECONDS:
            self._waits = 0
        self._quiet_since = now
        wait_seconds: float = min(FIRST_WAIT_SECONDS * 2**self._waits, LONGEST_WAIT_SECONDS)
        self._waits = min(self._waits + 1, 16)
        return wait_seconds


def _is_too_large_version(error: Exception) -> bool:
    """The server does not know that resourceVersion yet (it was restored or is another replica)."""
    if not isinstance(error, StatusError):
        return False
    causes = (error.details or {}).get("causes") or ()
    return any(cause.get("reason") == "ResourceVersionTooLarge" for cause in causes)


class Target(Protocol[T]):
    """Who receives the collection."""

    def replace(self, items: list[T]) -> None:
        """The whole collection as of now; what is not in it is gone."""

    def apply(self, event: WatchEvent[T]) -> None:
        """One change (never a BOOKMARK)."""


class Reflector(Generic[T]):
    """Keeps a `Target` equal to one collection of the API server."""

    def __init__(
        self,
        client: Client,
        view: View[T],
        target: Target[T],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.machine = Machine()
        self._client = client
        self._view = view
        self._target = target
        self._namespace = namespace
        self._selectors: dict[str, Any] = {"label_selector": label_selector, "field_selector": field_selector}
        self._jitter = jitter

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled; ready once the target holds the first whole list."""
        now = asyncio.get_running_loop().time
        machine = self.machine
        while True:
            step = machine.next(now())
            try:
                if isinstance(step, Listing):
                    await self._list(step.resource_version)
                    ready.set()
                    continue
                await self._watch(step.resource_version)
                wait_seconds = machine.ended(now())
            except (StatusError, OSError, msgspec.DecodeError) as error:
                wait_seconds = machine.failed(error, now())
                self._log_failure(error, wait_seconds)
            if wait_seconds:
                await asyncio.sleep(wait_seconds * (0.5 + self._jitter()))

    async def _list(self, resource_version: str) -> None:
        items: list[T] = []
        token = ""
        page_size = PAGE_SIZE if not resource_version else 0
        while True:
            page = await self._client.list(
                self._view,
                self._namespace,
                resource_version="" if token else resource_version,
                limit=page_size,
                continue_token=token,
                **self._selectors,
            )
            items += page.items or ()
            token = page.continue_token
            if not token:
                break
            page_size = PAGE_SIZE
        for obj in items:
            _forget_managers(obj)
        self._target.replace(items)
        self.machine.listed(page.resource_version)

    async def _watch(self, resource_version: str) -> None:
        shortest, longest = WATCH_TIMEOUT_SECONDS
        events = self._client.watch(
            self._view,
            self._namespace,
            resource_version=resource_version,
            timeout_seconds=int(shortest + (longest - shortest) * self._jitter()),
            **self._selectors,
        )
        loop = asyncio.get_running_loop()
        progressed, apply, identity = self.machine.progressed, self._target.apply, self._view.identity
        try:
            async with asyncio.timeout(SILENCE_SECONDS) as silence, aclosing(events):
                heard = loop.time()
                async for event in events:
                    if event.type != "BOOKMARK":
                        _forget_managers(event.object)
                        apply(event)
                    progressed(identity(event.object).resource_version)
                    instant = loop.time()
                    if instant - heard > 1.0:
                        heard = instant
                        silence.reschedule(instant + SILENCE_SECONDS)
        except TimeoutError:
            log.debug("Watch fell silent; resuming", resource=self._view.resource.group_resource)

    def _log_failure(self, error: Exception, wait_seconds: float) -> None:
        report = log.debug if is_gone(error) else log.warning
        report(
            "Watching failed; trying again",
            resource=self._view.resource.group_resource,
            err=error or type(error).__name__,
            seconds=round(wait_seconds, 2),
        )


def _forget_managers(obj: Any) -> None:
    """Drop `managedFields`, as upstream's components do: half of what a pod takes in memory, and nobody asks for it.

    An update of an object without them leaves them as they are.
    """
    if isinstance(obj, msgspec.Struct):
        metadata = getattr(obj, "metadata", None)
        if getattr(metadata, "managed_fields", None) is not None:
            metadata.managed_fields = None  # type: ignore[union-attr]
