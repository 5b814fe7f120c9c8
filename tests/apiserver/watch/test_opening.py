"""How a watch begins for a receiver that does not read: a piece is made when the last was taken."""

from typing import Any

import pytest
from tests.support.api import Watching

from pybernetes.api.resource import resource
from pybernetes.apiserver.formats import PlainFormat
from pybernetes.apiserver.watch_cache import ResourceCache, watcher
from pybernetes.apiserver.watch_cache.entry import encode
from pybernetes.apiserver.watch_cache.selection import select
from pybernetes.apiserver.watch_cache.watcher import AHEAD_BYTES, Backlog
from pybernetes.store.store import Event, KeyValue

CONFIG_MAPS = resource("configmaps")
KIBIBYTE = 1024


class Slow(Watching):
    """A receiver that reads when it is told to."""

    def write(self, data: bytes) -> None:
        super().write(data)
        self.waiting += len(data)


class Cluster:
    """A cache, its revision and a store's events for it."""

    def __init__(self, objects: int, size: int, backlog: Backlog | None = None) -> None:
        self.revision = 0
        self.cache = ResourceCache(CONFIG_MAPS, lambda: self.revision, backlog)
        for number in range(objects):
            self.put(f"n{number:03}", size)

    def put(self, name: str, size: int = 1) -> None:
        self.revision += 1
        obj: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "x"},
            "data": {"a": "y" * size},
        }
        key = f"{self.cache.prefix}x/{name}"
        self.cache.apply(Event(KeyValue(key, encode(obj), self.revision, self.revision), None))
        self.cache.fanout.flush()

    def watch(self, after: int | None = None, *, end: bool = False) -> Slow:
        body = self.cache.watch(
            select(self.cache.probe),
            PlainFormat(CONFIG_MAPS),
            after=after,
            bookmarks=end,
            initial_events_end=end,
            timeout_seconds=99,
        )
        return Slow(body)


async def test_present_objects_come_as_they_are_taken() -> None:
    cluster = Cluster(100, 50 * KIBIBYTE)
    watching = cluster.watch(end=True)
    turns = 0
    while watching.drained is not None:
        assert AHEAD_BYTES < watching.waiting < AHEAD_BYTES + 200 * KIBIBYTE
        watching.take()
        turns += 1
    assert turns > 10
    assert watching.seen == [("ADDED", f"n{number:03}") for number in range(100)] + [("BOOKMARK", "")]
    assert watching.events[-1]["object"]["metadata"]["resourceVersion"] == "100"
    cluster.cache.fanout.close()


async def test_what_happens_meanwhile_is_told_once() -> None:
    cluster = Cluster(100, 50 * KIBIBYTE)
    watching = cluster.watch(end=True)
    cluster.put("n000")  # given already
    cluster.put("n099")  # not yet
    cluster.put("n0995")  # new, behind
    while watching.drained is not None:
        watching.take()
    cluster.put("n001")
    seen = watching.seen
    assert seen.index(("MODIFIED", "n000")) < seen.index(("ADDED", "n050"))
    assert seen.count(("ADDED", "n099")) == seen.count(("ADDED", "n0995")) == 1
    assert ("MODIFIED", "n099") not in seen
    assert seen[-2:] == [("BOOKMARK", ""), ("MODIFIED", "n001")]
    assert watching.events[-2]["object"]["metadata"]["resourceVersion"] == "103"
    cluster.cache.fanout.close()


async def test_changes_since_a_revision_come_as_they_are_taken() -> None:
    cluster = Cluster(100, 50 * KIBIBYTE)
    watching = cluster.watch(after=10)
    assert watching.waiting < AHEAD_BYTES + 200 * KIBIBYTE
    cluster.put("n000")
    while watching.drained is not None:
        watching.take()
    assert watching.seen == [("ADDED", f"n{number:03}") for number in range(10, 100)] + [("MODIFIED", "n000")]
    cluster.cache.fanout.close()


async def test_a_receiver_that_reads_slower_than_history_is_forgotten_is_ended() -> None:
    cluster = Cluster(100, 50 * KIBIBYTE)
    watching = cluster.watch(after=10)
    for _ in range(1024):
        cluster.put("n000")
    watching.take()
    assert watching.closed
    assert cluster.cache.fanout.lagged == 1
    assert len(cluster.cache.fanout) == 0


async def test_no_bookmark_before_the_beginning_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "BOOKMARK_SECONDS", 0.0)
    cluster = Cluster(100, 50 * KIBIBYTE)
    watching = cluster.watch(end=True)
    watching.body._tick()  # type: ignore[attr-defined]
    assert ("BOOKMARK", "") not in watching.seen
    cluster.cache.fanout.close()


async def test_all_receivers_together_have_a_bounded_backlog() -> None:
    cluster = Cluster(0, 0, Backlog(limit=1000 * KIBIBYTE))
    stalled, read = cluster.watch(), cluster.watch()
    late = None
    for number in range(12):
        cluster.put(f"n{number}", 100 * KIBIBYTE)
        read.take()
        if number == 3:
            late = cluster.watch(after=cluster.revision)
    # 1,200 KiB of the first and 800 of the last were too much: the first, who had most, is ended.
    assert late is not None
    assert (stalled.closed, read.closed, late.closed) == (True, False, False)
    assert cluster.cache.fanout.lagged == 1
    cluster.cache.fanout.close()
