"""Copies of a store's contents: from each kind of store to each, with keys, revisions, leases; never back in time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.etcd import Etcd, Member, etcd, needs_etcdctl

from pybernetes.base.tasks import running
from pybernetes.store import sqlite_contents
from pybernetes.store.contents import BUMP
from pybernetes.store.etcd import EtcdAddress, EtcdStore
from pybernetes.store.etcd import contents as etcd_contents
from pybernetes.store.sqlite import SqliteStore
from pybernetes.store.store import Compacted, Conflict, Store, Unavailable


@asynccontextmanager
async def serving(store: Store) -> AsyncIterator[Store]:
    async with asyncio.timeout(60), running("store", store.serve):
        yield store


async def fill(store: Store) -> dict[str, tuple[bytes, int, int]]:
    """Something of everything; the live keys."""
    lease = await store.grant(600)
    for number in range(20):
        await store.put(f"/registry/pods/p{number}", b"%d" % number * 400, note=b"by somebody")
    await store.put("/registry/pods/p3", b"changed", note=b"by another")
    await store.delete("/registry/pods/p4")
    await store.delete("/registry/pods/p5")
    await store.put("/registry/pods/p5", b"once more")
    await store.put("/registry/events/e", b"passing", lease=lease)
    await store.put("/registry/großes", "ünïcode".encode())
    await store.delete("/registry/pods/p19", note=b"by somebody")
    return await live(store)


async def live(store: Store) -> dict[str, tuple[bytes, int, int]]:
    page = await store.list("/")
    return {kv.key: (kv.value, kv.mod_revision, kv.create_revision) for kv in page.items}


async def holds(store: Store, expected: dict[str, tuple[bytes, int, int]], revision: int) -> None:
    """The same objects at the same resource versions, at a revision that nobody has seen before."""
    assert await live(store) == expected
    begins = revision + BUMP
    assert await store.revision() == begins
    with pytest.raises(Compacted):
        await store.get("/registry/pods/p3", revision=revision)
    watch = store.watch("/registry/", after=revision)
    with pytest.raises(Compacted):
        while not (await anext(watch)).events:
            pass
    known = expected["/registry/pods/p3"][1]
    with pytest.raises(Conflict):
        await store.put("/registry/pods/p3", b"stale", expected=known + 1)
    live_watch = store.watch("/registry/")
    await anext(live_watch)
    assert await store.put("/registry/pods/p3", b"new", expected=known) == begins + 1
    while not (batch := await anext(live_watch)).events:
        pass
    assert [event.kv.key for event in batch.events] == ["/registry/pods/p3"]
    event = await store.get("/registry/events/e")
    assert event is not None
    await store.revoke(event.lease)
    assert await store.get("/registry/events/e") is None


def sqlite(directory: Path) -> SqliteStore:
    return SqliteStore(directory / "state.db")


async def copied_from_sqlite(directory: Path) -> tuple[Path, dict[str, tuple[bytes, int, int]], int]:
    async with serving(sqlite(directory)) as store:
        expected = await fill(store)
        await asyncio.to_thread(sqlite_contents.copy, directory / "state.db", directory / "copy")
        await store.put("/registry/later", b"not in the copy")
        return directory / "copy", expected, await store.revision() - 1


async def copied_from_etcd(server: Etcd, directory: Path) -> tuple[Path, dict[str, tuple[bytes, int, int]], int]:
    address = server.address()
    async with serving(EtcdStore(address)) as store:
        expected = await fill(store)
        await etcd_contents.download(address, directory / "copy")
        await store.put("/registry/later", b"not in the copy")
        return directory / "copy", expected, await store.revision() - 1


@asynccontextmanager
async def new_sqlite(directory: Path, contents) -> AsyncIterator[Store]:
    directory.mkdir()
    sqlite_contents.make(directory / "state.db", contents)
    for _ in range(2):
        async with serving(sqlite(directory)):
            pass  # a restart changes nothing
    async with serving(sqlite(directory)) as store:
        yield store


@asynccontextmanager
async def new_etcd(directory: Path, contents) -> AsyncIterator[Store]:
    directory.mkdir()
    member = Member("m", directory, [])
    etcd_contents.write(directory / "copy", contents)
    await etcd_contents.restore(directory / "copy", directory / "m", "m", member.peer_url, "another")
    assert etcd_contents.read(directory / "m" / "member" / "snap" / "db").revision == contents.begins
    member.start(f"m={member.peer_url}")
    try:
        async with serving(EtcdStore(EtcdAddress(servers=(member.url,), call_timeout_seconds=60))) as store:
            yield store
    finally:
        member.kill()


async def test_a_sqlite_file_is_restored(tmp_path):
    copy, expected, revision = await copied_from_sqlite(tmp_path)
    assert oct(copy.stat().st_mode & 0o777) == "0o600"
    async with new_sqlite(tmp_path / "new", sqlite_contents.read(copy)) as store:
        await holds(store, expected, revision)
        await store.compact(await store.revision())
    async with serving(sqlite(tmp_path / "new")) as store:
        assert await store.revision() > revision + BUMP, "not even after a compaction and a restart"


@needs_etcdctl
async def test_etcd_is_restored_and_goes_into_a_file(tmp_path):
    with etcd(tmp_path) as server:
        copy, expected, revision = await copied_from_etcd(server, tmp_path)
    async with new_etcd(tmp_path / "new", etcd_contents.read(copy)) as store:
        await holds(store, expected, revision)
    async with new_sqlite(tmp_path / "file", etcd_contents.read(copy)) as store:
        await holds(store, expected, revision)


@needs_etcdctl
async def test_a_sqlite_file_goes_into_etcd(tmp_path):
    copy, expected, revision = await copied_from_sqlite(tmp_path)
    async with new_etcd(tmp_path / "new", sqlite_contents.read(copy)) as store:
        await holds(store, expected, revision)


async def test_restoring_again_goes_on_upwards(tmp_path):
    copy, expected, revision = await copied_from_sqlite(tmp_path)
    for turn in ("one", "two"):
        async with new_sqlite(tmp_path / turn, sqlite_contents.read(copy)):
            copy = tmp_path / f"{turn}-copy"
            await asyncio.to_thread(sqlite_contents.copy, tmp_path / turn / "state.db", copy)
    found = sqlite_contents.read(copy)
    assert found.revision == revision + 2 * BUMP
    assert {kv.key: (kv.value, kv.mod_revision, kv.create_revision) for kv in found.items} == expected


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scribbled(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[16_500:30_000] = b"x" * 13_500
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [cut, scribbled, lambda path: path.write_bytes(b"something else" * 5000)])
async def test_a_damaged_copy_is_refused(tmp_path, damage: Callable[[Path], None]):
    copy, _, _ = await copied_from_sqlite(tmp_path)
    damage(copy)
    with pytest.raises(Unavailable, match=r"the state (is damaged|has format)"):
        list(sqlite_contents.read(copy).items)
    with pytest.raises(Unavailable, match="the state is damaged"):
        list(etcd_contents.read(copy).items)
