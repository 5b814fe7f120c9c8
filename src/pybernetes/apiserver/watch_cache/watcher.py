"""One watch: a `PushBody` that collects event lines and writes them once per batch of changes.

    opening: what was before, a piece whenever the receiver has taken the last ─▶ following: every change as it happens

The opening (`opening.py`) is not made before it is asked for: a receiver that does not read holds one piece of it,
however large the collection is. Of what happens later a receiver may have `LAG_LIMIT_BYTES` waiting, and all of a
server's together `Backlog.limit`; who has more is ended and lists again.
"""

import asyncio
import random
from typing import TYPE_CHECKING, Protocol

from ...base.http.message import Sink

if TYPE_CHECKING:
    from .fanout import Change, Fanout

LAG_LIMIT_BYTES = 32 << 20
BACKLOG_LIMIT_BYTES = 256 << 20
BOOKMARK_SECONDS = 60.0
AHEAD_BYTES = 256 << 10
"""So much of the opening may wait for the receiver."""
_TURN_BYTES = 1 << 20
_NOTED_BYTES = 64 << 10
_LAST_BOOKMARK_SECONDS = 2.0
_OPENING = 1 << 63
"""`Watcher.after` while the opening goes on: no change is later."""


class Format(Protocol):
    """How objects are written for a watcher. Compared by identity: equal formats must be the same object."""

    @property
    def following(self) -> "Format":
        """The format after the first event (a Table carries its columns once)."""

    def encode(self, data: bytes) -> bytes:
        """Served JSON of one object as this format writes it."""

    def bookmark(self, revision: int, initial_events_end: bool) -> bytes:
        """The object of a BOOKMARK event."""

    def event(self, kind: str, data: bytes) -> bytes:
        """One event of a watch body around an encoded object."""

    def whole(self, data: bytes) -> bytes:
        """JSON of any object in its final form, in this format's encoding."""


class Opening(Protocol):
    """What a watcher is given before it follows the changes."""

    def lines(self, watcher: "Watcher") -> list[bytes]:
        """The next event lines, some hundred KiB at most beyond one object. Empty only now and then, or at the end."""

    @property
    def done(self) -> bool:
        """Whether that was all: everything up to `after` was given."""

    @property
    def after(self) -> int:
        """The revision that was reached; -1 when what comes next is forgotten. Once `done`."""

    def reached(self, change: "Change") -> bool:
        """Whether a change that happens meanwhile concerns what was given already, so that it must be told now."""


class Backlog:
    """What the receivers of one server have waiting, as far as it matters.

    Counts are those of each watcher's last write, so they are too high rather than too low; before anybody is ended
    they are taken anew.
    """

    def __init__(self, limit: int = BACKLOG_LIMIT_BYTES) -> None:
        self.limit = limit
        self._waiting: dict[Watcher, int] = {}
        self._total = 0

    def note(self, watcher: "Watcher", waiting: int) -> None:
        """A watcher has so many bytes waiting."""
        self._total += waiting - self._waiting.get(watcher, 0)
        self._waiting[watcher] = waiting
        if self._total > self.limit:
            self._shed()

    def forget(self, watcher: "Watcher") -> None:
        """A watcher is over."""
        if self._waiting:
            self._total -= self._waiting.pop(watcher, 0)

    def _shed(self) -> None:
        now = {watcher: watcher.buffered() for watcher in self._waiting}
        self._waiting = {watcher: size for watcher, size in now.items() if size > _NOTED_BYTES}
        self._total = sum(self._waiting.values())
        while self._total > self.limit:
            max(self._waiting, key=self._waiting.__getitem__).lag()


