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
from ..watch_cache.fanout import Format, event_line

Object = dict[str, Any]
Convert = Callable[[Sequence[Object]], Awaitable[list[Object]]]


class ConvertedWatch:
    """A `PushBody` around another. `convert` gives objects in the client's version, `render` their bytes."""

    def __init__(self, inner: PushBody, convert: Convert, render: Callable[[Object], bytes], format: Format) -> None:
        self._inner = inner
        self._convert = convert
        self._render = render
        self._format = format
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._sink: Sink | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, sink: Sink) -> None:
        self._sink = sink
        self._task = asyncio.get_running_loop().create_task(self._forward(sink), name="converted watch")
        self._inner.start(_Collector(self._lines, sink))

    def stop(self) -> None:
        self._inner.stop()
        if self._task is not None:
            self._task.cancel()

    async def _forward(self, sink: Sink) -> None:
        while True:
            pieces = [await self._lines.get()]
            while not self._lines.empty():
                pieces.append(self._lines.get_nowait())
            data = b"".join(piece for piece in pieces if piece is not None)
            try:
                out = await self._converted([orjson.loads(line) for line in data.splitlines() if line])
            except StatusError as error:
                sink.write(event_line("ERROR", orjson.dumps(error.status())))
                sink.close()
                self._inner.stop()
                return
            if out:
                sink.write(out)
            if None in pieces:
                sink.close()
                return

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


class _Collector:
    """The inner watcher's receiver."""

    def __init__(self, lines: "asyncio.Queue[bytes | None]", sink: Sink) -> None:
        self._lines = lines
        self._sink = sink

    def write(self, data: bytes) -> None:
        self._lines.put_nowait(bytes(data))

    def buffered(self) -> int:
        return self._sink.buffered()

    def close(self) -> None:
        self._lines.put_nowait(None)
