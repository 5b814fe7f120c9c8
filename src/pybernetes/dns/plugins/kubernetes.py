"""The cluster's zone, answered from the informers' memory (kubernetes/dns specification 1.1.0).

    <service>.<ns>.svc.<zone>                  A: ClusterIP; headless: every ready endpoint; ExternalName: CNAME
    <hostname>.<service>.<ns>.svc.<zone>       A: one endpoint of a headless service (its hostname or dashed address)
    _<port>._<proto>.<service>.<ns>.svc.<zone> SRV
    <a>-<b>-<c>-<d>.<ns>.pod.<zone>            A: that address, if the namespace exists
    <reversed address>.in-addr.arpa            PTR: a service's or a headless endpoint's name
    dns-version.<zone>                         TXT

Addresses of IPv6 are in AAAA records, reversed below ip6.arpa, and dashed as `fd00--1`. A name that exists without
records of the asked type is NOERROR with the SOA; one that does not exist is NXDOMAIN.
`records` is pure over a `ClusterView`; the handler adds the chase of CNAMEs that leave the zone.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

import msgspec

from .. import message
from ..chain import Handler
from ..message import Answer, Query, Record

SCHEMA_VERSION = "1.1.0"


class Endpoint(msgspec.Struct, frozen=True):
    """One address of a headless service; `ports` are (name, protocol, number)."""

    ip: str
    hostname: str
    ports: tuple[tuple[str, str, int], ...] = ()

    @property
    def label(self) -> str:
        return self.hostname or self.ip.replace(".", "-").replace(":", "-")


class ServiceRecord(msgspec.Struct, frozen=True):
    """What DNS knows of a Service. Exactly one of `cluster_ips`, `external_name`, `headless` says what it is."""

    namespace: str
    name: str
    cluster_ips: tuple[str, ...] = ()
    external_name: str = ""
    headless: bool = False
    ports: tuple[tuple[str, str, int], ...] = ()
    endpoints: tuple[Endpoint, ...] = ()


class ClusterView(Protocol):
    """The state that names are answered from."""

    def service(self, namespace: str, name: str) -> ServiceRecord | None: ...

    def has_namespace(self, namespace: str) -> bool: ...

    def names_of(self, ip: str) -> Iterable[str]:
        """Names relative to the zone, such as `web.default.svc`, of a cluster IP or a headless endpoint."""


class _Missing(Exception):
    """The name does not exist."""


class Kubernetes:
    """Answers the zone and, for addresses it knows, the reverse zones; passes everything else on."""

    def __init__(self, zone: str, view: ClusterView, outside: Handler, *, ttl: int = 5, serial: int = 1) -> None:
        self._zone = zone.strip(".").lower() + "."
        self._view = view
        self._outside = outside
        self._ttl = ttl
        self._serial = serial

    async def handle(self, query: Query) -> Answer | bytes | None:
        if query.name.endswith((".in-addr.arpa.", ".ip6.arpa.")):
            return self._reverse(query)
        if query.name != self._zone and not query.name.endswith("." + self._zone):
            return None
        try:
            records, additional = self._lookup(query.name, query.type)
        except (_Missing, ValueError):
            return Answer(message.NXDOMAIN, [], [self._soa()], authoritative=True)
        if records and records[0].type == message.CNAME and query.type != message.CNAME:
            records = [*records, *await self._chase(records[0], query)]
        authority = [] if records else [self._soa()]
        return Answer(message.NOERROR, records, authority, additional, authoritative=True)

    def _soa(self) -> Record:
        return message.authority(self._zone, self._serial, self._ttl)

    def _reverse(self, query: Query) -> Answer | None:
        try:
            ip = _reversed_address(query.name)
        except ValueError:
            return None
        names = [f"{name}.{self._zone}" for name in self._view.names_of(ip)]
        if not names:
            return None
        wanted = query.type in (message.PTR, message.ANY)
        records = [message.pointer(query.name, name, self._ttl) for name in names] if wanted else []
        return Answer(message.NOERROR, records, [] if records else [self._soa()], authoritative=True)

    def _lookup(self, name: str, kind: int) -> tuple[list[Record], list[Record]]:
        """Records and additional records; _Missing when there is no such name."""
        labels = name.removesuffix(self._zone).rstrip(".").split(".") if name != self._zone else []
        match labels:
            case []:
                return ([self._soa()] if kind in (message.SOA, message.ANY) else []), []
            case ["dns-version"]:
                wanted = kind in (message.TXT, message.ANY)
                return ([message.text(name, SCHEMA_VERSION, self._ttl)] if wanted else []), []
            case ["svc"] | ["pod"]:
                return [], []
            case [namespace, "svc" | "pod"]:
                if not self._view.has_namespace(namespace):
                    raise _Missing
                return [], []
            case [dashed, namespace, "pod"]:
                return self._pod(name, dashed, namespace, kind), []
            case [service, namespace, "svc"]:
                return self._service(name, self._known(namespace, service), kind)
            case [protocol, service, namespace, "svc"] if protocol.startswith("_"):
                self._known(namespace, service)
                return [], []
            case [hostname, service, namespace, "svc"]:
                return self._endpoint(name, hostname, self._known(namespace, service), kind), []
            case [port, protocol, service, namespace, "svc"] if port.startswith("_") and protocol.startswith("_"):
                return self._srv(name, port[1:], protocol[1:], self._known(namespace, service), kind)
        raise _Missing

    def _known(self, namespace: str, name: str) -> ServiceRecord:
        found = self._view.service(namespace, name)
        if found is None or (found.headless and not found.endpoints):
            raise _Missing
        return found

    def _addresses(self, name: str, ips: Iterable[str], kind: int) -> list[Record]:
        records = [message.address(name, ip, self._ttl) for ip in ips]
        return [r for r in records if kind in (r.type, message.ANY)]

    def _pod(self, name: str, dashed: str, namespace: str, kind: int) -> list[Record]:
        if not self._view.has_namespace(namespace):
            raise _Missing
        return self._addresses(name, [_dashed_address(dashed)], kind)

    def _service(self, name: str, service: ServiceRecord, kind: int) -> tuple[list[Record], list[Record]]:
        if service.external_name:
            return [message.alias(name, service.external_name.rstrip(".") + ".", self._ttl)], []
        if kind == message.SRV:
            return self._srv_records(name, service, service.ports)
        ips = [e.ip for e in service.endpoints] if service.headless else service.cluster_ips
        return self._addresses(name, ips, kind), []

    def _endpoint(self, name: str, label: str, service: ServiceRecord, kind: int) -> list[Record]:
        ips = [e.ip for e in service.endpoints if e.label.lower() == label]
        if not ips or not service.headless:
            raise _Missing
        return self._addresses(name, ips, kind)

    def _srv(
        self, name: str, port: str, protocol: str, service: ServiceRecord, kind: int
    ) -> tuple[list[Record], list[Record]]:
        ports = [p for p in service.ports if p[0].lower() == port and p[1].lower() == protocol]
        if not ports:
            raise _Missing
        return self._srv_records(name, service, ports) if kind in (message.SRV, message.ANY) else ([], [])

    def _srv_records(
        self, name: str, service: ServiceRecord, ports: Iterable[tuple[str, str, int]]
    ) -> tuple[list[Record], list[Record]]:
        own = f"{service.name}.{service.namespace}.svc.{self._zone}"
        targets: list[tuple[str, str, int]] = []
        for port_name, protocol, number in ports:
            if not service.headless:
                targets += [(own, ip, number) for ip in service.cluster_ips]
            for endpoint in service.endpoints if service.headless else ():
                actual = next((n for p, q, n in endpoint.ports if (p, q) == (port_name, protocol)), number)
                targets.append((f"{endpoint.label}.{own}", endpoint.ip, actual))
        # A target with an address of each family is one.
        distinct = dict.fromkeys((target, number) for target, _, number in targets)
        weight = max(1, 100 // max(1, len(distinct)))
        records = [message.service(name, target, number, weight, self._ttl) for target, number in distinct]
        additional = {(target, ip): message.address(target, ip, self._ttl) for target, ip, _ in targets}
        return records, list(additional.values())

    async def _chase(self, record: Record, query: Query) -> list[Record]:
        """The addresses behind a CNAME, from the zone itself or from outside."""
        target, _ = message.decode_name(record.data, 0)
        wire = message.encode_name(target) + query.wire[-4:]
        asked = msgspec.structs.replace(query, name=target, wire=wire)
        if target.endswith("." + self._zone):
            try:
                return self._lookup(target, query.type)[0]
            except (_Missing, ValueError):
                return []
        reply = await self._outside.handle(asked)
        return message.answers_of(reply) if isinstance(reply, bytes) else []


def _reversed_address(name: str) -> str:
    """The address that a name below in-addr.arpa or ip6.arpa stands for. ValueError when it is none."""
    if name.endswith(".in-addr.arpa."):
        return str(IPv4Address(".".join(reversed(name.removesuffix(".in-addr.arpa.").split(".")))))
    digits = name.removesuffix(".ip6.arpa.").split(".")
    if len(digits) != 32 or any(len(digit) != 1 for digit in digits):
        raise ValueError(f"{name} is not a whole address")
    return str(IPv6Address(int("".join(reversed(digits)), 16)))


def _dashed_address(text: str) -> str:
    """`10-244-0-5` or `fd00-10--5`. ValueError when it is no address."""
    if text.count("-") == 3 and "--" not in text:
        return str(IPv4Address(text.replace("-", ".")))
    return str(IPv6Address(text.replace("-", ":")))
