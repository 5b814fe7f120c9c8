"""Objects against a structural schema: pruning, defaults, values, list types."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.structural import list_types
from pybernetes.api.structural.defaulting import apply_defaults
from pybernetes.api.structural.formats import FORMATS
from pybernetes.api.structural.pruning import prune, prune_nulls
from pybernetes.api.structural.schema import Structural
from pybernetes.api.structural.validation import validate

SCHEMA = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5, "minLength": 2},
                "size": {"type": "integer", "minimum": 1, "maximum": 10, "default": 3},
                "ratio": {"type": "number", "multipleOf": 0.5},
                "mode": {"type": "string", "enum": ["fast", "slow"]},
                "when": {"type": "string", "format": "date-time"},
                "port": {"x-kubernetes-int-or-string": True},
                "tags": {"type": "array", "maxItems": 2, "minItems": 1, "items": {"type": "string"},
                         "x-kubernetes-list-type": "set"},
                "ports": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string"},
                            "number": {"type": "integer", "maximum": 9, "default": 1},
                        },
                    },
                },
                "labels": {"type": "object", "additionalProperties": {"type": "string", "default": "x"}},
                "free": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {"known": {"type": "object", "properties": {"a": {"type": "string"}}}},
                },
                "pod": {"type": "object", "x-kubernetes-embedded-resource": True,
                        "properties": {"spec": {"type": "object"}}},
                "maybe": {"type": "string", "nullable": True},
                "either": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                           "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            },
        },
    },
}  # fmt: skip
ROOT = Structural(SCHEMA, root=True)
OK = {"spec": {"name": "abc"}}


def spec(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "e.com/v1", "kind": "T", "metadata": {"name": "x"}, "spec": {"name": "abc", **fields}}


PRUNED = [
    ({"foo": 1}, {}, ["spec.foo"]),
    ({"free": {"any": {"thing": 1}, "known": {"a": "1", "b": 2}}}, {"free": {"any": {"thing": 1}, "known": {"a": "1"}}},
     ["spec.free.known.b"]),
    ({"pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"x": 1}, "status": {}, "spec": {"c": 1}}},
     {"pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"x": 1}, "spec": {}}},
     ["spec.pod.spec.c", "spec.pod.status"]),
    ({"ports": [{"name": "a", "x": 1}]}, {"ports": [{"name": "a"}]}, ["spec.ports[0].x"]),
    ({"labels": {"any": "1"}}, {"labels": {"any": "1"}}, []),
]  # fmt: skip


@pytest.mark.parametrize(("given", "kept", "unknown"), PRUNED)
def test_pruning(given: dict[str, Any], kept: dict[str, Any], unknown: list[str]) -> None:
    obj = spec(**copy.deepcopy(given))
    assert sorted(prune(obj, ROOT)) == sorted(unknown)
    assert obj == spec(**kept)


def test_unknown_fields_beside_spec_are_pruned_but_not_the_objects_own() -> None:
    obj = {**spec(), "status": {"x": 1}}
    assert prune(obj, ROOT) == ["status"]
    assert obj == spec()


def test_defaults_fill_what_is_missing_or_null() -> None:
    obj = spec(ports=[{"name": "a"}, {"name": "b", "number": 5}], labels={"k": None}, size=None)
    apply_defaults(obj, ROOT)
    assert obj["spec"]["size"] == 3
    assert obj["spec"]["ports"] == [{"name": "a", "number": 1}, {"name": "b", "number": 5}]
    assert obj["spec"]["labels"] == {"k": "x"}


def test_defaults_are_not_made_inside_missing_objects() -> None:
    obj: dict[str, Any] = {}
    apply_defaults(obj, ROOT)
    assert obj == {}


def test_nulls_go_unless_nullable_or_defaulted() -> None:
    obj = spec(mode=None, maybe=None, size=None)
    prune_nulls(obj, ROOT)
    assert obj == spec(maybe=None, size=None)


WRONG = [
    ({"name": "ABC"}, ["spec.name: Invalid value: \"ABC\": spec.name in body should match '^[a-z]+$'"]),
    ({"name": "abcdef"}, ["spec.name: Too long: may not be more than 5 bytes"]),
    ({"name": "a"}, ['spec.name: Invalid value: "a": spec.name in body should be at least 2 chars long']),
    ({"size": 11}, ["spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10"]),
    ({"size": 0}, ["spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"]),
    ({"size": "x"}, ['spec.size: Invalid value: "x": spec.size in body must be of type integer: "string"']),
    ({"size": 1.5}, ['spec.size: Invalid value: 1.5: spec.size in body must be of type integer: "number"']),
    ({"ratio": 0.7}, ["spec.ratio: Invalid value: 0.7: spec.ratio in body should be a multiple of 0.5"]),
    ({"mode": "x"}, ['spec.mode: Unsupported value: "x": supported values: "fast", "slow"']),
    ({"when": "x"}, ['spec.when: Invalid value: "x": spec.when in body must be of type date-time: "x"']),
    ({"port": True}, ['spec.port: Invalid value: true: spec.port in body must be of type integer,string: "boolean"']),
    ({"tags": ["a", "b", "c"]}, ["spec.tags: Too many: 3: must have at most 2 items"]),
    ({"tags": []}, ["spec.tags: Invalid value: 0: spec.tags in body should have at least 1 items"]),
    ({"ports": [{"number": 1}]}, ["spec.ports[0].name: Required value"]),
    ({"mode": None}, ['spec.mode: Invalid value: "null": spec.mode in body must be of type string: "null"']),
    ({"either": {"a": "1", "b": "1"}},
     ['<nil>: Invalid value: "": "spec.either" must validate one and only one schema (oneOf). '
      "Found 2 valid alternatives"]),
    ({"either": {}},
     ['<nil>: Invalid value: "": "spec.either" must validate one and only one schema (oneOf). Found none valid',
      "spec.either.a: Required value"]),
    ({"port": 80, "size": 5, "maybe": None, "ratio": 2, "when": "2020-01-01T00:00:00Z"}, []),
]  # fmt: skip


@pytest.mark.parametrize(("given", "words"), WRONG)
def test_values(given: dict[str, Any], words: list[str]) -> None:
    assert [str(error) for error in validate(spec(**given), ROOT)] == words


def test_missing_required_field_at_the_root() -> None:
    assert [str(error) for error in validate({"metadata": {}}, ROOT)] == ["spec: Required value"]


def test_unchanged_values_are_not_judged_again() -> None:
    old = spec(size=99, ports=[{"name": "a", "number": 50}, {"name": "b", "number": 60}])
    new = spec(size=99, mode="fast", ports=[{"name": "b", "number": 60}, {"name": "a", "number": 70}])
    assert [error.field for error in validate(new, ROOT, old)] == ["spec.ports[1].number"]


def test_set_and_map_members_are_unique() -> None:
    obj = spec(tags=["a", "a", "a"], ports=[{"name": "x"}, {"name": "x", "number": 2}])
    assert [str(error) for error in list_types.validate(obj, ROOT)] == [
        'spec.tags[1]: Duplicate value: "a"',
        'spec.ports[1]: Duplicate value: {"name":"x"}',
    ]


FORMAT_CASES = [
    ("ipv4", "1.2.3.4", True), ("ipv4", "1.2.3", False), ("ipv6", "::1", True), ("cidr", "10.0.0.0/8", True),
    ("uuid", "123e4567-e89b-12d3-a456-426614174000", True), ("uuid4", "123e4567-e89b-12d3-a456-426614174000", False),
    ("email", "a@b.c", True), ("email", "a b", False), ("hostname", "a.example", True), ("hostname", "-a", False),
    ("byte", "YQ==", True), ("byte", "!", False), ("date", "2020-02-30", False), ("date", "2020-02-28", True),
    ("duration", "1h3m", True), ("duration", "x", False), ("mac", "00:11:22:33:44:55", True),
    ("hexcolor", "#fff", True), ("isbn10", "0-306-40615-2", True), ("creditcard", "4111111111111111", True),
    ("uri", "https://x.y", True), ("uri", "no uri", False),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "fits"), FORMAT_CASES)
def test_formats(name: str, text: str, fits: bool) -> None:
    assert FORMATS[name](text) is fits


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 20), st.text(alphabet="ab", max_size=6)),
    lambda v: st.one_of(
        st.lists(v, max_size=3),
        st.dictionaries(
            st.sampled_from(["spec", "name", "size", "ports", "labels", "free", "known", "tags", "pod", "x"]), v,
            max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["spec", "metadata", "x"]), _json))
def test_pruning_and_defaulting_settle(obj: dict[str, Any]) -> None:
    """Nothing fails on odd objects, and doing it all again changes nothing."""
    prune(obj, ROOT)
    prune_nulls(obj, ROOT)
    apply_defaults(obj, ROOT)
    again = copy.deepcopy(obj)
    assert prune(again, ROOT) == []
    prune_nulls(again, ROOT)
    apply_defaults(again, ROOT)
    assert again == obj
    validate(obj, ROOT)
    list_types.validate(obj, ROOT)
