"""Which watchers a change reaches, and what one line costs."""

from typing import Any

import pytest
from tests.support.api import Watching

from pybernetes.api.resource import resource
from pybernetes.apiserver.formats import PlainFormat
from pybernetes.apiserver.watch_cache import ResourceCache
from pybernetes.apiserver.watch_cache.entry import encode, head, respliced, splice
from pybernetes.apiserver.watch_cache.selection import select
from pybernetes.store.store import Event, KeyValue

PODS = resource("pods")


class Counting(PlainFormat):
    """Counts how often an object is encoded."""

    def __init__(self) -> None:
        super().__init__(PODS)
        self.encoded = 0

    def encode(self, data: bytes) -> bytes:
        self.encoded += 1
        return data


def pod(revision: int, name: str, node: str = "", **labels: str) -> Event:
    obj: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "x", "labels": labels},
        "spec": {"nodeName": node},
    }
    return Event(KeyValue(f"/registry/pods/x/{name}", encode(obj), revision, revision), None)


def cache_at(revision: int) -> ResourceCache:
    return ResourceCache(PODS, lambda: revision)


async def test_equal_watchers_share_one_line() -> None:
    cache, format = cache_at(0), Counting()
    sinks = [Watching(cache.watch(select(cache.probe), format, after=0, timeout_seconds=9)) for _ in range(50)]
    cache.apply(pod(1, "a"))
    cache.fanout.flush()
    assert format.encoded == 1
    assert {sink.data for sink in sinks} == {sinks[0].data}
    assert sinks[0].seen == [("ADDED", "a")]
    cache.fanout.close()


async def test_one_batch_is_one_write() -> None:
    cache = cache_at(0)
    watching = Watching(cache.watch(select(cache.probe), PlainFormat(PODS), after=0, timeout_seconds=9))
    writes: list[bytes] = []
    watching.write = writes.append  # type: ignore[method-assign]
    cache.apply(pod(1, "a"))
    cache.apply(pod(2, "b"))
    cache.fanout.flush()
    assert len(writes) == 1
    cache.fanout.close()


@pytest.mark.parametrize(
    ("selector", "bucket"),
    [
        ({"field_selector": "metadata.name=a"}, "_by_name"),
        ({"field_selector": "spec.nodeName=n1"}, "_by_field"),
        ({"field_selector": "spec.host=n1"}, "_by_field"),
        ({"namespace": "x"}, "_by_namespace"),
        ({"label_selector": "a=b"}, "_others"),
        ({"field_selector": "spec.nodeName!=n1"}, "_others"),
        ({}, "_others"),
    ],
    ids=str,
)
async def test_watchers_are_found_by_their_most_exact_term(selector: dict[str, str], bucket: str) -> None:
    cache = cache_at(0)
    watcher = cache.watch(select(cache.probe, **selector), PlainFormat(PODS), after=0, timeout_seconds=9)
    assert len(getattr(cache.fanout, bucket)) == 1
    watcher.stop()
    assert len(getattr(cache.fanout, bucket)) == 0
    assert len(cache.fanout) == 0


async def test_a_pod_that_moves_reaches_both_nodes() -> None:
    cache = cache_at(0)
    nodes = {
        node: Watching(
            cache.watch(
                select(cache.probe, field_selector=f"spec.nodeName={node}"),
                PlainFormat(PODS),
                after=0,
                timeout_seconds=9,
            )
        )
        for node in ("n1", "n2", "n3")
    }
    cache.apply(pod(1, "a", "n1"))
    cache.apply(pod(2, "a", "n2"))
    cache.fanout.flush()
    assert {node: watching.seen for node, watching in nodes.items()} == {
        "n1": [("ADDED", "a"), ("DELETED", "a")],
        "n2": [("ADDED", "a")],
        "n3": [],
    }
    cache.fanout.close()


def test_the_resource_version_is_spliced_into_the_bytes() -> None:
    stored = encode({"kind": "Pod", "metadata": {"resourceVersion": "9", "name": "a"}, "apiVersion": "v1", "spec": {}})
    assert stored == b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{}}'
    size = len(head("v1", "Pod"))
    served = splice(stored, size, 12)
    assert served == b'{"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"12","name":"a"},"spec":{}}'
    assert respliced(served, size, 1234) == splice(stored, size, 1234)
