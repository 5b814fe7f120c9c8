"""A small HTTP/2 client over the `h2` package: an App for the contract suite, and raw access for protocol tests."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Self

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from pybernetes.base.http.message import BytesBody, Request, Response


class _Stream:
    def __init__(self) -> None:
        self.head: asyncio.Future[list[tuple[str, str]]] = asyncio.get_running_loop().create_future()
        self.informational: asyncio.Queue[list[tuple[str, str]]] = asyncio.Queue()
        self.data: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.reset: int | None = None


class H2Client:
    """One connection. `await client(request)` behaves like HttpTransport."""

    def __init__(self) -> None:
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.streams: dict[int, _Stream] = {}
        self.goaway: asyncio.Future[h2.events.ConnectionTerminated] = asyncio.get_running_loop().create_future()
        self.acknowledged = asyncio.Event()
        self.window_opened = asyncio.Event()
        self.auto_credit = True

    @classmethod
    async def connect(cls, port: int, tls: ssl.SSLContext, *, settings: dict[int, int] | None = None) -> Self:
        client = cls()
        tls.set_alpn_protocols(["h2"])
        client.reader, client.writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname="localhost"
        )
        assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        if settings:
            client.connection.local_settings.update(settings)
        client.connection.initiate_connection()
        client.flush()
        client.task = asyncio.create_task(client.receive())
        return client

    def flush(self) -> None:
        self.writer.write(self.connection.data_to_send())

    async def receive(self) -> None:
        try:
            while data := await self.reader.read(65536):
                for event in self.connection.receive_data(data):
                    self.handle(event)
                self.flush()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        error = ConnectionResetError("connection closed")
        for stream in self.streams.values():
            stream.data.put_nowait(error)
            if not stream.head.done():
                stream.head.set_exception(error)
                stream.head.exception()
        if not self.goaway.done():
            self.goaway.set_exception(error)
            self.goaway.exception()

    def handle(self, event: h2.events.Event) -> None:
        stream = self.streams.get(getattr(event, "stream_id", 0) or 0)
        match event:
            case h2.events.SettingsAcknowledged():
                self.acknowledged.set()
            case h2.events.ConnectionTerminated():
                if not self.goaway.done():
                    self.goaway.set_result(event)
            case h2.events.WindowUpdated():
                self.window_opened.set()
            case h2.events.InformationalResponseReceived() if stream:
                stream.informational.put_nowait(event.headers)
            case h2.events.ResponseReceived() if stream:
                stream.head.set_result(event.headers)
            case h2.events.DataReceived() if stream:
                stream.data.put_nowait(event.data)
                if self.auto_credit:
                    self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded() if stream:
                stream.data.put_nowait(None)
            case h2.events.StreamReset() if stream:
                stream.reset = event.error_code
                self.window_opened.set()
                error = ConnectionResetError(f"reset {event.error_code}")
                stream.data.put_nowait(error)
                if not stream.head.done():
                    stream.head.set_exception(error)

    def open(self, headers: list[tuple[str, str]], *, end: bool) -> tuple[int, _Stream]:
        number = self.connection.get_next_available_stream_id()
        stream = self.streams[number] = _Stream()
        self.connection.send_headers(number, headers, end_stream=end)
        self.flush()
        return number, stream

    async def send(self, number: int, data: bytes, *, end: bool = True) -> None:
        while data:
            if self.streams[number].reset is not None:
                return
            size = min(self.connection.local_flow_control_window(number), 16384, len(data))
            if size == 0:
                self.window_opened.clear()
                await self.window_opened.wait()
                continue
            self.connection.send_data(number, data[:size])
            data = data[size:]
            self.flush()
        if end:
            self.connection.end_stream(number)
            self.flush()

    async def __call__(self, request: Request) -> Response:
        target = request.path + (f"?{request.query}" if request.query else "")
        pseudo = [
            (":method", request.method),
            (":scheme", "https"),
            (":authority", "localhost"),
            (":path", target),
        ]
        whole = request.body.data if isinstance(request.body, BytesBody) else None
        number, stream = self.open(pseudo + request.headers, end=whole == b"")
        sending: asyncio.Task[None] | None = None
        if whole != b"":
            sending = asyncio.create_task(self._send_body(number, request))
        head = await stream.head
        if sending is not None:
            await sending
        headers = dict(head)
        status = int(headers.pop(":status"))
        return Response(status, [(k, v) for k, v in head if not k.startswith(":")], self._body(number, stream))

    async def _send_body(self, number: int, request: Request) -> None:
        try:
            async for chunk in request.body.chunks():
                await self.send(number, chunk, end=False)
            if self.streams[number].reset is None:
                self.connection.end_stream(number)
                self.flush()
        except h2.exceptions.ProtocolError:
            pass  # the server answered early

    async def _body(self, number: int, stream: _Stream) -> AsyncIterator[bytes]:
        ended = False
        try:
            while (data := await stream.data.get()) is not None:
                if isinstance(data, Exception):
                    ended = True
                    raise data
                if data:
                    yield data
            ended = True
        finally:
            if not ended:
                self.connection.reset_stream(number, 8)
                self.flush()

    async def close(self) -> None:
        self.writer.close()
        await self.task
