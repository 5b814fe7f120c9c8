"""The etcd store keeps the contract on a real etcd, and more: members that go, TLS, several stores on one etcd."""

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import Annotated

import pytest
from tests.contract.store import StoreContract, brief, events
from tests.support.etcd import etcd, needs_etcd

from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.protobuf import Message
from pybernetes.base.tasks import running
from pybernetes.base.x509 import CertificateAuthority
from pybernetes.store.etcd import EtcdAddress, EtcdStore, messages
from pybernetes.store.store import Batch, Compacted, Conflict, LeaseNotFound, Unavailable

pytestmark = needs_etcd


@asynccontextmanager
async def opened(address, **options):
    store = EtcdStore(address, **options)
    async with running("store", store.serve):
        yield store


class TestEtcdStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path):
        self.path = tmp_path

    @asynccontextmanager
    async def running_store(self, *, clock=SYSTEM_CLOCK, watcher_limit=8192):
        with etcd(self.path) as server:
            async with opened(server.address(), clock=clock, watcher_limit=watcher_limit) as store:
                yield store

    # etcd counts the time of its leases itself

    async def test_keys_of_an_expired_lease_are_deleted_with_events(self):
        async with self.running_store() as store:
            await store.put("/c", b"1")
            while True:
                lease = await store.grant(1)
                try:
                    written = await store.put("/a", b"1", lease=lease)
                    break
                except LeaseNotFound:
                    pass  # a second was too short to write
            async with aclosing(store.watch("/", after=written)) as watch:
                assert {brief(event)[:2] for event in await events(watch, 1)} == {("delete", "/a")}
            assert await store.count("/") == 1
            await self.until_gone(store, lease)

    async def test_a_lease_that_is_kept_alive_lives_on(self):
        async with self.running_store() as store:
            lease = await store.grant(60)

            async def seconds_left() -> int:
                request = messages.LeaseKeepAliveRequest(id=lease)
                answer = await store._connection.read("Lease/LeaseTimeToLive", request, LeaseTimeToLive)
                return answer.ttl

            async with asyncio.timeout(120):
                while True:
                    while (left := await seconds_left()) > 58:  # noqa: ASYNC110 (etcd counts)
                        await asyncio.sleep(0.1)
                    assert await store.keep_alive(lease) == 60
                    if await seconds_left() > left:
                        break


class LeaseTimeToLive(Message):
    ttl: Annotated[int, 3] = 0


async def test_lists_longer_than_a_page_are_of_one_revision(tmp_path):
    with etcd(tmp_path) as server:
        async with opened(server.address()) as store:
            await asyncio.gather(*(store.put(f"/a/{i:05}", b"v") for i in range(2500)))
            writing = asyncio.create_task(store.put("/a/00000x", b"late"))
            page = await store.list("/a/")
            await writing
            assert [item.key for item in page.items if len(item.key) == 8] == [f"/a/{i:05}" for i in range(2500)]
            assert all(item.mod_revision <= page.revision for item in page.items)
            part = await store.list("/a/", limit=1500)
            assert (len(part.items), part.remaining) == (1500, 1001)


async def test_a_long_list_is_whole_where_all_before_it_was_compacted_as_after_a_restore(tmp_path):
    with etcd(tmp_path) as server:
        async with opened(server.address()) as store:
            await asyncio.gather(*(store.put(f"/a/{i:05}", b"v") for i in range(1100)))
            request = messages.CompactionRequest(revision=await store.revision())
            await store._connection.write("KV/Compact", request, messages.CompactionResponse)
            with pytest.raises(Compacted):
                await store.list("/a/", revision=5)
            assert len((await store.list("/a/")).items) == 1100


async def test_two_stores_on_one_etcd_see_each_other(tmp_path):
    with etcd(tmp_path) as server:
        address = server.address()
        async with opened(address) as one, opened(address) as two:
            async with aclosing(two.watch("/")) as watch:
                for i in range(20):
                    revision = await one.put("/a", b"%d" % i)
                    assert await two.revision() >= revision
                    found = await two.get("/a")
                    assert found is not None
                    assert found.value == b"%d" % i
                assert [event.kv.value for event in await events(watch, 20)] == [b"%d" % i for i in range(20)]
            with pytest.raises(Conflict):
                await two.put("/a", b"x", expected=2)


