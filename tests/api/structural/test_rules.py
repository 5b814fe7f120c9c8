"""Schemas that are refused, CEL rules that are refused, and what rules say about objects."""

from typing import Any

import pytest

from pybernetes.api.structural.cel_rules import check, compile_rules
from pybernetes.api.structural.cel_types import escape
from pybernetes.api.structural.rule_checks import validate_rules
from pybernetes.api.structural.rules import validate_schema
from pybernetes.api.structural.schema import Structural


def root(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


REFUSED = [
    ({}, ["s.type: Required value: must not be empty at the root"]),
    ({"type": "string"}, ['s.type: Invalid value: "string": must be object at the root']),
    (root(a={}), ["s.properties[a].type: Required value: must not be empty for specified object fields"]),
    (root(a={"type": "array"}), ["s.properties[a].items: Required value: must be specified"]),
    (root(a={"type": "array", "items": {}}),
     ["s.properties[a].items.type: Required value: must not be empty for specified array items"]),
    (root(a={"type": "string", "$ref": "#/x"}), ["s.properties[a].$ref: Forbidden: $ref is not supported"]),
    (root(a={"type": "string", "uniqueItems": True}),
     ["s.properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity "
      "becomes quadratic"]),
    (root(a={"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": {"type": "string"}}),
     ["s.properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"]),
    (root(a={"type": "string", "anyOf": [{"type": "string"}]}),
     ["s.properties[a].anyOf[0].type: Forbidden: must be empty to be structural"]),
    (root(a={"type": "object", "oneOf": [{"properties": {"b": {"minLength": 1}}}]}),
     ["s.properties[a].properties[b]: Required value: because it is defined in "
      "s.properties[a].oneOf[0].properties[b]"]),
    (root(a={"type": "string", "pattern": "("}),
     ['s.properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing '
      "regexp: missing closing ): `(`"]),
    (root(a={"type": "string", "default": 1}),
     ['s.properties[a].default: Invalid value: 1: s.properties[a].default in body must be of type string: "integer"']),
    (root(metadata={"type": "object", "properties": {"labels": {"type": "object"}}}),
     ["s.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is "
      "implicitly specified"]),
    (root(a={"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map"}),
     ["s.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if "
      "x-kubernetes-list-type is map"]),
    (root(a={"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}), []),
    (root(a={"x-kubernetes-preserve-unknown-fields": True}), []),
    (root(spec={"type": "object", "x-kubernetes-preserve-unknown-fields": True}), []),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "words"), REFUSED)
def test_schema(schema: dict[str, Any], words: list[str]) -> None:
    assert [str(error) for error in validate_schema(schema, "s")] == words


def ruled(rule: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "x-kubernetes-validations": [rule]}


_WHERE = "s.x-kubernetes-validations[0]"
WRONG_RULES = [
    (ruled({"rule": ""}), f"{_WHERE}.rule: Required value: rule is not specified"),
    (ruled({"rule": "self.a > 1"}, a={"type": "integer"}), ""),
    (ruled({"rule": "self.b > 1"}, a={"type": "integer"}),
     f'{_WHERE}.rule: Invalid value: "self.b > 1": compilation failed: ERROR: <input>:1:5: undefined field \'b\'\n'
     " | self.b > 1\n | ....^"),
    (ruled({"rule": "self.a"}, a={"type": "integer"}),
     f'{_WHERE}.rule: Invalid value: "self.a": cel expression must evaluate to a bool'),
    (ruled({"rule": "true", "messageExpression": "1"}),
     f'{_WHERE}.messageExpression: Invalid value: "1": messageExpression must evaluate to a string'),
    (ruled({"rule": "true", "message": "a\nb"}),
     f'{_WHERE}.message: Invalid value: "a\\nb": message must not contain line breaks'),
    (ruled({"rule": "true\n", "reason": "Nope"}),
     f'{_WHERE}.reason: Unsupported value: "Nope": supported values: "FieldValueDuplicate", "FieldValueForbidden", '
     '"FieldValueInvalid", "FieldValueRequired"'),
    (ruled({"rule": "self.l.all(x, self.l.all(y, x == y))"}, l={"type": "array", "items": {"type": "string"}}),
     f"{_WHERE}.rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the "
     "rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"),
    (ruled({"rule": "self.l.all(x, self.l.all(y, x == y))"},
           l={"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 10}}), ""),
    (ruled({"rule": "true", "fieldPath": ".nope"}),
     f'{_WHERE}.fieldPath: Invalid value: ".nope": fieldPath must be a valid path: does not refer to a valid field'),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "words"), WRONG_RULES)
def test_rules_of_a_schema(schema: dict[str, Any], words: str) -> None:
    found = [str(error) for error in validate_rules(schema, "s")]
    assert (found[0] if found else "") == words


def test_old_values_of_plain_list_members_are_unknown() -> None:
    items = {"type": "object", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}
    schema = root(l={"type": "array", "maxItems": 3, "items": items})
    assert [str(error) for error in validate_rules(schema, "s")] == [
        's.properties[l].items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be '
        "used on the uncorrelatable portion of the schema within s.properties[l]"
    ]


def outcome(schema: dict[str, Any], obj: dict[str, Any], *old: dict[str, Any]) -> list[str]:
    rules = compile_rules(Structural(schema, root=True))
    assert rules is not None
    return [str(error) for error in check(obj, rules, *old).errors]


def test_a_false_rule_is_told_by_message_expression_or_rule() -> None:
    a = {"type": "integer"}
    assert outcome(ruled({"rule": "self.a > 1"}, a=a), {"a": 1}) == [
        '<nil>: Invalid value: "object": failed rule: self.a > 1'
    ]
    assert outcome(ruled({"rule": "self.a > 1", "message": "too small"}, a=a), {"a": 1}) == [
        '<nil>: Invalid value: "object": too small'
    ]
    expression = "'a is ' + string(self.a)"
    assert outcome(ruled({"rule": "self.a > 1", "message": "m", "messageExpression": expression}, a=a), {"a": 1}) == [
        '<nil>: Invalid value: "object": a is 1'
    ]
    broken = {"rule": "self.a > 1", "message": "m", "messageExpression": "string(1 / (self.a - 1))"}
    assert outcome(ruled(broken, a=a), {"a": 1}) == ['<nil>: Invalid value: "object": m']
    assert outcome(
        ruled({"rule": "self.a > 1", "reason": "FieldValueForbidden", "fieldPath": ".a"}, a=a), {"a": 1}
    ) == ["a: Forbidden: failed rule: self.a > 1"]


def test_errors_while_evaluating() -> None:
    a = {"type": "integer"}
    assert outcome(ruled({"rule": "self.a > 1"}, a=a), {}) == [
        '<nil>: Invalid value: "object": no such key: a evaluating rule: self.a > 1'
    ]
    port = {"x-kubernetes-int-or-string": True}
    assert outcome(ruled({"rule": "self.p + 1 > 1"}, p=port), {"p": "x"}) == [
        "<nil>: Invalid value: \"object\": 'no such overload': call arguments did not match a supported operator, "
        "function or macro signature for rule: self.p + 1 > 1"
    ]


def test_transition_rules_need_an_old_value() -> None:
    rule = {"rule": "self == oldSelf", "message": "immutable"}
    schema = root(a={"type": "string", "x-kubernetes-validations": [rule]})
    assert outcome(schema, {"a": "x"}) == []
    assert outcome(schema, {"a": "x"}, {"a": "x"}) == []
    assert outcome(schema, {"a": "x"}, {"a": "y"}) == ['a: Invalid value: "string": immutable']
    assert outcome(schema, {"a": "x"}, {}) == []


def test_optional_old_self_is_evaluated_on_create() -> None:
    rule = {"rule": "oldSelf.hasValue() || self == 'first'", "optionalOldSelf": True}
    schema = root(a={"type": "string", "x-kubernetes-validations": [rule]})
    assert outcome(schema, {"a": "first"}) == []
    assert outcome(schema, {"a": "other"}) != []
    assert outcome(schema, {"a": "other"}, {"a": "first"}) == []


def test_unchanged_values_only_warn() -> None:
    schema = root(a={"type": "integer", "x-kubernetes-validations": [{"rule": "self > 5"}]}, b={"type": "integer"})
    rules = compile_rules(Structural(schema, root=True))
    assert rules is not None
    found = check({"a": 1, "b": 2}, rules, {"a": 1, "b": 1})
    assert found.errors == []
    assert [str(error) for error in found.warnings] == ['a: Invalid value: "integer": failed rule: self > 5']
    assert check({"a": 2, "b": 2}, rules, {"a": 1, "b": 1}).errors != []


def test_members_of_map_lists_keep_their_old_value() -> None:
    items = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "v": {"type": "integer"}},
        "x-kubernetes-validations": [{"rule": "self.v >= oldSelf.v"}],
    }
    schema = root(
        l={"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": items}
    )
    old = {"l": [{"name": "a", "v": 1}, {"name": "b", "v": 5}]}
    assert outcome(schema, {"l": [{"name": "b", "v": 4}, {"name": "a", "v": 1}, {"name": "c", "v": 0}]}, old) == [
        'l[0]: Invalid value: "object": failed rule: self.v >= oldSelf.v'
    ]


def test_sets_compare_without_order_and_times_are_times() -> None:
    schema = ruled(
        {"rule": "self.s == ['b', 'a'] && self.t < timestamp('2021-01-01T00:00:00Z') && self.n == 1.0 && self.d > "
                 "duration('30m') && self.x__dash__y.startsWith('a') && self.__namespace__ == 'n'"},
        s={"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        t={"type": "string", "format": "date-time"},
        n={"type": "number"},
        d={"type": "string", "format": "duration"},
        **{"x-y": {"type": "string"}, "namespace": {"type": "string"}},
    )  # fmt: skip
    obj = {"s": ["a", "b"], "t": "2020-06-01T00:00:00Z", "n": 1, "d": "1h", "x-y": "abc", "namespace": "n"}
    assert outcome(schema, obj) == []


def test_the_budget_of_an_object_ends() -> None:
    schema = root(
        l={"type": "array", "items": {"type": "integer", "x-kubernetes-validations": [{"rule": "self >= 0"}]}}
    )
    rules = compile_rules(Structural(schema, root=True))
    assert rules is not None
    found = check({"l": [1, 2, 3]}, rules, budget=3)
    assert [str(error) for error in found.errors] == [
        'l[1]: Invalid value: "integer": validation failed due to running out of cost budget, no further validation '
        "rules will be run"
    ]


@pytest.mark.parametrize(
    ("name", "escaped"),
    [("a", "a"), ("a-b", "a__dash__b"), ("a.b/c", "a__dot__b__slash__c"), ("a__b", "a__underscores__b"),
     ("namespace", "__namespace__"), ("1a", ""), ("a b", "")],
)  # fmt: skip
def test_escaped_names(name: str, escaped: str) -> None:
    assert escape(name) == escaped


def test_a_field_path_is_written_as_other_errors_write_it() -> None:
    labels = {"type": "object", "additionalProperties": {"type": "string"}}
    rule = {"rule": "has(self.labels.a)", "fieldPath": ".labels['a']", "message": "m"}
    assert outcome(ruled(rule, labels=labels), {"labels": {}}) == ['labels[a]: Invalid value: "object": m']
