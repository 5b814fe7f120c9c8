"""What an application may rely on, whichever protocol carries it; and what a caller may, whichever client it uses."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pybernetes.base import x509
from pybernetes.base.http.message import BodyTooLarge, Request, Response, Sink


async def body_of(response: Response) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    assert isinstance(response.body, AsyncIterator) or hasattr(response.body, "__aiter__")
    return b"".join([piece async for piece in response.body])


async def echo(request: Request) -> Response:
    body = await request.body.read(64 * 1024 * 1024)
    lines = [request.method, request.path, request.query, *(f"{k}={v}" for k, v in request.headers)]
    return Response(200, [("content-type", "text/plain"), ("x-length", str(len(body)))], "\n".join(lines).encode())


async def test_a_request_arrives_as_it_was_sent(serve: Any) -> None:
    call = await serve(echo)
    response = await call(Request("PATCH", "/a%2Fb/c", "x=1&y=%20", [("x-test", "tést")], b"{}"))
    lines = (await body_of(response)).decode().split("\n")
    assert response.status == 200
    assert lines[:3] == ["PATCH", "/a%2Fb/c", "x=1&y=%20"]
    assert "x-test=tést" in lines
    assert response.header("x-length") == "2"
    assert sum(line.startswith("host=") for line in lines) == 1


@pytest.mark.parametrize("size", [0, 1, 65536, 3_000_000])
async def test_bodies_of_any_size_go_both_ways(serve: Any, size: int) -> None:
    async def app(request: Request) -> Response:
        return Response(200, [], await request.body.read(size))

    call = await serve(app)
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert await body_of(await call(Request("POST", "/", body=data))) == data


async def test_many_requests_reuse_a_connection(serve: Any) -> None:
    call = await serve(echo)
    for _ in range(20):
        assert (await call(Request("GET", "/"))).status == 200


async def test_concurrent_requests_do_not_wait_for_each_other(serve: Any) -> None:
    arrived = 0
    everyone = asyncio.Event()

    async def app(request: Request) -> Response:
        nonlocal arrived
        arrived += 1
        if arrived == 10:
            everyone.set()
        await everyone.wait()
        return Response(200, [], request.path.encode())

    call = await serve(app)
    responses = await asyncio.gather(*(call(Request("GET", f"/{i}")) for i in range(10)))
    assert [await body_of(response) for response in responses] == [f"/{i}".encode() for i in range(10)]


async def test_the_peer_certificate_tells_who_calls(serve: Any) -> None:
    async def app(request: Request) -> Response:
        der = request.peer_certificate
        return Response(200, [], repr(x509.subject_of(der) if der else None).encode() + request.remote_address.encode())

    call = await serve(app)
    expected = b"None" if serve.protocol == "h1" else b"('admin', ('system:masters',))"
    assert await body_of(await call(Request("GET", "/"))) == expected + b"127.0.0.1"


async def test_an_iterator_streams_as_it_is_produced(serve: Any) -> None:
    gate = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await gate.wait()
        yield b"second"

    async def app(request: Request) -> Response:
        return Response(200, [], pieces())

    call = await serve(app)
    response = await call(Request("GET", "/"))
    body = aiter(response.body)
    assert await anext(body) == b"first"
    gate.set()
    assert await anext(body) == b"second"
    with pytest.raises(StopAsyncIteration):
        await anext(body)


async def test_an_iterator_that_fails_midway_breaks_the_response(serve: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        raise ValueError("broken source")

    async def app(request: Request) -> Response:
        return Response(200, [], pieces())

    call = await serve(app)
    with pytest.raises(Exception, match=r"EOF|reset|lost"):
        await body_of(await call(Request("GET", "/")))


class Push:
    """A body that notes what happens to it."""

    def __init__(self) -> None:
        self.sink: Sink | None = None
        self.started = asyncio.Event()
        self.stopped = asyncio.Event()
        self.stops = 0

    def start(self, sink: Sink) -> None:
        self.sink = sink
        self.started.set()

    def stop(self) -> None:
        self.stops += 1
        self.stopped.set()


async def pushed(serve: Any, **options: Any) -> tuple[Any, Push, Sink, AsyncIterator[bytes]]:
    """The caller, a pushed body that has begun, its sink, and what the caller receives of it. With h2 the caller gives
    more window only as told by `auto_credit`."""
    auto_credit = options.pop("auto_credit", True)
    push = Push()

    async def app(request: Request) -> Response:
        return Response(200, [("content-type", "application/json")], push)

    call = await serve(app, **options)
    if serve.protocol == "h2":
        call.auto_credit = auto_credit
    response = await call(Request("GET", "/"))
    assert response.status == 200
    await push.started.wait()
    assert push.sink is not None
    return call, push, push.sink, aiter(response.body)


async def left(serve: Any) -> tuple[Any, Push, Sink, AsyncIterator[bytes]]:
    """As `pushed`, but the receiver has taken a piece and left."""
    call, push, sink, body = await pushed(serve)
    sink.write(b"x")
    await anext(body)
    await body.aclose()  # type: ignore[attr-defined]
    await push.stopped.wait()
    return call, push, sink, body


async def filled(sink: Sink) -> None:
    """A mebibyte waits for the receiver."""
    written = 0
    while sink.buffered() < 1_000_000 and written < 64_000_000:
        sink.write(b"z" * 65536)
        written += 65536
        await asyncio.sleep(0)


async def test_a_pushed_body_arrives_piece_by_piece_and_ends(serve: Any) -> None:
    call, push, sink, body = await pushed(serve)
    for n in range(3):
        sink.write(b"event %d" % n)
        assert await anext(body) == b"event %d" % n
    sink.close()
    with pytest.raises(StopAsyncIteration):
        await anext(body)
    sink.write(b"ignored")
    sink.close()
    assert push.stops == 1
    assert (await call(Request("GET", "/again"))).status == 200


async def test_a_push_body_that_ends_at_once(serve: Any) -> None:
    class Short(Push):
        def start(self, sink: Sink) -> None:
            sink.write(b"all")
            sink.close()

    push = Short()

    async def app(request: Request) -> Response:
        return Response(200, [], push)

    call = await serve(app)
    assert await body_of(await call(Request("GET", "/"))) == b"all"
    assert await body_of(await call(Request("GET", "/"))) == b"all"
    assert push.stops == 2


async def test_a_receiver_that_leaves_stops_the_push(serve: Any) -> None:
    _, push, sink, _ = await left(serve)
    sink.write(b"ignored")
    assert push.stops == 1


async def test_a_producer_of_much_goes_on_when_the_receiver_has_taken_it(serve: Any) -> None:
    push = Push()
    most = left = 0

    async def app(request: Request) -> Response:
        return Response(200, [], push)

    def more() -> None:
        nonlocal most, left
        assert push.sink is not None
        while left:
            left -= 1
            push.sink.write(bytes(64 * 1024))
            most = max(most, push.sink.buffered())
            if push.sink.buffered() > 128 * 1024:
                push.sink.when_drained(more)
                return
        push.sink.close()

    call = await serve(app)
    response = await call(Request("GET", "/"))
    await push.started.wait()
    left = 500
    more()
    body = aiter(response.body)
    size = 0
    async for piece in body:
        size += len(piece)
    assert size == 500 * 64 * 1024
    assert 64 * 1024 < most < 512 * 1024


async def test_nobody_is_called_for_a_receiver_that_has_left(serve: Any) -> None:
    _, _, sink, _ = await left(serve)
    called: list[str] = []
    sink.when_drained(lambda: called.append("now"))
    await asyncio.sleep(0)
    assert called == []


async def test_buffered_grows_when_the_receiver_does_not_read(serve: Any) -> None:
    _, _, sink, _ = await pushed(serve, auto_credit=False)
    await filled(sink)
    assert sink.buffered() >= 1_000_000


async def test_a_receiver_that_takes_nothing_is_cut_off_although_more_is_pushed(serve: Any) -> None:
    now = 1000.0
    _, push, sink, _unread = await pushed(serve, auto_credit=False, clock=lambda: now)
    await filled(sink)
    while now < 1090:
        serve.server.sweep()
        assert not push.stopped.is_set()
        now += 30
        sink.write(b"more")
        await asyncio.sleep(0.001)
    while not push.stopped.is_set():  # what is on the way may take a little more at first
        assert now < 20_000
        serve.server.sweep()
        now += 30
        sink.write(b"more")
        await asyncio.sleep(0.001)


async def test_a_receiver_that_takes_slowly_is_served(serve: Any) -> None:
    now = 1000.0
    _, push, sink, body = await pushed(serve, auto_credit=True, clock=lambda: now)
    for _ in range(4):
        await filled(sink)
        serve.server.sweep()
        now += 40
        before = sink.buffered()
        while sink.buffered() >= before:
            await anext(body)
    serve.server.sweep()
    assert not push.stopped.is_set()
    sink.close()


async def test_a_receiver_that_takes_the_pieces_of_an_iterator_slowly_is_served(serve: Any) -> None:
    now = 1000.0
    made = 0
    more = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        while made < 60_000_000:
            made += 500_000
            more.set()
            yield bytes(500_000)

    async def app(request: Request) -> Response:
        return Response(200, [], pieces())

    call = await serve(app, clock=lambda: now)
    body = aiter((await call(Request("GET", "/"))).body)
    taken = 0
    while made < 60_000_000:
        serve.server.sweep()
        now += 40
        more.clear()
        while not more.is_set():
            taken += len(await anext(body))
    async for piece in body:
        taken += len(piece)
    assert taken == 60_000_000


async def test_a_caller_that_leaves_cancels_the_handler(serve: Any) -> None:
    started = asyncio.Event()
    cancelled = asyncio.Event()

    async def app(request: Request) -> Response:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return Response()

    call = await serve(app)
    task = asyncio.create_task(call(Request("GET", "/")))
    await started.wait()
    task.cancel()
    if serve.protocol == "h2":
        call.connection.reset_stream(1, 8)
        call.flush()
    await cancelled.wait()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_head_has_the_length_and_no_body(serve: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, [], b"12345")

    call = await serve(app)
    for _ in range(2):
        response = await call(Request("HEAD", "/"))
        assert response.header("content-length") == "5"
        assert await body_of(response) == b""
    assert await body_of(await call(Request("GET", "/"))) == b"12345"


@pytest.mark.parametrize("status", [204, 304])
async def test_statuses_without_a_body(serve: Any, status: int) -> None:
    async def app(request: Request) -> Response:
        return Response(status, [("etag", "x")], b"")

    call = await serve(app)
    for _ in range(2):
        response = await call(Request("GET", "/"))
        assert (response.status, await body_of(response)) == (status, b"")
        assert response.header("content-length") is None


async def test_an_exception_is_a_500_and_the_connection_lives(serve: Any) -> None:
    async def app(request: Request) -> Response:
        if request.path == "/bad":
            raise ValueError("bug")
        return Response(200, [], b"fine")

    call = await serve(app)
    assert (await call(Request("GET", "/bad"))).status == 500
    assert await body_of(await call(Request("GET", "/"))) == b"fine"


@pytest.mark.parametrize("value", ["a\r\nset-cookie: x", "a\nb"])
async def test_a_line_break_in_a_response_header_is_never_sent(serve: Any, value: str) -> None:
    async def app(request: Request) -> Response:
        return Response(200, [("x-bad", value)], b"")

    call = await serve(app)
    response = await call(Request("GET", "/"))
    assert response.status == 500
    assert response.header("set-cookie") is None


async def test_a_body_beyond_the_limit_is_refused(serve: Any) -> None:
    async def app(request: Request) -> Response:
        try:
            await request.body.read(1000)
        except BodyTooLarge:
            return Response(413, [], b"too large")
        return Response(200)

    call = await serve(app)
    assert (await call(Request("POST", "/", body=b"x" * 1000))).status == 200
    assert (await call(Request("POST", "/", body=b"x" * 1001))).status == 413
    assert (await call(Request("POST", "/", body=b"x" * 3_000_000))).status == 413


async def test_a_request_body_can_be_relayed_in_pieces(serve: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, [], request.body.chunks())

    class Pieces:
        async def read(self, limit: int) -> bytes:
            raise NotImplementedError

        async def chunks(self) -> AsyncIterator[bytes]:
            for piece in (b"one ", b"two ", b"three"):
                yield piece
                await asyncio.sleep(0)

    call = await serve(app)
    assert await body_of(await call(Request("POST", "/", body=Pieces()))) == b"one two three"


async def test_handlers_may_use_timeouts_before_and_after_waiting(serve: Any) -> None:
    async def app(request: Request) -> Response:
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            return Response(200, [], b"timed out")
        return Response(500)

    call = await serve(app)
    for _ in range(3):
        assert await body_of(await call(Request("GET", "/"))) == b"timed out"


async def test_a_cancelled_future_in_the_handler_is_a_500_not_an_end(serve: Any) -> None:
    async def app(request: Request) -> Response:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        await future
        return Response()

    call = await serve(app)
    assert (await call(Request("GET", "/"))).status == 500
