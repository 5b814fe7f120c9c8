"""Decoding as Go does it: what is kept, dropped and added, and the words for what is wrong."""

import json
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.resource import ResourceInfo
from pybernetes.api.schema import load, schema_for, schema_of_type
from pybernetes.api.status import StatusError

from .objects import ENABLED, random_struct


def decoded(kind: str, obj: dict[str, Any], api_version: str = "v1") -> dict[str, Any]:
    schema = schema_for(api_version, kind)
    assert schema is not None
    assert schema.decode(obj, unknown="strict") == []
    return obj


def refused(kind: str, obj: dict[str, Any], api_version: str = "v1") -> str:
    schema = schema_for(api_version, kind)
    assert schema is not None
    with pytest.raises(StatusError) as caught:
        schema.decode(obj, unknown="strict")
    assert (caught.value.code, caught.value.reason) == (400, "BadRequest")
    start = f'{kind} in version "{api_version.rpartition("/")[2]}" cannot be handled as a {kind}: '
    assert caught.value.message.startswith(start)
    return caught.value.message.removeprefix(start)


def container(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "a", **fields}]}}


NORMALISED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "structs held by value are always written": ({}, {"metadata": {}, "spec": {"containers": None}, "status": {}}),
    "null is absent": (
        {"metadata": None, "spec": {"nodeName": None}, "status": None},
        {"metadata": {}, "spec": {"containers": None}, "status": {}},
    ),
    "empty values that omitempty drops": (
        {"metadata": {"name": "", "labels": {}, "finalizers": [], "generation": 0}, "spec": {"hostNetwork": False}},
        {"metadata": {}, "spec": {"containers": None}, "status": {}},
    ),
    "pointers keep their zeros": (
        {"spec": {"terminationGracePeriodSeconds": 0, "enableServiceLinks": False, "containers": []}},
        {
            "metadata": {},
            "spec": {"terminationGracePeriodSeconds": 0, "enableServiceLinks": False, "containers": []},
            "status": {},
        },
    ),
    "fields without omitempty get their zero": (
        {"status": {"containerStatuses": [{"name": "a"}], "conditions": [{"type": "Ready", "status": "True"}]}},
        {
            "metadata": {},
            "spec": {"containers": None},
            "status": {
                "containerStatuses": [
                    {
                        "name": "a",
                        "state": {},
                        "lastState": {},
                        "ready": False,
                        "restartCount": 0,
                        "image": "",
                        "imageID": "",
                    }
                ],
                "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": None}],
            },
        },
    ),
}


@pytest.mark.parametrize(("given", "written"), NORMALISED.values(), ids=NORMALISED)
def test_normalised(given: dict[str, Any], written: dict[str, Any]) -> None:
    assert decoded("Pod", given) == written


def test_amounts_times_and_bytes_get_their_one_form() -> None:
    pod = decoded("Pod", container(resources={"limits": {"cpu": 2, "memory": "1024Ki", "x": 0.5}}))
    assert pod["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "2", "memory": "1Mi", "x": "500m"}}
    pod = decoded("Pod", {"metadata": {"deletionTimestamp": "2026-11-24T00:52:01.7+02:00"}})
    assert pod["metadata"]["deletionTimestamp"] == "2026-11-23T22:52:01Z"
    lease = decoded("Lease", {"spec": {"renewTime": "2026-11-23T22:52:01Z"}}, "coordination.k8s.io/v1")
    assert lease["spec"]["renewTime"] == "2026-11-23T22:52:01.000000Z"
    assert decoded("Secret", {"data": {"a": "AP8=\n", "b": None}})["data"] == {"a": "AP8=", "b": None}


def test_unions_of_json_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "string"}, "default": None}, "b": {"items": [{}, {}]}},
        "additionalProperties": False,
        "dependencies": {"a": ["b"], "c": {"type": "string"}},
        "enum": ["x", 1, None],
    }
    validation = {"openAPIV3Schema": schema}
    assert schema_of_type("apiextensions/v1.CustomResourceValidation").decode(validation, unknown="strict") == []
    assert validation["openAPIV3Schema"] == {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "string"}}, "b": {"items": [{}, {}]}},
        "additionalProperties": False,
        "dependencies": {"a": ["b"], "c": {"type": "string"}},
        "enum": ["x", 1, None],
    }


WRONG: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "apps/v1",
        "Deployment",
        {"spec": {"replicas": "3"}},
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    ),
    (
        "apps/v1",
        "Deployment",
        {"spec": {"replicas": 2**31}},
        "json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32",
    ),
    (
        "apps/v1",
        "Deployment",
        {"spec": []},
        "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec",
    ),
    (
        "v1",
        "Pod",
        container(env=[{"name": "A", "value": 1}]),
        "json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string",
    ),
    (
        "v1",
        "Pod",
        {"spec": {"containers": {}}},
        "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
    ),
    (
        "v1",
        "Pod",
        container(imagePullPolicy=True),
        "json: cannot unmarshal bool into Go struct field Container.spec.containers.imagePullPolicy of type "
        "v1.PullPolicy",
    ),
    (
        "v1",
        "Pod",
        {"metadata": {"labels": {"a": 1}}},
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
    ),
    (
        "v1",
        "Pod",
        {"metadata": {"creationTimestamp": "yesterday"}},
        'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ),
    (
        "v1",
        "Pod",
        container(resources={"limits": {"cpu": "much"}}),
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ),
    ("v1", "Secret", {"data": {"a": "%%%%"}}, "illegal base64 data at input byte 0"),
]


