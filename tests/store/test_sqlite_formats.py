"""A data file of an earlier version goes on with the present format; until all of that is done it is as it was."""

import sqlite3
from contextlib import aclosing, closing
from pathlib import Path

import pytest
from tests.contract.store import events

from pybernetes.base.tasks import running
from pybernetes.store import sqlite_contents, sqlite_formats
from pybernetes.store.sqlite import SqliteStore
from pybernetes.store.store import Unavailable


async def written(path: Path) -> None:
    store = SqliteStore(path)
    async with running("store", store.serve):
        lease = await store.grant(600)
        await store.put("/a", b"1")
        await store.put("/a", b"2")
        await store.put("/b", b"3", lease=lease)
        await store.put("/c", b"4")
        await store.delete("/c")


@pytest.fixture
async def earlier(tmp_path: Path) -> Path:
    """A file as version 1 wrote it: without notes."""
    path = tmp_path / "state.db"
    await written(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE log DROP COLUMN note")
        connection.execute("PRAGMA user_version=1")
        connection.commit()
    return path


def format_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        return int(found)


async def test_an_earlier_file_goes_on_with_everything_in_it(earlier):
    for turn in range(2):
        store = SqliteStore(earlier)
        async with running("store", store.serve):
            assert await store.revision() == 6 + turn
            found = {kv.key: (kv.value, kv.mod_revision, kv.lease) for kv in (await store.list("/")).items}
            assert found["/a"] == (b"2", 3, 0)
            assert found["/b"] == (b"3", 4, 1)
            async with aclosing(store.watch("/", after=1)) as watch:
                assert [event.kv.mod_revision for event in await events(watch, 5)][:5] == [2, 3, 4, 5, 6]
            noted = await store.put("/d", b"5", note=b"who")
            assert await store.note(noted) == b"who"
    copy = earlier.with_name("state.db.format-1")
    assert format_of(earlier) == sqlite_formats.FORMAT
    assert format_of(copy) == 1, "for who goes back to the earlier version"
    assert oct(copy.stat().st_mode & 0o777) == "0o600"


async def test_a_step_that_fails_leaves_the_file_as_it_was(earlier, monkeypatch):
    steps = (*sqlite_formats._STEPS[1], "INSERT INTO nowhere VALUES (1)")
    with monkeypatch.context() as patched:
        patched.setitem(sqlite_formats._STEPS, 1, steps)
        with pytest.raises(ExceptionGroup) as caught:
            async with running("store", SqliteStore(earlier).serve):
                pass
        (error,) = caught.value.exceptions
        assert isinstance(error, Unavailable)
        assert "no such table: nowhere" in str(error)
    assert format_of(earlier) == 1
    await test_an_earlier_file_goes_on_with_everything_in_it(earlier)


async def test_a_snapshot_of_an_earlier_version_is_read(earlier, tmp_path):
    contents = sqlite_contents.read(earlier)
    sqlite_contents.make(tmp_path / "new.db", contents)
    assert {kv.key: kv.value for kv in sqlite_contents.read(tmp_path / "new.db").items} == {"/a": b"2", "/b": b"3"}
    assert format_of(tmp_path / "new.db") == sqlite_formats.FORMAT
