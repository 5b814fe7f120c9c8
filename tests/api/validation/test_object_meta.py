"""The rules of metadata, with upstream's words."""

from typing import Any

import pytest

from pybernetes.api.validation import object_meta

GOOD = {"name": "web-1", "namespace": "default"}

A_QUALIFIED_NAME = (
    "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' "
    "(e.g. 'example.com/MyName')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("capitals", {"name": "Web"}, f'metadata.name: Invalid value: "Web": {SUBDOMAIN}'),
    ("no namespace", {"namespace": ""}, "metadata.namespace: Required value"),
    (
        "a long name",
        {"name": "a" * 254},
        f'metadata.name: Invalid value: "{"a" * 254}": must be no more than 253 bytes',
    ),
    (
        "a bad label key",
        {"labels": {"a b": "c"}},
        "metadata.labels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', "
        "and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "
        "used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ),
    (
        "a bad label value",
        {"labels": {"a": "b c"}},
        'metadata.labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric '
        "characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
        "'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ),
    (
        "a long label value",
        {"labels": {"a": "b" * 64}},
        f'metadata.labels: Invalid value: "{"b" * 64}": must be no more than 63 bytes',
    ),
    ("an empty prefix", {"labels": {"/a": ""}}, 'metadata.labels: Invalid value: "/a": prefix part must be non-empty'),
    (
        "large annotations",
        {"annotations": {"a": "b" * (256 << 10)}},
        "metadata.annotations: Too long: may not be more than 262144 bytes",
    ),
    (
        "a finalizer without domain",
        {"finalizers": ["mine"]},
        'metadata.finalizers[0]: Invalid value: "mine": '
        "name is neither a standard finalizer name nor is it fully qualified",
    ),
    (
        "contrary finalizers",
        {"finalizers": ["orphan", "foregroundDeletion"]},
        'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: '
        "finalizer orphan and foregroundDeletion cannot be both set",
    ),
    (
        "an owner without kind",
        {"ownerReferences": [{"apiVersion": "v1", "name": "a", "uid": "u"}]},
        'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
    ),
    (
        "an event as owner",
        {"ownerReferences": [{"apiVersion": "v1", "kind": "Event", "name": "a", "uid": "u"}]},
        'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"a","uid":"u"}: '
        "/v1, Kind=Event is disallowed from being an owner",
    ),
    (
        "a finalizer that is no name",
        {"finalizers": ["example.com/b/c"]},
        f'metadata.finalizers: Invalid value: "example.com/b/c": {A_QUALIFIED_NAME}',
    ),
    ("a generated name", {"name": "", "generateName": "A"}, f'metadata.generateName: Invalid value: "A": {SUBDOMAIN}'),
]


def test_good_metadata() -> None:
    extra = {
        "labels": {"app.kubernetes.io/name": "x", "a": ""},
        "annotations": {"Example.com/A": "anything"},
        "finalizers": ["foregroundDeletion", "example.com/x"],
        "generateName": "web-",
    }
    assert object_meta.validate({**GOOD, **extra}, namespaced=True) == []


@pytest.mark.parametrize(("change", "message"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_broken_rules(change: dict[str, Any], message: str) -> None:
    errors = object_meta.validate({**GOOD, **change}, namespaced=True)
    assert str(errors[0]) == message


def test_two_controllers_are_one_too_many() -> None:
    owner = {"apiVersion": "v1", "kind": "A", "name": "a", "uid": "u", "controller": True}
    errors = object_meta.validate({**GOOD, "ownerReferences": [owner, {**owner, "name": "b"}]}, namespaced=True)
    assert "Only one reference can have Controller set to true" in str(errors[0])


def test_a_cluster_scoped_object_has_no_namespace() -> None:
    (error,) = object_meta.validate(GOOD, namespaced=False)
    assert str(error) == "metadata.namespace: Forbidden: not allowed on this type"


@pytest.mark.parametrize("key", ["name", "uid", "creationTimestamp", "deletionTimestamp"])
def test_what_never_changes(key: str) -> None:
    (error,) = object_meta.validate_update({**GOOD, key: "b"}, {**GOOD, key: "a"})
    assert str(error) == f'metadata.{key}: Invalid value: "b": field is immutable'


@pytest.mark.parametrize(
    ("rule", "name", "good"),
    [
        ("label", "a-1", True),
        ("label", "a.b", False),
        ("label_1035", "1a", False),
        ("label_1035", "a1", True),
        ("path_segment", "system:node", True),
        ("path_segment", "a/b", False),
        ("path_segment", "..", False),
    ],
)
def test_kinds_of_names(rule: str, name: str, good: bool) -> None:
    assert (object_meta.NAME_RULES[rule](name) == []) is good
