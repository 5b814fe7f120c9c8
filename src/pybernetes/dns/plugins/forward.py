"""Everything that is not the cluster's goes to the machine's own resolvers, and is kept for as long as its TTL allows.

    preferred upstream ── silent for 2 s, or refused ──▶ all others at once ── 2 s more ──▶ SERVFAIL

So a client, whose patience is five seconds, always hears something, however many upstreams are dead; and whoever
answered in the second round is preferred from then on. A truncated UDP reply is asked again over TCP. Questions that
are the same and open at the same time are asked once. Above 1000 that wait (the limit of kubeadm's CoreDNS) more are
REFUSED, so that dead upstreams do not silence the cluster's own names.
"""

import asyncio
import contextlib
import secrets
import struct
from collections import OrderedDict

from ...base.clock import Clock
from ...base.log import logger
from ..message import REFUSED, SERVFAIL, Answer, Query, encode_query, min_ttl

log = logger(__name__)

_TIMEOUT_SECONDS = 2.0
_MAX_TTL = 30
_MAX_ENTRIES = 10_000
_MAX_KEPT_BYTES = 4096
"""Of one reply: what is kept is bounded in bytes too. Few replies are larger."""
_MAX_WAITING = 1000
_TRUNCATED = 0x02


class _OneReply(asyncio.DatagramProtocol):
    def __init__(self, identifier: int) -> None:
        self._identifier = struct.pack("!H", identifier)
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, address: object) -> None:
        if data[:2] == self._identifier and len(data) >= 12 and not self.reply.done():
            self.reply.set_result(data)

    def error_received(self, error: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(error)


async def ask_udp(host: str, port: int, identifier: int, question: bytes) -> bytes:
    """The reply to one question. OSError; waits for ever."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _OneReply(identifier), remote_addr=(host, port))
    try:
        transport.sendto(question)
        return await protocol.reply
    finally:
        transport.close()


async def _ask_tcp(host: str, port: int, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(struct.pack("!H", len(question)) + question)
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        return await reader.readexactly(length)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class Forward:
    """`upstreams` are (address, port) in order of preference; without any every query fails with SERVFAIL."""

    def __init__(self, upstreams: tuple[tuple[str, int], ...], clock: Clock) -> None:
        self._upstreams = list(upstreams)
        self._clock = clock
        self._kept: OrderedDict[tuple[str, int], tuple[float, bytes]] = OrderedDict()
        self._open: dict[tuple[str, int], asyncio.Task[bytes | None]] = {}
        self._waiting = 0

    async def handle(self, query: Query) -> Answer | bytes | None:
        key = (query.name, query.type)
        kept = self._kept.get(key)
        if kept is not None:
            if kept[0] > self._clock.monotonic():
                return kept[1]
            del self._kept[key]
        if self._waiting >= _MAX_WAITING:
            return Answer(REFUSED)
        task = self._open.get(key)
        if task is None:
            task = self._open[key] = asyncio.create_task(self._ask(query), name=f"dns-forward {query.name}")
            task.add_done_callback(lambda done: self._open.pop(key, None))
        self._waiting += 1
        try:
            reply = await asyncio.shield(task)
        finally:
            self._waiting -= 1
        return reply if reply is not None else Answer(SERVFAIL)

    async def _ask(self, query: Query) -> bytes | None:
        for upstreams in (self._upstreams[:1], self._upstreams[1:]):
            reply = await self._first_of(query, upstreams)
            if reply is not None:
                self._keep((query.name, query.type), reply)
                return reply
        return None

    async def _first_of(self, query: Query, upstreams: list[tuple[str, int]]) -> bytes | None:
        """The first reply of those asked at once, None when none comes in time."""
        asked = {
            asyncio.create_task(_ask_one(upstream, query), name="dns-upstream"): upstream for upstream in upstreams
        }
        try:
            for done in asyncio.as_completed(asked):
                reply = await done
                if reply is not None:
                    return reply
            return None
        finally:
            for task, upstream in asked.items():
                if task.done() and not task.cancelled() and not task.exception() and task.result() is not None:
                    self._prefer(upstream)
                task.cancel()

    def _prefer(self, upstream: tuple[str, int]) -> None:
        if self._upstreams[0] != upstream:
            log.info("Another upstream resolver is preferred", upstream=f"{upstream[0]}:{upstream[1]}")
            self._upstreams.remove(upstream)
            self._upstreams.insert(0, upstream)

    def _keep(self, key: tuple[str, int], reply: bytes) -> None:
        ttl = min(min_ttl(reply), _MAX_TTL)
        if ttl > 0 and len(reply) <= _MAX_KEPT_BYTES:
            self._kept[key] = (self._clock.monotonic() + ttl, reply)
            if len(self._kept) > _MAX_ENTRIES:
                self._kept.popitem(last=False)


async def _ask_one(upstream: tuple[str, int], query: Query) -> bytes | None:
    host, port = upstream
    identifier = secrets.randbits(16)
    question = encode_query(identifier, query.name, query.type)
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            reply = await ask_udp(host, port, identifier, question)
            if reply[2] & _TRUNCATED:
                reply = await _ask_tcp(host, port, question)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        log.debug("Upstream resolver did not answer", upstream=f"{host}:{port}", name=query.name, err=error)
        return None
    return reply
