"""Watches of resources whose versions a webhook converts: events wait for the conversion, in order.

The inner watcher writes event lines in the version of the store; what has come in since the last call is converted at
once, and goes out in the version the client watches.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from ...api.status import StatusError
from ...base.http.message import PushBody, Sink
from ..watch_cache.watcher import Format, event_line

Object = dict[str, Any]
Convert = Callable[[Sequence[Object]], Awaitable[list[Object]]]


class ConvertedWatch:
    """A `PushBody` around another. `convert` gives objects in the client's version, `render` their bytes."""

    def __init__(self, inner: PushBody, convert: Convert, render: Callable[[Object], bytes], format: Format) -> None:
        self._inner = inner
        self._convert = convert
        self._render = render
        self._format = format
        self._task: asyncio.Task[None] | None = None

    def start(self, sink: Sink) -> None:
        inbox = _Inbox(sink)
        self._task = asyncio.get_running_loop().create_task(self._forward(inbox, sink), name="converted watch")
        self._inner.start(inbox)

    def stop(self) -> None:
        self._inner.stop()
        if self._task is not None:
            self._task.cancel()

    async def _forward(self, inbox: "_Inbox", sink: Sink) -> None:
        while True:
            data, last = await inbox.take()
            try:
                out = await self._converted([orjson.loads(line) for line in data.splitlines() if line])
            except StatusError as error:
                sink.write(event_line("ERROR", orjson.dumps(error.status())))
                sink.close()
                self._inner.stop()
                return
            if out:
                sink.write(out)
            if last:
                sink.close()
                return
            inbox.forwarded()

    async def _converted(self, events: list[Object]) -> bytes:
        plain = [event for event in events if event["type"] in ("ADDED", "MODIFIED", "DELETED")]
        objects = iter(await self._convert([event["object"] for event in plain]) if plain else [])
        lines: list[bytes] = []
        for event in events:
            kind = event["type"]
            if kind in ("ADDED", "MODIFIED", "DELETED"):
                lines.append(event_line(kind, self._format.encode(self._render(next(objects)))))
                self._format = self._format.following
            elif kind == "BOOKMARK":
                metadata = event["object"]["metadata"]
                end = "k8s.io/initial-events-end" in (metadata.get("annotations") or {})
                lines.append(event_line(kind, self._format.bookmark(int(metadata["resourceVersion"]), end)))
            else:
                lines.append(event_line(kind, orjson.dumps(event["object"])))
        return b"".join(lines)


class _Inbox:
    """The inner watcher's receiver: what waits for its conversion."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._pieces: list[bytes] = []
        self._size = 0
        self._closed = False
        self._arrived = asyncio.Event()
        self._drained: Callable[[], None] | None = None

    async def take(self) -> tuple[bytes, bool]:
        """All that waits, and whether it is the end. It counts as waiting until `forwarded`."""
        await self._arrived.wait()
        self._arrived.clear()
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data, self._closed

    def forwarded(self) -> None:
        """What was taken has gone on."""
        self._size = sum(map(len, self._pieces))
        call = self._drained
        if call is not None and not self._size:
            self._drained = None
            self._sink.when_drained(call)

    def write(self, data: bytes) -> None:
        self._pieces.append(bytes(data))
        self._size += len(data)
        self._arrived.set()

    def buffered(self) -> int:
        return self._size + self._sink.buffered()

    def when_drained(self, call: Callable[[], None]) -> None:
        if self._size:
            self._drained = call
        else:
            self._sink.when_drained(call)

    def close(self) -> None:
        self._closed = True
        self._arrived.set()
