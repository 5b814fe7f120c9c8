"""Carrying out probes against real listeners on loopback. These tests wait on sockets, so they run on real loops."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from tests.support.ports import free_port

from pybernetes.api.core import Container, Probe
from pybernetes.base.x509 import CertificateAuthority, server_context
from pybernetes.kubelet.cri.protocol import RuntimeServiceError
from pybernetes.kubelet.probes_grpc import decode_status, encode_request
from pybernetes.kubelet.probes_prober import Outcome, ProbeError, Prober, port_number, probe_url

CONTAINER = msgspec.convert({"name": "web", "ports": [{"name": "http", "containerPort": 8080}]}, Container)
Handler = Callable[[str, dict[str, str]], bytes]


def run(body: Coroutine[Any, Any, Any]) -> None:
    async def and_close() -> None:
        await body
        await asyncio.sleep(0.02)  # closed connections leave the loop

    asyncio.run(and_close())


@asynccontextmanager
async def http_server(answer: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that gives answer(request line, headers); its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        writer.write(answer(head[0], headers))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def reply(status: int, body: str = "", *headers: str) -> bytes:
    extra = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{extra}\r\n{body}".encode()


async def no_exec(container_id: str, command: Any, timeout: int) -> tuple[int, bytes]:
    raise AssertionError("not an exec probe")


async def probe(
    spec: dict[str, Any],
    exec_sync: Callable[..., Awaitable[tuple[int, bytes]]] = no_exec,
    timeout_seconds: float = 60,
) -> Outcome:
    found = msgspec.convert(spec, Probe)
    return await Prober(exec_sync).probe(found, CONTAINER, "id", "127.0.0.1", timeout_seconds)


def test_an_answer_whose_lines_end_in_a_line_feed_alone() -> None:
    async def body() -> None:
        async with http_server(lambda line, headers: b"HTTP/1.0 200 OK\nContent-Type: text/plain\n\nhello") as port:
            assert await probe({"httpGet": {"port": port}}) == Outcome("success", "hello")

    run(body())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome("success", "hello")),
        (299, Outcome("success", "hello")),
        (404, Outcome("failure", "HTTP probe failed with statuscode: 404")),
        (500, Outcome("failure", "HTTP probe failed with statuscode: 500")),
    ],
)
def test_http_statuses(status: int, outcome: Outcome) -> None:
    async def body() -> None:
        async with http_server(lambda line, headers: reply(status, "hello")) as port:
            assert await probe({"httpGet": {"port": port}}) == outcome

    run(body())


def test_http_request() -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    def answer(line: str, headers: dict[str, str]) -> bytes:
        seen.append((line, headers))
        return reply(200)

    async def body() -> None:
        headers = [{"name": "X-A", "value": "1"}, {"name": "Host", "value": "example.com"}]
        async with http_server(answer) as port:
            await probe({"httpGet": {"port": port, "path": "healthz?x=1", "httpHeaders": headers}})

    run(body())
    line, sent = seen[0]
    assert line == "GET /healthz?x=1 HTTP/1.1"
    assert sent["User-Agent"] == "kube-probe/1.36"
    assert (sent["Host"], sent["X-A"], sent["Connection"]) == ("example.com", "1", "close")


def test_redirects_are_followed_on_the_same_host_only() -> None:
    def answer(line: str, headers: dict[str, str]) -> bytes:
        path = line.split(" ")[1]
        if path == "/local":
            return reply(302, "", "Location: /there")
        if path == "/away":
            return reply(302, "see", "Location: http://elsewhere.example/")
        if path == "/round":
            return reply(302, "", "Location: /round")
        return reply(200, "there")

    async def body() -> None:
        async with http_server(answer) as port:
            assert await probe({"httpGet": {"port": port, "path": "/local"}}) == Outcome("success", "there")
            away = await probe({"httpGet": {"port": port, "path": "/away"}})
            assert away == Outcome("warning", "Probe terminated redirects, Response body: see")
            round_trip = await probe({"httpGet": {"port": port, "path": "/round"}})
            assert round_trip.result == "failure"
            assert round_trip.message.endswith("stopped after 10 redirects")

    run(body())


def test_https_is_not_verified(tmp_path: Any) -> None:
    pair = CertificateAuthority.create("x").issue("other", names=["other"])
    context = server_context(pair, http2=False)

    async def body() -> None:
        async with http_server(lambda line, headers: reply(200, "ok"), context) as port:
            assert await probe({"httpGet": {"port": port, "scheme": "HTTPS"}}) == Outcome("success", "ok")

    run(body())


def test_https_to_a_plain_server_is_told() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async def body() -> None:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            why = "http: server gave HTTP response to HTTPS client"
            outcome = await probe({"httpGet": {"port": port, "scheme": "HTTPS"}})
            assert outcome == Outcome("failure", f'Get "https://127.0.0.1:{port}/": {why}')

    run(body())


def test_nobody_listens() -> None:
    port = free_port()

    async def body() -> None:
        refused = f"dial tcp 127.0.0.1:{port}: connect: connection refused"
        assert await probe({"tcpSocket": {"port": port}}) == Outcome("failure", refused)
        found = await probe({"httpGet": {"port": port}})
        assert found == Outcome("failure", f'Get "http://127.0.0.1:{port}/": {refused}')

    run(body())


def test_an_answer_that_comes_too_late() -> None:
    async def body() -> None:
        async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(hang, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            found = await probe({"httpGet": {"port": port}}, timeout_seconds=0.05)
        late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        assert found == Outcome("failure", f'Get "http://127.0.0.1:{port}/": {late}')

    run(body())


def test_a_connection_that_is_closed_without_answer() -> None:
    async def body() -> None:
        async with http_server(lambda line, headers: b"") as port:
            found = await probe({"httpGet": {"port": port}})
            assert found == Outcome("failure", f'Get "http://127.0.0.1:{port}/": EOF')

    run(body())


def test_a_tcp_listener() -> None:
    async def body() -> None:
        async with http_server(lambda line, headers: b"") as port:
            assert (await probe({"tcpSocket": {"port": port}})).result == "success"

    run(body())


@pytest.mark.parametrize(("code", "result"), [(0, "success"), (1, "failure")])
def test_exec(code: int, result: str) -> None:
    async def exec_sync(container_id: str, command: list[str], timeout: int) -> tuple[int, bytes]:
        assert (container_id, command, timeout) == ("id", ["cat", "/x"], 60)
        return code, b"out"

    async def body() -> None:
        found = await probe({"exec": {"command": ["cat", "/x"]}}, exec_sync)
        assert (found.result, found.message) == (result, "out")

    run(body())


def test_exec_that_does_not_end_and_that_cannot_start() -> None:
    async def slow(*_: Any) -> tuple[int, bytes]:
        raise RuntimeServiceError("DEADLINE_EXCEEDED", "late")

    async def gone(*_: Any) -> tuple[int, bytes]:
        raise RuntimeServiceError("NOT_FOUND", "gone")

    async def body() -> None:
        found = await probe({"exec": {"command": ["sleep", "9"]}}, slow)
        assert found == Outcome("failure", 'command timed out: "sleep 9" timed out after 60s')
        with pytest.raises(ProbeError):
            await probe({"exec": {"command": ["x"]}}, gone)

    run(body())


def test_named_ports() -> None:
    assert port_number("http", CONTAINER) == 8080
    assert port_number("81", CONTAINER) == 81
    with pytest.raises(ProbeError, match="couldn't find port"):
        port_number("none", CONTAINER)
    with pytest.raises(ProbeError, match="invalid port"):
        port_number(70000, CONTAINER)


def test_urls() -> None:
    action = msgspec.convert({"httpGet": {"port": "http", "path": "x", "scheme": "HTTPS"}}, Probe).http_get
    assert action is not None
    assert probe_url(action, CONTAINER, "fd00::1") == "https://[fd00::1]:8080/x"


def test_grpc_messages() -> None:
    assert encode_request("") == b""
    assert encode_request("ab") == b"\x0a\x02ab"
    assert encode_request("x" * 200)[:3] == b"\x0a\xc8\x01"
    assert [decode_status(data) for data in (b"", b"\x08\x01", b"\x08\x02")] == ["UNKNOWN", "SERVING", "NOT_SERVING"]


@pytest.mark.parametrize(
    ("service", "outcome"),
    [
        ("", Outcome("success", "service healthy")),
        ("down", Outcome("failure", 'service unhealthy (responded with "NOT_SERVING")')),
        (
            "none",
            Outcome("failure", "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service"),
        ),
    ],
)
def test_grpc(service: str, outcome: Outcome) -> None:
    import grpc
    import grpc.aio

    async def check(request: bytes, context: Any) -> bytes:
        if request == b"\x0a\x04none":
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return b"\x08\x02" if request == b"\x0a\x04down" else b"\x08\x01"

    async def body() -> None:
        server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(check)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler}),)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            assert await probe({"grpc": {"port": port, "service": service}}) == outcome
        finally:
            await server.stop(None)

    run(body())


def test_grpc_nobody_listens() -> None:
    port = free_port()

    async def body() -> None:
        found = await probe({"grpc": {"port": port}}, timeout_seconds=0.2)
        message = f'timeout: failed to connect service "127.0.0.1:{port}" within 0.2s: context deadline exceeded'
        assert found == Outcome("failure", message)

    run(body())
