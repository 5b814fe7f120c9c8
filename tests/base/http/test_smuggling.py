"""Requests that two servers could read differently: refused, or read in the one safe way; nothing behind is answered.

The cases are those of the request smuggling literature (two lengths, odd transfer encodings, folded lines, odd chunks,
trailers); RFC 9112 sections 2.2, 3.2, 5 and 6 say what a server does.
"""

import asyncio
import socket
from typing import Any

import pytest

from pybernetes.base.http import net
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import Limits

POST = b"POST /a HTTP/1.1\r\nhost: x\r\n"
GET = b"GET /a HTTP/1.1\r\nhost: x\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
BEHIND = b"GET /behind HTTP/1.1\r\nhost: x\r\n\r\n"
END = b"\r\n0\r\n\r\n"

REFUSED = {
    "length and chunked": (POST + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked and length": (POST + b"transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n", 400),
    "the same length twice": (POST + b"content-length: 3\r\ncontent-length: 3\r\n\r\nabc", 400),
    "a list of lengths": (POST + b"content-length: 3, 3\r\n\r\nabc", 400),
    "a signed length": (POST + b"content-length: +3\r\n\r\nabc", 400),
    "a hexadecimal length": (POST + b"content-length: 0x3\r\n\r\nabc", 400),
    "an empty length": (POST + b"content-length:\r\n\r\nabc", 400),
    "a length beyond 64 bits": (POST + b"content-length: 99999999999999999999999\r\n\r\nabc", 400),
    "an encoding before chunked": (POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "an encoding after chunked": (POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    "an unknown encoding": (POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "chunked twice": (POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked in quotes": (POST + b'transfer-encoding: "chunked"\r\n\r\n0\r\n\r\n', 501),
    "chunked with a vertical tab": (POST + b"transfer-encoding: chunked\x0b\r\n\r\n0\r\n\r\n", 400),
    "space before the colon": (POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "a folded encoding": (POST + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    "a folded line": (GET + b"a: b\r\n\tc\r\n\r\n", 400),
    "lines that end in LF": (b"GET /a HTTP/1.1\nhost: x\n\n", 400),
    "a bare CR": (GET + b"a: b\rc\r\n\r\n", 400),
    "a NUL in a value": (GET + b"a: b\0c\r\n\r\n", 400),
    "a NUL in a name": (GET + b"a\0b: c\r\n\r\n", 400),
    "no name": (GET + b": c\r\n\r\n", 400),
    "no colon": (GET + b"abc\r\n\r\n", 400),
    "an odd name": (GET + b"a(b): c\r\n\r\n", 400),
    "two hosts": (b"GET /a HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400),
    "a chunk size beyond 64 bits": (CHUNKED + b"FFFFFFFFFFFFFFFFF\r\nabc" + END, 400),
    "a negative chunk size": (CHUNKED + b"-1\r\nabc" + END, 400),
    "a prefixed chunk size": (CHUNKED + b"0x3\r\nabc" + END, 400),
    "space behind a chunk size": (CHUNKED + b"3 \r\nabc" + END, 400),
    "chunk lines that end in LF": (CHUNKED + b"3\nabc\n0\n\n", 400),
    "LF in a chunk extension": (CHUNKED + b"3;a\nb\r\nabc" + END, 400),
    "a chunk longer than it says": (CHUNKED + b"3\r\nabcd" + END, 400),
    "space in the target": (b"GET /a b HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    "a control character in the target": (b"GET /a\x01 HTTP/1.1\r\nhost: x\r\n\r\n", 400),
    "a version to come": (b"GET /a HTTP/9.9\r\nhost: x\r\n\r\n", 400),
}


async def tell(request: Request) -> Response:
    body = await request.body.read(10**6)
    names = ",".join(name for name, _ in request.headers if name != "host")
    return Response(200, [], f"<{request.method} {request.path} {names} {body.decode()}>".encode())


async def answers(server: Any, data: bytes, *, piecewise: bool = False) -> bytes:
    """Everything the server says until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        if piecewise:
            for at in range(len(data)):
                writer.write(data[at : at + 1])
                await asyncio.sleep(0)
                if writer.is_closing():
                    break
        else:
            writer.write(data)
        async with asyncio.timeout(60):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("case", REFUSED)
async def test_ambiguous_requests_are_refused_and_nothing_behind_them_is_read(start: Any, case: str) -> None:
    data, status = REFUSED[case]
    server = await start(tell, limits=Limits(linger_seconds=0.05))
    got = await answers(server, data + BEHIND)
    assert got.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nconnection: close\r\n" in got
    assert b"/behind" not in got and got.count(b"HTTP/1.1 ") == 1
    assert b"/behind" not in await answers(server, data + BEHIND, piecewise=True)


LAST = b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
READ = {
    "chunk extensions": (CHUNKED + b"3;a=b;c\r\nabc" + END, b"<POST /a transfer-encoding abc>"),
    "chunked in capitals": (
        POST + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nabc" + END,
        b"<POST /a transfer-encoding abc>",
    ),
    "trailers are no headers": (
        CHUNKED + b"3\r\nabc\r\n0\r\nimpersonate-user: root\r\nx-remote-user: root\r\nhost: y\r\n\r\n",
        b"<POST /a transfer-encoding abc>",
    ),
    "a body of a GET": (GET + b"content-length: 3\r\n\r\nabc", b"<GET /a content-length abc>"),
    "empty lines before": (b"\r\n\r\n" + GET + b"\r\n", b"<GET /a  >"),
}


@pytest.mark.parametrize("piecewise", [False, True])
@pytest.mark.parametrize("case", READ)
async def test_odd_requests_are_read_in_one_way(start: Any, case: str, piecewise: bool) -> None:
    data, told = READ[case]
    got = await answers(await start(tell), data + LAST, piecewise=piecewise)
    assert told in got
    assert got.endswith(b"<GET /last connection >")


@pytest.mark.parametrize("filler", ["trailers", "extensions"])
async def test_trailers_and_extensions_without_end_are_cut(start: Any, filler: str) -> None:
    server = await start(tell, limits=Limits(linger_seconds=0.01))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(CHUNKED + (b"3\r\nabc\r\n0\r\n" if filler == "trailers" else b"3;"))
    line = b"a: " + b"b" * 9994 + b"\r\n" if filler == "trailers" else b"c" * 10_000
    sent = 0
    try:
        async with asyncio.timeout(60):
            while not reader.at_eof():
                writer.write(line)
                await writer.drain()
                sent += len(line)
    except ConnectionError:
        pass
    assert sent < 30_000_000
    writer.close()


async def test_a_handshake_that_never_ends_is_cut(start: Any, certificates: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(net, "_HANDSHAKE_SECONDS", 0.2)
    server = await start(tell, tls=certificates.server_context())
    loop = asyncio.get_running_loop()
    for begun in (b"", b"\x16\x03\x01\x02\x00\x01\x00"):
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.setblocking(False)
            if begun:
                await loop.sock_sendall(raw, begun)
            async with asyncio.timeout(60):
                try:
                    while await loop.sock_recv(raw, 1000):
                        pass
                except ConnectionError:
                    pass
