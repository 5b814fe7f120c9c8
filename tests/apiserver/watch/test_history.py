"""Whatever is written, a watcher that replays its events has what a list at the same revision shows."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybernetes.api.resource import resource
from pybernetes.apiserver.formats import PlainFormat
from pybernetes.apiserver.watch_cache import WatchCache, Watcher, opening, resource_cache
from pybernetes.apiserver.watch_cache.entry import encode
from pybernetes.apiserver.watch_cache.selection import select
from pybernetes.apiserver.watch_cache.watcher import AHEAD_BYTES
from pybernetes.base.tasks import running
from pybernetes.store.memory import MemoryStore

PODS = resource("pods")

NAMES = ("a", "b", "c")
NAMESPACES = ("x", "y")
SELECTIONS: list[dict[str, str]] = [
    {},
    {"namespace": "x"},
    {"name": "a"},
    {"namespace": "y", "name": "b"},
    {"label_selector": "l=1"},
    {"label_selector": "l!=1", "namespace": "x"},
    {"field_selector": "spec.nodeName=1"},
    {"field_selector": "spec.nodeName!=1"},
    {"field_selector": "spec.nodeName=1,status.phase=0", "label_selector": "l in (0,1)"},
]

step = st.one_of(
    st.tuples(
        st.just("put"),
        st.sampled_from(NAMESPACES),
        st.sampled_from(NAMES),
        st.sampled_from("01"),
        st.sampled_from("012"),
    ),
    st.tuples(st.just("delete"), st.sampled_from(NAMESPACES), st.sampled_from(NAMES), st.just(""), st.just("")),
    st.tuples(st.just("watch"), st.just(""), st.just(""), st.just(""), st.just("")),
    st.tuples(st.just("drain"), st.just(""), st.just(""), st.just(""), st.just("")),
)


class Replica:
    """A sink that applies events to a state, and insists on their order. A slow one has what it was given waiting
    until `take`."""

    def __init__(self, state: dict[str, str], *, slow: bool = False) -> None:
        self.state = state
        self.last = 0
        self.slow = slow
        self.closed = False
        self.waiting: list[Callable[[], None]] = []

    def take(self) -> bool:
        """Read; whether the producer went on."""
        calls, self.waiting = self.waiting, []
        for call in calls:
            call()
        return bool(calls)

    def write(self, data: bytes) -> None:
        for line in data.splitlines():
            event = orjson.loads(line)
            metadata = event["object"]["metadata"]
            key, version = f"{metadata['namespace']}/{metadata['name']}", metadata["resourceVersion"]
            if event["type"] == "DELETED":
                assert key in self.state, event
                del self.state[key]
            else:
                assert (key in self.state) is (event["type"] == "MODIFIED"), event
                self.state[key] = version
            if self.last >= 0:
                self.last = max(self.last, int(version))

    def buffered(self) -> int:
        return AHEAD_BYTES + 1 if self.slow else 0

    def when_drained(self, call: Callable[[], None]) -> None:
        assert self.slow
        self.waiting.append(call)

    def close(self) -> None:
        self.closed = True


def pod(namespace: str, name: str, node: str, label: str) -> bytes:
    obj: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"l": label}},
        "spec": {"nodeName": node},
        "status": {"phase": label},
    }
    return encode(obj)


async def run(steps: list[tuple[str, str, str, str, str]]) -> None:
    store = MemoryStore(progress_seconds=60)
    feed = WatchCache(store)
    cache = feed.cache(PODS)
    format = PlainFormat(PODS)
    chosen = [select(cache.probe, **each) for each in SELECTIONS]
    replicas: list[tuple[int, Replica]] = []

    def listed(position: int) -> dict[str, str]:
        found = (entry.copy()["metadata"] for entry in cache.select(chosen[position]))
        return {f"{m['namespace']}/{m['name']}": m["resourceVersion"] for m in found}

    def start(after: int | None) -> None:
        for position, selection in enumerate(chosen):
            replica = Replica({} if after is None else listed(position))
            watcher = cache.watch(selection, format, after=after, timeout_seconds=1000)
            watcher.start(replica)
            replicas.append((position, replica))

    async with running("store", store.serve), running("feed", feed.serve):
        start(None)
        for kind, namespace, name, node, label in steps:
            key = cache.key(namespace, name)
            if kind == "put":
                await store.put(key, pod(namespace, name, node, label))
            elif kind == "delete":
                await store.delete(key)
            elif kind == "watch":
                await feed.wait_consistent()
                start(feed.revision)
            else:
                await feed.wait_consistent()
                await asyncio.sleep(0)
                for position, replica in replicas:
                    assert replica.state == listed(position), SELECTIONS[position]
        await feed.wait_consistent()
        await asyncio.sleep(0)
        for position, replica in replicas:
            assert replica.state == listed(position), SELECTIONS[position]
        stored = await store.list(cache.prefix)
        assert [entry.key for entry in cache.range()] == [kv.key for kv in stored.items]
        assert [entry.revision for entry in cache.range()] == [kv.mod_revision for kv in stored.items]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(step, max_size=40))
def test_a_watcher_has_what_a_list_shows(steps: list[tuple[str, str, str, str, str]]) -> None:
    asyncio.run(run(steps))


@settings(max_examples=40, deadline=None)
@given(st.lists(step.filter(lambda s: s[0] in ("put", "delete")), min_size=1, max_size=30), st.data())
def test_a_watch_resumed_at_any_revision_tells_the_rest(
    steps: list[tuple[str, str, str, str, str]], data: st.DataObject
) -> None:
    async def resumed() -> None:
        store = MemoryStore(progress_seconds=60)
        feed = WatchCache(store)
        cache = feed.cache(PODS)
        async with running("store", store.serve), running("feed", feed.serve):
            history: list[tuple[int, dict[str, str]]] = []

            def snapshot() -> None:
                state = {f"{e.namespace}/{e.name}": str(e.revision) for e in cache.range()}
                history.append((feed.revision, state))

            snapshot()
            for kind, namespace, name, node, label in steps:
                key = cache.key(namespace, name)
                await (store.put(key, pod(namespace, name, node, label)) if kind == "put" else store.delete(key))
                await feed.wait_consistent()
                snapshot()
            revision, state = data.draw(st.sampled_from(history))
            replica = Replica(dict(state))
            watcher = cache.watch(select(cache.probe), PlainFormat(PODS), after=revision, timeout_seconds=1000)
            watcher.start(replica)
            assert replica.state == history[-1][1]

    asyncio.run(resumed())


@pytest.fixture
def tiny_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every object is a piece of its own."""
    monkeypatch.setattr(opening, "_PIECE_OBJECTS", 1)
    monkeypatch.setattr(opening, "_PIECE_BYTES", 0)
    monkeypatch.setattr(resource_cache, "_FEW", 1)


