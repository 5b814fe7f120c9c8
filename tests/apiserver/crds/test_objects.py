"""Custom resources as clients write and read them."""

from pathlib import Path
from typing import Any

import pytest
from tests.apiserver.crds.definitions import DEFINITIONS, GROUP, SCHEMA, cron_tab, define, definition, path, version
from tests.support.api import Api, running_api

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
APPLY = "application/apply-patch+yaml"
WITH_STATUS = {"subresources": {"status": {}}}


async def test_unknown_fields_are_pruned_and_told() -> None:
    async with running_api() as api:
        await define(api, definition())
        obj = cron_tab("a", other=1)
        obj["spec"]["unknown"] = True
        obj["metadata"]["odd"] = "x"
        answer = await api.post(path(), obj)
        assert answer.code == 201
        assert "unknown" not in answer.body["spec"] and "other" not in answer.body
        warnings = answer.header("warning")
        assert [text.split('"')[1:-1] for text in warnings] == [
            text.split('"')[1:-1]
            for text in (
                '299 - "unknown field \\"metadata.odd\\""',
                '299 - "unknown field \\"other\\""',
                '299 - "unknown field \\"spec.unknown\\""',
            )
        ]
        strict = await api.post(path(), obj, "fieldValidation=Strict")
        assert (strict.code, strict.message) == (
            400,
            'CronTab in version "v1" cannot be handled as a CronTab: strict decoding error: unknown field '
            '"metadata.odd", unknown field "other", unknown field "spec.unknown"',
        )
        obj["metadata"]["name"] = "b"
        assert (await api.post(path(), obj, "fieldValidation=Ignore")).header("warning") == []


async def test_unknown_metadata_of_embedded_objects_is_told() -> None:
    embedded = {
        "type": "object",
        "x-kubernetes-embedded-resource": True,
        "x-kubernetes-preserve-unknown-fields": True,
    }
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"template": embedded}}}}
    async with running_api() as api:
        await define(api, definition(version(schema=schema)))
        template = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "odd": 1}, "free": {"a": 1}}
        obj = cron_tab("a", spec={"template": template})
        strict = await api.post(path(), obj, "fieldValidation=Strict")
        assert strict.message.endswith('strict decoding error: unknown field "spec.template.metadata.odd"')
        found = (await api.post(path(), obj)).body["spec"]["template"]
        assert found == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "free": {"a": 1}}
        missing = cron_tab("b", spec={"template": {"metadata": {"labels": {"a b": "c"}}}})
        answer = await api.post(path(), missing)
        fields = [cause["field"] for cause in answer.body["details"]["causes"]]
        assert fields == ["spec.template.apiVersion", "spec.template.kind", "spec.template.metadata.labels"]


async def test_values_are_validated_and_rules_checked() -> None:
    rule = {"rule": "self.replicas <= 3 || self.image == 'big'", "message": "too many for a small image"}
    schema: Any = {
        **SCHEMA,
        "properties": {"spec": {**SCHEMA["properties"]["spec"], "x-kubernetes-validations": [rule]}},  # type: ignore[index]
    }
    async with running_api() as api:
        await define(api, definition(version(schema=schema)))
        many = cron_tab("a", spec={"cronSpec": "x", "replicas": 9})
        answer = await api.post(path(), many)
        assert (answer.code, answer.message) == (
            422,
            f'CronTab.{GROUP} "a" is invalid: [spec.replicas: Invalid value: 9: spec.replicas in body should be less '
            'than or equal to 5, spec: Invalid value: "object": no such key: image evaluating rule: too many for a '
            "small image]",
        )
        wrong = cron_tab("a", spec={"replicas": "x"})
        assert (await api.post(path(), wrong)).message == (
            f'CronTab.{GROUP} "a" is invalid: [spec.cronSpec: Required value, spec.replicas: Invalid value: "x": '
            'spec.replicas in body must be of type integer: "string", <nil>: Invalid value: "null": some validation '
            "rules were not checked because the object was invalid; correct the existing errors to complete validation]"
        )
        small = cron_tab("a", spec={"cronSpec": "x", "replicas": 4, "image": "small"})
        answer = await api.post(path(), small)
        assert answer.message == (
            f'CronTab.{GROUP} "a" is invalid: spec: Invalid value: "object": too many for a small image'
        )
        assert (await api.post(path(), cron_tab("a", spec={"cronSpec": "x", "image": "x"}))).code == 201


