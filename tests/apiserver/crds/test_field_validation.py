"""Strict field validation of custom resources by server-side apply (conformance: FieldValidation)."""

from typing import Any

from tests.apiserver.crds.definitions import GROUP, define, definition, path, version
from tests.support.api import Answer, Api, running_api

APPLY = "application/apply-patch+yaml"
STRICT = "fieldManager=test&fieldValidation=Strict"
FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


async def apply(api: Api, text: str, name: str = "mytest") -> Answer:
    head = f'{{"apiVersion": "{GROUP}/v1", "kind": "CronTab", "metadata": {{"name": "{name}"}}}}'
    return await api.patch(path(name), text.encode() or head.encode(), APPLY, STRICT)


def body(spec: str, metadata: str = "name: mytest") -> str:
    return f"apiVersion: {GROUP}/v1\nkind: CronTab\nmetadata:\n  {metadata}\nspec:\n{spec}\n"


async def test_a_valid_object_for_a_schema() -> None:
    async with running_api() as api:
        await define(api, definition())
        assert (await apply(api, body("  cronSpec: '* * * * *'\n  image: x"))).code == 201


async def test_unknown_fields_without_a_schema_are_kept() -> None:
    async with running_api() as api:
        await define(api, definition(version(schema=FREE)))
        answer = await apply(api, body("  foo: foo1\n  anything: {goes: [1]}"))
        assert answer.code == 201
        assert answer.body["spec"] == {"foo": "foo1", "anything": {"goes": [1]}}


async def test_extra_properties_are_refused() -> None:
    async with running_api() as api:
        await define(api, definition())
        answer = await apply(api, body("  cronSpec: x\n  extraProperty: arbitrary"))
        assert answer.code == 400
        assert ".spec.extraProperty: field not declared in schema" in answer.message


async def test_unknown_metadata_of_the_object_and_of_embedded_ones_is_refused() -> None:
    template: Any = {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": FREE}}
    schema: Any = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"template": template}}}}
    async with running_api() as api:
        await define(api, definition(version(schema=schema)))
        text = (
            "  template:\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata:\n      name: inner\n"
            "      unknownSubMeta: x\n    spec: {}"
        )
        answer = await apply(api, body(text, "name: mytest\n  unknownMeta: y"))
        assert answer.code == 400
        assert ".metadata.unknownMeta: field not declared in schema" in answer.message
        assert ".spec.template.metadata.unknownSubMeta: field not declared in schema" in answer.message


async def test_duplicates_are_refused_even_where_unknown_fields_are_kept() -> None:
    async with running_api() as api:
        await define(api, definition(version(schema=FREE)))
        answer = await apply(api, body("  foo: foo1\n  knownField1: val1\n  foo: foo2"))
        assert answer.code == 400
        assert 'line 8: key "foo" already set in map' in answer.message


async def test_webhooks_change_custom_resources_and_what_they_add_is_pruned() -> None:
    from tests.apiserver.crds.definitions import cron_tab
    from tests.support.webhook import patch, webhook_server

    async with webhook_server() as hook, running_api() as api:
        await define(api, definition())
        steps = (
            {"op": "add", "path": "/spec/image", "value": "set"},
            {"op": "add", "path": "/spec/unknown", "value": "pruned"},
        )
        rule = {"apiGroups": [GROUP], "resources": ["crontabs"]}
        configuration = {"metadata": {"name": "w"}, "webhooks": [hook.entry("change", patch(*steps), rule=rule)]}
        url = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        assert (await api.post(url, configuration)).code == 201
        answer = await api.post(path(), cron_tab("a"))
        assert answer.code == 201, answer
        assert answer.body["spec"] == {"cronSpec": "* * * * *", "image": "set", "replicas": 1}
        assert hook.asked[0][1]["object"]["kind"] == "CronTab"


async def test_webhooks_see_the_clients_version_while_another_is_stored() -> None:
    from tests.apiserver.crds.definitions import cron_tab
    from tests.support.webhook import patch, webhook_server

    async with webhook_server() as hook, running_api() as api:
        await define(api, definition(version("v1", storage=False), version("v2")))
        step = {"op": "add", "path": "/spec/image", "value": "set"}
        rule = {"apiGroups": [GROUP], "apiVersions": ["v1"], "resources": ["crontabs"], "operations": ["*"]}
        entry = hook.entry("change", patch(step), rule=rule, matchPolicy="Exact")
        url = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        assert (await api.post(url, {"metadata": {"name": "w"}, "webhooks": [entry]})).code == 201
        answer = await api.post(path(), cron_tab("a"))
        assert answer.code == 201, answer
        assert answer.body["spec"]["image"] == "set"
        assert hook.asked[0][1]["object"]["apiVersion"] == f"{GROUP}/v1"
        assert (await api.get(path("a", version="v2"))).body["spec"]["image"] == "set"
