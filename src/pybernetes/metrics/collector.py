"""When to look, and the look itself: every kubelet asked at once, what they say put into `points.py`.

            nobody asks                somebody asked within five minutes
    ●────────── 60 s ──────────●──15 s──●──15 s──●──15 s──●
                               └ the question: a look at once, answered with it

A cluster in which nobody asks is looked at once a minute, so that the first question already finds an earlier point and
the answer covers a minute at most. A new node is looked at twice within seconds, and is known then. Without nodes there
is nothing to look at and no timer runs.
"""

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from ..api.core import Node
from ..base.clock import Clock
from ..base.log import logger
from ..client.informer import Informer
from .exposition import read
from .kubelets import Source, Unreachable
from .numbers import ServerNumbers
from .points import Look, Points

log = logger(__name__)

HOLLOW = "pybernetes.io/hollow"
"""The label of simulated nodes, which have no kubelet to ask."""
_WORTH_A_WARNING = 2
"""So many times in a row: a node that is just coming back is still called ready while nothing listens there yet."""


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """How often to look."""

    interval_seconds: float = 15.0
    """While somebody asks."""
    idle_seconds: float = 60.0
    """While nobody does."""
    hurry_seconds: float = 3.0
    """Between two looks when a node has come."""
    attention_seconds: float = 300.0
    """How long after a question somebody counts as asking."""
    patience_seconds: float = 2.0
    """How long a question waits for a look that it caused."""
    kubelet_seconds: float = 10.0
    """How long a kubelet may take."""
    at_once: int = 64
    """Kubelets asked at the same time."""


class Collector:
    """`serve` looks; `asked` is called for each question before it is answered from `points`."""

    def __init__(
        self, nodes: Informer[Node], source: Source, clock: Clock, numbers: ServerNumbers, rhythm: Rhythm | None = None
    ) -> None:
        self.points = Points()
        self._nodes = nodes
        self._source = source
        self._clock = clock
        self._numbers = numbers
        self._rhythm = rhythm or Rhythm()
        self._attention_until = float("-inf")
        self._looked_at: float | None = None
        self._is_looking = False
        self._silent: dict[str, int] = {}
        """How often in a row a kubelet has not answered."""
        self._hurried_looks = 0
        self._looks = 0
        self._looked = asyncio.Condition()
        self._woken = asyncio.Event()
        nodes.add_handler(self._node_changed)

    @property
    def trouble(self) -> str:
        """Why no metrics can be served yet; "" when they can."""
        if self._nodes.list() and self._looks < 2:
            return "no metrics to serve"
        return ""

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if new is not None and (old is None or (_is_ready(new) and not _is_ready(old))):
            self._attend(self._rhythm.interval_seconds * 1.5)
            self._hurried_looks = 2
            self._woken.set()

    def _attend(self, seconds: float) -> None:
        self._attention_until = max(self._attention_until, self._clock.monotonic() + seconds)

    async def asked(self) -> None:
        """Somebody wants to know: look often from now on, and wait for a look when the last is long ago."""
        now = self._clock.monotonic()
        idle = now >= self._attention_until
        self._attend(self._rhythm.attention_seconds)
        if not idle or not self._nodes.list():
            return
        self._woken.set()
        recent = self._looked_at is not None and now - self._looked_at <= self._rhythm.interval_seconds
        if recent and not self._is_looking:
            return
        count = self._looks
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._rhythm.patience_seconds), self._looked:
                await self._looked.wait_for(lambda: self._looks > count)

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled; ready at once."""
        ready.set()
        while True:
            self._woken.clear()
            wait = self._until_next()
            if wait is not None and wait <= 0:
                await self.look()
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()

    def _until_next(self) -> float | None:
        """Seconds to the next look; None while there is nothing to look at."""
        if not self._nodes.list():
            return None
        if self._looked_at is None:
            return 0.0
        now, rhythm = self._clock.monotonic(), self._rhythm
        pause = rhythm.interval_seconds if now < self._attention_until else rhythm.idle_seconds
        if self._hurried_looks:
            pause = rhythm.hurry_seconds
        return self._looked_at + pause - now

    async def look(self) -> None:
        """Ask every kubelet now, and keep what they say."""
        began = self._clock.monotonic()
        self._looked_at = began
        self._is_looking, self._hurried_looks = True, max(self._hurried_looks - 1, 0)
        nodes = [node for node in self._nodes.list() if HOLLOW not in (node.metadata.labels or {})]
        await self._source.keep(nodes)
        limit = asyncio.Semaphore(self._rhythm.at_once)
        look = Look({}, {})
        async with asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(self._ask(node, limit, look.add))
        self.points.store(look)
        self._is_looking = False
        self._looks += 1
        self._numbers.looked(self._clock.monotonic() - began, *self.points.counts)
        async with self._looked:
            self._looked.notify_all()

    async def _ask(self, node: Node, limit: asyncio.Semaphore, add: Callable[[Look], None]) -> None:
        name = node.metadata.name or ""
        async with limit:
            began = self._clock.monotonic()
            try:
                async with asyncio.timeout(self._rhythm.kubelet_seconds):
                    text = await self._source.read(node)
            except (Unreachable, TimeoutError) as error:
                self._numbers.asked(name, self._clock.monotonic() - began, success=False)
                why = str(error) or "timed out"
                if _is_ready(node):
                    self._silent[name] = self._silent.get(name, 0) + 1
                    if self._silent[name] == _WORTH_A_WARNING:
                        log.warning("Kubelet does not tell its metrics", node=name, err=why)
                return
            self._silent.pop(name, None)
            self._numbers.asked(name, self._clock.monotonic() - began, success=True)
            add(read(text, name, self._clock.now().timestamp()))


def _is_ready(node: Node) -> bool:
    return any(row.type == "Ready" and row.status == "True" for row in node.status.conditions or ())
