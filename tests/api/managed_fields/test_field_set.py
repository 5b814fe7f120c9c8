"""The algebra of field sets, against plain sets of paths."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.managed_fields.field_set import (
    SELF,
    BadFields,
    FieldSet,
    checked,
    difference,
    has,
    intersection,
    is_member,
    of_path,
    paths,
    recursive_difference,
    union,
)

Path = tuple[str, ...]

elements = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])
path_sets = st.sets(st.lists(elements, min_size=1, max_size=3).map(tuple), max_size=6)


def built(wanted: set[Path]) -> FieldSet:
    found: FieldSet = {}
    for path in wanted:
        found = union(found, of_path(path))
    return found


def members(fields: FieldSet, prefix: Path = ()) -> set[Path]:
    found = set()
    for element, node in fields.items():
        if element == SELF:
            continue
        path = (*prefix, element)
        if is_member(node):
            found.add(path)
        found |= members(node, path)
    return found


@given(path_sets)
def test_a_set_holds_what_was_put_in(wanted: set[Path]) -> None:
    assert members(built(wanted)) == wanted
    assert all(has(built(wanted), path) for path in wanted)


@given(path_sets, path_sets)
def test_the_algebra_is_that_of_sets(left: set[Path], right: set[Path]) -> None:
    one, other = built(left), built(right)
    assert members(union(one, other)) == left | right
    assert members(intersection(one, other)) == left & right
    assert members(difference(one, other)) == left - right


@given(path_sets, path_sets)
def test_a_recursive_difference_takes_all_below_along(left: set[Path], right: set[Path]) -> None:
    wanted = {path for path in left if not any(path[: len(head)] == head for head in right)}
    assert members(recursive_difference(built(left), built(right))) == wanted


@given(path_sets, path_sets)
def test_equal_sets_are_equal_dicts(left: set[Path], right: set[Path]) -> None:
    """So that equality of stored entries is equality of what they own."""
    assert built(left) == union(difference(built(left), built(right)), intersection(built(left), built(right)))
    assert union(built(left), built(right)) == union(built(right), built(left))


def test_paths_are_shown_as_upstream_shows_them() -> None:
    fields: FieldSet = {
        "f:spec": {
            "f:replicas": {},
            "f:containers": {'k:{"name":"c"}': {".": {}, "f:image": {}}},
            "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {}},
            "f:finalizers": {'v:"x"': {}},
            "f:list": {"i:0": {}},
        }
    }
    assert list(paths(fields)) == [
        ".spec.replicas",
        '.spec.containers[name="c"]',
        '.spec.containers[name="c"].image',
        '.spec.finalizers[="x"]',
        ".spec.list[0]",
        '.spec.ports[containerPort=80,protocol="TCP"]',
    ]


def test_keys_of_clients_are_brought_into_one_form() -> None:
    sent = {"f:a": {'k:{ "b": 1, "a": "x" }': {".": {}}, "v: 3": {}}}
    assert checked(sent) == {"f:a": {'k:{"a":"x","b":1}': {}, "v:3": {}}}


@pytest.mark.parametrize("sent", [[], {"a": {}}, {"k:x": {}}, {"k:[]": {}}, {"i:x": {}}, {"f:a": 1}, {"v:{": {}}])
def test_what_is_no_field_set_is_refused(sent: Any) -> None:
    with pytest.raises(BadFields):
        checked(sent)
