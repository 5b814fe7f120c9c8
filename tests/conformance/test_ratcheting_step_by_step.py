"""CRDValidationRatcheting, step by step (test/e2e/apimachinery/crd_validation_ratcheting.go): what a schema refuses of
objects stored before it, and what it lets be."""

from typing import Any

import pytest
from tests.apiserver.crds.definitions import DEFINITIONS, FREE, definition, path, version
from tests.support.api import Answer, Api, running_api

Object = dict[str, Any]
TEXT: Object = {"type": "string"}
APPLY = "application/apply-patch+yaml"
DOTTED = ("field", "struct.field", "list[0].field", "list[1].field", "map.foo.field", "map.bar.field")
KEYED = (*DOTTED[:4], "map[foo].field", "map[bar].field")
ARRAYS = ("setArray", "atomicArray")
NOT_FOO = {"rule": 'self != "foo"'}
CHANGED = {"rule": "self != oldSelf"}
MAYBE_CHANGED = {"rule": "!oldSelf.hasValue() || self != oldSelf.value()", "optionalOldSelf": True}


def of_fields(field: Object, **others: Object) -> Object:
    """A schema that has the field on its own, in a struct, in the members of a map list and in a map."""
    holder = {"type": "object", "properties": {"field": field, **others}}
    member = {"type": "object", "properties": {"key": TEXT, "field": field, **others}, "required": ["key"]}
    keyed = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["key"], "maxItems": 5}
    properties = {
        "field": field,
        **others,
        "struct": holder,
        "list": {**keyed, "items": member},
        "map": {"type": "object", "additionalProperties": holder, "maxProperties": 5},
    }
    return {"type": "object", "properties": properties}


def of_arrays(item: Object) -> Object:
    array = {"type": "array", "items": item}
    properties = {"atomicArray": array, "setArray": {**array, "x-kubernetes-list-type": "set"}}
    return {"type": "object", "properties": properties}


def fields(value: str, **others: str) -> Object:
    """An object of `of_fields` that has this value everywhere."""
    held = {"field": value, **others}
    members = [{"key": key, **held} for key in ("foo", "bar")]
    return {**held, "struct": held, "list": members, "map": {"foo": held, "bar": held}}


def arrays(*items: str) -> Object:
    return {"setArray": list(items), "atomicArray": list(items)}


async def apply(api: Api, found: Object, **metadata: Any) -> Answer:
    known = {"apiVersion": "stable.example.com/v1", "kind": "CronTab", "metadata": {"name": "test-resource"}}
    body = {**known, **found}
    body["metadata"] = {**body["metadata"], **metadata}
    return await api.patch(path("test-resource"), body, APPLY, "fieldManager=manager")


async def set_schema(api: Api, schema: Object) -> None:
    stored = (await api.get(f"{DEFINITIONS}/crontabs.stable.example.com")).body
    stored["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema
    answer = await api.put(f"{DEFINITIONS}/crontabs.stable.example.com", stored)
    assert answer.code == 200, answer


LABELS = {"labels": {"foo": "bar"}}
THREE = arrays("foo", "bar", "baz")
FOUR = arrays("foo", "bar", "baz", "notfoo")
NEW_MEMBER = {"key": "baz", "field": "foo", "other": "doesntmatter"}
WIDER = fields("notfoo", other="doesntmatter")
WIDER_LIST = {**WIDER, "list": [*WIDER["list"], NEW_MEMBER]}
EQUAL = {**TEXT, "x-kubernetes-validations": [{"rule": 'self == "foo"'}]}
MOVED = {**TEXT, "maxLength": 5, "x-kubernetes-validations": [CHANGED]}


@pytest.mark.parametrize(
    ("stored", "schema", "applied", "metadata", "refused"),
    [
        pytest.param(
            fields("foo"), of_fields({**TEXT, "enum": ["notfoo"]}), fields("foo"), LABELS, (), id="unchanged, enum"
        ),
        pytest.param(
            THREE, of_arrays({**TEXT, "enum": ["notfoo", "notbar", "notbaz"]}), FOUR, LABELS, ARRAYS, id="lists, enum"
        ),
        pytest.param(
            fields("foo"), of_fields({**TEXT, "enum": ["foo"]}), fields("notfoo"), {}, DOTTED, id="changed, enum"
        ),
        pytest.param(fields("notfoo"), of_fields(EQUAL, other=TEXT), WIDER_LIST, {}, (), id="unchanged, rule"),
        pytest.param(
            THREE,
            of_arrays({**TEXT, "x-kubernetes-validations": [NOT_FOO]}),
            FOUR,
            LABELS,
            ARRAYS,
            id="lists, rule",
        ),
        pytest.param(fields("foo"), of_fields(EQUAL), fields("notfoo"), {}, KEYED, id="changed, rule"),
        pytest.param(fields("foo"), of_fields(MOVED), fields("foo"), LABELS, KEYED, id="transition rules"),
    ],
)
async def test_what_a_schema_that_came_later_refuses(
    stored: Object, schema: Object, applied: Object, metadata: Object, refused: tuple[str, ...]
) -> None:
    async with running_api() as api:
        assert (await api.post(DEFINITIONS, definition(version(schema=FREE)))).code == 201
        assert (await apply(api, stored)).code == 201
        await set_schema(api, schema)
        answer = await apply(api, applied, **metadata)
        assert answer.code == (422 if refused else 200), answer
        assert [one for one in refused if one not in str(answer.body.get("message"))] == []


async def test_optional_old_self_is_nothing_for_new_values() -> None:
    async with running_api() as api:
        schema = of_fields({**TEXT, "maxLength": 5, "x-kubernetes-validations": [MAYBE_CHANGED]})
        assert (await api.post(DEFINITIONS, definition(version(schema=FREE)))).code == 201
        await set_schema(api, schema)
        assert (await apply(api, fields("foo"))).code == 201
        labelled = await apply(api, fields("foo"), **LABELS)
        assert labelled.code == 422
        assert [one for one in KEYED if one not in labelled.message] == []
        assert (await apply(api, fields("new"))).code == 200
