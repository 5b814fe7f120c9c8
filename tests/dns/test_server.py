"""The whole server over sockets: names from an API server in memory, everything else from an upstream of the test."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv6Address
from typing import Any

import msgspec
import pytest

from pybernetes.api.core import Namespace, Service
from pybernetes.api.discovery import EndpointSlice
from pybernetes.api.status import StatusError
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.dns import DnsConfig, DnsServer, message
from pybernetes.dns.health import trouble
from pybernetes.dns.message import FORMERR, NOERROR, NXDOMAIN, SERVFAIL, Answer
from pybernetes.testing import ADMIN, api_server


class Upstream(asyncio.DatagramProtocol):
    """A resolver that counts questions. `big.` is truncated over UDP, `never.` gets no answer, `gone.` is NXDOMAIN."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        reply = self.reply(data, udp=True)
        if reply:
            self._transport.sendto(reply, address)

    def reply(self, data: bytes, *, udp: bool) -> bytes:
        query = message.decode_query(data)
        self.asked.append(query.name)
        if query.name == "never.":
            return b""
        if query.name == "gone.":
            return message.encode_answer(query, Answer(NXDOMAIN))
        many = 200 if query.name == "big." else 1
        records = [message.address(query.name, f"198.51.{n // 200}.{n % 200}", 60) for n in range(many)]
        return message.encode_answer(query, Answer(records=records), udp=udp)

    async def tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        reply = self.reply(await reader.readexactly(length), udp=False)
        writer.write(struct.pack("!H", len(reply)) + reply)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def upstream() -> AsyncIterator[Upstream]:
    found = Upstream()
    tcp = await asyncio.start_server(found.tcp, "127.0.0.1", 0)
    found.port = tcp.sockets[0].getsockname()[1]
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: found, local_addr=("127.0.0.1", found.port)
    )
    try:
        yield found
    finally:
        transport.close()
        tcp.close()


class World:
    def __init__(self, client: Client, server: DnsServer, above: Upstream) -> None:
        self.client = client
        self.server = server
        self.above = above

    async def udp(self, data: bytes) -> bytes:
        """The reply to one datagram."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[bytes] = loop.create_future()

        class One(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, address: Any) -> None:
                reply.set_result(data)

        transport, _ = await loop.create_datagram_endpoint(One, remote_addr=("127.0.0.1", self.server.port))
        try:
            transport.sendto(data)
            async with asyncio.timeout(120):
                return await reply
        finally:
            transport.close()

    async def tcp(self, *questions: bytes) -> list[bytes]:
        """The replies on one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        found = []
        for data in questions:
            writer.write(struct.pack("!H", len(data)) + data)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            found.append(await reader.readexactly(length))
        writer.close()
        await writer.wait_closed()
        return found

    async def addresses(self, name: str) -> list[str]:
        reply = await self.udp(message.encode_query(5, name, message.A))
        return [".".join(map(str, r.data)) for r in message.answers_of(reply) if r.type == message.A]

    async def until(self, name: str, expected: list[str]) -> None:
        """Wait for the informers to bring it."""
        async with asyncio.timeout(60):
            while await self.addresses(name) != expected:  # noqa: ASYNC110 (nothing tells when)
                await asyncio.sleep(0.01)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with api_server() as api, upstream() as above:
        client = Client(InProcessTransport(api.app, ADMIN))
        await client.create(msgspec.convert({"metadata": {"name": "shop"}}, Namespace))
        config = DnsConfig(port=0, upstreams=(f"127.0.0.1:{above.port}",))
        server = DnsServer(config, client)
        async with running("dns", server.serve):
            yield World(client, server, above)


async def test_a_server_is_well_once_it_knows_the_clusters_first_name(world: World) -> None:
    body = {"metadata": {"name": "kubernetes", "namespace": "default"}, "spec": {"ports": [{"port": 443}]}}
    port = world.server.port
    try:
        await world.client.create(msgspec.convert(body, Service))
    except StatusError as error:
        assert error.reason == "AlreadyExists"
    async with asyncio.timeout(60):
        while await trouble("127.0.0.1", port, "cluster.local"):  # noqa: ASYNC110 (nothing tells when)
            await asyncio.sleep(0.01)
    assert await trouble("127.0.0.1", port, "x.cluster.local") == f"answered with code {NXDOMAIN}"


async def test_a_server_that_does_not_answer_is_not_well() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        assert await trouble("127.0.0.1", deaf.getsockname()[1], "cluster.local") == "no answer"


def service(name: str, **spec: Any) -> Service:
    spec = {"ports": [{"name": "http", "port": 80}], **spec}
    return msgspec.convert({"metadata": {"name": name, "namespace": "shop"}, "spec": spec}, Service)


def endpoint_slice(of: str, *endpoints: dict[str, Any]) -> EndpointSlice:
    body = {
        "metadata": {"name": f"{of}-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": of}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
        "endpoints": list(endpoints),
    }
    return msgspec.convert(body, EndpointSlice)


async def test_a_service_is_known_as_soon_as_it_is_there_and_until_it_is_gone(world: World) -> None:
    name = "web.shop.svc.cluster.local."
    assert await world.addresses(name) == []
    made = await world.client.create(service("web"))
    await world.until(name, [made.spec.cluster_ip or ""])
    await world.client.delete(Service, "web", "shop")
    await world.until(name, [])


