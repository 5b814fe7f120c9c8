"""SPDY/3.1 streams between our two roles; reset, half-close, back-pressure, flow control, and malformed frames."""

import asyncio
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.base.http.streams import pair

from pybernetes.base.http import spdy_frames as frames
from pybernetes.base.http.spdy import SpdyConnection, SpdyStream


def connections() -> tuple[SpdyConnection, SpdyConnection]:
    one, two = pair()
    return SpdyConnection(one, server=False), SpdyConnection(two, server=True)


async def opened(client: SpdyConnection, server: SpdyConnection) -> tuple[SpdyStream, SpdyStream]:
    mine = await client.create_stream([("streamtype", "data")])
    theirs = await server.accept_stream()
    assert theirs is not None
    return mine, theirs


def test_the_dictionary_is_that_of_the_specification() -> None:
    assert (len(frames.DICTIONARY), zlib.adler32(frames.DICTIONARY)) == (1423, 0xE3C6A7C2)


async def test_headers_reach_the_other_side_for_every_stream() -> None:
    client, server = connections()
    async with client, server:
        for number in range(3):
            await client.create_stream([("StreamType", "stdout"), ("port", "80"), ("a", "1"), ("a", str(number))])
            stream = await server.accept_stream()
            assert stream is not None
            assert stream.headers == [("streamtype", "stdout"), ("port", "80"), ("a", "1"), ("a", str(number))]
            assert stream.header("port") == "80"
            assert stream.header("none") == ""


async def test_both_sides_may_open_streams() -> None:
    client, server = connections()
    async with client, server:
        _, theirs = await opened(client, server)
        back = await server.create_stream([])
        front = await client.accept_stream()
        assert (theirs.id, back.id) == (1, 2)
        assert front is not None
        await back.write(b"x")
        assert await front.read() == b"x"


async def test_data_flows_both_ways_and_half_close_ends_one() -> None:
    client, server = connections()
    async with client, server:
        mine, theirs = await opened(client, server)
        await mine.write(b"hello")
        await mine.close_write()
        assert await theirs.read() == b"hello"
        assert await theirs.read() == b""
        await theirs.write(b"still here")
        await theirs.close_write()
        assert await mine.read() == b"still here"
        assert await mine.read() == b""
        with pytest.raises(ConnectionError):
            await mine.write(b"late")


async def test_large_data_is_whole_and_streams_are_independent() -> None:
    client, server = connections()
    async with client, server:
        first, first_there = await opened(client, server)
        second, second_there = await opened(client, server)

        async def read_all(stream: SpdyStream) -> bytes:
            parts = []
            while data := await stream.read():
                parts.append(data)
            return b"".join(parts)

        async def write_all(stream: SpdyStream, data: bytes) -> None:
            await stream.write(data)
            await stream.close_write()

        async with asyncio.TaskGroup() as group:
            group.create_task(write_all(first, b"a" * 3_000_000))
            group.create_task(write_all(second, b"b" * 1_000_000))
            one = group.create_task(read_all(first_there))
            two = group.create_task(read_all(second_there))
        assert one.result() == b"a" * 3_000_000
        assert two.result() == b"b" * 1_000_000


async def test_a_reset_is_an_error_on_the_other_side() -> None:
    client, server = connections()
    async with client, server:
        mine, theirs = await opened(client, server)
        await theirs.reset()
        with pytest.raises(ConnectionError, match="reset"):
            await mine.read()
        with pytest.raises(ConnectionError):
            await theirs.write(b"x")
        mine, theirs = await opened(client, server)
        mine.close()
        with pytest.raises(ConnectionError, match="reset"):
            await theirs.read()


async def test_the_end_of_the_connection_ends_everything() -> None:
    client, server = connections()
    async with server:
        async with client:
            mine, theirs = await opened(client, server)
        with pytest.raises(ConnectionError):
            await mine.read()
        with pytest.raises(ConnectionError):
            await theirs.read()
        assert await server.accept_stream() is None
        assert await server.accept_stream() is None
        with pytest.raises(ConnectionError):
            await server.create_stream([])


async def test_pings_are_answered() -> None:
    client, server = connections()
    async with client, server:
        await client.ping()
        await server.ping()


