"""cel-go's list extension: values, words and costs, and the same as another implementation on random lists."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.cel import CompileError, Environment
from pybernetes.api.cel.estimate import UNKNOWN, estimate
from pybernetes.api.cel.types import DOUBLE, DYN, INT, STRING, TIMESTAMP, list_of, map_of

ENVIRONMENT = Environment(
    {
        "l": list_of(INT, 10),
        "s": list_of(STRING, 10),
        "f": list_of(DOUBLE),
        "t": list_of(TIMESTAMP),
        "m": map_of(STRING, INT),
        "d": DYN,
        "n": INT,
    }
)
VARIABLES: dict[str, Any] = {
    "l": [3, 1, 2, 3],
    "s": ["b", "a", "b"],
    "f": [2, 1.5],
    "t": ["2020-01-01T10:00:00Z", "2020-01-01T11:00:00+02:00"],
    "m": {"a": 1},
    "d": [{"name": "y", "n": 1}, {"name": "x", "n": 2}],
    "n": 3,
}

VALUES = [
    ("l.slice(1, 3)", [1, 2]),
    ("l.slice(4, 4)", []),
    ("[[1], [2, 3], []].flatten()", [1, 2, 3]),
    ("[dyn(1), dyn([dyn(2), dyn([dyn(3), dyn([4])])])].flatten()", [1, 2, [3, [4]]]),
    ("[dyn(1), dyn([dyn(2), dyn([dyn(3), dyn([4])])])].flatten(2)", [1, 2, 3, [4]]),
    ("[dyn(1), dyn([dyn(2), dyn([dyn(3), dyn([4])])])].flatten(9)", [1, 2, 3, 4]),
    ("[[1]].flatten(0)", [[1]]),
    ("l.sort()", [1, 2, 3, 3]),
    ("s.sort()", ["a", "b", "b"]),
    ("f.sort()", [1.5, 2.0]),
    ("t.sort() == [t[1], t[0]]", True),
    ("t.sortBy(e, e) == [t[1], t[0]]", True),
    ("[].sort()", []),
    ("d.sortBy(e, e.name).map(e, e.n)", [2, 1]),
    ("l.sortBy(e, -e)", [3, 3, 2, 1]),
    ("l.filter(e, e > 1).sortBy(e, e == 2)", [3, 3, 2]),
    ("[[2], [1]].sortBy(e, e[0])", [[1], [2]]),
    ("[[3, 1], [2]].map(e, e.sortBy(i, i))", [[1, 3], [2]]),
    ("l.distinct()", [3, 1, 2]),
    ("[dyn(1), 1.0, true, 1u, 'a', 'a'].distinct()", [1, True, "a"]),
    ("[[1], [1], [2]].distinct()", [[1], [2]]),
    ("l.reverse()", [3, 2, 1, 3]),
    ("lists.range(n)", [0, 1, 2]),
    ("lists.range(0)", []),
]


@pytest.mark.parametrize(("source", "expected"), VALUES, ids=[source for source, _ in VALUES])
def test_value(source: str, expected: Any) -> None:
    assert ENVIRONMENT.compile(source).evaluate(VARIABLES) == expected


ERRORS = [
    ("l.slice(-1, 2)", "cannot slice(-1, 2), negative indexes not supported"),
    ("l.slice(3, 2)", "cannot slice(3, 2), start index must be less than or equal to end index"),
    ("l.slice(0, 5)", "cannot slice(0, 5), list is length 4"),
    ("[[1]].flatten(-1)", "level must be non-negative"),
    ("[dyn(1), 'a'].sort()", "list elements must have the same type"),
    ("d.sort()", "list elements must be comparable"),
    ("d.sortBy(e, dyn([e]))", "list elements must be comparable"),
    ("lists.range(-1)", "lists.range: size must be non-negative, got -1"),
    ("d[0].sort()", "no such overload"),
    ("d[0].reverse()", "no such overload"),
    ("d[0].sortBy(e, e)", "no such overload"),
    ("n == 3 ? lists.range(9223372036854775807).size() : 0", "operation cancelled: actual cost limit exceeded"),
    ("lists.range(2000).distinct()", "operation cancelled: actual cost limit exceeded"),
]


@pytest.mark.parametrize(("source", "words"), ERRORS, ids=[source for source, _ in ERRORS])
def test_evaluation_error(source: str, words: str) -> None:
    value, error, _ = ENVIRONMENT.compile(source).run(VARIABLES, 10**6)
    assert value is None
    assert str(error) == words


COMPILE_ERRORS = [
    ("l.flatten()", "found no matching overload for 'flatten' applied to 'list(int).()'"),
    ("[[1]].sort()", "found no matching overload for 'sort' applied to 'list(list(int)).()'"),
    ("m.sortBy(e, e)", "found no matching overload for '@sortByAssociatedKeys' applied to 'map(string, int).("),
    ("l.sortBy(e, [e])", "found no matching overload for '@sortByAssociatedKeys' applied to 'list(int).("),
    ("'a'.sortBy(e, e)", "sortBy can only be applied to a list, identifier, comprehension, call or select expression"),
    ("l.sortBy(1, 1)", "argument must be a simple name"),
    ("l.slice(1)", "found no matching overload for 'slice' applied to 'list(int).(int)'"),
]


@pytest.mark.parametrize(("source", "words"), COMPILE_ERRORS, ids=[source for source, _ in COMPILE_ERRORS])
def test_compile_error(source: str, words: str) -> None:
    with pytest.raises(CompileError) as caught:
        ENVIRONMENT.compile(source)
    assert words in str(caught.value)


COSTS = [
    ("l.slice(1, 3)", 1 + 11 + 2, 1 + 11 + 2),
    ("l.slice(0, n)", 2 + 11 + 3, 2 + 11 + 10),
    ("l.reverse()", 1 + 11 + 4, 1 + 11 + 10),
    ("lists.range(5)", 11 + 5, 11 + 5),
    ("lists.range(n)", 1 + 11 + 3, UNKNOWN),
    ("l.sort()", 1 + 11 + 32, 1 + 11 + 200),
    ("s.sort()", 1 + 11 + 18, 1 + 11 + 210),
    ("s.distinct()", 1 + 11 + 18, 1 + 11 + 210),
    ("l.sortBy(e, e)", 1 + 23 + 4 * 13 + 11 + 32, 1 + 23 + 10 * 13 + 11 + 200),
    ("[l].flatten()", 10 + 1 + 11 + 1, 10 + 1 + 11 + 1),
    ("[l].flatten(2)", 10 + 1 + 11 + 2, 10 + 1 + 11 + 2),
]


@pytest.mark.parametrize(("source", "taken", "at_most"), COSTS, ids=[source for source, _, _ in COSTS])
def test_cost(source: str, taken: int, at_most: int) -> None:
    program = ENVIRONMENT.compile(source)
    assert program.run(VARIABLES, 10**6)[2] == taken
    assert estimate(program.tree) == at_most


SAME = [
    "a.slice(i, j)", "a.flatten()", "a.flatten(i)", "a.sort()", "a.distinct()", "a.reverse()", "lists.range(i)",
    "a.sortBy(e, e)", "a.sortBy(e, type(e) == int ? 1 : 0)",
]  # fmt: skip
_scalars = st.one_of(st.booleans(), st.integers(-3, 3), st.text(alphabet="ab", max_size=2))
_lists = st.one_of(
    st.lists(st.integers(-9, 9), max_size=5),
    st.lists(st.text(alphabet="abé", max_size=2), max_size=5),
    st.lists(st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5), max_size=4),
)


@settings(max_examples=200, deadline=None)
@given(source=st.sampled_from(SAME), a=_lists, i=st.integers(-1, 4), j=st.integers(-1, 4))
def test_the_same_as_another_implementation(source: str, a: list[Any], i: int, j: int) -> None:
    cel = pytest.importorskip("cel_expr_python.cel")
    config = cel.NewEnvConfigFromYaml("name: lists\nextensions:\n- name: lists\n")
    theirs = cel.NewEnv(config=config, variables={"a": cel.Type.DYN, "i": cel.Type.INT, "j": cel.Type.INT})
    values = {"a": a, "i": i, "j": j}
    value, error, _ = Environment({"a": DYN, "i": INT, "j": INT}).compile(source).run(values, 10**6)
    if source == "lists.range(i)" and i < 0:
        return  # an error of another kind there
    result = theirs.compile(source).eval(data=values)
    if result.type() == cel.Type.ERROR:
        assert error is not None, (value, result.value())
        return
    assert error is None, (str(error), result.plain_value())
    assert value == result.plain_value()
