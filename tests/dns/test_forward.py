"""Forwarding to resolvers that are dead, silent or slow: real sockets, virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from tests.support.clock import LoopClock, run_virtual

from pybernetes.dns import message
from pybernetes.dns.message import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, Answer, Query
from pybernetes.dns.plugins.forward import Forward

PATIENCE_SECONDS = 5.0
"""What the resolvers of glibc and musl, and dig, wait for an answer."""


class Resolver(asyncio.DatagramProtocol):
    """Answers every question with one record, or says nothing at all."""

    def __init__(self, *, silent: bool, ttl: int = 60, code: int = NOERROR, records: int = 1) -> None:
        self.silent = silent
        self.asked = 0
        self._answer = (ttl, code, records)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self.address: tuple[str, int] = transport.get_extra_info("sockname")

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.asked += 1
        if self.silent:
            return
        query = message.decode_query(data)
        ttl, code, records = self._answer
        if code == NXDOMAIN:
            answer = Answer(code, [], [message.authority("org.", 1, ttl)])
        else:
            answer = Answer(code, [message.address(query.name, f"198.51.100.{n}", ttl) for n in range(records)])
        self._transport.sendto(message.encode_answer(query, answer), address)


@asynccontextmanager
async def resolvers(*made: Resolver) -> AsyncIterator[Forward]:
    """A forwarder to these, in this order."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        for resolver in made:
            transport, _ = await loop.create_datagram_endpoint(lambda r=resolver: r, local_addr=("127.0.0.1", 0))
            stack.callback(transport.close)
        yield Forward(tuple(resolver.address for resolver in made), LoopClock())


def question(name: str = "www.example.org.") -> Query:
    return message.decode_query(message.encode_query(1, name, message.A))


async def code_of(forward: Forward, name: str = "www.example.org.") -> tuple[int, float]:
    """The code of the reply, and how long it took."""
    loop = asyncio.get_running_loop()
    before = loop.time()
    reply = await forward.handle(question(name))
    assert reply is not None
    return reply.code if isinstance(reply, Answer) else reply[3] & 0x0F, loop.time() - before


@pytest.mark.parametrize("dead", [0, 1, 2, 3, 15])
def test_however_many_upstreams_are_silent_a_patient_client_hears_of_a_server_failure(dead: int) -> None:
    async def body() -> None:
        silent = [Resolver(silent=True) for _ in range(dead)]
        async with resolvers(*silent) as forward:
            code, seconds = await code_of(forward)
            assert code == SERVFAIL
            assert seconds < PATIENCE_SECONDS
            assert all(resolver.asked for resolver in silent)

    run_virtual(body())


def test_an_upstream_whose_port_is_closed_is_given_up_at_once() -> None:
    async def body() -> None:
        closed, alive = Resolver(silent=True), Resolver(silent=False)
        async with resolvers(alive):
            async with resolvers(closed):
                pass
            for upstreams, code in (((closed.address, alive.address), NOERROR), ((closed.address,), SERVFAIL)):
                forward = Forward(upstreams, LoopClock())
                assert await code_of(forward) == (code, pytest.approx(0, abs=0.5))

    run_virtual(body())


def test_who_answered_instead_of_a_silent_one_is_asked_first_from_then_on() -> None:
    async def body() -> None:
        silent, alive = Resolver(silent=True), Resolver(silent=False)
        async with resolvers(silent, alive) as forward:
            assert (await code_of(forward, "one.example.org."))[0] == NOERROR
            for n in range(3):
                assert await code_of(forward, f"x{n}.example.org.") == (NOERROR, pytest.approx(0, abs=0.5))
            assert (silent.asked, alive.asked) == (1, 4)

    run_virtual(body())


@pytest.mark.parametrize(
    ("resolver", "kept_seconds"),
    [
        (Resolver(silent=False, ttl=3600), 30),
        (Resolver(silent=False, ttl=7), 7),
        (Resolver(silent=False, ttl=3600, code=NXDOMAIN), 30),
        (Resolver(silent=False, ttl=7, code=NXDOMAIN), 7),
        (Resolver(silent=False, ttl=0), 0),
        (Resolver(silent=False, code=SERVFAIL, records=0), 0),
        (Resolver(silent=False, code=NXDOMAIN, ttl=0), 0),
    ],
    ids=["long", "short", "no such name, long", "no such name, short", "none", "failure", "no such name, none"],
)
def test_replies_are_kept_for_their_ttl_but_never_longer_than_half_a_minute(
    resolver: Resolver, kept_seconds: float
) -> None:
    async def body() -> None:
        resolver.asked = 0
        async with resolvers(resolver) as forward:
            await code_of(forward)
            if kept_seconds:
                await asyncio.sleep(kept_seconds - 0.5)
                await code_of(forward)
                assert resolver.asked == 1
                await asyncio.sleep(1)
            await code_of(forward)
            assert resolver.asked == 2

    run_virtual(body())


def test_a_crowd_that_waits_for_dead_upstreams_is_bounded() -> None:
    async def body() -> None:
        async with resolvers(Resolver(silent=True)) as forward:
            crowd = [asyncio.create_task(code_of(forward)) for _ in range(1005)]
            codes = [code for code, _ in await asyncio.gather(*crowd)]
            assert (codes.count(SERVFAIL), codes.count(REFUSED)) == (1000, 5)
            assert (await code_of(forward))[0] == SERVFAIL

    run_virtual(body())