async def test_a_reader_that_lags_stops_the_connection_not_the_memory() -> None:
    client, server = connections()
    async with client, server:
        mine, theirs = await opened(client, server)
        await mine.write(b"x" * 300_000)
        other, _ = await opened_later(client)
        assert not other.done()
        received = 0
        while received < 300_000:
            received += len(await theirs.read())
        await other


async def opened_later(client: SpdyConnection) -> tuple[asyncio.Task[SpdyStream], None]:
    task = asyncio.create_task(client.create_stream([]))
    for _ in range(20):
        await asyncio.sleep(0)
    return task, None


async def test_windows_count_for_a_peer_that_uses_them() -> None:
    raw, stream = pair()
    async with SpdyConnection(stream, server=True) as server:
        block = frames.HeaderCompressor().encode([])
        await raw.write(
            frames.control(frames.SETTINGS, (1).to_bytes(4, "big") + b"\0\0\0\x07" + (1000).to_bytes(4, "big"))
        )
        await raw.write(frames.control(frames.SYN_STREAM, (1).to_bytes(4, "big") + bytes(6) + block))
        accepted = await server.accept_stream()
        assert accepted is not None
        await accepted.write(b"x" * 1000)
        blocked = asyncio.create_task(accepted.write(b"y"))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not blocked.done()
        await raw.write(frames.numbers(frames.WINDOW_UPDATE, 1, 10))
        await blocked


async def test_streams_nobody_accepts_are_refused_beyond_a_bound() -> None:
    raw, stream = pair()
    compressor = frames.HeaderCompressor()
    async with SpdyConnection(stream, server=True):
        for number in range(1, 2 * 200, 2):
            head = number.to_bytes(4, "big") + bytes(6)
            await raw.write(frames.control(frames.SYN_STREAM, head + compressor.encode([])))
        parser, refused = frames.FrameParser(), 0
        while refused < 72:
            refused += sum(frame.kind == frames.RST_STREAM for frame in parser.feed(await raw.read()))
        assert refused == 72


MALFORMED = {
    "version": b"\x80\x02\x00\x01\x00\x00\x00\x00",
    "too large": b"\x00\x00\x00\x01\x00\xff\xff\xff",
    "too short": frames.control(frames.RST_STREAM, b"\0\0"),
    "header block": frames.control(frames.SYN_STREAM, (1).to_bytes(4, "big") + bytes(6) + b"garbage"),
    "even stream": frames.control(
        frames.SYN_STREAM, (2).to_bytes(4, "big") + bytes(6) + frames.HeaderCompressor().encode([])
    ),
    "ping": frames.control(frames.PING, b"\0"),
    "settings": frames.control(frames.SETTINGS, b"\0\0\0\x02"),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_malformed_frames_end_the_connection_with_goaway(case: str) -> None:
    raw, stream = pair()
    async with SpdyConnection(stream, server=True) as server:
        await raw.write(MALFORMED[case])
        assert await server.accept_stream() is None
        answer = frames.FrameParser().feed(await raw.read())
        assert [frame.kind for frame in answer] == [frames.GOAWAY]


def test_a_header_bomb_is_refused() -> None:
    bomb = frames.HeaderCompressor().encode([("a", "x" * 50_000_000)])
    assert len(bomb) < 100_000
    with pytest.raises(frames.SpdyError, match="too large"):
        frames.HeaderDecompressor().decode(bomb)


@given(st.lists(st.tuples(st.text("abc-", min_size=1), st.text("xyz é"))))
def test_header_blocks_round_trip(headers: list[tuple[str, str]]) -> None:
    decoded = frames.HeaderDecompressor().decode(frames.HeaderCompressor().encode(headers))
    assert sorted(decoded) == sorted(headers)


@given(st.binary(max_size=300), st.integers(1, 40))
def test_random_bytes_make_frames_or_an_error(data: bytes, step: int) -> None:
    parser = frames.FrameParser()
    try:
        for start in range(0, len(data), step):
            parser.feed(data[start : start + step])
    except frames.SpdyError:
        pass


@given(st.binary(max_size=200))
def test_random_header_blocks_are_decoded_or_refused(block: bytes) -> None:
    try:
        frames.HeaderDecompressor().decode(block)
    except frames.SpdyError:
        pass