async def test_a_watcher_is_up_to_date_when_the_revision_is_known(tmp_path):
    """A cache fed by a watch may answer a consistent list as soon as `revision` returned."""
    with etcd(tmp_path) as server:
        address = server.address()
        async with opened(address) as writer, opened(address) as reader, aclosing(reader.watch("/b")) as watch:
            assert await anext(watch) == Batch(1)
            await writer.put("/a", b"1")
            await writer.put("/b", b"1")
            last = await writer.put("/a", b"2")
            assert await reader.revision() == last
            async with asyncio.timeout(60):
                assert [event.kv.key for event in (await anext(watch)).events] == ["/b"]
                assert (await anext(watch)).revision == last


async def test_what_another_store_compacted_is_told_with_the_oldest_revision(tmp_path):
    with etcd(tmp_path) as server:
        address = server.address()
        async with opened(address) as one, opened(address) as two:
            for i in range(9):
                await one.put("/a", b"%d" % i)
            await one.compact(8)
            with pytest.raises(Compacted) as caught:
                await two.get("/a", revision=3)
            assert caught.value.oldest == 8
            async with aclosing(two.watch("/", after=4)) as watch:
                with pytest.raises(Compacted):
                    await events(watch, 1)
            async with aclosing(two.watch("/", after=7)) as watch:
                first, *_ = await events(watch, 3)
                assert (first.kv.value, first.previous.value) == (b"6", b"5")


async def test_a_killed_etcd_comes_back_with_every_acknowledged_write_and_watches_resume(tmp_path):
    with etcd(tmp_path) as server:
        (member,) = server.members
        acknowledged: dict[str, int] = {}
        async with opened(server.address()) as store, aclosing(store.watch("/")) as watch:
            for i in range(30):
                acknowledged[f"/{i}"] = await store.put(f"/{i}", b"v")
            member.kill()
            doubtful = [asyncio.create_task(store.put(f"/doubt/{i}", b"v")) for i in range(5)]
            server.start(member)
            for i, outcome in enumerate(await asyncio.gather(*doubtful, return_exceptions=True)):
                if isinstance(outcome, int):
                    acknowledged[f"/doubt/{i}"] = outcome
                else:
                    assert isinstance(outcome, Unavailable)
            async with asyncio.timeout(60):
                while True:
                    try:
                        acknowledged["/after"] = await store.put("/after", b"v")
                        break
                    except Unavailable:
                        continue
            page = await store.list("/")
            present = {item.key: item.mod_revision for item in page.items}
            assert acknowledged.items() <= present.items()
            seen = await events(watch, len(present))
            assert [event.kv.mod_revision for event in seen] == sorted(present.values())


async def test_one_of_three_members_may_die(tmp_path):
    with etcd(tmp_path, members=3) as server:
        async with opened(server.address()) as store, aclosing(store.watch("/")) as watch:
            written = 0
            for victim in server.members[:2]:
                victim.kill()
                async with asyncio.timeout(60):
                    while True:
                        try:
                            await store.put("/a", b"%d" % written)
                            written += 1
                            break
                        except Unavailable:
                            continue
                server.start(victim)
                async with asyncio.timeout(60):
                    while await store.get("/a") is None:
                        pass
            revisions = [event.kv.mod_revision for event in await events(watch, written)]
            assert revisions == sorted(set(revisions))


async def test_tls_with_client_certificates(tmp_path):
    authority = CertificateAuthority.create("etcd-ca")
    server_pair = authority.issue("etcd", names=["127.0.0.1"])
    client_pair = authority.issue("apiserver")
    files = {}
    for name, data in {
        "ca.crt": authority.certificate_pem,
        "server.crt": server_pair.certificate_pem,
        "server.key": server_pair.key_pem,
        "client.crt": client_pair.certificate_pem,
        "client.key": client_pair.key_pem,
    }.items():
        files[name] = tmp_path / name
        files[name].write_bytes(data)
    extra = [
        f"--cert-file={files['server.crt']}",
        f"--key-file={files['server.key']}",
        "--client-cert-auth",
        f"--trusted-ca-file={files['ca.crt']}",
    ]
    with etcd(tmp_path, extra=extra) as server:
        known = server.address(ca_file=files["ca.crt"], cert_file=files["client.crt"], key_file=files["client.key"])
        async with opened(known) as store:
            assert await store.put("/a", b"1") == 2
        stranger = server.address(ca_file=files["ca.crt"], call_timeout_seconds=0.5)
        with pytest.raises(ExceptionGroup) as caught:
            async with opened(stranger):
                pass
        assert caught.group_contains(Unavailable)


async def test_an_unknown_lease_is_told(tmp_path):
    with etcd(tmp_path) as server:
        async with opened(server.address()) as store:
            with pytest.raises(LeaseNotFound):
                await store.put("/a", b"1", lease=5)


def test_a_server_needs_a_url():
    with pytest.raises(ValueError, match="no etcd server"):
        EtcdStore(EtcdAddress(servers=()))