slow_step = st.one_of(
    step, st.tuples(st.just("take"), *[st.just("")] * 4), st.tuples(st.just("resume"), *[st.just("")] * 4)
)


@pytest.mark.usefixtures("tiny_pieces")
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(slow_step, max_size=50))
def test_a_watcher_that_reads_slowly_has_in_the_end_what_a_list_shows(
    steps: list[tuple[str, str, str, str, str]],
) -> None:
    async def slowly() -> None:
        store = MemoryStore(progress_seconds=60)
        feed = WatchCache(store)
        cache = feed.cache(PODS)
        chosen = [select(cache.probe, **each) for each in SELECTIONS]
        replicas: list[tuple[int, Replica]] = []

        def listed(position: int) -> dict[str, str]:
            return {f"{e.namespace}/{e.name}": str(e.revision) for e in cache.select(chosen[position])}

        def start(after: int | None) -> None:
            for position, selection in enumerate(chosen):
                replica = Replica({} if after is None else listed(position), slow=True)
                watcher = cache.watch(selection, PlainFormat(PODS), after=after, timeout_seconds=1000)
                replicas.append((position, replica))
                starts.append((watcher, replica))

        starts: list[tuple[Watcher, Replica]] = []

        def begin() -> None:
            while starts:
                watcher, replica = starts.pop()
                watcher.start(replica)

        async with running("store", store.serve), running("feed", feed.serve):
            for kind, namespace, name, node, label in steps:
                key = cache.key(namespace, name)
                match kind:
                    case "put":
                        await store.put(key, pod(namespace, name, node, label))
                    case "delete":
                        await store.delete(key)
                    case "watch":
                        await feed.wait_consistent()
                        start(None)
                    case "resume":
                        await feed.wait_consistent()
                        start(feed.revision)
                    case "take":
                        begin()
                        for _, replica in replicas:
                            replica.take()
                    case _:
                        await feed.wait_consistent()
            await feed.wait_consistent()
            await asyncio.sleep(0)
            begin()
            for position, replica in replicas:
                while replica.take():
                    pass
                assert not replica.closed
                assert replica.state == listed(position), SELECTIONS[position]

    asyncio.run(slowly())
