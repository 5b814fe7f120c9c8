"""The DNS server: UDP and TCP listeners around the chain, and the assembly of a cluster's DNS."""

import asyncio
import contextlib
import struct
from pathlib import Path
from typing import cast

import msgspec

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.log import logger
from ..base.tasks import running
from ..client.client import Client
from ..client.informers import Informers
from . import message
from .chain import Chain, Reply
from .message import MalformedMessage, Query
from .plugins.forward import Forward
from .plugins.kubernetes import Kubernetes
from .view import InformerView

log = logger(__name__)

_IDLE_SECONDS = 30.0
_MAX_OPEN = 2000


class DnsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen (UDP and TCP) and what to answer. `upstreams`: host or host:port; empty = from resolv_conf."""

    host: str = "127.0.0.1"
    port: int = 10053
    zone: str = "cluster.local"
    upstreams: tuple[str, ...] = ()
    resolv_conf: str = "/etc/resolv.conf"
    ttl_seconds: int = 5


def upstreams_of(config: DnsConfig) -> tuple[tuple[str, int], ...]:
    """The resolvers to forward to, without ourselves."""
    names = list(config.upstreams)
    if not names:
        with contextlib.suppress(OSError):
            lines = Path(config.resolv_conf).read_text().splitlines()
            names = [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]
    found = []
    for name in names:
        host, colon, port = name.rpartition(":") if name.count(":") == 1 else (name, "", "")
        found.append((host or name, int(port) if colon else 53))
    return tuple(where for where in found if where != (config.host, config.port))


class DnsServer:
    """One cluster's DNS; `serve` runs it and is ready when the informers have synced and both sockets are bound."""

    def __init__(
        self, config: DnsConfig, client: Client, *, informers: Informers | None = None, clock: Clock = SYSTEM_CLOCK
    ):
        self._config = config
        self._informers = informers or Informers(client)
        forward = Forward(upstreams_of(config), clock)
        view = InformerView(self._informers)
        serial = int(clock.now().timestamp())
        kubernetes = Kubernetes(config.zone, view, forward, ttl=config.ttl_seconds, serial=serial)
        self._chain = Chain((kubernetes, forward))
        self._open: set[asyncio.Task[None]] = set()
        self.port = config.port

    async def serve(self, ready: asyncio.Event) -> None:
        async with running("dns-informers", self._informers.serve):
            loop = asyncio.get_running_loop()
            tcp = await asyncio.start_server(self._tcp, self._config.host, self._config.port)
            self.port = tcp.sockets[0].getsockname()[1]
            udp, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(self._config.host, self.port)
            )
            try:
                ready.set()
                log.info("DNS serves", address=f"{self._config.host}:{self.port}", zone=self._config.zone)
                await loop.create_future()
            finally:
                udp.close()
                tcp.close()
                for task in list(self._open):
                    task.cancel()

    def answer_later(self, data: bytes, address: tuple[str, int], transport: asyncio.DatagramTransport) -> None:
        """Answer a datagram in a task of its own; above the limit queries are dropped, which clients repeat."""
        if len(self._open) >= _MAX_OPEN:
            return
        task = asyncio.create_task(self._udp(data, address, transport))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _udp(self, data: bytes, address: tuple[str, int], transport: asyncio.DatagramTransport) -> None:
        reply = await self._reply(data, udp=True)
        if reply and not transport.is_closing():
            transport.sendto(reply, address)

    async def _tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        try:
            while True:
                async with asyncio.timeout(_IDLE_SECONDS):
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    data = await reader.readexactly(length)
                reply = await self._reply(data, udp=False)
                if not reply:
                    return
                writer.write(struct.pack("!H", len(reply)) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
            return
        finally:
            writer.close()

    async def _reply(self, data: bytes, *, udp: bool) -> bytes:
        try:
            query = message.decode_query(data)
        except MalformedMessage as error:
            return b"" if error.identifier is None else message.failure(error.identifier, message.FORMERR)
        try:
            reply = await self._chain.handle(query)
        except Exception:
            log.exception("Query failed", name=query.name)
            reply = message.Answer(message.SERVFAIL)
        return _encode(query, reply, udp)


def _encode(query: Query, reply: Reply, udp: bool) -> bytes:
    if isinstance(reply, bytes):
        records = message.answers_of(reply)
        code = reply[3] & 0x0F
        if udp and len(reply) > query.udp_size:
            return message.encode_answer(query, message.Answer(code, records), udp=True)
        return struct.pack("!H", query.identifier) + reply[2:12] + query.wire + reply[12 + len(query.wire) :]
    return message.encode_answer(query, reply, udp=udp)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if self._transport is not None:
            self._server.answer_later(data, address, self._transport)
