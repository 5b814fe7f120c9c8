"""Conformance: CustomResourcePublishOpenAPI, the nine behaviours by name.

What upstream looks at through `kubectl explain` and kubectl's validation is the definition in `/openapi/v2` (and v3):
here it is read where they read it.
"""

from typing import Any

import pytest
from tests.apiserver.crds.definitions import DEFINITIONS, define, definition, version
from tests.support.api import Api, running_api

Object = dict[str, Any]
TEXT = {"type": "string"}
BAR = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {**TEXT, "description": "Name of Bar."},
        "feeling": {**TEXT, "enum": ["Great", "Down"]},
        "bazs": {"type": "array", "items": TEXT, "description": "List of Bazs."},
    },
}
SPEC = {
    "type": "object",
    "description": "Specification of Foo",
    "properties": {"bars": {"type": "array", "description": "List of Bars and their specs.", "items": BAR}},
}
FOO = {"type": "object", "description": "Foo CRD for Testing", "properties": {"spec": SPEC}}
WALDO = {
    "type": "object",
    "description": "Waldo CRD for Testing",
    "properties": {"spec": {**SPEC, "description": "Specification of Waldo"}},
}
ROOT = {
    "type": "object",
    "description": "preserve-unknown-properties at root for Testing",
    "x-kubernetes-preserve-unknown-fields": True,
}
NESTED = {
    "type": "object",
    "description": "preserve-unknown-properties in nested field for Testing",
    "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
}
NOTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def foo(name: str, *versions: Object, kind: str = "Foo") -> Object:
    """A definition in a group of its own."""
    return definition(*versions, plural=f"{kind.lower()}s", kind=kind, group=f"{name}.example.com")


def model(name: str, version: str = "v1", kind: str = "Foo") -> str:
    return f"com.example.{name}.{version}.{kind}"


async def published(api: Api) -> Object:
    found: Object = (await api.get("/openapi/v2")).body["definitions"]
    return found


async def body_of(api: Api, name: str, obj: Object, code: int = 201) -> Any:
    """Create and delete an object through the published version."""
    path = f"/apis/{name}.example.com/v1/namespaces/default/foos"
    whole = {"apiVersion": f"{name}.example.com/v1", "kind": "Foo", "metadata": {"name": "test"}, **obj}
    answer = await api.post(path, whole, query="fieldValidation=Strict")
    assert answer.code == code, answer
    if code == 201:
        assert (await api.delete(f"{path}/test")).code == 200
        applied = await api.patch(
            f"{path}/test", whole, "application/apply-patch+yaml", "fieldManager=kubectl&fieldValidation=Strict"
        )
        assert applied.code == 201, applied
    return answer.body


async def test_works_for_a_definition_with_validation_schema() -> None:
    async with running_api() as api:
        await define(api, foo("schema", version(schema=FOO)))
        found = (await published(api))[model("schema")]
        assert found["description"] == "Foo CRD for Testing"
        assert found["properties"]["spec"] == SPEC
        assert found["properties"]["apiVersion"]["description"].startswith("APIVersion defines")
        reference = found["properties"]["metadata"]["$ref"]
        assert reference == "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
        await body_of(api, "schema", {"spec": {"bars": [{"name": "test-bar"}]}})
        odd = await body_of(api, "schema", {"spec": {"foo": True}}, 400)
        assert 'unknown field "spec.foo"' in odd["message"]
        lacking = await body_of(api, "schema", {"spec": {"bars": [{"bazs": ["10"]}]}}, 422)
        assert "spec.bars[0].name: Required value" in lacking["message"]
        wrong = await body_of(api, "schema", {"spec": {"bars": [{"name": "b", "feeling": "NonExistentValue"}]}}, 422)
        assert 'Unsupported value: "NonExistentValue"' in wrong["message"]


async def test_works_for_a_definition_without_validation_schema() -> None:
    async with running_api() as api:
        await define(api, foo("empty", version(schema=NOTHING)))
        found = (await published(api))[model("empty")]
        assert "description" not in found and "properties" not in found
        await body_of(api, "empty", {"a": {"b": [{"c": "d"}]}})


