"""The revision index against a model that keeps everything."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.store.mvcc import Index, SortedKeys, prefix_end

KEYS = ["/a", "/a/1", "/a/2", "/a0", "/b", "/b/1", "/é", "/\U0010ffff", "/\U0010ffff/x"]
PREFIXES = ["/", "/a", "/a/", "/b", "/c", "/\U0010ffff", ""]


@pytest.mark.parametrize(
    ("prefix", "end"),
    [("/a/", "/a0"), ("/a", "/b"), ("\ud7ff", "\ue000"), ("a\U0010ffff", "b"), ("\U0010ffff", None), ("", None)],
)
def test_prefix_end_is_the_first_text_past_the_prefix(prefix, end):
    assert prefix_end(prefix) == end


@given(st.lists(st.text("/ab0é", min_size=1, max_size=4), unique=True, max_size=60), st.data())
def test_sorted_keys_behave_like_a_sorted_set(texts, data):
    keys = SortedKeys()
    for text in texts:
        keys.add(text)
    removed = data.draw(st.sets(st.sampled_from(texts))) if texts else set()
    for text in removed:
        keys.remove(text)
    prefix = data.draw(st.sampled_from(["", "/", "/a", "a", "/ab"]))
    after = data.draw(st.text("/ab0é", max_size=3))
    expected = sorted(text for text in texts if text not in removed and text.startswith(prefix) and text > after)
    assert list(keys.range(prefix, after)) == expected
    assert keys.count(prefix, after) == len(expected)


def test_sorted_keys_split_and_shrink():
    names = [f"/k/{i * 7919 % 5000:05d}" for i in range(5000)]
    keys = SortedKeys()
    for name in names:
        keys.add(name)
    assert list(keys.range("/k/")) == sorted(names)
    assert keys.count("/k/01") == 1000
    for name in names[:4990]:
        keys.remove(name)
    assert list(keys.range("")) == sorted(names[4990:])


class Model:
    """Every write ever made: (revision, key, deleted)."""

    def __init__(self) -> None:
        self.log: list[tuple[int, str, bool]] = []

    def state(self, revision: int) -> dict[str, int]:
        state: dict[str, int] = {}
        for at, key, deleted in self.log:
            if at > revision:
                break
            if deleted:
                state.pop(key, None)
            else:
                state[key] = at
        return state


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(KEYS)),
        st.tuples(st.just("delete"), st.sampled_from(KEYS)),
        st.tuples(st.just("compact"), st.floats(0, 1)),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(STEPS, st.integers(0, 3))
def test_index_agrees_with_the_model(steps, limit):
    index, model = Index(), Model()
    kept: dict[int, tuple[str, int, bool]] = {}
    for action, argument in steps:
        revision = index.revision + 1
        if action == "put":
            create_revision = index.put(argument, revision)
            model.log.append((revision, argument, False))
            kept[revision] = (argument, create_revision, False)
        elif action == "delete" and argument in index.current:
            index.delete(argument, revision)
            model.log.append((revision, argument, True))
            kept[revision] = (argument, 0, True)
        elif action == "compact":
            while dropped := index.compact(max(1, int(argument * index.revision)), limit):
                for obsolete in dropped:
                    del kept[obsolete]
        rows = [(at, key, created, int(deleted)) for at, (key, created, deleted) in sorted(kept.items())]
        reloaded = Index()
        reloaded.load(rows)
        for candidate in (index, reloaded):
            check(candidate, model, index.compacted)
        assert set(kept) >= {at for at, _, _ in model.log if at >= index.compacted}


def check(index: Index, model: Model, oldest: int) -> None:
    assert {key: entry[0] for key, entry in index.current.items()} == model.state(index.revision)
    for revision in range(max(oldest, 1), index.revision + 1):
        state = model.state(revision)
        for prefix in PREFIXES:
            expected = sorted((key, at) for key, at in state.items() if key.startswith(prefix))
            assert list(index.range_at(revision, prefix)) == expected
        for key in KEYS:
            assert index.at(key, revision) == state.get(key, 0)
    for prefix in PREFIXES:
        assert index.count(prefix) == sum(key.startswith(prefix) for key in index.current)