@pytest.mark.parametrize(("api_version", "kind", "obj", "message"), WRONG)
def test_a_wrong_value_is_told_as_go_tells_it(api_version: str, kind: str, obj: dict[str, Any], message: str) -> None:
    assert refused(kind, obj, api_version) == message


def test_unknown_fields() -> None:
    def given() -> dict[str, Any]:
        return {
            "foo": 1,
            "metadata": {"labels": {"foo": "fine"}},
            "spec": {"bar": 1, "containers": [{"name": "a"}, {"name": "b", "env": [{"name": "E", "baz": 1}]}]},
        }

    schema = schema_for("v1", "Pod")
    assert schema is not None
    warned = given()
    assert schema.decode(warned, unknown="warn") == [
        'unknown field "foo"',
        'unknown field "spec.bar"',
        'unknown field "spec.containers[1].env[0].baz"',
    ]
    assert "foo" not in warned
    assert warned["spec"]["containers"][1]["env"] == [{"name": "E"}]
    assert schema.decode(given(), unknown="ignore") == []
    assert refused("Pod", given()) == (
        'strict decoding error: unknown field "foo", unknown field "spec.bar", '
        'unknown field "spec.containers[1].env[0].baz"'
    )


def test_field_names_are_case_sensitive() -> None:
    assert refused("Pod", {"Spec": {}}) == 'strict decoding error: unknown field "Spec"'


def test_duplicate_keys_are_found() -> None:
    text = b'{"kind":"Pod","spec":{"x":1,"x" :2,"l":[{"a":1,"a":2}]},"kind":"Pod"}'
    document, duplicates = load(text)
    assert document == {"kind": "Pod", "spec": {"x": 2, "l": [{"a": 2}]}}
    assert duplicates == [
        'duplicate field "spec.x"',
        'duplicate field "spec.l[0].a"',
        'duplicate field "kind"',
    ]
    schema = schema_for("v1", "Pod")
    assert schema is not None
    with pytest.raises(StatusError, match='strict decoding error: duplicate field "kind"'):
        schema.decode({}, unknown="strict", duplicates=duplicates[2:])


@pytest.mark.parametrize(
    "text",
    [b'{"a" : 1}', b'{"a":"\\u0022:"}', b'{"a":"\\":"}', b'[{"a":1},{"a":1}]', b'{"a":1}\n', b"3", b'{"a":{"a":1}}'],
)
def test_documents_without_duplicates(text: bytes) -> None:
    assert load(text) == (msgspec.json.decode(text), [])


KEYS = st.sampled_from(["a", "b", ":", '":', "\u00e4"])
PAIRS: st.SearchStrategy[Any] = st.recursive(
    st.one_of(KEYS, st.integers(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(st.tuples(KEYS, inner), max_size=3).map(lambda pairs: ("object", pairs))
    ),
    max_leaves=12,
)


def written(value: Any, space: str, ascii_only: bool) -> str:
    """JSON of a value whose objects are lists of pairs, so that they can hold a key twice."""
    if isinstance(value, tuple):
        members = [f"{json.dumps(key)}{space}:{space}{written(inner, space, ascii_only)}" for key, inner in value[1]]
        return "{" + f",{space}".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(inner, space, ascii_only) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def has_twice(value: Any) -> bool:
    if isinstance(value, tuple):
        keys = [key for key, _ in value[1]]
        return len(set(keys)) < len(keys) or any(has_twice(inner) for _, inner in value[1])
    return isinstance(value, list) and any(has_twice(inner) for inner in value)


@given(PAIRS, st.sampled_from(["", " ", "\n "]), st.booleans())
def test_a_key_given_twice_is_found_in_any_spelling(value: Any, space: str, ascii_only: bool) -> None:
    text = written(value, space, ascii_only).encode()
    document, duplicates = load(text)
    assert document == json.loads(text)
    assert bool(duplicates) == has_twice(value)


def test_kinds_are_found_by_version_and_kind() -> None:
    assert schema_for("v1", "Nothing") is None
    assert schema_for("example.com/v1", "Widget") is None
    for api_version, kind, type_name in [
        ("apps/v1", "Deployment", "apps/v1.Deployment"),
        ("v1", "DeleteOptions", "meta/v1.DeleteOptions"),
        ("policy/v1", "Eviction", "policy/v1.Eviction"),
        ("v1", "List", "meta/v1.List"),
    ]:
        schema = schema_for(api_version, kind)
        assert schema is not None
        assert schema.type == type_name
    with pytest.raises(KeyError):
        schema_of_type("core/v1.ResourceList")


def test_what_is_known_of_fields() -> None:
    spec = schema_of_type("core/v1.PodSpec")
    containers = spec.fields["containers"]
    assert (containers.patch_strategies, containers.patch_merge_key, containers.list_map_keys) == (
        ("merge",),
        "name",
        ("name",),
    )
    inner = spec.struct("containers")
    assert inner is not None
    assert inner.type == "core/v1.Container"
    assert spec.struct("nodeName") is None


@pytest.mark.parametrize("info", ENABLED, ids=lambda info: f"{info.group_version}/{info.kind}")
def test_decoding_twice_changes_nothing(info: ResourceInfo) -> None:
    schema = schema_for(info.group_version, info.kind)
    assert schema is not None
    for seed in range(4):
        once = random_struct(info.schema, Random(f"again {info.schema} {seed}"), depth=6)
        schema.decode(once, unknown="strict")
        twice = msgspec.json.decode(msgspec.json.encode(once))
        schema.decode(twice, unknown="strict")
        assert twice == once
