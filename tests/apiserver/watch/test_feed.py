"""The watch cache and its store: keys to resources, gaps, freshness, readers."""

import asyncio
from typing import Any

import pytest
from tests.support.api import Watching

from pybernetes.api.resource import ResourceInfo, resource
from pybernetes.api.status import StatusError
from pybernetes.apiserver.formats import PlainFormat
from pybernetes.apiserver.watch_cache import WatchCache
from pybernetes.apiserver.watch_cache.entry import encode
from pybernetes.apiserver.watch_cache.selection import select
from pybernetes.base.tasks import running
from pybernetes.store.memory import MemoryStore
from pybernetes.store.store import Batch, WatcherLagged

PODS, SERVICES, ENDPOINTS = resource("pods"), resource("services"), resource("endpoints")


def stored(name: str, kind: str = "Pod", **extra: Any) -> bytes:
    return encode({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "x"}, **extra})


class Lossy(MemoryStore):
    """Its first watch tells nothing more when it is deaf, and breaks off when told to."""

    def __init__(self) -> None:
        super().__init__(progress_seconds=60)
        self.deaf = asyncio.Event()
        self.broken = asyncio.Event()
        self.again = asyncio.Event()

    def watch(self, prefix: str, *, after: int = 0):  # type: ignore[no-untyped-def]
        inner = super().watch(prefix, after=after)
        if self.broken.is_set():
            self.again.set()
            return inner
        return _Breaking(inner, self.deaf, self.broken)


class _Breaking:
    def __init__(self, inner: Any, deaf: asyncio.Event, broken: asyncio.Event) -> None:
        self._inner = inner
        self._deaf = deaf
        self._broken = broken

    def __aiter__(self) -> "_Breaking":
        return self

    async def __anext__(self) -> Batch:
        heard = asyncio.ensure_future(anext(self._inner))
        deaf = asyncio.ensure_future(self._deaf.wait())
        await asyncio.wait([heard, deaf], return_when=asyncio.FIRST_COMPLETED)
        if not self._deaf.is_set():
            deaf.cancel()
            return heard.result()
        heard.cancel()
        await self._broken.wait()
        raise WatcherLagged("too slow")

    async def aclose(self) -> None:
        await self._inner.aclose()


async def test_a_gap_is_closed_by_listing_again() -> None:
    store = Lossy()
    for name in ("gone", "kept", "changed"):
        await store.put(f"/registry/pods/x/{name}", stored(name))
    feed = WatchCache(store)
    cache = feed.cache(PODS)
    heard: list[tuple[str, str]] = []

    def listen(old: Any, new: Any) -> None:
        heard.append((old["metadata"]["name"] if old else "", new["metadata"]["name"] if new else ""))

    async with running("store", store.serve), running("feed", feed.serve):
        start = feed.revision
        watching = Watching(cache.watch(select(cache.probe), PlainFormat(PODS), after=start, timeout_seconds=100))
        feed.subscribe(PODS, listen)
        heard.clear()
        store.deaf.set()
        await store.delete("/registry/pods/x/gone")
        await store.put("/registry/pods/x/changed", stored("changed", spec={}))
        await store.put("/registry/pods/x/new", stored("new"))
        store.broken.set()
        await store.again.wait()
        await feed.wait_consistent()
        assert sorted(watching.seen) == [("ADDED", "new"), ("DELETED", "gone"), ("MODIFIED", "changed")]
        assert sorted(heard) == [("", "new"), ("changed", "changed"), ("gone", "")]
        assert [entry.name for entry in cache.range()] == ["changed", "kept", "new"]
        with pytest.raises(StatusError, match="too old resource version"):
            cache.watch(select(cache.probe), PlainFormat(PODS), after=start, timeout_seconds=100)


async def test_keys_are_told_apart_by_prefix() -> None:
    store = MemoryStore()
    feed = WatchCache(store)
    pods, services, endpoints = feed.cache(PODS), feed.cache(SERVICES), feed.cache(ENDPOINTS)
    async with running("store", store.serve), running("feed", feed.serve):
        await store.put("/registry/pods/x/p", stored("p"))
        await store.put("/registry/services/specs/x/s", stored("s", "Service"))
        await store.put("/registry/services/endpoints/x/e", stored("e", "Endpoints"))
        await store.put("/registry/other", b"no object")
        await feed.wait_consistent()
        assert [entry.name for cache in (pods, services, endpoints) for entry in cache.range()] == ["p", "s", "e"]


async def test_a_resource_declared_later_finds_what_is_stored() -> None:
    info = ResourceInfo(
        group="example.com",
        version="v1",
        plural="things",
        kind="Thing",
        singular="thing",
        namespaced=True,
        verbs=(),
        storage_prefix="/registry/example.com/things",
        field_labels=("metadata.name", "spec.color"),
    )
    store = MemoryStore()
    thing = {"apiVersion": "example.com/v1", "kind": "Thing", "spec": {"color": "red"}}
    key = "/registry/example.com/things/x/"
    await store.put(key + "a", encode({**thing, "metadata": {"name": "a", "namespace": "x"}}))
    feed = WatchCache(store)
    async with running("store", store.serve), running("feed", feed.serve):
        await store.put(key + "b", encode({**thing, "metadata": {"name": "b", "namespace": "x"}}))
        await store.put(key + "c", encode({**thing, "metadata": {"name": "c", "namespace": "x"}}))
        await store.delete(key + "c")
        await feed.wait_consistent()
        cache = feed.cache(info)
        assert [entry.name for entry in cache.range()] == ["a", "b"]
        chosen = select(cache.probe, field_selector="spec.color=red,metadata.name!=a")
        assert [entry.name for entry in cache.select(chosen)] == ["b"]


async def test_readers_wait_for_the_revision_they_need() -> None:
    store = MemoryStore(progress_seconds=60)
    feed = WatchCache(store)
    async with running("store", store.serve), running("feed", feed.serve):
        revision = await store.put("/registry/pods/x/p", stored("p"))
        assert feed.get(PODS, "x", "p") is None
        await feed.wait(revision)
        assert feed.get(PODS, "x", "p") is not None
        assert [pod["metadata"]["name"] for pod in feed.list(PODS, "x")] == ["p"]
        assert list(feed.list(PODS, "y")) == []
        with pytest.raises(StatusError) as caught:
            await feed.wait(revision + 1, 0.001)
        assert caught.value.code == 504
        assert await feed.wait_consistent() == revision
        await feed.seen(revision)


async def test_a_value_of_an_unexpected_shape_is_kept_and_selected_by_nothing() -> None:
    store = MemoryStore()
    feed = WatchCache(store)
    cache = feed.cache(PODS)
    async with running("store", store.serve), running("feed", feed.serve):
        await store.put("/registry/pods/x/p", stored("p", spec="text"))
        await feed.wait_consistent()
        (entry,) = cache.range()
        assert entry.fields[cache.probe.index["spec.nodeName"]] == ""
        assert entry.fields[cache.probe.index["spec.hostNetwork"]] == "false"
