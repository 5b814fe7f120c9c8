"""Lists by selector: what the index finds is what a look at every object finds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.resource import resource
from pybernetes.apiserver.watch_cache import ResourceCache, value_index
from pybernetes.apiserver.watch_cache.entry import encode
from pybernetes.apiserver.watch_cache.selection import select
from pybernetes.store.store import Event, KeyValue

PODS = resource("pods")
SELECTORS = [
    ("app=a", ""),
    ("app in (b)", ""),
    ("app=a,tier!=x", ""),
    ("tier", ""),
    ("app=none", ""),
    ("", "spec.nodeName=n1"),
    ("app=a", "spec.nodeName=n1"),
    ("app=a", "spec.nodeName!=n1"),
    ("app=a,app=b", ""),
]
CHANGE = st.tuples(
    st.integers(0, 9),
    st.sampled_from(["x", "y"]),
    st.one_of(
        st.none(),
        st.tuples(st.sampled_from([None, "a", "b"]), st.sampled_from([None, "x"]), st.sampled_from(["", "n1"])),
    ),
)


def event(number, namespace, state, revision):
    key = f"/registry/pods/{namespace}/p{number}"
    if state is None:
        return Event(KeyValue(key, b"", revision, 0), None, deleted=True)
    app, tier, node = state
    labels = {name: value for name, value in (("app", app), ("tier", tier)) if value is not None}
    obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"p{number}", "namespace": namespace, "labels": labels},
        "spec": {"nodeName": node},
    }
    return Event(KeyValue(key, encode(obj), revision, revision), None)


@given(st.lists(CHANGE, max_size=60), st.integers(0, 59), st.sampled_from(["", "x"]))
@settings(max_examples=60, deadline=None)
def test_equal_to_looking_at_every_object(changes, first_list, namespace):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(value_index, "WORTH_OBJECTS", 0)
        compare(changes, first_list, namespace)


def compare(changes, first_list, namespace):
    cache = ResourceCache(PODS, lambda: 1)
    cache.load([], 1)
    chosen = [select(cache.probe, namespace, "", labels, fields) for labels, fields in SELECTORS]
    for number, (name, where, state) in enumerate(changes):
        cache.apply(event(name, where, state, number + 2))
        if number >= first_list:
            for selection in chosen:
                assert cache.select(selection) == [e for e in cache.range(namespace) if selection.matches(e)]


def test_small_collections_are_not_indexed():
    cache = ResourceCache(PODS, lambda: 1)
    cache.load([], 1)
    for number in range(value_index.WORTH_OBJECTS - 1):
        cache.apply(event(number, "x", ("a", None, ""), number + 2))
    selection = select(cache.probe, "", "", "app=a", "")
    assert len(cache.select(selection)) == value_index.WORTH_OBJECTS - 1
    assert not cache._index._tables