async def test_a_headless_service_follows_its_ready_endpoints(world: World) -> None:
    await world.client.create(service("db", clusterIP="None"))
    ready, not_ready = {"ready": True}, {"ready": False}
    await world.client.create(
        endpoint_slice(
            "db",
            {"addresses": ["10.244.0.5"], "hostname": "db-0", "conditions": ready},
            {"addresses": ["10.244.0.6"], "conditions": not_ready},
        )
    )
    await world.until("db.shop.svc.cluster.local.", ["10.244.0.5"])
    assert await world.addresses("db-0.db.shop.svc.cluster.local.") == ["10.244.0.5"]
    reply = await world.udp(message.encode_query(1, "5.0.244.10.in-addr.arpa.", message.PTR))
    (record,) = message.answers_of(reply)
    assert message.decode_name(record.data, 0)[0] == "db-0.db.shop.svc.cluster.local."


async def test_other_names_are_forwarded_once_and_kept(world: World) -> None:
    assert await world.addresses("www.example.org.") == ["198.51.0.0"]
    assert await world.addresses("www.example.org.") == ["198.51.0.0"]
    assert world.above.asked == ["www.example.org."]


async def test_questions_that_are_open_at_the_same_time_are_asked_once(world: World) -> None:
    found = await asyncio.gather(*(world.addresses("busy.example.org.") for _ in range(20)))
    assert found == [["198.51.0.0"]] * 20
    assert world.above.asked == ["busy.example.org."]


async def test_the_identifier_and_the_case_of_the_question_come_back(world: World) -> None:
    for identifier in (1, 2):
        reply = await world.udp(message.encode_query(identifier, "wWw.Example.org.", message.A))
        assert reply[:2] == struct.pack("!H", identifier)
        assert b"\3wWw\7Example" in reply


async def test_a_large_foreign_answer_is_cut_over_udp_and_whole_over_tcp(world: World) -> None:
    question = message.encode_query(3, "big.", message.A)
    over_udp = await world.udp(question)
    assert over_udp[2] & 0x02
    assert len(over_udp) <= 1232
    (over_tcp,) = await world.tcp(question)
    assert len(message.answers_of(over_tcp)) == 200


async def test_a_foreign_name_that_is_not_there(world: World) -> None:
    reply = await world.udp(message.encode_query(3, "gone.", message.A))
    assert reply[3] & 0x0F == NXDOMAIN


async def test_an_upstream_that_is_silent_is_a_server_failure(world: World) -> None:
    reply = await world.udp(message.encode_query(3, "never.", message.A))
    assert reply[3] & 0x0F == SERVFAIL


async def test_an_external_name_is_followed_outside(world: World) -> None:
    await world.client.create(service("away", type="ExternalName", externalName="www.example.org", ports=[]))
    await world.until("away.shop.svc.cluster.local.", ["198.51.0.0"])
    reply = await world.udp(message.encode_query(1, "away.shop.svc.cluster.local.", message.A))
    assert [r.type for r in message.answers_of(reply)] == [message.CNAME, message.A]
    assert reply[3] & 0x0F == NOERROR


async def test_several_questions_on_one_connection(world: World) -> None:
    names = ("one.example.org.", "cluster.local.", "two.example.org.")
    replies = await world.tcp(*(message.encode_query(n, name, message.A) for n, name in enumerate(names)))
    assert [struct.unpack("!H", reply[:2])[0] for reply in replies] == [0, 1, 2]


async def test_what_cannot_be_read_is_answered_where_it_can_be_and_harms_nobody(world: World) -> None:
    reply = await world.udp(struct.pack("!6H", 9, 0, 2, 0, 0, 0))
    assert (reply[:2], reply[3] & 0x0F) == (b"\0\x09", FORMERR)
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    writer.write(struct.pack("!H", 3) + b"abc")
    assert await reader.read() == b""
    writer.close()
    assert await world.addresses("www.example.org.") == ["198.51.0.0"]


async def test_a_cluster_of_ipv6_is_asked_over_ipv6() -> None:
    async with api_server(service_cidr="fd00:10:96::/112") as api:
        server = DnsServer(DnsConfig(host="::1", port=0), Client(InProcessTransport(api.app, ADMIN)))
        async with running("dns", server.serve):
            async with asyncio.timeout(60):
                while await trouble("::1", server.port, "cluster.local"):  # noqa: ASYNC110 (nothing tells when)
                    await asyncio.sleep(0.01)
            name = "kubernetes.default.svc.cluster.local."
            for asked, kind in ((name, message.AAAA), (IPv6Address("fd00:10:96::1").reverse_pointer, message.PTR)):
                question = message.encode_query(7, asked, kind)
                reader, writer = await asyncio.open_connection("::1", server.port)
                writer.write(struct.pack("!H", len(question)) + question)
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                (record,) = message.answers_of(await reader.readexactly(length))
                writer.close()
                if kind == message.AAAA:
                    assert record.data == IPv6Address("fd00:10:96::1").packed
                else:
                    assert message.decode_name(record.data, 0)[0] == name