class Watcher:
    """See the module docstring."""

    __slots__ = (
        "_bookmarks",
        "_deadline",
        "_ended",
        "_fanout",
        "_opening",
        "_pending",
        "_sink",
        "_timer",
        "after",
        "format",
    )

    def __init__(
        self,
        fanout: "Fanout",
        format: Format,
        after: int,
        *,
        opening: Opening | None = None,
        bookmarks: bool,
        timeout_seconds: float,
    ) -> None:
        """Follows the changes after a revision; with an opening, after that."""
        self._fanout = fanout
        self.format = format
        self._opening = opening
        self.after = after if opening is None else _OPENING
        self._pending: list[bytes] = []
        self._sink: Sink | None = None
        self._bookmarks = bookmarks
        self._ended = False
        loop = asyncio.get_running_loop()
        self._deadline = loop.time() + timeout_seconds
        self._timer: asyncio.TimerHandle | None = None
        self._schedule(loop)

    def start(self, sink: Sink) -> None:
        """The response headers are out."""
        self._sink = sink
        self._open()
        self.flush()
        if self._ended:
            sink.close()

    def stop(self) -> None:
        """The receiver is gone."""
        self._leave()

    def buffered(self) -> int:
        """Bytes that the receiver has not taken."""
        return self._sink.buffered() if self._sink is not None else 0

    def _open(self) -> None:
        """Give what was before, as far as the receiver takes it. The loop gets its turn now and then."""
        sink, given = self._sink, 0
        while (opening := self._opening) is not None and sink is not None and not self._ended:
            lines = opening.lines(self)
            if lines:
                data = lines[0] if len(lines) == 1 else b"".join(lines)
                given += len(data)
                sink.write(data)
            if opening.done:
                self._opening = None
                self.after = opening.after
                if self.after < 0:
                    self.lag()
            elif sink.buffered() > AHEAD_BYTES or given > _TURN_BYTES:
                sink.when_drained(self._open)
                return

    def reached(self, change: "Change") -> bool:
        """Whether a change at or before `after` must be told all the same."""
        return self._opening is not None and self._opening.reached(change)

    def push(self, line: bytes) -> None:
        """Queue one event line for the next flush."""
        pending = self._pending
        if not pending:
            self._fanout.dirty.append(self)
        pending.append(line)

    def flush(self) -> None:
        """Write what is queued; end a receiver that does not keep up."""
        sink, pending = self._sink, self._pending
        if sink is None or not pending:
            return
        sink.write(pending[0] if len(pending) == 1 else b"".join(pending))
        self._pending = []
        waiting = sink.buffered()
        if waiting > _NOTED_BYTES:
            if waiting > LAG_LIMIT_BYTES:
                self.lag()
            elif not self._ended:
                self._fanout.backlog.note(self, waiting)

    def lag(self) -> None:
        """The receiver does not keep up."""
        self._fanout.lagged += 1
        self.end()

    def end(self) -> None:
        """Complete the response: deadline, shutdown or a lagging receiver."""
        if not self._ended:
            self._leave()
            self.flush()
        if self._sink is not None:
            self._sink.close()

    def _leave(self) -> None:
        if not self._ended:
            self._ended = True
            self._opening = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._fanout.remove(self)
            self._fanout.backlog.forget(self)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        left = self._deadline - loop.time()
        wait = left
        if self._bookmarks:
            # Spread over the last sixth, so that watchers opened together do not wake together.
            period = BOOKMARK_SECONDS * (1 - random.random() / 6)
            until_last = left - _LAST_BOOKMARK_SECONDS
            wait = min(period, until_last) if until_last > 0 else left
        self._timer = loop.call_later(max(wait, 0), self._tick)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._deadline - 0.001:
            self.end()
            return
        if self._bookmarks and self._opening is None:
            self.push(bookmark_line(self.format, self._fanout.revision()))
            self._fanout.flush()
        if not self._ended:
            self._schedule(loop)


def event_line(kind: str, data: bytes) -> bytes:
    """One line of a JSON watch body; data is the object's JSON."""
    return b'{"type":"%b","object":%b}\n' % (kind.encode(), data)


def bookmark_line(format: Format, revision: int, *, initial_events_end: bool = False) -> bytes:
    """A BOOKMARK event."""
    return format.event("BOOKMARK", format.bookmark(revision, initial_events_end))
