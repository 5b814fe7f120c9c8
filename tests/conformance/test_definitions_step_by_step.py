"""[sig-api-machinery] on definitions, their status and field validation, step by step with the suite's own bodies."""

from typing import Any

import pytest
from tests.apiserver.crds.definitions import DEFINITIONS
from tests.support.api import Api, running_api

Object = dict[str, Any]
GROUP = "mygroup.example.com"
OBJECTS = f"/apis/{GROUP}/v1beta1/noxus"
FREE: Object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
TEXT = {"type": "string"}
PORT = {
    "type": "object",
    "required": ["containerPort", "protocol"],
    "properties": {
        "containerPort": {"format": "int32", "type": "integer"},
        "hostIP": TEXT,
        "hostPort": {"format": "int32", "type": "integer"},
        "name": TEXT,
        "protocol": TEXT,
    },
}
FIELDS: Object = {
    "foo": TEXT,
    "cronSpec": {"type": "string", "pattern": r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$"},
    "ports": {
        "type": "array",
        "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
        "x-kubernetes-list-type": "map",
        "items": PORT,
    },
}
EMBEDDED = {
    "type": "object",
    "x-kubernetes-embedded-resource": True,
    "properties": {"metadata": {"type": "object", "properties": {"name": TEXT}}, "spec": {"type": "object"}},
}


def of_spec(**fields: Any) -> Object:
    """A schema whose spec has these fields besides `FIELDS`."""
    spec: Object = {"type": "object", "properties": {**fields, **FIELDS}}
    return {"type": "object", "properties": {"spec": spec}}


def keeping(schema: Object) -> Object:
    spec = {**schema["properties"]["spec"], "x-kubernetes-preserve-unknown-fields": True}
    return {**schema, "properties": {"spec": spec}}


def noxu(schema: Object, *names: str) -> Object:
    """A definition as the suite's fixtures make it; v0 is there and not served."""
    versions = [
        {
            "name": name,
            "served": name != "v0",
            "storage": name == names[0],
            "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": schema},
        }
        for name in names
    ]
    return {
        "kind": "CustomResourceDefinition",
        "apiVersion": "apiextensions.k8s.io/v1",
        "metadata": {"name": f"noxus.{GROUP}", "creationTimestamp": None},
        "spec": {
            "group": GROUP,
            "names": {
                "plural": "noxus",
                "singular": "nonenglishnoxu",
                "shortNames": ["foo", "bar", "abc", "def"],
                "kind": "WishIHadChosenNoxu",
                "listKind": "NoxuItemList",
                "categories": ["all"],
            },
            "scope": "Cluster",
            "versions": versions,
        },
        "status": {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": None},
    }


async def define(api: Api, schema: Object, *names: str) -> Object:
    answer = await api.post(DEFINITIONS, noxu(schema, *(names or ("v1beta1", "v1beta2", "v0"))))
    assert answer.code == 201, answer
    made: Object = answer.body
    return made


def text(spec: str, *, metadata: str = "", top: str = "") -> bytes:
    return (
        f"\napiVersion: {GROUP}/v1beta1\nkind: WishIHadChosenNoxu\nmetadata:\n  name: mytest\n{metadata}"
        f'  finalizers:\n  - test-finalizer\n{top}spec:\n{spec}  cronSpec: "* * * * */5"\n  ports:\n  - name: x\n'
        "    containerPort: 80\n    protocol: TCP"
    ).encode()


SUB = (
    "  template:\n    apiversion: foo/v1\n    kind: Sub\n    metadata:\n        unknownSubMeta: unknown\n"
    "        name: subobject\n        namespace: ns\n"
)


@pytest.mark.parametrize(
    ("schema", "body", "words"),
    [
        pytest.param(of_spec(), text("  foo: foo1\n"), [], id="valid"),
        pytest.param(FREE, text("  unknown: uk1\n"), [], id="no schema"),
        pytest.param(
            of_spec(),
            text("  foo: foo1\n", top="unknownField: unknown\n"),
            [".unknownField: field not declared in schema"],
            id="extra property",
        ),
        pytest.param(
            keeping(of_spec(template=EMBEDDED)),
            text(SUB + "  foo: foo1\n", metadata="  unknownMeta: unknown\n"),
            [
                ".spec.template.metadata.unknownSubMeta: field not declared in schema",
                ".metadata.unknownMeta: field not declared in schema",
            ],
            id="unknown metadata",
        ),
        pytest.param(
            keeping(of_spec()),
            text("  unknown: uk1\n  foo: foo1\n  foo: foo2\n"),
            ['line 11: key "foo" already set in map'],
            id="duplicate",
        ),
    ],
)
async def test_field_validation(schema: Object, body: bytes, words: list[str]) -> None:
    async with running_api() as api:
        await define(api, schema)
        query = "fieldManager=field_validation_mgr&fieldValidation=Strict"
        answer = await api.patch(f"{OBJECTS}/mytest", body, "application/apply-patch+yaml", query)
        assert answer.code == (400 if words else 201), answer
        assert [one for one in words if one not in answer.raw.decode().replace('\\"', '"')] == []


async def test_the_status_of_a_definition_has_conditions_of_no_type() -> None:
    async with running_api() as api:
        made = await define(api, FREE)
        path = f"{DEFINITIONS}/noxus.{GROUP}/status"
        body = (await api.get(path)).body
        assert body["spec"] == made["spec"]
        nothing = {"type": "", "status": "", "lastTransitionTime": None}
        body["status"]["conditions"].append({**nothing, "message": "updated"})
        updated = await api.put(path, body)
        assert updated.code == 200, updated
        (found,) = [one for one in updated.body["status"]["conditions"] if one.get("message") == "updated"]
        assert {key: value for key, value in found.items() if value} == {"message": "updated"}
        steps = [{"op": "add", "path": "/status/conditions", "value": [{"message": "patched"}]}]
        patched = await api.patch(path, steps, "application/json-patch+json")
        assert patched.code == 200, patched
        (found,) = [one for one in patched.body["status"]["conditions"] if one.get("message") == "patched"]
        assert {key: value for key, value in found.items() if value} == {"message": "patched"}


async def test_a_default_is_set_on_read_and_stays_where_it_was_stored() -> None:
    async with running_api() as api:
        schema = {**FREE, "properties": {"a": TEXT, "b": TEXT}}
        await define(api, schema, "v1beta1")
        path = f"{DEFINITIONS}/noxus.{GROUP}"
        fields = "/spec/versions/0/schema/openAPIV3Schema/properties"

        async def make(name: str) -> Object:
            body = {"apiVersion": f"{GROUP}/v1beta1", "kind": "WishIHadChosenNoxu", "metadata": {"name": name}}
            answer = await api.post(OBJECTS, body)
            assert answer.code == 201, answer
            made: Object = answer.body
            return made

        async def change(*steps: Object) -> None:
            answer = await api.patch(path, list(steps), "application/json-patch+json")
            assert answer.code == 200, answer

        assert "a" not in await make("cr-1")
        await change({"op": "add", "path": f"{fields}/a/default", "value": "A"})
        assert (await api.get(f"{OBJECTS}/cr-1")).body["a"] == "A"
        assert (await make("cr-2"))["a"] == "A"
        await change(
            {"op": "remove", "path": f"{fields}/a/default"}, {"op": "add", "path": f"{fields}/b/default", "value": "B"}
        )
        second = (await api.get(f"{OBJECTS}/cr-2")).body
        assert (second["a"], second["b"]) == ("A", "B")
        first = (await api.get(f"{OBJECTS}/cr-1")).body
        assert ("a" in first, first["b"]) == (False, "B")
