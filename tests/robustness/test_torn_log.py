"""A write-ahead log that was cut short or spoilt, as after a power cut on a disk that lied: the store opens, and has
exactly the writes acknowledged before the cut, none of a transaction by halves.

The files are copied after every acknowledged write, so for every length of the log it is known what had been promised.
"""

import shutil
from pathlib import Path

import pytest

from pybernetes.base.tasks import running
from pybernetes.store.sqlite import SqliteStore

STEP = 512
WRITES = 8


async def written(path: Path, directory: Path) -> list[tuple[int, int]]:
    """(length of the log, revision) after each acknowledged write; copies of the files in `directory`."""
    store = SqliteStore(path)
    promised: list[tuple[int, int]] = []
    log = Path(f"{path}-wal")
    async with running("store", store.serve):
        promised.append((log.stat().st_size, await store.revision()))
        for number in range(WRITES):
            revision = await store.put(f"/{number % 5}", b"%d" % number * (200 + 700 * number), note=b"n")
            promised.append((log.stat().st_size, revision))
        shutil.copy(path, directory / "store.db")
        shutil.copy(log, directory / "store.db-wal")
    return promised


async def found(path: Path) -> tuple[int, dict[str, bytes]]:
    """What the store has after it was opened, and that it takes writes."""
    store = SqliteStore(path)
    async with running("store", store.serve):
        revision = await store.revision()
        state = {item.key: item.value for item in (await store.list("/")).items}
        assert await store.put("/more", b"x") == revision + 1
    async with running("store", (again := SqliteStore(path)).serve):
        assert await again.count("/") == len(state) + 1
    return revision, state


def state_at(revision: int) -> dict[str, bytes]:
    """What the first writes lead to; the first one made revision 2."""
    state: dict[str, bytes] = {}
    for number in range(revision - 1):
        state[f"/{number % 5}"] = b"%d" % number * (200 + 700 * number)
    return dict(sorted(state.items()))


@pytest.fixture
async def copied(tmp_path):
    (tmp_path / "copy").mkdir()
    promised = await written(tmp_path / "live.db", tmp_path / "copy")
    return promised, tmp_path / "copy" / "store.db", tmp_path


def take(copy: Path, directory: Path, log: bytes) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    path = directory / "store.db"
    shutil.copy(copy, path)
    Path(f"{path}-wal").write_bytes(log)
    return path


async def test_a_log_cut_at_any_sector(copied):
    promised, copy, tmp_path = copied
    log = Path(f"{copy}-wal").read_bytes()
    assert len(log) > 40 * STEP
    seen = set()
    for length in [*range(0, len(log), STEP), len(log)]:
        revision, state = await found(take(copy, tmp_path / "cut", log[:length]))
        assert revision == max((at for size, at in promised if size <= length), default=1)
        assert state == state_at(revision)
        seen.add(revision)
    assert len(seen) == WRITES + 1


@pytest.mark.parametrize("spoil", [b"\0" * STEP, b"\xff" * STEP])
async def test_a_log_with_a_spoilt_sector(copied, spoil):
    """Nothing behind it is believed, and nothing before it is lost."""
    promised, copy, tmp_path = copied
    log = Path(f"{copy}-wal").read_bytes()
    for start in range(STEP, len(log) - STEP, 13 * STEP):
        broken = log[:start] + spoil + log[start + STEP :]
        revision, state = await found(take(copy, tmp_path / "cut", broken))
        assert revision >= max((at for size, at in promised if size <= start), default=1)
        if broken != log:
            assert state == state_at(revision)


async def test_a_log_of_rubbish_behind_its_end(copied):
    promised, copy, tmp_path = copied
    log = Path(f"{copy}-wal").read_bytes()
    revision, state = await found(take(copy, tmp_path / "cut", log + log[-5000:] + b"x" * 999))
    assert revision == promised[-1][1]
    assert state == state_at(revision)
