"""One walk through a configuration finds what two do: whether it fits its type, and the fields it names."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.managed_fields.config import field_set_of, fitting_set, problems
from pybernetes.api.managed_fields.nodes import DEDUCED, Items, Leaf, Members, Node

NAMES = st.sampled_from(["name", "a", "b"])
LEAVES = st.sampled_from(["string", "boolean", "numeric", "list", "map", ""]).map(Leaf)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, True, 1, 1.5, "x", "y", "", {}, []]),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(NAMES, below, max_size=3)),
    max_leaves=12,
)


def _above(below: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.builds(Members, st.dictionaries(NAMES, below, max_size=3), st.one_of(st.none(), below)),
        st.builds(Items, below, st.sampled_from([(), ("name",), ("name", "a")]), st.sampled_from([None, {"a": 1}])),
    )


NODES: st.SearchStrategy[Node] = st.recursive(st.one_of(LEAVES, st.just(DEDUCED)), _above, max_leaves=8)


@given(node=NODES, value=VALUES)
def test_what_fits_is_what_has_no_problems_and_names_the_same_fields(node: Node, value: Any) -> None:
    found = fitting_set(node, value)
    assert (found is None) == bool(problems(node, value))
    if found is not None:
        assert found == field_set_of(node, value)


KNOWN = Members(
    {"name": Leaf("string"), "items": Items(Members({"name": Leaf("string")}), ("name",)), "size": Leaf("numeric")}
)


@given(
    value=st.fixed_dictionaries(
        {"items": st.lists(st.fixed_dictionaries({"name": st.sampled_from(["a", "b", "c"])}), max_size=3)},
        optional={"name": st.one_of(st.none(), st.text(max_size=2)), "size": st.sampled_from([1, 1.5, None, True])},
    )
)
def test_configurations_that_nearly_fit(value: Any) -> None:
    found = fitting_set(KNOWN, value)
    assert (found is None) == bool(problems(KNOWN, value))
    if found is not None:
        assert found == field_set_of(KNOWN, value)