async def test_works_for_a_definition_that_preserves_unknown_fields_at_the_root() -> None:
    async with running_api() as api:
        await define(api, foo("root", version(schema=ROOT)))
        found = (await published(api))[model("root")]
        assert found["description"] == ROOT["description"]
        kind = {"group": "root.example.com", "kind": "Foo", "version": "v1"}
        assert found["x-kubernetes-group-version-kind"] == [kind]
        made = await body_of(api, "root", {"a": {"b": [{"c": "d"}]}})
        assert made["a"] == {"b": [{"c": "d"}]}


async def test_works_for_a_definition_that_preserves_unknown_fields_in_an_embedded_object() -> None:
    async with running_api() as api:
        await define(api, foo("nested", version(schema=NESTED)))
        found = (await published(api))[model("nested")]
        assert found["description"] == NESTED["description"]
        assert found["properties"]["spec"] == {"x-kubernetes-preserve-unknown-fields": True}
        made = await body_of(api, "nested", {"spec": {"b": [{"c": "d"}]}})
        assert made["spec"] == {"b": [{"c": "d"}]}


async def test_definitions_of_different_groups_are_all_published() -> None:
    async with running_api() as api:
        await define(api, foo("one", version(schema=FOO)))
        await define(api, foo("two", version("v1beta1", schema=WALDO), kind="Waldo"))
        found = await published(api)
        assert found[model("one")]["description"] == "Foo CRD for Testing"
        assert found[model("two", "v1beta1", "Waldo")]["description"] == "Waldo CRD for Testing"


@pytest.mark.parametrize("apart", [False, True])
async def test_definitions_of_one_group_and_different_versions_are_all_published(apart: bool) -> None:
    async with running_api() as api:
        if apart:
            await define(api, foo("same", version("v1", schema=FOO)))
            await define(api, foo("same", version("v2", schema=WALDO), kind="Waldo"))
        else:
            await define(api, foo("same", version("v1", schema=FOO), version("v2", schema=FOO, storage=False)))
        found = await published(api)
        assert model("same") in found
        assert model("same", "v2", "Waldo" if apart else "Foo") in found


async def test_definitions_of_one_group_and_version_and_different_kinds_are_all_published() -> None:
    async with running_api() as api:
        await define(api, foo("kinds", version(schema=FOO)))
        await define(api, foo("kinds", version(schema=WALDO), kind="Waldo"))
        found = await published(api)
        assert {model("kinds"), model("kinds", kind="Waldo")} <= set(found)


async def test_a_renamed_version_is_published_under_its_new_name() -> None:
    two = version("v2", schema=FOO), version("v3", schema=FOO, storage=False)
    async with running_api() as api:
        await define(api, foo("rename", *two))
        before = await published(api)
        assert {model("rename", "v2"), model("rename", "v3")} <= set(before)
        steps = [{"op": "test", "path": "/spec/versions/1/name", "value": "v3"}]
        steps.append({"op": "replace", "path": "/spec/versions/1/name", "value": "v4"})
        url = f"{DEFINITIONS}/foos.rename.example.com"
        assert (await api.patch(url, steps, "application/json-patch+json")).code == 200
        after = await published(api)
        assert model("rename", "v4") in after and model("rename", "v3") not in after
        assert after[model("rename", "v2")] == before[model("rename", "v2")]


async def test_a_version_that_is_served_no_longer_is_taken_out() -> None:
    two = version("v5", schema=FOO), version("v6alpha1", schema=FOO, storage=False)
    async with running_api() as api:
        await define(api, foo("unserved", *two))
        before = await published(api)
        steps = [{"op": "replace", "path": "/spec/versions/1/served", "value": False}]
        url = f"{DEFINITIONS}/foos.unserved.example.com"
        assert (await api.patch(url, steps, "application/json-patch+json")).code == 200
        after = await published(api)
        assert model("unserved", "v6alpha1") in before and model("unserved", "v6alpha1") not in after
        assert after[model("unserved", "v5")] == before[model("unserved", "v5")]
