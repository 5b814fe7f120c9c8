"""Whatever is written as an expression compiles or is refused; whatever compiles gives a value or an error."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.cel import CompileError, Environment
from pybernetes.api.cel.functions import overloads
from pybernetes.api.cel.types import DYN

ENVIRONMENT = Environment({"a": DYN, "b": DYN})
_pieces = st.sampled_from(
    "a b ( ) [ ] { } . .? [? , : ? ! - + * / % < <= == != && || in has all exists map filter optional.of 'x' "
    "\"\\u00e9\" r'\\d' b'\\xff' 0 1u 2.5 0x1F null true x '' `a-b` // \n \\ @ $".split(" ")
)
_functions = st.sampled_from(sorted(name for name in overloads() if name[0].isalpha()))
_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.sampled_from(
            ["", "a", "1Gi", "10.0.0.0/8", "::1", "1.2.3", "2020-01-01T00:00:00Z", "1h", "https://a/b?c", "("]
        ),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)),
    max_leaves=4,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_pieces, max_size=12).map(" ".join))
def test_any_text_is_compiled_or_refused(source: str) -> None:
    try:
        ENVIRONMENT.compile(source).run({"a": {"b": [1]}, "b": "x"}, 10**5)
    except CompileError as error:
        assert str(error)


@settings(max_examples=600, deadline=None)
@given(
    name=_functions, args=st.lists(st.sampled_from(["a", "b", "dyn(a)", "1", "'x'"]), max_size=3), a=_values, b=_values
)
def test_any_function_takes_any_value_or_says_why_not(name: str, args: list[str], a: Any, b: Any) -> None:
    for source in (f"{name}({', '.join(args)})", f"a.{name}({', '.join(args)})"):
        try:
            program = ENVIRONMENT.compile(source)
        except CompileError:
            continue
        value, error, cost = program.run({"a": a, "b": b}, 10**6)
        assert error is None or (value is None and str(error))
        assert cost >= 0
