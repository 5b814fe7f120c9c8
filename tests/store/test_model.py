"""Random histories on the real stores agree with a dictionary."""

import asyncio
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.base.tasks import running
from pybernetes.store.memory import MemoryStore
from pybernetes.store.sqlite import SqliteStore
from pybernetes.store.store import Conflict

KEYS = ["/a", "/b", "/b/1"]
STEP = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS), st.sampled_from([None, "absent", "right", "wrong"])),
    st.tuples(st.just("delete"), st.sampled_from(KEYS), st.sampled_from([None, "right", "wrong"])),
    st.tuples(st.just("compact"), st.just(""), st.none()),
    st.tuples(st.just("reopen"), st.just(""), st.none()),
)


async def replay(make, reopens, steps):
    """Run the steps, one writer; check the state after each and the event stream at the end."""
    state: dict[str, tuple[bytes, int]] = {}
    revision = 1
    history: list[tuple[str, bytes, int]] = []
    oldest = 1
    store = make()
    blocks = [running("store", store.serve)]
    await blocks[0].__aenter__()
    try:
        for number, (action, key, expectation) in enumerate(steps):
            at = state.get(key, (b"", 0))[1]
            expected = {None: None, "absent": 0, "right": at, "wrong": revision + 5}[expectation]
            if action == "put":
                try:
                    revision = await store.put(key, b"%d" % number, expected=expected)
                    assert expected in (None, at)
                    state[key] = (b"%d" % number, revision)
                    history.append((key, b"%d" % number, revision))
                except Conflict as conflict:
                    assert expected not in (None, at)
                    assert (conflict.current.mod_revision if conflict.current else 0) == at
            elif action == "delete":
                try:
                    after = await store.delete(key, expected=expected)
                    if at:
                        revision = after
                        history.append((key, b"", revision))
                    state.pop(key, None)
                except Conflict:
                    assert expected is not None
                    assert expected != at or not at
            elif action == "compact":
                await store.compact(revision)
                oldest = revision
            elif action == "reopen" and reopens:
                await blocks.pop().__aexit__(None, None, None)
                store = make()
                blocks.append(running("store", store.serve))
                await blocks[0].__aenter__()
            assert await store.revision() == revision
            page = await store.list("/")
            assert {item.key: (item.value, item.mod_revision) for item in page.items} == state
        watch = store.watch("/", after=max(oldest - 1, 1))
        seen = []
        wanted = [entry for entry in history if entry[2] >= oldest]
        while len(seen) < len(wanted):
            seen += [(event.kv.key, event.kv.value, event.kv.mod_revision) for event in (await anext(watch)).events]
        assert seen == wanted
    finally:
        await blocks.pop().__aexit__(None, None, None)


@settings(max_examples=100, deadline=None)
@given(st.lists(STEP, max_size=30))
def test_memory(steps):
    asyncio.run(replay(lambda: MemoryStore(), False, steps))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@settings(max_examples=25, deadline=None)
@given(st.lists(STEP, max_size=30))
def test_sqlite(steps):
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(replay(lambda: SqliteStore(f"{directory}/s.db", cache_bytes=200), True, steps))
