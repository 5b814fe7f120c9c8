"""Conformance: AdmissionWebhook, what concerns the configurations: both kinds are listed, patched and updated."""

from typing import Any

import pytest
from tests.support.api import CONFIG_MAPS, Api, running_api
from tests.support.webhook import WebhookServer, deny, patch, webhook_server

GROUP = "/apis/admissionregistration.k8s.io/v1"
KINDS = pytest.mark.parametrize("kind", ["mutating", "validating"])
Object = dict[str, Any]


def collection(kind: str) -> str:
    return f"{GROUP}/{kind}webhookconfigurations"


def entry(hooks: WebhookServer, kind: str, name: str = "hook", **changes: Any) -> Object:
    """A webhook whose effect can be seen: it refuses, or adds a key."""
    decide = deny("no") if kind == "validating" else patch({"op": "add", "path": f"/data/{name}", "value": "yes"})
    return hooks.entry(name, decide, **changes)


async def touched(api: Api, name: str) -> bool:
    """Whether a webhook had its say on a new config map."""
    answer = await api.post(CONFIG_MAPS, {"metadata": {"name": name}, "data": {"a": "1"}})
    return answer.code != 201 or answer.body["data"] != {"a": "1"}


@KINDS
async def test_listed_and_deleted_as_a_collection(kind: str) -> None:
    """listing mutating webhooks should work; listing validating webhooks should work."""
    async with webhook_server() as hooks, running_api() as api:
        for name in ("a", "b"):
            body = {"metadata": {"name": name, "labels": {"set": "x"}}, "webhooks": [entry(hooks, kind, name)]}
            assert (await api.post(collection(kind), body)).code == 201
        listed = (await api.get(collection(kind), "labelSelector=set%3Dx")).body["items"]
        assert [item["metadata"]["name"] for item in listed] == ["a", "b"]
        assert await touched(api, "m1")
        assert (await api.delete(collection(kind), query="labelSelector=set%3Dx")).code == 200
        assert not await touched(api, "m2")


@KINDS
async def test_patched_and_updated(kind: str) -> None:
    """patching/updating a mutating webhook should work; ... a validating webhook should work."""
    async with webhook_server() as hooks, running_api() as api:
        path = f"{collection(kind)}/c"
        body = {"metadata": {"name": "c"}, "webhooks": [entry(hooks, kind)]}
        made = (await api.post(collection(kind), body)).body
        assert made["metadata"]["generation"] == 1
        assert await touched(api, "m1")
        made["webhooks"][0]["rules"][0]["operations"] = ["UPDATE"]
        updated = await api.put(path, made)
        assert (updated.code, updated.body["metadata"]["generation"]) == (200, 2)
        assert not await touched(api, "m2")
        steps = [{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}]
        assert (await api.patch(path, steps, "application/json-patch+json")).code == 200
        assert await touched(api, "m3")


@KINDS
async def test_match_conditions_are_created_and_updated(kind: str) -> None:
    """should be able to create and update ... webhook configurations with match conditions."""
    async with webhook_server() as hooks, running_api() as api:
        first = {"name": "expression-1", "expression": "object.metadata.namespace == 'production'"}
        body = {"metadata": {"name": "c"}, "webhooks": [entry(hooks, kind, matchConditions=[first])]}
        made = (await api.post(collection(kind), body)).body
        assert made["webhooks"][0]["matchConditions"] == [first]
        assert not await touched(api, "m1")
        changed = [{"name": "expression-1", "expression": "object.metadata.namespace == 'default'"}]
        changed.append({"name": "expression-2", "expression": "object.metadata.name != 'skip-me'"})
        made["webhooks"][0]["matchConditions"] = changed
        answer = await api.put(f"{collection(kind)}/c", made)
        assert answer.body["webhooks"][0]["matchConditions"] == changed
        assert not await touched(api, "skip-me")
        assert await touched(api, "m2")


@KINDS
async def test_invalid_match_conditions_are_refused(kind: str) -> None:
    """should reject ... webhook configurations with invalid match conditions."""
    async with webhook_server() as hooks, running_api() as api:
        wrong = {"name": "invalid", "expression": "... [] bad expression"}
        body = {"metadata": {"name": "c"}, "webhooks": [entry(hooks, kind, matchConditions=[wrong])]}
        answer = await api.post(collection(kind), body)
        assert answer.code == 422 and "compilation failed" in answer.message
