"""The records of the cluster's zone (Kubernetes DNS specification 1.1.0), from a view held in dictionaries."""

import struct
from collections.abc import Iterable
from ipaddress import IPv6Address

import pytest

from pybernetes.dns import message
from pybernetes.dns.chain import Chain
from pybernetes.dns.message import NOERROR, NXDOMAIN, REFUSED, Answer, Query, Record
from pybernetes.dns.plugins.kubernetes import Endpoint, Kubernetes, ServiceRecord

ZONE = "cluster.local."
PORTS = (("http", "TCP", 80), ("dns", "UDP", 53))


SERVICES = {
    s.name: s
    for s in (
        ServiceRecord("default", "web", cluster_ips=("10.96.0.20",), ports=PORTS),
        ServiceRecord(
            "default",
            "db",
            headless=True,
            ports=(("sql", "TCP", 5432),),
            endpoints=(
                Endpoint("10.244.0.5", "db-0", (("sql", "TCP", 5432),)),
                Endpoint("10.244.0.6", "", (("sql", "TCP", 5433),)),
            ),
        ),
        ServiceRecord("default", "both", cluster_ips=("10.96.0.21", "fd00:10:96::21"), ports=PORTS),
        ServiceRecord(
            "default",
            "pair",
            headless=True,
            ports=(("sql", "TCP", 5432),),
            endpoints=(
                Endpoint("10.244.0.7", "pair-0", (("sql", "TCP", 5432),)),
                Endpoint("fd00:10:244::7", "pair-0", (("sql", "TCP", 5432),)),
                Endpoint("fd00:10:244::8", "", (("sql", "TCP", 5432),)),
            ),
        ),
        ServiceRecord("default", "nobody", headless=True),
        ServiceRecord("default", "away", external_name="www.example.org"),
        ServiceRecord("default", "near", external_name="web.default.svc.cluster.local"),
    )
}


class View:
    """A cluster of seven services."""

    def service(self, namespace: str, name: str) -> ServiceRecord | None:
        return SERVICES.get(name) if namespace == "default" else None

    def has_namespace(self, namespace: str) -> bool:
        return namespace in ("default", "other")

    def names_of(self, ip: str) -> Iterable[str]:
        names = {
            "10.96.0.20": ["web.default.svc"],
            "10.244.0.5": ["db-0.db.default.svc"],
            "fd00:10:96::21": ["both.default.svc"],
        }
        return names.get(ip, [])


