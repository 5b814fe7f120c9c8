"""A node's way to the API: several servers, one of them in use, the others for the time when that one is gone.

    kubelet, proxy ─▶ ApiServers ─▶ the server that answered last      TLS end to end
                          ▲    └──▶ the next one, when it is not reached or falls silent
                          └─ EndpointSlice default/kubernetes, by watch; remembered in api-servers.json

A request that never left is sent to the next server at once. One that was lost on its way is its sender's to repeat, as
after any restart of a server. A server that vanishes without a word (its machine lost power) is noticed after
`SILENCE_SECONDS` on the first of the connections to it: all of them end then, and watches are made again elsewhere. Who
fails is tried last.

An address that stands for all of them, a load balancer's, is for the beginning and for when nobody else is reached: it
keeps connections alive whose other end is dead. Where there is nothing else, that is noticed when a request is given up
that had waited for `GIVEN_UP_SECONDS`: the kubelet's heartbeat is the first to.
"""

import asyncio
import random
import ssl
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from ..api.discovery import EndpointSlice
from ..base.http.client import HttpTransport
from ..base.http.client_connection import NotConnected, TransportError
from ..base.http.message import Request, Response
from ..base.http.net import join_host_port
from ..base.log import logger
from ..base.tasks import running
from ..base.x509 import write_file
from ..client.client import Client
from ..client.informers import Informers
from .addons.endpoints import KUBERNETES, addresses_of

log = logger(__name__)

SILENCE_SECONDS = 12.0
"""Shorter than a node may be silent itself, longer than a network hiccup."""
GIVEN_UP_SECONDS = 9.0
"""Less than the patience of a heartbeat (10 s); more than what a server may take that is only slow."""
_CONNECT_SECONDS = 3.0
_LEARN_SECONDS = 3.0


def ordered(current: Sequence[str], living: Sequence[str], given: str) -> list[str]:
    """The servers to use from now on: those that live, in the order in which they were used so far, new ones last.
    The address given at the join stays, last unless it is one of them."""
    known = [server for server in current if server in living]
    return list(dict.fromkeys([*known, *living, given]))


def servers_of(found: EndpointSlice) -> list[str]:
    """The URLs of the API servers behind default/kubernetes."""
    port = next((port.port for port in found.ports or () if port.port), 0)
    return [f"https://{join_host_port(address, port)}" for address in addresses_of(found)] if port else []


class ApiServers:
    """An App that answers by whichever server can. `serve` keeps the list."""

    def __init__(self, server: str, tls: ssl.SSLContext, memory: Path) -> None:
        """server: where this node joined; memory: the list of the last time, if there is one."""
        self._given = server
        self._tls = tls
        self._memory = memory
        self._living: Sequence[str] = ()
        known = _remembered(memory)
        self._servers = known if server in known else [server, *known]
        self._transports: dict[str, HttpTransport] = {}

    async def __call__(self, request: Request) -> Response:
        """The answer of the first server that is reached. TransportError when none is, or when it was lost."""
        time = asyncio.get_running_loop().time
        for _ in range(len(self._servers)):
            server, since = self._servers[0], time()
            try:
                return await self._transport(server)(request)
            except NotConnected as error:
                self._put_last(server, error)
                failure = error
            except TransportError as error:
                self._put_last(server, error)
                raise
            except asyncio.CancelledError:
                if time() - since > GIVEN_UP_SECONDS:
                    self._put_last(server, f"no answer in {time() - since:.0f} s")
                    self._transport(server).cut()
                raise
        raise failure

    def _transport(self, server: str) -> HttpTransport:
        transport = self._transports.get(server)
        if transport is None:
            transport = self._transports[server] = HttpTransport(
                server,
                tls=self._tls,
                connect_timeout=_CONNECT_SECONDS,
                silence_seconds=SILENCE_SECONDS,
                on_silence=partial(self._put_last, server),
            )
        return transport

    def _put_last(self, server: str, error: TransportError | str) -> None:
        """Unless somebody else who met the same failure has done so."""
        if len(self._servers) > 1 and self._servers[0] == server:
            self._servers = [*self._servers[1:], server]
            log.warning("Another API server is used", gone=server, now=self._servers[0], err=error)

    async def serve(self, client: Client, ready: asyncio.Event) -> None:
        """Follow the list by a client that goes through here; ready when it is known, or when that takes too long."""
        asyncio.get_running_loop().call_later(_LEARN_SECONDS, ready.set)
        informers = Informers(client)
        found = informers.of(EndpointSlice, namespace="default", field_selector=f"metadata.name={KUBERNETES}")
        changed = asyncio.Event()
        found.add_handler(lambda old, new: changed.set())
        async with running("api-servers", informers.serve):
            while True:
                await changed.wait()
                changed.clear()
                current = found.get(KUBERNETES, "default")
                if current is not None:
                    await self.use(servers_of(current))
                ready.set()

    async def use(self, living: Sequence[str]) -> None:
        """These live; what runs through one that does not any more ends, or through who stood for them all. OSError."""
        gone = set(self._living) - set(living)
        self._living = living
        if self._given not in living:  # all nodes were given the same address, and shall not all have the same server
            living = random.sample(living, len(living))
        servers = ordered(self._servers, living, self._given)
        if servers[0] != self._servers[0]:
            gone.add(self._servers[0])
        if servers != self._servers:
            self._servers = servers
            write_file(self._memory, msgspec.json.encode(servers), mode=0o600)
        for server in self._transports.keys() & gone:
            await self._transports.pop(server).close()


def _remembered(memory: Path) -> list[str]:
    try:
        return msgspec.json.decode(memory.read_bytes(), type=list[str])
    except (OSError, msgspec.MsgspecError):  # only a help: the server of the kubeconfig comes first
        return []
