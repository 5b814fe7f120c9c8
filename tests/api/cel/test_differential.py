"""Our evaluation and another implementation's agree on random expressions: same value, or an error in both."""

import datetime
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.cel import CompileError, Environment
from pybernetes.api.cel.types import DYN
from pybernetes.api.cel.values import Duration, Timestamp

cel = pytest.importorskip("cel_expr_python.cel")

NAMES = ("a", "b", "c", "s", "l", "m")
OURS = Environment(dict.fromkeys(NAMES, DYN))
THEIRS = cel.NewEnv(variables=dict.fromkeys(NAMES, cel.Type.DYN))

_numbers = st.sampled_from(["0", "1", "-1", "2", "7", "9223372036854775807", "-9223372036854775808"])
_doubles = st.sampled_from(["0.0", "1.5", "-2.25", "1e300"])
_strings = st.sampled_from(["''", "'a'", "'abc'", "'é'", "'b'"])
_idents = st.sampled_from(NAMES)
_leaves = st.one_of(_numbers, _doubles, _strings, _idents, st.sampled_from(["true", "false", "null", "1u", "3u"]))


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    dyn = inner.map(lambda e: f"dyn({e})")
    pair = st.tuples(dyn, dyn)
    return st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "/", "%", "<", "<=", "==", "!=", ">", ">="]), dyn, dyn).map(
            lambda t: f"({t[1]} {t[0]} {t[2]})"
        ),
        st.tuples(st.sampled_from(["&&", "||"]), dyn, dyn).map(lambda t: f"({t[1]} {t[0]} {t[2]})"),
        st.tuples(dyn, dyn, dyn).map(lambda t: f"({t[0]} ? {t[1]} : {t[2]})"),
        dyn.map(lambda e: f"(!{e})"),
        dyn.map(lambda e: f"size({e})"),
        dyn.map(lambda e: f"type({e})"),
        pair.map(lambda t: f"[{t[0]}, {t[1]}]"),
        pair.map(lambda t: f"({t[0]} in {t[1]})"),
        pair.map(lambda t: f"{t[0]}[{t[1]}]"),
        inner.map(lambda e: f"dyn({e}).k"),
        inner.map(lambda e: f"has(dyn({e}).k)"),
        pair.map(lambda t: f"{t[0]}.all(i, i == {t[1]})"),
        pair.map(lambda t: f"{t[0]}.exists(i, dyn(i) == {t[1]})"),
        pair.map(lambda t: f"{t[0]}.map(i, [dyn(i), {t[1]}])"),
        pair.map(lambda t: f"{t[0]}.filter(i, dyn(i) != {t[1]})"),
        pair.map(lambda t: f"{t[0]}.startsWith({t[1]})"),
    )


_expressions = st.recursive(_leaves, _grown, max_leaves=8)
_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(alphabet="abké", max_size=4),
)
_values = st.recursive(
    _scalars,
    lambda v: st.one_of(st.lists(v, max_size=3), st.dictionaries(st.sampled_from(["k", "a", "b"]), v, max_size=3)),
    max_leaves=6,
)


def _comparable(value: Any) -> Any:
    """Both sides' values in one form."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, list):
        return [_comparable(inner) for inner in value]
    if isinstance(value, dict):
        return {str(key): _comparable(inner) for key, inner in value.items()}
    if isinstance(value, Timestamp):
        return value.at()
    if isinstance(value, Duration):
        return datetime.timedelta(microseconds=value.nanos // 1000)
    name = getattr(value, "name", None)
    if name is not None:
        shown = str(name() if callable(name) else name).lower()
        return shown.partition("<")[0].removesuffix("_type")
    return value


@settings(max_examples=200, deadline=None)
@given(source=_expressions, values=st.fixed_dictionaries(dict.fromkeys(NAMES, _values)))
def test_same_value_or_both_an_error(source: str, values: dict[str, Any]) -> None:
    try:
        ours = OURS.compile(source)
    except CompileError:
        return
    try:
        theirs = THEIRS.compile(source)
    except Exception:
        return
    value, error, _ = ours.run(values, 10**9)
    result = theirs.eval(data=values)
    if result.type() == cel.Type.ERROR:
        if "overloads found : @in" in str(result.value()):
            return  # a container as key: an error there, simply not contained upstream
        assert error is not None, (source, value, result.value())
        return
    assert error is None, (source, str(error), result.plain_value())
    assert _comparable(value) == _comparable(result.plain_value()), source