class Outside:
    """An upstream that knows one address."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def handle(self, query: Query) -> Answer | bytes | None:
        self.asked.append(query.name)
        records = [message.address(query.name, "198.51.100.7", 9)] if query.type == message.A else []
        return message.encode_answer(query, Answer(records=records))


def query(name: str, kind: int) -> Query:
    return message.decode_query(message.encode_query(1, name, kind))


async def ask(name: str, kind: int = message.A) -> Answer:
    reply = await Chain((Kubernetes("cluster.local", View(), Outside(), serial=1),)).handle(query(name, kind))
    assert isinstance(reply, Answer)
    return reply


def shown(record: Record) -> str:
    """A record as a zone file has it, without its name and TTL."""
    match record.type:
        case message.A:
            return "A " + ".".join(map(str, record.data))
        case message.AAAA:
            return f"AAAA {IPv6Address(record.data)}"
        case message.CNAME | message.PTR:
            kind = "CNAME" if record.type == message.CNAME else "PTR"
            return f"{kind} {message.decode_name(record.data, 0)[0]}"
        case message.SRV:
            priority, weight, port = struct.unpack_from("!3H", record.data)
            return f"SRV {priority} {weight} {port} {message.decode_name(record.data, 6)[0]}"
        case message.TXT:
            return f"TXT {record.data[1:].decode()}"
    return f"TYPE{record.type}"


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("web.default.svc." + ZONE, message.A, ["A 10.96.0.20"]),
        ("WEB.Default.svc." + ZONE, message.A, ["A 10.96.0.20"]),
        ("db.default.svc." + ZONE, message.A, ["A 10.244.0.5", "A 10.244.0.6"]),
        ("db-0.db.default.svc." + ZONE, message.A, ["A 10.244.0.5"]),
        ("10-244-0-6.db.default.svc." + ZONE, message.A, ["A 10.244.0.6"]),
        ("_http._tcp.web.default.svc." + ZONE, message.SRV, ["SRV 0 100 80 web.default.svc." + ZONE]),
        (
            "_sql._tcp.db.default.svc." + ZONE,
            message.SRV,
            ["SRV 0 50 5432 db-0.db.default.svc." + ZONE, "SRV 0 50 5433 10-244-0-6.db.default.svc." + ZONE],
        ),
        ("away.default.svc." + ZONE, message.A, ["CNAME www.example.org.", "A 198.51.100.7"]),
        ("away.default.svc." + ZONE, message.CNAME, ["CNAME www.example.org."]),
        ("near.default.svc." + ZONE, message.A, ["CNAME web.default.svc." + ZONE, "A 10.96.0.20"]),
        ("10-244-0-9.default.pod." + ZONE, message.A, ["A 10.244.0.9"]),
        ("20.0.96.10.in-addr.arpa.", message.PTR, ["PTR web.default.svc." + ZONE]),
        ("5.0.244.10.in-addr.arpa.", message.PTR, ["PTR db-0.db.default.svc." + ZONE]),
        ("both.default.svc." + ZONE, message.A, ["A 10.96.0.21"]),
        ("both.default.svc." + ZONE, message.AAAA, ["AAAA fd00:10:96::21"]),
        ("both.default.svc." + ZONE, message.ANY, ["A 10.96.0.21", "AAAA fd00:10:96::21"]),
        ("_http._tcp.both.default.svc." + ZONE, message.SRV, ["SRV 0 100 80 both.default.svc." + ZONE]),
        ("pair.default.svc." + ZONE, message.AAAA, ["AAAA fd00:10:244::7", "AAAA fd00:10:244::8"]),
        ("pair-0.pair.default.svc." + ZONE, message.A, ["A 10.244.0.7"]),
        ("pair-0.pair.default.svc." + ZONE, message.AAAA, ["AAAA fd00:10:244::7"]),
        ("fd00-10-244--8.pair.default.svc." + ZONE, message.AAAA, ["AAAA fd00:10:244::8"]),
        (
            "_sql._tcp.pair.default.svc." + ZONE,
            message.SRV,
            ["SRV 0 50 5432 pair-0.pair.default.svc." + ZONE, "SRV 0 50 5432 fd00-10-244--8.pair.default.svc." + ZONE],
        ),
        ("fd00-10-244--9.default.pod." + ZONE, message.AAAA, ["AAAA fd00:10:244::9"]),
        (IPv6Address("fd00:10:96::21").reverse_pointer + ".", message.PTR, ["PTR both.default.svc." + ZONE]),
        ("dns-version." + ZONE, message.TXT, ["TXT 1.1.0"]),
        (ZONE, message.SOA, ["TYPE6"]),
    ],
)
async def test_records(name: str, kind: int, expected: list[str]) -> None:
    found = await ask(name, kind)
    assert found.code == NOERROR
    assert found.authoritative
    assert [shown(record) for record in found.records] == expected
    assert found.authority == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("web.default.svc." + ZONE, message.AAAA),
        ("db-0.db.default.svc." + ZONE, message.AAAA),
        ("_http._tcp.web.default.svc." + ZONE, message.A),
        ("default.svc." + ZONE, message.A),
        ("svc." + ZONE, message.A),
        (ZONE, message.A),
        ("20.0.96.10.in-addr.arpa.", message.A),
        ("10-244-0-9.default.pod." + ZONE, message.AAAA),
        ("fd00-10-244--9.default.pod." + ZONE, message.A),
        ("fd00-10-244--8.pair.default.svc." + ZONE, message.A),
    ],
)
async def test_a_name_without_such_records_is_no_error_and_tells_how_long(name: str, kind: int) -> None:
    found = await ask(name, kind)
    assert (found.code, found.records) == (NOERROR, [])
    assert [record.type for record in found.authority] == [message.SOA]


@pytest.mark.parametrize(
    "name",
    [
        "absent.default.svc.",
        "web.absent.svc.",
        "absent.svc.",
        "nobody.default.svc.",
        "pod-9.db.default.svc.",
        "10-96-0-20.web.default.svc.",
        "_ftp._tcp.web.default.svc.",
        "_http._udp.web.default.svc.",
        "10-244-0-9.absent.pod.",
        "ten.default.pod.",
        "a.b.c.d.e.f.",
    ],
)
async def test_a_name_that_is_not_there_is_nxdomain(name: str) -> None:
    found = await ask(name + ZONE)
    assert found.code == NXDOMAIN
    assert [record.type for record in found.authority] == [message.SOA]


async def test_srv_answers_bring_the_addresses_along() -> None:
    found = await ask("_sql._tcp.db.default.svc." + ZONE, message.SRV)
    assert [(r.name, shown(r)) for r in found.additional] == [
        ("db-0.db.default.svc." + ZONE, "A 10.244.0.5"),
        ("10-244-0-6.db.default.svc." + ZONE, "A 10.244.0.6"),
    ]


@pytest.mark.parametrize(
    "name", ["www.example.org.", "1.2.3.4.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.", "cluster.local.example.org."]
)
async def test_what_is_not_the_clusters_is_passed_on(name: str) -> None:
    reply = await Chain((Kubernetes("cluster.local", View(), Outside()),)).handle(query(name, message.A))
    assert isinstance(reply, Answer)
    assert reply.code == REFUSED
    outside = Outside()
    assert isinstance(
        await Chain((Kubernetes("cluster.local", View(), outside), outside)).handle(query(name, 1)), bytes
    )
    assert outside.asked == [name]
