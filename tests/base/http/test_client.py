"""The client transport against servers that behave in every way: errors, reuse, streams, ends."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pybernetes.base import x509
from pybernetes.base.http.client import HttpTransport, TransportError
from pybernetes.base.http.message import Request, Response

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def scripted() -> AsyncIterator[Any]:
    """`url = await scripted(script)`: a server that does what the script says with each connection."""
    servers: list[asyncio.Server] = []
    tasks: set[asyncio.Task[None]] = set()

    async def begin(script: Script, *, unix: str | None = None) -> str:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            try:
                await script(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                tasks.discard(task)
                writer.close()

        if unix:
            servers.append(await asyncio.start_unix_server(connected, unix))
            return f"unix://{unix}"
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield begin
    for server in servers:
        server.close()
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def transport() -> AsyncIterator[Any]:
    made: list[HttpTransport] = []

    def make(url: str, **options: Any) -> HttpTransport:
        made.append(HttpTransport(url, **options))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def answering(*answers: bytes, then_close: bool = True) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        if not then_close:
            await reader.read()

    return script


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def body_of(response: Response) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    return b"".join([piece async for piece in response.body])  # type: ignore[union-attr]


ANSWERS = {
    "length": (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello"),
    "chunks": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "until the end": (b"HTTP/1.1 200 OK\r\n\r\nhello", b"hello"),
    "until the end, 1.0": (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello"),
    "after a 100": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello"),
    "empty": (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b""),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_every_framing_of_a_body_is_understood(scripted: Any, transport: Any, case: str) -> None:
    answer, body = ANSWERS[case]
    call = transport(await scripted(answering(answer)))
    assert await body_of(await call(Request("GET", "/"))) == body


BROKEN = {
    "nothing": (b"", "closed the connection without an answer"),
    "half a head": (b"HTTP/1.1 200", "unexpected EOF"),
    "half a body": (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel", "unexpected EOF"),
    "half a chunk": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel", "unexpected EOF"),
    "not HTTP": (b"SSH-2.0-OpenSSH\r\n", "malformed HTTP response"),
    "bad chunk": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "malformed HTTP response"),
    "endless head": (b"HTTP/1.1 200 OK\r\na: " + b"b" * 1_100_000, "header too large"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_broken_answer_is_an_error_that_says_how(scripted: Any, transport: Any, case: str) -> None:
    answer, text = BROKEN[case]
    call = transport(await scripted(answering(answer)))
    with pytest.raises(TransportError, match=text):
        await body_of(await call(Request("GET", "/")))


async def test_nobody_listening_is_said_as_dial_errors_are(transport: Any) -> None:
    with pytest.raises(TransportError, match=r"^dial tcp 127.0.0.1:1: connect: connection refused$"):
        await transport("http://127.0.0.1:1")(Request("GET", "/"))
    with pytest.raises(TransportError, match=r"^dial unix /no/such: connect: no such file or directory$"):
        await transport("unix:///no/such")(Request("GET", "/"))


async def test_an_unknown_authority_is_told_apart(start: Any, certificates: Any, transport: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200)

    server = await start(app, tls=certificates.server_context())
    other = x509.CertificateAuthority.create("other")
    call = transport(f"https://127.0.0.1:{server.port}", tls=x509.client_context(other.certificate_pem))
    with pytest.raises(TransportError, match="tls: failed to verify certificate"):
        await call(Request("GET", "/"))
    unverified = transport(f"https://127.0.0.1:{server.port}", tls=x509.client_context(None))
    assert (await unverified(Request("GET", "/"))).status == 200


async def test_a_server_that_speaks_no_tls_is_told(scripted: Any, transport: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    url = (await scripted(script)).replace("http:", "https:")
    with pytest.raises(TransportError, match=r"^http: server gave HTTP response to HTTPS client$"):
        await transport(url, tls=x509.client_context(None))(Request("GET", "/"))


async def test_the_name_in_the_certificate_may_differ_from_the_address(
    start: Any, certificates: Any, transport: Any
) -> None:
    async def app(request: Request) -> Response:
        return Response(200)

    pair = certificates.ca.issue("node", names=["node-1"])
    server = await start(app, tls=x509.server_context(pair))
    tls: ssl.SSLContext = certificates.client_context()
    url = f"https://127.0.0.1:{server.port}"
    with pytest.raises(TransportError, match="tls: failed to verify certificate"):
        await transport(url, tls=tls)(Request("GET", "/"))
    assert (await transport(url, tls=tls, server_name="node-1")(Request("GET", "/"))).status == 200


async def test_a_server_that_accepts_and_says_nothing_can_be_left(scripted: Any, transport: Any) -> None:
    gone = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(1000):
                pass
        finally:
            gone.set()

    call = transport(await scripted(script))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await call(Request("GET", "/"))
    await gone.wait()


async def all_closed(call: HttpTransport) -> None:
    """Wait until the transport knows that its connections were closed."""
    while call._all:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_pooled_connection_that_was_closed_meanwhile_does_no_harm(
    scripted: Any, transport: Any, method: str
) -> None:
    connections = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answering(OK)(reader, writer)

    call = transport(await scripted(script))
    for _ in range(3):
        assert await body_of(await call(Request("GET", "/"))) == b"ok"
        await all_closed(call)
        assert (await call(Request(method, "/"))).status == 200
        await all_closed(call)
    assert connections == 6


@pytest.mark.parametrize(("method", "repeated"), [("GET", True), ("POST", False)])
async def test_a_request_lost_on_a_pooled_connection_is_repeated_if_safe(
    scripted: Any, transport: Any, method: str, repeated: bool
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answering(OK)(reader, writer)
        await reader.read(1)  # takes the second request, and closes without an answer

    call = transport(await scripted(script))
    await call(Request("GET", "/"))
    if repeated:
        assert (await call(Request(method, "/"))).status == 200
    else:
        with pytest.raises(TransportError, match="without an answer"):
            await call(Request(method, "/"))


async def test_leaving_a_stream_closes_its_connection_and_finishing_it_does_not(scripted: Any, transport: Any) -> None:
    ends: asyncio.Queue[bytes] = asyncio.Queue()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        rest = await reader.read()
        ends.put_nowait(rest)

    call = transport(await scripted(script))
    response = await call(Request("GET", "/"))
    body = aiter(response.body)
    assert await anext(body) == b"one"
    await body.aclose()
    assert await ends.get() == b""
    with pytest.raises(StopAsyncIteration):
        await anext(body)
    response = await call(Request("GET", "/"))
    del response, body
    gc.collect()
    assert await ends.get() == b""  # forgotten without being closed


async def test_requests_beyond_the_limit_wait_for_their_turn(scripted: Any, transport: Any) -> None:
    release = asyncio.Event()
    asked: asyncio.Queue[None] = asyncio.Queue()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            asked.put_nowait(None)
            await release.wait()
            writer.write(OK)

    call = transport(await scripted(script), max_connections=2)
    calls = [asyncio.create_task(call(Request("GET", "/"))) for _ in range(6)]
    for _ in range(2):
        await asked.get()
    release.set()
    assert [(await task).status for task in calls] == [200] * 6
    assert len(call._all) == 2


async def test_hop_by_hop_headers_stay_on_their_hop(scripted: Any, transport: Any) -> None:
    received: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\nkeep-alive: x\r\nx: y\r\ncontent-length: 0\r\n\r\n")

    call = transport(await scripted(script) + "/prefix/", headers=[("X-Common", "1")])
    request = Request("GET", "/a", "b=c", [("host", "other"), ("connection", "x"), ("keep-alive", "1"), ("z", "1")])
    response = await call(request)
    assert response.headers == [("x", "y"), ("content-length", "0")]
    lines = received[0].decode().split("\r\n")
    assert lines[0] == "GET /prefix/a?b=c HTTP/1.1"
    assert lines[2:-2] == ["x-common: 1", "z: 1"]


async def test_a_header_with_a_line_break_is_never_sent(scripted: Any, transport: Any) -> None:
    call = transport(await scripted(answering(OK)))
    with pytest.raises(ValueError, match="line break"):
        await call(Request("GET", "/", "", [("a", "b\r\nc: d")]))
    with pytest.raises(ValueError, match="target"):
        await call(Request("GET", "/a b"))
    assert (await call(Request("GET", "/"))).status == 200


async def test_a_unix_socket(scripted: Any, transport: Any, tmp_path: Path) -> None:
    call = transport(await scripted(answering(OK), unix=f"{tmp_path}/s"))
    assert await body_of(await call(Request("GET", "/"))) == b"ok"


async def test_switching_protocols_hands_the_connection_over(scripted: Any, transport: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"connection: Upgrade\r\nupgrade: test\r\n" in head
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: test\r\n\r\nearly")
        while data := await reader.read(1000):
            writer.write(data.upper())

    call = transport(await scripted(script))
    response = await call(Request("POST", "/", "", [("upgrade", "test")]))
    assert (response.status, response.header("upgrade")) == (101, "test")
    stream = response.connection
    assert stream is not None
    assert await stream.read() == b"early"
    await stream.write(b"hello")
    assert await stream.read() == b"HELLO"
    stream.close()
    assert await stream.read() == b""
    with pytest.raises(ConnectionError):
        await stream.write(b"late")


async def test_a_declined_upgrade_is_an_ordinary_response(scripted: Any, transport: Any) -> None:
    call = transport(await scripted(answering(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")))
    response = await call(Request("GET", "/", "", [("upgrade", "test")]))
    assert (response.status, response.connection, await body_of(response)) == (403, None, b"no")


async def test_closing_the_transport_ends_running_calls(scripted: Any) -> None:
    asked = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()

    call = HttpTransport(await scripted(script))
    task = asyncio.create_task(call(Request("GET", "/")))
    await asked.wait()
    await call.close()
    with pytest.raises(TransportError, match="closed"):
        await task
    with pytest.raises(TransportError, match="closed"):
        await call(Request("GET", "/"))


async def test_a_slow_reader_stops_the_server_not_the_memory(scripted: Any, transport: Any) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 50000000\r\n\r\n")
        for _ in range(50):
            writer.write(b"x" * 1_000_000)
            await writer.drain()

    call = transport(await scripted(script))
    response = await call(Request("GET", "/"))
    for _ in range(50):
        await asyncio.sleep(0.001)
    (connection,) = call._all
    assert connection.body.buffered < 2_000_000
    size = 0
    async for piece in response.body:
        size += len(piece)
    assert size == 50_000_000


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:80", ""])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        HttpTransport(url)
