"""The shell: follow what policies depend on, and bring the kernel in line.

Only NetworkPolicies are followed as long as there are none; with the first one come the pods and namespaces of the
cluster, and with the last one they go. Changes are compiled as a whole, and what differs is sent in one transaction;
those that follow at once are gathered for a moment, longer when compiling takes long.

The cluster's DNS server is no pod here. Policies name it as they do everywhere (namespace `kube-system`, label
`k8s-app: kube-dns`): the labels of its Service stand for those of its pods.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ...api.core import Service
from ...api.discovery import EndpointSlice
from ...api.networking import NetworkPolicy
from ...api.resource import resource
from ...base.log import logger
from ...base.tasks import running
from ...client.client import Client
from ...client.informer import Informer
from ...client.informers import Informers
from ...client.view import View
from ..backend import Backend, BackendError
from ..families import IPV4, Family
from ..model import SERVICE_NAME_LABEL
from .compiling import Rules, compile_rules
from .seen import Place, SeenNamespace, SeenPod, places_of
from .table import difference, from_nothing, removal

log = logger(__name__)

_RETRY_SECONDS = 1.0
_GATHER_SECONDS = 0.02
_COMPILING_SHARE = 0.1
"""Compiling may take this part of a core: the next turn waits for the rest."""


class _Surroundings(msgspec.Struct):
    """The informers that only policies need."""

    pods: Informer[SeenPod]
    namespaces: Informer[SeenNamespace]
    dns: Informer[Service]
    dns_slices: Informer[EndpointSlice]

    def all(self) -> tuple[Informer[Any], ...]:
        return self.pods, self.namespaces, self.dns, self.dns_slices

    def places(self) -> Iterator[Place]:
        for pod in self.pods.list():
            yield from places_of(pod)
        for service in self.dns.list():
            for one in self.dns_slices.list():
                for endpoint in one.endpoints or () if one.address_type != "FQDN" else ():
                    for ip in endpoint.addresses or ():
                        yield Place("kube-system", service.metadata.labels or {}, ip, ports=_named(one))


def _named(one: EndpointSlice) -> tuple[tuple[str, str, int], ...]:
    return tuple((p.name or "", (p.protocol or "TCP").lower(), p.port or 0) for p in one.ports or ())


class NetworkPolicyEnforcer:
    """`serve` runs it; `table` is the name of its own table in each of the families."""

    def __init__(
        self, client: Client, backend: Backend, *, node_name: str, table: str, families: Sequence[Family] = (IPV4,)
    ) -> None:
        self._backend = backend
        self._node = node_name
        self._table = table
        self._informers = Informers(client)
        self._policies = self._informers.of(NetworkPolicy)
        self._around: _Surroundings | None = None
        self._wake = asyncio.Event()
        self._families = families
        self._kernel: list[Rules] | None = None
        """By family; None when it is not known what the kernel has."""

    async def serve(self, ready: asyncio.Event) -> None:
        """Ready once the policies that exist are in force."""
        self._policies.add_handler(self._changed)
        async with running("network-policy-informers", self._informers.serve):
            self._wake.set()
            while True:
                await self._wake.wait()
                self._wake.clear()
                try:
                    pause = await self._turn()
                    ready.set()
                except BackendError as error:
                    log.error("Network policies could not be applied", err=error)
                    self._kernel = None
                    self._wake.set()
                    pause = _RETRY_SECONDS
                await asyncio.sleep(max(pause, _GATHER_SECONDS))

    async def _turn(self) -> float:
        """One pass; seconds to rest after it. Without isolated pods there is no table."""
        policies = self._policies.list()
        rest = 0.0
        if policies:
            around = await self._surroundings()
            clock = asyncio.get_running_loop().time
            began = clock()
            namespaces = {one.metadata.name: one.metadata.labels or {} for one in around.namespaces.list()}
            places = list(around.places())
            wanted = [compile_rules(policies, places, namespaces, self._node, one) for one in self._families]
            rest = (clock() - began) / _COMPILING_SHARE
        else:
            await self._leave()
            wanted = [_NOTHING] * len(self._families)
        if wanted == self._kernel:
            return rest
        known: Sequence[Rules | None] = self._kernel or [None] * len(wanted)
        steps = zip(self._families, known, wanted, strict=True)
        await self._backend.nft("".join(_commands(one.table(self._table), old, new) for one, old, new in steps))
        self._kernel = wanted
        return rest

    async def _surroundings(self) -> _Surroundings:
        """What policies depend on, known and followed."""
        if self._around is None:
            informers = self._informers
            self._around = _Surroundings(
                informers.of(View(resource("pods"), SeenPod)),
                informers.of(View(resource("namespaces"), SeenNamespace)),
                informers.of(Service, namespace="kube-system", field_selector="metadata.name=kube-dns"),
                informers.of(EndpointSlice, namespace="kube-system", label_selector=f"{SERVICE_NAME_LABEL}=kube-dns"),
            )
            for one in self._around.all():
                await one.synced.wait()
            self._around.pods.add_handler(self._pod_changed)
            for one in self._around.all()[1:]:
                one.add_handler(self._changed)
        return self._around

    async def _leave(self) -> None:
        """Without policies nothing else is followed."""
        around, self._around = self._around, None
        for one in around.all() if around is not None else ():
            await self._informers.stop(one)

    def _changed(self, old: Any, new: Any) -> None:
        self._wake.set()

    def _pod_changed(self, old: SeenPod | None, new: SeenPod | None) -> None:
        """Most changes of pods concern nobody's packets."""
        if (places_of(old) if old else ()) != (places_of(new) if new else ()):
            self._wake.set()


_NOTHING = Rules({}, {}, {}, {})


def _commands(table: str, old: Rules | None, new: Rules) -> str:
    """From one state of a table to another; old None: it is not known."""
    if new == old:
        return ""
    if new == _NOTHING:
        return removal(table)
    return from_nothing(table, new) if old is None or old == _NOTHING else difference(table, old, new)
