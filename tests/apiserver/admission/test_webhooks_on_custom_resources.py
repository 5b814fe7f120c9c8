"""Admission webhooks and custom resources: denied, mutated, pruned, in several versions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.apiserver.crds.definitions import DEFINITIONS, FREE, GROUP, cron_tab, define, definition, path, version
from tests.support.api import Api, running_api
from tests.support.webhook import WebhookServer, deny, patch, webhook_server

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"
MUTATING = f"{CONFIGURATIONS}/mutatingwebhookconfigurations"
VALIDATING = f"{CONFIGURATIONS}/validatingwebhookconfigurations"
RULE: dict[str, Any] = {"operations": ["*"], "apiGroups": [GROUP], "apiVersions": ["*"], "resources": ["crontabs"]}
OPEN = {"type": "object", "properties": {"data": FREE}}
CLOSED = {"type": "object", "properties": {"data": {"type": "object", "properties": {"a": {"type": "string"}}}}}
ADD = {"op": "add", "path": "/data/mutated", "value": "yes"}


@asynccontextmanager
async def stage() -> AsyncIterator[tuple[Api, WebhookServer]]:
    async with webhook_server() as hooks, running_api() as api:
        yield api, hooks


def custom(name: str, **data: str) -> dict[str, Any]:
    found = cron_tab(name, data=data)
    del found["spec"]
    return found


async def test_creation_update_and_deletion_can_be_denied() -> None:
    async with stage() as (api, hooks):
        await define(api, definition(version(schema=OPEN)))

        def judge(request: dict[str, Any]) -> dict[str, Any]:
            data = (request["object"] or request["oldObject"]).get("data") or {}
            refused = data.get("webhook-e2e-test") == "webhook-disallow"
            message = "the custom resource contains unwanted data"
            return {"allowed": not refused, "status": {"message": message}} if refused else {"allowed": True}

        entry = hooks.entry("custom", judge, rule=RULE)
        await api.post(VALIDATING, {"metadata": {"name": "v"}, "webhooks": [entry]})
        bad = {"webhook-e2e-test": "webhook-disallow"}
        assert "unwanted data" in (await api.post(path(), custom("a", **bad))).message
        assert (await api.post(path(), custom("a"))).code == 201
        assert "unwanted data" in (await api.patch(path("a"), {"data": bad})).message
        await api.delete(f"{VALIDATING}/v")
        assert (await api.patch(path("a"), {"data": bad})).code == 200
        await api.post(VALIDATING, {"metadata": {"name": "v"}, "webhooks": [entry]})
        assert "unwanted data" in (await api.delete(path("a"))).message
        assert hooks.asked[-1][1]["operation"] == "DELETE"


async def test_the_creation_of_a_definition_can_be_denied() -> None:
    async with stage() as (api, hooks):
        rule = {
            "operations": ["CREATE"],
            "apiGroups": ["apiextensions.k8s.io"],
            "apiVersions": ["*"],
            "resources": ["customresourcedefinitions"],
        }
        entry = hooks.entry("crd", deny("the crd contains unwanted label"), rule=rule)
        await api.post(VALIDATING, {"metadata": {"name": "v"}, "webhooks": [entry]})
        answer = await api.post(DEFINITIONS, definition())
        assert "the crd contains unwanted label" in answer.message


async def test_a_custom_resource_is_mutated() -> None:
    async with stage() as (api, hooks):
        await define(api, definition(version(schema=OPEN)))
        entries = [
            hooks.entry("one", patch(ADD), rule=RULE),
            hooks.entry("two", patch({**ADD, "path": "/data/b"}), rule=RULE),
        ]
        await api.post(MUTATING, {"metadata": {"name": "m"}, "webhooks": entries})
        made = (await api.post(path(), custom("a", start="1"))).body
        assert made["data"] == {"start": "1", "mutated": "yes", "b": "yes"}


async def test_what_a_webhook_adds_is_pruned_by_the_schema() -> None:
    async with stage() as (api, hooks):
        await define(api, definition(version(schema=CLOSED)))
        steps = [{"op": "add", "path": "/data/a", "value": "kept"}, ADD]
        entry = hooks.entry("m", patch(*steps), rule=RULE)
        await api.post(MUTATING, {"metadata": {"name": "m"}, "webhooks": [entry]})
        made = (await api.post(path(), custom("a", start="1"))).body
        assert made["data"] == {"a": "kept"}


async def test_mutation_goes_on_when_another_version_is_stored() -> None:
    async with stage() as (api, hooks):
        await define(api, definition(version(schema=OPEN), version("v2", schema=OPEN, storage=False)))
        entry = hooks.entry("m", patch(ADD), rule={**RULE, "operations": ["CREATE", "UPDATE"]})
        await api.post(MUTATING, {"metadata": {"name": "m"}, "webhooks": [entry]})
        assert (await api.post(path(), custom("a", start="1"))).body["data"]["mutated"] == "yes"
        name = f"{DEFINITIONS}/crontabs.{GROUP}"
        versions = [version(schema=OPEN, storage=False), version("v2", schema=OPEN)]
        assert (await api.patch(name, {"spec": {"versions": versions}})).code == 200
        patched = await api.patch(path("a", version="v2"), {"data": {"more": "1", "mutated": None}})
        assert patched.body["data"] == {"start": "1", "more": "1", "mutated": "yes"}
        assert hooks.asked[-1][1]["object"]["apiVersion"] == f"{GROUP}/v2"


async def test_a_rule_for_one_version_covers_the_others() -> None:
    async with stage() as (api, hooks):
        await define(api, definition(version(schema=OPEN), version("v2", schema=OPEN, storage=False)))
        entry = hooks.entry("m", patch(ADD), rule={**RULE, "apiVersions": ["v1"]})
        await api.post(MUTATING, {"metadata": {"name": "m"}, "webhooks": [entry]})
        body = {**custom("a", start="1"), "apiVersion": f"{GROUP}/v2"}
        made = await api.post(path(version="v2"), body)
        assert (made.body["apiVersion"], made.body["data"]["mutated"]) == (f"{GROUP}/v2", "yes")
        ((_, asked),) = hooks.asked
        assert asked["object"]["apiVersion"] == f"{GROUP}/v1"
        assert asked["requestKind"]["version"] == "v2"
