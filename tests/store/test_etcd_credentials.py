"""The client certificate for etcd is read again when its files change; streams that exist go on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from pybernetes.base.protobuf import encode
from pybernetes.base.x509 import SERVER, CertificateAuthority
from pybernetes.store.etcd import messages as m
from pybernetes.store.etcd.connection import Connection, EtcdAddress

AUTHORITY = CertificateAuthority.create("etcd-ca")


class Member:
    """Something that answers as etcd does and keeps who asked."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.callers: list[str] = []
        self.more = asyncio.Event()
        self.server = grpc.aio.server()
        unary, stream = grpc.unary_unary_rpc_method_handler(self._range), grpc.stream_stream_rpc_method_handler
        for service, methods in (("KV", {"Range": unary}), ("Watch", {"Watch": stream(self._watch)})):
            handler = grpc.method_handlers_generic_handler(f"etcdserverpb.{service}", methods)
            self.server.add_generic_rpc_handlers((handler,))
        own = AUTHORITY.issue("etcd", names=["localhost"], usages=SERVER)
        credentials = grpc.ssl_server_credentials(
            [(own.key_pem, own.certificate_pem)], AUTHORITY.certificate_pem, require_client_auth=True
        )
        self.port = self.server.add_secure_port("127.0.0.1:0", credentials)

    def is_known_as(self, name: str) -> None:
        AUTHORITY.issue(name).save(self.directory / "c.crt", self.directory / "c.key")

    async def ask(self, connection: Connection) -> str:
        """Who the member takes us for."""
        await connection.read("KV/Range", m.RangeRequest(key=b"/"), m.RangeResponse)
        return self.callers[-1]

    async def _range(self, data: bytes, context: Any) -> bytes:
        self.callers.append(context.auth_context()["x509_common_name"][0].decode())
        return encode(m.RangeResponse())

    async def _watch(self, requests: Any, context: Any) -> AsyncIterator[bytes]:
        yield encode(m.WatchResponse(created=True))
        await self.more.wait()
        yield encode(m.WatchResponse(canceled=True))


@pytest.fixture
async def member(tmp_path: Path) -> AsyncIterator[Member]:
    made = Member(tmp_path)
    made.is_known_as("first")
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.certificate_pem)
    await made.server.start()
    yield made
    await made.server.stop(None)


@pytest.fixture
async def connection(member: Member) -> AsyncIterator[Connection]:
    files = (member.directory / name for name in ("ca.crt", "c.crt", "c.key"))
    ca, certificate, key = files
    address = EtcdAddress(
        servers=(f"https://localhost:{member.port}",),
        ca_file=ca,
        cert_file=certificate,
        key_file=key,
        call_timeout_seconds=60.0,
    )
    made = Connection(address)
    yield made
    await made.close()


async def test_calls_show_the_certificate_of_now_and_a_stream_goes_on(member: Member, connection: Connection) -> None:
    assert await member.ask(connection) == "first"
    stream = connection.stream("Watch/Watch", m.WatchRequest(), m.WatchResponse)
    assert (await anext(stream)).created
    member.is_known_as("second")
    assert await member.ask(connection) == "second"
    member.more.set()
    assert (await anext(stream)).canceled
    await stream.aclose()


async def test_half_a_change_waits_for_the_rest(member: Member, connection: Connection) -> None:
    assert await member.ask(connection) == "first"
    other = AUTHORITY.issue("second")
    (member.directory / "c.key").write_bytes(other.key_pem)
    assert await member.ask(connection) == "first"
    (member.directory / "c.crt").unlink()
    assert await member.ask(connection) == "first"
    other.save(member.directory / "c.crt", member.directory / "c.key")
    assert await member.ask(connection) == "second"


async def test_files_that_say_the_same_change_nothing(member: Member, connection: Connection) -> None:
    await member.ask(connection)
    before = connection._channel()
    for path in member.directory.iterdir():
        path.write_bytes(path.read_bytes())
    assert connection._channel() is before
