"""A write whose object the cache is given: the cache is as if it had decoded it, and an unfit gift is left alone."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.resource import resource
from pybernetes.apiserver.watch_cache import ResourceCache
from pybernetes.apiserver.watch_cache.entry import encode
from pybernetes.apiserver.watch_cache.handover import Handover
from pybernetes.store.store import Event, KeyValue

PODS = resource("pods")
KEY = "/registry/pods/x/p"


def pod(phase: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "x", "labels": {"a": "b"}},
        "spec": {"nodeName": "n1", "hostNetwork": True},
        "status": {"phase": phase},
    }


def event(value: bytes, revision: int) -> Event:
    return Event(KeyValue(KEY, value, revision, revision), None, deleted=not value)


def test_listeners_get_the_very_objects() -> None:
    cache, heard = ResourceCache(PODS, lambda: 0), []
    cache.subscribe(lambda old, new: heard.append((old, new)))
    first, second = pod("Pending"), pod("Running")
    cache.handovers.expect(KEY, Handover(encode(first), None, None, first))
    cache.apply(event(encode(first), 5))
    entry = cache.get(KEY)
    assert entry is not None
    assert entry.decoded is None
    assert orjson.loads(entry.data) == first
    assert (entry.labels, entry.fields) == cache.probe.read(entry.data)
    cache.handovers.expect(KEY, Handover(encode(second), entry, first, second))
    cache.apply(event(encode(second), 6))
    entry = cache.get(KEY)
    assert entry is not None
    cache.handovers.expect(KEY, Handover(b"", entry, second, None))
    cache.apply(event(b"", 7))
    assert cache.get(KEY) is None
    expected = [(None, first), (first, second), (second, None)]
    assert all(a is b for told, wanted in zip(heard, expected, strict=True) for a, b in zip(told, wanted, strict=True))
    assert len(cache.handovers) == 0


@pytest.mark.parametrize("withdrawn", [True, False])
def test_the_write_of_another_is_decoded(withdrawn: bool) -> None:
    cache = ResourceCache(PODS, lambda: 0)
    mine, theirs = pod("Pending"), pod("Running")
    handover = Handover(encode(mine), None, None, mine)
    cache.handovers.expect(KEY, handover)
    if withdrawn:
        cache.handovers.withdraw(KEY, handover)
    cache.apply(event(encode(theirs), 5))
    entry = cache.get(KEY)
    assert entry is not None
    assert entry.decoded is None
    assert orjson.loads(entry.data)["status"]["phase"] == "Running"
    assert len(cache.handovers) == (0 if withdrawn else 1)
    cache.handovers.clear()


def test_a_later_writer_does_not_lose_what_it_gives_by_an_earlier_ones_end() -> None:
    cache = ResourceCache(PODS, lambda: 0)
    early, late = Handover(b"1", None, None, {}), Handover(b"2", None, None, {})
    cache.handovers.expect(KEY, early)
    cache.handovers.expect(KEY, late)
    cache.handovers.withdraw(KEY, early)
    assert cache.handovers.take(KeyValue(KEY, b"1", 5, 5)) is None
    assert cache.handovers.take(KeyValue(KEY, b"2", 5, 5)) is late


EVENTS = resource("events")
TEXT = st.sampled_from(["", "a", "b"])


def some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Dicts with any of these members."""
    return st.fixed_dictionaries({}, optional=members)


@given(
    st.sampled_from([PODS, EVENTS, resource("nodes"), resource("replicasets", "apps"), resource("jobs", "batch")]),
    some(
        spec=some(nodeName=TEXT, hostNetwork=st.booleans(), unschedulable=st.booleans(), restartPolicy=TEXT),
        status=some(phase=TEXT, replicas=st.integers(0, 3), successful=st.integers(0, 3), nominatedNodeName=TEXT),
        involvedObject=some(kind=TEXT, name=TEXT, uid=TEXT, fieldPath=TEXT),
        source=some(component=TEXT),
        reason=TEXT,
        type=TEXT,
        reportingComponent=TEXT,
    ),
    st.sampled_from([None, {}, {"a": "b"}]),
)
def test_an_object_has_the_selectable_values_of_its_bytes(info: Any, parts: dict[str, Any], labels: Any) -> None:
    metadata: dict[str, Any] = {"name": "p"} if labels is None else {"name": "p", "labels": labels}
    obj = {"apiVersion": info.group_version, "kind": info.kind, "metadata": metadata, **parts}
    cache = ResourceCache(info, lambda: 0)
    assert cache.probe.of(obj) == cache.probe.read(encode(obj))