async def test_stored_objects_may_stay_as_they_are_when_rules_become_stricter() -> None:
    async with running_api() as api:
        await define(api, definition())
        assert (await api.post(path(), cron_tab("a", spec={"cronSpec": "x", "replicas": 5}))).code == 201
        stored = (await api.get(f"{DEFINITIONS}/crontabs.{GROUP}")).body
        spec = stored["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        spec["properties"]["replicas"]["maximum"] = 2
        spec["properties"]["cronSpec"]["x-kubernetes-validations"] = [{"rule": "self.size() > 3", "message": "short"}]
        assert (await api.put(f"{DEFINITIONS}/crontabs.{GROUP}", stored)).code == 200
        answer = await api.patch(path("a"), {"spec": {"image": "new"}})
        assert answer.code == 200, answer
        assert any("short" in text for text in answer.header("warning"))
        assert (await api.patch(path("a"), {"spec": {"replicas": 4}})).code == 422
        assert (await api.patch(path("a"), {"spec": {"cronSpec": "y"}})).code == 422


async def test_status_and_generation() -> None:
    async with running_api() as api:
        await define(api, definition(version(**WITH_STATUS)))
        made = await api.post(path(), cron_tab("a", status={"phase": "x"}))
        assert "status" not in made.body and made.body["metadata"]["generation"] == 1
        patch = {"status": {"phase": "up"}, "spec": {"image": "no"}, "metadata": {"labels": {"a": "b"}}}
        found = (await api.patch(path("a/status"), patch)).body
        assert found["status"] == {"phase": "up"}
        assert "image" not in found["spec"] and "labels" not in found["metadata"]
        assert found["metadata"]["generation"] == 1
        found = (await api.patch(path("a"), {"spec": {"image": "new"}, "status": {"phase": "down"}})).body
        assert found["status"] == {"phase": "up"} and found["metadata"]["generation"] == 2
        found = (await api.patch(path("a"), {"metadata": {"labels": {"a": "b"}}})).body
        assert found["metadata"]["generation"] == 2


async def test_without_a_status_subresource_status_is_a_field() -> None:
    async with running_api() as api:
        await define(api, definition())
        made = await api.post(path(), cron_tab("a", status={"phase": "x"}))
        assert made.body["status"] == {"phase": "x"}
        found = (await api.patch(path("a"), {"status": {"phase": "y"}})).body
        assert found["metadata"]["generation"] == 2
        assert (await api.get(path("a/status"))).code == 404


async def test_scale() -> None:
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.now",
        "labelSelectorPath": ".status.who",
    }
    async with running_api() as api:
        await define(api, definition(version(subresources={"status": {}, "scale": scale})))
        await api.post(path(), cron_tab("a"))
        await api.patch(path("a/status"), {"status": {"now": 4, "who": "app=x"}})
        found = (await api.get(path("a/scale"))).body
        assert (found["kind"], found["spec"], found["status"]) == (
            "Scale",
            {"replicas": 1},
            {"replicas": 4, "selector": "app=x"},
        )
        found = await api.patch(path("a/scale"), {"spec": {"replicas": 3}})
        assert found.body["spec"] == {"replicas": 3}
        whole = (await api.get(path("a"))).body
        assert whole["spec"]["replicas"] == 3 and whole["metadata"]["generation"] == 2
        sent = (await api.get(path("a/scale"))).body
        sent["spec"]["replicas"] = 9
        assert (await api.put(path("a/scale"), sent)).code == 422


