"""KYAML is printed as upstream's encoder has it, reads back as the same object, and can be switched off."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.kubectl.errors import CommandError
from pybernetes.kubectl.output.kyaml import dump, needs_quotes
from pybernetes.kubectl.output.printers import ALLOWED, unmatched
from pybernetes.kubectl.wire.yaml_read import load_all

OBJECT = {
    "kind": "ConfigMap",
    "apiVersion": "v1",
    "metadata": {"name": "x", "labels": {"app.kubernetes.io/name": "web", "on": "yes"}, "annotations": {}},
    "data": {"1.5": "a", "two": 'x\n\ty "q" \\z\n  b é ☃\n\n', "end": "a\nb", "tab": "\ta", "": "\u200b\x01"},
    "spec": {"a": [[], [1], [[2, 3]]], "b": [{}, {"c": None}], "d": [1, "x", True, 1.5, {"e": 1}], "f": []},
}
SHOWN = r"""---
{
  kind: "ConfigMap",
  apiVersion: "v1",
  metadata: {
    name: "x",
    labels: {
      app.kubernetes.io/name: "web",
      "on": "yes",
    },
    annotations: {},
  },
  data: {
    "1.5": "a",
    two: "\
       x\n\
      \	y \"q\" \\z\n\
      \  b é ☃\n\
       \n\
      ",
    end: "\
       a\n\
       b\
      ",
    tab: "	a",
    "": "\u200b\x01",
  },
  spec: {
    a: [[], [
      1,
    ], [[
      2,
      3,
    ]]],
    b: [{}, {
      c: null,
    }],
    d: [
      1,
      "x",
      true,
      1.5,
      {
        e: 1,
      },
    ],
    "f": [],
  },
}
"""


def test_an_object_in_its_own_order() -> None:
    assert dump(OBJECT, ordered=True) == SHOWN


def test_keys_are_sorted_unless_told_otherwise() -> None:
    assert dump({"b": 1, "a": 2}) == "---\n{\n  a: 2,\n  b: 1,\n}\n"


TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Zs", "Zl", "Zp")) | st.sampled_from(" \n\t"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
"""Without blanks other than spaces and tabs: at a line's beginning upstream escapes the escape."""

QUOTED = (
    "1 08 0x1f 0b1 0o7 1_000 1e9 1.5 0x1p4 0x7fffffffffffffff inf Infinity nan .inf yes No ON off y N true F null ~ "
    "2024-2-3 0000-2-29 12:30 -x x- /x a:b"
).split()
PLAIN = (
    "a a/b.c-d _ 0b12 0x1p 0xffffffffffffffffffff 1e999 2024-13-01 2024-2-30 1x 1.5.1 nanx nUlls é 中 ½ a_b i-n"
).split()


@pytest.mark.parametrize("key", [*QUOTED, "", "a b", "k\n", "٣ "])
def test_keys_that_could_be_something_else_are_quoted(key: str) -> None:
    assert needs_quotes(key)


@pytest.mark.parametrize("key", PLAIN)
def test_other_keys_are_not(key: str) -> None:
    assert not needs_quotes(key)


@given(VALUES)
@settings(max_examples=200)
def test_reads_back(value: object) -> None:
    assert list(load_all(dump({"x": value}) * 2)) == [{"x": value}] * 2


def test_control_characters_are_refused() -> None:
    with pytest.raises(CommandError, match="yaml: control characters are not allowed"):
        dump({"a": "\x7f"})


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "jsonpath-file,kyaml,name" in unmatched("x", ALLOWED).message
    monkeypatch.setenv("KUBECTL_KYAML", "false")
    assert "kyaml" not in unmatched("x", ALLOWED).message
