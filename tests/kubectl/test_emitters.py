"""JSON and YAML as Go writes them, and YAML as Go reads it."""

import json
import math
import subprocess

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.kubectl import installed

from pybernetes.kubectl.output.go_json import compact, indented
from pybernetes.kubectl.output.go_yaml import dump
from pybernetes.kubectl.output.table import float_text
from pybernetes.kubectl.wire.json_read import JsonError, loads
from pybernetes.kubectl.wire.yaml_fast import Unusual, load, quick
from pybernetes.kubectl.wire.yaml_read import YamlError, load_all

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff\r"), max_size=120)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(bool), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_json_reads_back(value: object) -> None:
    assert json.loads(compact(value)) == value
    assert json.loads(indented(value)) == value
    assert loads(compact(value)) == value


@given(st.dictionaries(st.text("abc", min_size=1), VALUES, min_size=1, max_size=4))
@settings(max_examples=200)
def test_yaml_reads_back(value: dict[str, object]) -> None:
    text = dump(value)
    assert next(load_all(text)) == value
    assert load(text) == value


@given(st.dictionaries(st.text("abc", min_size=1), VALUES, min_size=1, max_size=4))
def test_the_quick_reader_agrees_with_the_complete_one_or_declines(value: dict[str, object]) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
    try:
        found = quick(text)
    except Unusual:
        return
    assert found == next(load_all(text))


def test_quick_reader_reads_an_ordinary_manifest_alone() -> None:
    head = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web # it\nspec:\n  containers:\n"
    text = head + "  - name: a\n    args:\n    - '1'\n    - \"x y\"\n"
    expected = {"name": "a", "args": ["1", "x y"]}
    assert quick(text)["spec"]["containers"] == [expected]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: yes", {"a": True}), ("a: off", {"a": False}), ("a: y", {"a": True}), ("a: 0x10", {"a": 16}),
        ("a: 017", {"a": 15}), ("a: 1_000", {"a": 1000}), ("a: 1e3", {"a": 1000.0}), ("a: ~", {"a": None}),
        ("a: 12:30:45", {"a": "12:30:45"}), ("a: 2020-01-01", {"a": "2020-01-01"}), ("1: x", {"1": "x"}),
        ("a: !!str 1", {"a": "1"}), ("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
    ],
)  # fmt: skip
def test_yaml_values_as_go_reads_them(text: str, value: object) -> None:
    assert load(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", 'yaml: unmarshal errors:\n  line 3: key "a" already set in map'),
        ("a: b\n c: d", "yaml: line 2: mapping values are not allowed in this context"),
        ("a: *x", "yaml: unknown anchor 'x' referenced"),
        ("a:\n\t- b", "yaml: line 2: found character that cannot start any token"),
    ],
)
def test_yaml_mistakes_with_their_lines(text: str, message: str) -> None:
    with pytest.raises(YamlError) as caught:
        load(text)
    assert str(caught.value) == message


def test_aliases_may_not_blow_a_document_up() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(YamlError, match="excessive aliasing"):
        load("\n".join(lines))


@pytest.mark.parametrize("text", ["", "{", '{"a" 1}', "[1,]", "{} x"])
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(JsonError):
        loads(text)


@pytest.mark.parametrize(
    ("number", "text"), [(1.0, "1"), (1e21, "1e+21"), (0.1, "0.1"), (1e-7, "1e-07"), (123456.5, "123456.5")]
)
def test_floats_as_go_prints_them(number: float, text: str) -> None:
    assert float_text(number) == text
    assert math.isclose(float(float_text(number)), number)


def test_yaml_is_written_as_the_stock_client_writes_it() -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    texts = [
        "yes", "null", "1", "0x1F", "017", "1e3", "12:30", "2001-01-01", "a: b", "# x", "x\ny", "x \ny", " lead",
        "tab\tx", "é☃😀", "{}", "it's: x", "x\n", "\nx", "\n", "- a", "*a", "%a", "  a\nb", "x\n\n\n", '"q', "a #b",
        "1_000", ".5", "+", "-", "?", "=", "<<", "1.", "\a", 'a: "b" \'c\'', "word " * 40,
        "a: " + "word " * 40, "'" * 90 + " x",
    ]  # fmt: skip
    data = {f"k{number}": text for number, text in enumerate(texts)}
    words = [f"--from-literal={key}={value}" for key, value in data.items()]
    command = [list(stock.values())[-1], "create", "configmap", "x", "--dry-run=client", "-o", "yaml", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"creationTimestamp": None, "name": "x"}, "data": data}
    metadata = {"name": "x"} if "creationTimestamp" not in done.stdout else made["metadata"]
    assert dump({**made, "metadata": metadata}) == done.stdout