async def test_columns() -> None:
    columns = [
        {"name": "Spec", "type": "string", "jsonPath": ".spec.cronSpec", "description": "when"},
        {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas", "priority": 1},
        {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    async with running_api() as api:
        await define(api, definition(version(additionalPrinterColumns=columns)))
        conditions = [{"type": "Other", "status": "False"}, {"type": "Ready", "status": "True"}]
        await api.post(path(), cron_tab("a", status={"conditions": conditions}))
        table = (await api.get(path(), accept=TABLE)).body
        assert [(c["name"], c["type"], c["priority"]) for c in table["columnDefinitions"]] == [
            ("Name", "string", 0), ("Spec", "string", 0), ("Replicas", "integer", 1), ("Ready", "string", 0),
            ("Age", "date", 0),
        ]  # fmt: skip
        assert table["columnDefinitions"][1]["description"] == "when"
        assert table["rows"][0]["cells"][:4] == ["a", "* * * * *", 1, "True"]
        assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        one = (await api.get(path("a"), accept=TABLE)).body
        assert one["rows"][0]["cells"][0] == "a"
        watching = await api.watch(path(), "resourceVersion=0", accept=TABLE)
        assert watching.events[0]["object"]["rows"][0]["cells"][1] == "* * * * *"


async def test_without_columns_there_is_the_age() -> None:
    async with running_api() as api:
        await define(api, definition())
        await api.post(path(), cron_tab("a"))
        table = (await api.get(path(), accept=TABLE)).body
        assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Age"]


async def test_selectable_fields_in_lists_and_watches() -> None:
    async with running_api() as api:
        fields = [{"jsonPath": ".spec.image"}, {"jsonPath": ".spec.replicas"}]
        await define(api, definition(version(selectableFields=fields)))
        for name, image in (("a", "x"), ("b", "y"), ("c", "x")):
            await api.post(path(), cron_tab(name, spec={"cronSpec": "1", "image": image}))
        found = (await api.get(path(), "fieldSelector=spec.image%3Dx")).body
        assert [item["metadata"]["name"] for item in found["items"]] == ["a", "c"]
        found = (await api.get(path(), "fieldSelector=spec.image%3Dx,spec.replicas%3D1,metadata.name%3Dc")).body
        assert [item["metadata"]["name"] for item in found["items"]] == ["c"]
        watching = await api.watch(path(), "fieldSelector=spec.image%3Dx&resourceVersion=0")
        await api.patch(path("a"), {"spec": {"image": "y"}})
        await api.patch(path("b"), {"spec": {"image": "x"}})
        await watching.received(4)
        assert watching.seen == [("ADDED", "a"), ("ADDED", "c"), ("DELETED", "a"), ("ADDED", "b")]
        refused = await api.get(path(), "fieldSelector=spec.cronSpec%3D1")
        assert (refused.code, refused.message) == (
            400,
            "field label not supported: spec.cronSpec",
        ) or refused.code == 400
        await api.delete(path(), query="fieldSelector=spec.image%3Dx")
        found = (await api.get(path())).body
        assert [item["metadata"]["name"] for item in found["items"]] == ["a"]


async def test_selectable_fields_may_be_added_later() -> None:
    async with running_api() as api:
        await define(api, definition())
        await api.post(path(), cron_tab("a", spec={"cronSpec": "1", "image": "x"}))
        url = f"{DEFINITIONS}/crontabs.{GROUP}"
        stored = (await api.get(url)).body
        stored["spec"]["versions"][0]["selectableFields"] = [{"jsonPath": ".spec.image"}]
        assert (await api.put(url, stored)).code == 200
        found = (await api.get(path(), "fieldSelector=spec.image%3Dx")).body
        assert len(found["items"]) == 1


async def test_patches_and_apply() -> None:
    async with running_api() as api:
        await define(api, definition())
        assert (await api.patch(path("a"), cron_tab("a"), APPLY, "fieldManager=me")).code == 201
        answer = await api.patch(path("a"), cron_tab("a", spec={"cronSpec": "other"}), APPLY, "fieldManager=you")
        assert answer.code == 409 and ".spec.cronSpec" in answer.message
        steps = [{"op": "add", "path": "/spec/image", "value": "x"}]
        assert (await api.patch(path("a"), steps, "application/json-patch+json")).body["spec"]["image"] == "x"
        refused = await api.patch(path("a"), {}, "application/strategic-merge-patch+json")
        assert (refused.code, refused.message) == (
            415,
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        )


async def test_updates_need_a_resource_version() -> None:
    async with running_api() as api:
        await define(api, definition())
        await api.post(path(), cron_tab("a"))
        answer = await api.put(path("a"), cron_tab("a"))
        assert answer.code == 422 and "metadata.resourceVersion" in answer.message


async def test_protobuf_is_refused() -> None:
    async with running_api() as api:
        await define(api, definition())
        await api.post(path(), cron_tab("a"))
        assert (await api.get(path("a"), accept="application/vnd.kubernetes.protobuf")).code == 406
        answer = await api.post(path(), b"k8s\0", media="application/vnd.kubernetes.protobuf")
        assert answer.code == 415


async def test_finalizers_without_a_domain_are_taken_with_a_warning() -> None:
    async with running_api() as api:
        await define(api, definition())
        obj = cron_tab("a")
        obj["metadata"]["finalizers"] = ["plain.example.com"]
        answer = await api.post(path(), obj)
        assert answer.code == 201
        assert "prefer a domain-qualified finalizer name" in answer.header("warning")[0]


@pytest.mark.parametrize("namespace", ["default", "missing"])
async def test_namespaces_hold_custom_resources(namespace: str) -> None:
    async with running_api() as api:
        await define(api, definition())
        answer = await api.post(f"/apis/{GROUP}/v1/namespaces/{namespace}/crontabs", cron_tab("a"))
        assert answer.code == (201 if namespace == "default" else 404)


async def _schemas(api: Api, openapi: int) -> dict[str, Any]:
    if openapi == 2:
        found: dict[str, Any] = (await api.get("/openapi/v2")).body["definitions"]
        return found
    answer = await api.get(f"/openapi/v3/apis/{GROUP}/v1")
    return dict(answer.body["components"]["schemas"]) if answer.code == 200 else {}


async def test_openapi_has_the_schema_and_follows_changes() -> None:
    model = "com.example.stable.v1.CronTab"
    async with running_api() as api:
        before = await api.get("/openapi/v2")
        schema = {**SCHEMA, "description": "A job", "properties": {**SCHEMA["properties"]}}  # type: ignore[dict-item]
        await define(api, definition(version("v1", schema=schema), version("v2", storage=False)))
        v2, v3 = await _schemas(api, 2), await _schemas(api, 3)
        for found in (v2[model], v3[model]):
            assert found["description"] == "A job"
            assert found["properties"]["spec"]["properties"]["replicas"]["default"] == 1
            assert found["properties"]["apiVersion"]["type"] == "string"
            assert found["x-kubernetes-group-version-kind"] == [{"group": GROUP, "kind": "CronTab", "version": "v1"}]
        assert "type" not in v2[model]["properties"]["status"]
        assert v3[model]["properties"]["status"]["x-kubernetes-preserve-unknown-fields"] is True
        assert v2[f"{model}List"]["properties"]["items"]["items"] == {"$ref": f"#/definitions/{model}"}
        index = (await api.get("/openapi/v3")).body["paths"]
        assert f"apis/{GROUP}/v1" in index
        url = f"{DEFINITIONS}/crontabs.{GROUP}"
        stored = (await api.get(url)).body
        stored["spec"]["versions"][1]["served"] = False
        stored["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = "B"
        assert (await api.put(url, stored)).code == 200
        changed = (await api.get("/openapi/v3")).body["paths"]
        assert f"apis/{GROUP}/v2" not in changed and changed[f"apis/{GROUP}/v1"] != index[f"apis/{GROUP}/v1"]
        after = await api.get("/openapi/v2")
        assert after.header("etag") != before.header("etag")
        assert "com.example.stable.v2.CronTab" not in after.body["definitions"]
        assert after.body["definitions"][model]["description"] == "B"


async def test_openapi_of_several_definitions() -> None:
    async with running_api() as api:
        await define(api, definition())
        await define(api, definition(plural="others", kind="Other"))
        await define(api, definition(plural="foos", kind="Foo", group="other.example.com"))
        names = set(await _schemas(api, 2))
        assert {"com.example.stable.v1.CronTab", "com.example.stable.v1.Other", "com.example.other.v1.Foo"} <= names
        free = {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"spec": {"type": "object"}},
        }
        await define(api, definition(version(schema=free), plural="frees", kind="Free"))
        assert "properties" not in (await _schemas(api, 2))["com.example.stable.v1.Free"]
        assert "spec" in (await _schemas(api, 3))["com.example.stable.v1.Free"]["properties"]


async def test_owners_of_fields_are_known_across_versions() -> None:
    async with running_api() as api:
        await define(api, definition(version("v1"), version("v2", storage=False)))
        config = cron_tab("a", spec={"cronSpec": "x", "image": "i"})
        assert (await api.patch(path("a"), config, APPLY, "fieldManager=me")).code == 201
        other = cron_tab("a", version="v2", spec={"cronSpec": "y"})
        answer = await api.patch(path("a", version="v2"), other, APPLY, "fieldManager=you")
        assert answer.code == 409 and 'conflict with "me": .spec.cronSpec' in answer.message
        mine = cron_tab("a", version="v2", spec={"cronSpec": "z"})
        answer = await api.patch(path("a", version="v2"), mine, APPLY, "fieldManager=me")
        assert answer.code == 200
        assert answer.body["spec"] == {"cronSpec": "z", "replicas": 1}


async def test_definitions_and_objects_outlive_the_server(tmp_path: Path) -> None:
    from pybernetes.store.sqlite import SqliteStore

    file = str(tmp_path / "state.db")
    async with running_api(store=SqliteStore(file)) as api:
        await define(api, definition(version("v1", storage=False), version("v2")))
        assert (await api.post(path(), cron_tab("a"))).code == 201
    async with running_api(store=SqliteStore(file)) as api:
        for name in ("v1", "v2"):
            assert (await api.get(path("a", version=name))).body["apiVersion"] == f"{GROUP}/{name}"
        assert (await api.patch(path("a"), {"spec": {"image": "x"}})).code == 200
        assert (await api.delete(f"{DEFINITIONS}/crontabs.{GROUP}")).code == 200


async def test_openapi_v2_says_what_it_can() -> None:
    fields = {
        "maybe": {"type": "string", "nullable": True},
        "free": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"a": {"type": "string"}},
        },
        "either": {"type": "integer", "anyOf": [{"minimum": 1}]},
    }
    spec = {"type": "object", "required": ["maybe", "either"], "properties": fields}
    async with running_api() as api:
        await define(api, definition(version(schema={"type": "object", "properties": {"spec": spec}})))
        found = (await _schemas(api, 2))["com.example.stable.v1.CronTab"]["properties"]["spec"]
        assert found == {
            "type": "object",
            "required": ["either"],
            "properties": {
                "maybe": {},
                "free": {"x-kubernetes-preserve-unknown-fields": True},
                "either": {"type": "integer"},
            },
        }
        answer = await api.get("/openapi/v2", accept="application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
        assert answer.code == 200 and b"com.example.stable.v1.CronTab" in answer.raw
