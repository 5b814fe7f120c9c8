"""What the SQLite store promises about its file: one-line refusals, durability, restarts, a size that stays small."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from tests.contract.store import FakeClock, events, settle

from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.tasks import running
from pybernetes.store.sqlite import SqliteStore
from pybernetes.store.sqlite_formats import FORMAT
from pybernetes.store.store import Conflict, LeaseNotFound, Unavailable


@asynccontextmanager
async def opened(path, *, clock=SYSTEM_CLOCK, cache_bytes=1 << 20):
    store = SqliteStore(path, clock=clock, cache_bytes=cache_bytes)
    async with running("store", store.serve):
        yield store


async def refusal(path) -> str:
    """The one line with which opening is refused."""
    with pytest.raises(ExceptionGroup) as caught:
        async with opened(path):
            pass
    (error,) = caught.value.exceptions
    assert isinstance(error, Unavailable)
    assert "\n" not in str(error)
    return str(error)


def make_newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={FORMAT + 1}")
    connection.close()


def make_foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()


def make_torn(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8192 * 3 :] = os.urandom(len(data) - 8192 * 3)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda path: path.write_bytes(b"hello world, not a database" * 100), "is not a database"),
        (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "is damaged"),
        (make_torn, "is damaged"),
        (make_newer, f"has format {FORMAT + 1}"),
        (make_foreign, "is a database of another program"),
    ],
    ids=["text", "half written", "torn", "newer format", "foreign"],
)
async def test_a_file_that_cannot_be_used_is_refused_with_its_name_and_left_alone(tmp_path, damage, complaint):
    path = tmp_path / "store.db"
    async with opened(path) as store:
        for i in range(200):
            await store.put(f"/{i}", b"x" * 1000)
    damage(path)
    before = path.read_bytes()
    message = await refusal(path)
    assert complaint in message
    assert str(path) in message
    assert path.read_bytes() == before


async def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot open" in await refusal(tmp_path / "file" / "store.db")


async def test_a_second_opener_is_told_who_has_the_file(tmp_path):
    path = tmp_path / "store.db"
    async with opened(path) as store:
        assert f"in use by pid {os.getpid()}" in await refusal(path)
        assert await store.put("/a", b"1") == 2
    async with opened(path) as store:
        assert await store.revision() == 2


async def test_an_empty_file_is_a_new_store(tmp_path):
    (tmp_path / "store.db").touch()
    async with opened(tmp_path / "store.db") as store:
        assert await store.revision() == 1


async def test_everything_is_there_after_a_restart(tmp_path):
    path = tmp_path / "store.db"
    async with opened(path) as store:
        await store.put("/a", b"1")
        await store.put("/a", b"2")
        await store.put("/b", b"")
        await store.delete("/b")
        await store.compact(3)
    async with opened(path) as store:
        assert await store.revision() == 5
        assert await store.get("/b") is None
        with pytest.raises(Conflict):
            await store.put("/a", b"x", expected=0)
        async with aclosing(store.watch("/", after=2)) as watch:
            assert [event.kv.mod_revision for event in await events(watch, 3)] == [3, 4, 5]
        assert [(item.key, item.value) for item in (await store.list("/", revision=4)).items] == [
            ("/a", b"2"),
            ("/b", b""),
        ]
        assert await store.put("/b", b"2") == 6


async def test_leases_survive_a_restart_with_their_full_time(tmp_path):
    path, clock = tmp_path / "store.db", FakeClock()
    async with opened(path, clock=clock) as store:
        lease = await store.grant(60)
        gone = await store.grant(60)
        await store.revoke(gone)
        await store.put("/a", b"1", lease=lease)
        await store.put("/b", b"1", lease=lease)
        await store.put("/b", b"2")
    async with opened(path, clock=clock) as store:
        with pytest.raises(LeaseNotFound):
            await store.keep_alive(gone)
        async with aclosing(store.watch("/")) as watch:
            await clock.advance(59)
            assert await store.count("/") == 2
            await clock.advance(1)
            (event,) = await events(watch, 1)
            assert event.deleted
            assert event.kv.key == "/a"
        assert await store.grant(60) > lease


async def test_the_write_ahead_log_is_gone_after_closing(tmp_path):
    async with opened(tmp_path / "store.db") as store:
        await asyncio.gather(*(store.put(f"/{i}", b"x" * 1000) for i in range(100)))
    assert not (tmp_path / "store.db-wal").exists()


async def test_the_file_does_not_grow_when_the_past_is_compacted(tmp_path):
    path = tmp_path / "store.db"
    sizes = []
    async with opened(path) as store:
        for _ in range(8):
            await asyncio.gather(*(store.put(f"/{i % 50}", b"x" * 4000) for i in range(1500)))
            await store.compact(await store.revision())
            sizes.append(path.stat().st_size + Path(f"{path}-wal").stat().st_size)
    assert max(sizes) < 60_000_000
    assert path.stat().st_size < 15_000_000


async def test_small_caches_change_nothing_but_speed(tmp_path):
    async with opened(tmp_path / "store.db", cache_bytes=0) as store:
        await asyncio.gather(*(store.put(f"/{i:04d}", b"%d" % i) for i in range(1200)))
        page = await store.list("/")
        assert [item.value for item in page.items] == [b"%d" % i for i in range(1200)]
        compacting = asyncio.create_task(store.compact(1100))
        page = await store.list("/", revision=1150)
        assert len(page.items) == 1149
        await compacting


async def test_writes_fail_while_the_file_may_not_grow_and_recover_afterwards(tmp_path):
    async with opened(tmp_path / "store.db") as store:
        await store.put("/a", b"1")
        pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
        store._writer.execute(f"PRAGMA max_page_count={pages + 4}")
        results = await asyncio.gather(
            *(store.put(f"/{i}", b"x" * 5000, expected=0) for i in range(50)), return_exceptions=True
        )
        assert all(isinstance(result, Unavailable) for result in results)
        with pytest.raises(Unavailable):
            await store.put("/big", b"x" * 500_000)
        assert await store.revision() == 2
        assert await store.count("/") == 1
        found = await store.get("/a")
        assert found is not None
        assert found.value == b"1"
        store._writer.execute("PRAGMA max_page_count=1000000")
        assert await store.put("/a", b"2", expected=2) == 3


async def test_a_write_that_conflicts_with_one_that_fails_is_decided_afterwards(tmp_path):
    async with opened(tmp_path / "store.db") as store:
        pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
        store._writer.execute(f"PRAGMA max_page_count={pages + 4}")
        doomed = asyncio.create_task(store.put("/a", b"x" * 500_000, expected=0))
        await asyncio.sleep(0)
        second = asyncio.create_task(store.put("/a", b"1", expected=0))
        with pytest.raises(Unavailable):
            await doomed
        assert await second == 2


async def test_a_caller_that_gives_up_does_not_stop_the_write(tmp_path):
    async with opened(tmp_path / "store.db") as store:
        impatient = asyncio.create_task(store.put("/a", b"1"))
        await asyncio.sleep(0)
        impatient.cancel()
        await settle()
        assert await store.put("/b", b"1") == 3
        assert await store.count("/") == 2


@pytest.mark.parametrize("seed", range(4))
def test_every_acknowledged_write_survives_kill_9(tmp_path, seed):
    path, chance = tmp_path / "store.db", random.Random(seed)
    latest: dict[str, tuple[int, str]] = {}
    highest = 1
    for round_number in range(2):
        command = [sys.executable, str(Path(__file__).with_name("crash_child.py")), str(path), str(round_number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(chance.randint(1, 2000)):
                line = child.stdout.readline()
                assert line
                note(latest, line)
            os.kill(child.pid, signal.SIGKILL)
            for line in child.stdout.read().splitlines(keepends=True):
                if line.endswith(b"\n"):
                    note(latest, line)
        highest = max(revision for revision, _ in latest.values())
        asyncio.run(check_survivors(path, latest, highest))
    assert highest > 1


async def check_survivors(path: Path, latest: dict[str, tuple[int, str]], highest: int) -> None:
    async with opened(path) as store:
        assert await store.revision() >= highest
        for key, (revision, value) in latest.items():
            found = await store.get(key)
            if found is None:
                assert not value or await store.revision() > revision
            elif found.mod_revision == revision:
                assert found.value == value.encode() * 20
            else:
                assert found.mod_revision > revision


def note(latest: dict[str, tuple[int, str]], line: bytes) -> None:
    revision, key, value = line.decode().rstrip("\n").split(" ")
    latest[key] = max(latest.get(key, (0, "")), (int(revision), value))


def test_a_full_disk_stops_writes_only_and_only_while_it_is_full(tmp_path):
    child = Path(__file__).with_name("full_child.py")
    script = f"mount -t tmpfs -o size=3m tmpfs {tmp_path} && exec {sys.executable} {child} {tmp_path}"
    probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], capture_output=True)
    if probe.returncode:
        pytest.skip("needs the right to mount")
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "recovered" in done.stdout
