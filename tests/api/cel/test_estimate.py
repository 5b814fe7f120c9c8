"""Estimated cost: known values, and never less than what an evaluation takes."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.cel import Environment, Program
from pybernetes.api.cel.estimate import UNKNOWN, estimate
from pybernetes.api.structural.cel_types import cel_type
from pybernetes.api.structural.schema import Structural

TEXT = {"type": "string", "maxLength": 5}
SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer"},
        "s": TEXT,
        "t": TEXT,
        "l": {"type": "array", "maxItems": 4, "items": TEXT},
        "m": {"type": "object", "maxProperties": 3, "additionalProperties": {"type": "integer"}},
        "o": {
            "type": "array",
            "maxItems": 3,
            "items": {"type": "object", "properties": {"k": TEXT, "v": {"type": "integer"}}},
        },
    },
}


def program(source: str, schema: dict[str, Any] = SCHEMA) -> Program:
    kind = cel_type(Structural(schema))
    assert kind is not None
    return Environment({"self": kind}).compile(source)


KNOWN = [
    ({"type": "array", "items": {"type": "number"}}, "self.all(x, true)", 4718591),
    ({"type": "array", "maxItems": 10, "items": {"type": "number"}}, "self.all(x, true)", 32),
    ({"type": "integer"}, "self > 5", 2),
    (SCHEMA, "has(self.n)", 1),
    (SCHEMA, "self.n > 1 ? self.n > 2 : true", 3 + 3),
]


@pytest.mark.parametrize(("schema", "source", "expected"), KNOWN, ids=[source for _, source, _ in KNOWN])
def test_known_costs(schema: dict[str, Any], source: str, expected: int) -> None:
    assert estimate(program(source, schema).tree) == expected


def test_unbounded_nesting_is_as_dear_as_can_be() -> None:
    schema = {"type": "array", "items": {"type": "string"}}
    source = "self.all(a, self.all(b, self.all(c, a + b == c)))"
    assert estimate(program(source, schema).tree) == UNKNOWN


SOURCES = [
    "self.s + self.t == 'abc'",
    "self.s.contains(self.t) || self.s.startsWith(self.t)",
    "self.l.all(x, x.size() > 1) || self.l.exists(x, x == self.s)",
    "self.l.map(x, x + self.s).join(',').size() > 3",
    "self.l.filter(x, x != self.s).size() == 1",
    "self.m.all(k, self.m[k] > self.n) && self.n in [1, 2, 3]",
    "self.o.exists_one(x, x.v == self.n && x.k.matches('^[a-z]*$'))",
    "self.o.all(x, self.o.exists(y, x.k == y.k))",
    "self.l.isSorted() && self.l.indexOf(self.s) >= 0",
    "self.s.replace('a', 'bb').lowerAscii().split('b').size() > 0",
    "self.n > 1 ? self.s : self.t",
    "self.l.transformList(i, x, i > 1, x + 'a')",
    "self.m.transformMap(k, v, v + 1)",
    "[self.s, self.t].max() < 'x'",
    "self.l.sort().distinct().reverse().all(x, x != 'z')",
    "self.o.sortBy(x, x.k).map(x, x.v).sort() == [1]",
    "self.l.slice(0, self.n).exists(x, x == self.s) || lists.range(7).sortBy(i, -i)[0] == 6",
    "self.o.map(x, self.l).flatten().size() > 2",
]
PROGRAMS = [program(source) for source in SOURCES]

_text = st.text(alphabet="ab\u00e9", max_size=5)
_objects = st.fixed_dictionaries(
    {
        "n": st.integers(0, 4),
        "s": _text,
        "t": _text,
        "l": st.lists(_text, max_size=4),
        "m": st.dictionaries(_text, st.integers(0, 4), max_size=3),
        "o": st.lists(st.fixed_dictionaries({"k": _text, "v": st.integers(0, 4)}), max_size=3),
    }
)


@settings(max_examples=150, deadline=None)
@given(obj=_objects, at=st.integers(0, len(SOURCES) - 1))
def test_no_evaluation_costs_more_than_estimated(obj: dict[str, Any], at: int) -> None:
    _, _, cost = PROGRAMS[at].run({"self": obj}, 10**9)
    assert cost <= estimate(PROGRAMS[at].tree), SOURCES[at]
