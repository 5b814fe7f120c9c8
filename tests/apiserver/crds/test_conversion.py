"""Versions that a webhook converts (conformance: CustomResourceConversionWebhook)."""

import asyncio
from typing import Any

import pytest
from tests.apiserver.crds.definitions import DEFINITIONS, GROUP, cron_tab, define, definition, path, version
from tests.support.api import Api, running_api
from tests.support.webhook import WebhookServer, webhook_server

from pybernetes.apiserver.crds import conversion

OLD = {"type": "object", "properties": {"hostPort": {"type": "string"}}}
NEW = {"type": "object", "properties": {"host": {"type": "string"}, "port": {"type": "string"}}}
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def convert(request: dict[str, Any]) -> dict[str, Any]:
    """hostPort of v1 is host and port of v2."""
    converted = []
    for obj in request["objects"]:
        obj = {**obj, "apiVersion": request["desiredAPIVersion"]}
        if not {"host", "port", "hostPort"} & set(obj):
            pass  # fields that nobody wants any more may be asked about
        elif request["desiredAPIVersion"].endswith("v2"):
            obj["host"], _, obj["port"] = obj.pop("hostPort").partition(":")
        else:
            obj["hostPort"] = f"{obj.pop('host')}:{obj.pop('port')}"
        converted.append(obj)
    return {"convertedObjects": converted, "result": {"status": "Success"}}


async def defined(api: Api, hook: WebhookServer) -> None:
    hook.decide["/convert"] = convert
    webhook = {"clientConfig": hook.client_config("convert"), "conversionReviewVersions": ["v1"]}
    versions = version("v1", schema=OLD), version("v2", schema=NEW, storage=False)
    await define(api, definition(*versions, conversion={"strategy": "Webhook", "webhook": webhook}))


def old(name: str) -> dict[str, Any]:
    found = cron_tab(name, hostPort="localhost:8080")
    del found["spec"]
    return found


async def test_an_object_is_converted_between_versions() -> None:
    async with webhook_server() as hook, running_api() as api:
        await defined(api, hook)
        assert (await api.post(path(), old("a"))).body["hostPort"] == "localhost:8080"
        found = (await api.get(path("a", version="v2"))).body
        assert (found["apiVersion"], found["host"], found["port"]) == (f"{GROUP}/v2", "localhost", "8080")
        assert "hostPort" not in found
        answer = await api.patch(path("a", version="v2"), {"host": "other"})
        assert (answer.code, answer.body["host"], answer.body["apiVersion"]) == (200, "other", f"{GROUP}/v2")
        assert (await api.get(path("a"))).body["hostPort"] == "other:8080"
        made = {**old("b"), "apiVersion": f"{GROUP}/v2", "host": "h", "port": "1"}
        del made["hostPort"]
        answer = await api.post(path(version="v2"), made)
        assert (answer.code, answer.body["port"]) == (201, "1")
        assert (await api.get(path("b"))).body["hostPort"] == "h:1"
        answer = await api.delete(path("b", version="v2"))
        assert answer.code == 200


async def test_a_list_of_several_stored_versions_is_converted() -> None:
    async with webhook_server() as hook, running_api() as api:
        await defined(api, hook)
        await api.post(path(), old("a"))
        url = f"{DEFINITIONS}/crontabs.{GROUP}"
        stored = (await api.get(url)).body
        stored["spec"]["versions"][0]["storage"] = False
        stored["spec"]["versions"][1]["storage"] = True
        assert (await api.put(url, stored)).code == 200
        await api.post(path(), old("b"))
        for name, key in (("v1", "hostPort"), ("v2", "host")):
            found = (await api.get(path(version=name))).body
            assert [item["metadata"]["name"] for item in found["items"]] == ["a", "b"]
            assert all(key in item and item["apiVersion"] == f"{GROUP}/{name}" for item in found["items"])
        before = len(hook.asked)
        await api.get(path(version="v2"))
        assert len(hook.asked) == before + 1  # one review for the whole list
        table = (await api.get(path(version="v2"), accept=TABLE)).body
        assert [row["cells"][0] for row in table["rows"]] == ["a", "b"]


async def test_watches_are_converted() -> None:
    async with webhook_server() as hook, running_api() as api:
        await defined(api, hook)
        await api.post(path(), old("a"))
        watching = await api.watch(path(version="v2"), "resourceVersion=0&allowWatchBookmarks=true")
        await api.post(path(), old("b"))
        await api.delete(path("a"))
        await watching.received(3)
        assert watching.seen == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]
        assert {event["object"]["host"] for event in watching.events} == {"localhost"}
        assert {event["object"]["apiVersion"] for event in watching.events} == {f"{GROUP}/v2"}


async def test_failures_of_the_webhook_are_told() -> None:
    async with webhook_server() as hook, running_api() as api:
        await defined(api, hook)
        await api.post(path(), old("a"))
        prefix = f"conversion webhook for {GROUP}/v1, Kind=CronTab failed: "
        hook.decide["/convert"] = lambda request: {"result": {"status": "Failure", "message": "no way"}}
        answer = await api.get(path("a", version="v2"))
        assert (answer.code, answer.message) == (500, prefix + "no way")
        hook.decide["/convert"] = lambda request: {"result": {"status": "Success"}, "convertedObjects": []}
        answer = await api.get(path("a", version="v2"))
        assert answer.message == prefix + "webhook returned 0 objects, expected 1"

        def renamed(request: dict[str, Any]) -> dict[str, Any]:
            found = convert(request)
            found["convertedObjects"][0]["metadata"] = {"name": "x"}
            return found

        hook.decide["/convert"] = renamed
        answer = await api.get(path("a", version="v2"))
        assert answer.code == 500 and "must have the same name: x != a" in answer.message
        assert (await api.get(path("a"))).code == 200


CLIENTS: list[tuple[dict[str, Any], str]] = [
    ({}, ": Required value: exactly one of url or service is required"),
    ({"url": "https://a/b?c"}, '.url: Invalid value: "c": query parameters are not permitted in the URL'),
    ({"service": {"name": "s"}}, ".service.namespace: Required value: service namespace is required"),
    (
        {"service": {"name": "s", "namespace": "n", "path": "p"}},
        ".service.path: Invalid value: \"p\": must start with a '/'",
    ),
    (
        {"url": "https://a/b", "caBundle": "YWJj"},
        '.caBundle: Invalid value: "YWJj": unable to load root certificates: unable to parse bytes as PEM block',
    ),
]


async def test_clients_that_nobody_can_call_are_refused() -> None:
    async with running_api() as api:
        for client, words in CLIENTS:
            webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
            answer = await api.post(DEFINITIONS, definition(conversion={"strategy": "Webhook", "webhook": webhook}))
            assert answer.code == 422, answer
            assert f"spec.conversion.webhookClientConfig{words}" in answer.message


async def test_labels_may_be_changed_by_the_webhook() -> None:
    async with webhook_server() as hook, running_api() as api:
        await defined(api, hook)
        await api.post(path(), old("a"))

        def labelled(request: dict[str, Any]) -> dict[str, Any]:
            found = convert(request)
            metadata = found["convertedObjects"][0]["metadata"]
            metadata["labels"] = {"by": "webhook"}
            metadata["ownerReferences"] = [{"kind": "X"}]
            return found

        hook.decide["/convert"] = labelled
        found = (await api.get(path("a", version="v2"))).body
        assert found["metadata"]["labels"] == {"by": "webhook"}
        assert "ownerReferences" not in found["metadata"]


async def test_a_webhook_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with webhook_server() as hook, running_api() as api:
        await defined(api, hook)
        await api.post(path(), old("a"))
        monkeypatch.setattr(conversion, "TIMEOUT_SECONDS", 0.2)
        never = asyncio.Event()

        async def silent(request: dict[str, Any]) -> dict[str, Any]:
            await never.wait()
            return {}

        hook.decide["/convert"] = silent
        answer = await api.get(path("a", version="v2"))
        assert (answer.code, answer.message.rpartition(": ")[2]) == (500, "context deadline exceeded")
        never.set()


async def test_a_webhook_that_is_not_there_fails_the_request_not_the_other_version() -> None:
    async with webhook_server() as hook, running_api() as api:
        await defined(api, hook)
        await api.post(path(), old("a"))
        url = f"{DEFINITIONS}/crontabs.{GROUP}"
        steps = [
            {
                "op": "replace",
                "path": "/spec/conversion/webhook/clientConfig",
                "value": {"url": "https://127.0.0.1:1/x"},
            }
        ]
        assert (await api.patch(url, steps, "application/json-patch+json")).code == 200
        answer = await api.get(path("a", version="v2"))
        assert answer.code == 500
        assert answer.message.startswith(
            f'conversion webhook for {GROUP}/v1, Kind=CronTab failed: Post "https://127.0.0.1:1/x'
        )
        assert (await api.get(path("a"))).code == 200
        assert (await api.patch(path("a"), {"hostPort": "b:1"})).code == 200


APPLY = "application/apply-patch+yaml"


async def applied(api: Api, version: str, manager: str, force: bool = False, **fields: str) -> Any:
    config = {"apiVersion": f"{GROUP}/{version}", "kind": "CronTab", "metadata": {"name": "a"}, **fields}
    return await api.patch(
        path("a", version=version), config, APPLY, f"fieldManager={manager}&force={str(force).lower()}"
    )


def owners(answer: Any) -> dict[str, tuple[str, set[str]]]:
    """Manager -> (version, fields) of the answer's object."""
    return {
        entry["manager"]: (entry["apiVersion"].rpartition("/")[2], set(entry["fieldsV1"]))
        for entry in answer.body["metadata"]["managedFields"]
    }


async def test_owners_are_known_in_the_versions_that_a_webhook_makes() -> None:
    async with webhook_server() as hook, running_api() as api:
        await defined(api, hook)
        assert (await applied(api, "v1", "one", hostPort="localhost:80")).code == 201
        # In v2 the port alone changes; in v1, where `one` owns it, that is hostPort.
        refused = await applied(api, "v2", "two", port="81")
        assert refused.code == 409
        assert [(c["field"], c["message"]) for c in refused.body["details"]["causes"]] == [
            (".hostPort", 'conflict with "one"')
        ]
        forced = await applied(api, "v2", "two", force=True, port="81")
        assert (forced.code, forced.body["host"], forced.body["port"]) == (200, "localhost", "81")
        assert owners(forced) == {"two": ("v2", {"f:port"})}
        assert (await api.get(path("a"))).body["hostPort"] == "localhost:81"
        # The same value is shared, in each one's own terms.
        shared = await applied(api, "v1", "one", hostPort="localhost:81")
        assert owners(shared) == {"two": ("v2", {"f:port"}), "one": ("v1", {"f:hostPort"})}
        # An update in one version takes what it changes from the owners in the other.
        changed = await api.patch(path("a"), {"hostPort": "other:81"}, query="fieldManager=editor")
        assert owners(changed) == {"two": ("v2", {"f:port"}), "editor": ("v1", {"f:hostPort"})}


async def test_an_applier_that_changes_its_version_gives_up_what_it_does_not_name() -> None:
    async with webhook_server() as hook, running_api() as api:
        await defined(api, hook)
        assert (await applied(api, "v2", "one", host="localhost", port="80")).code == 201
        answer = await applied(api, "v1", "one", hostPort="localhost:90")
        assert (answer.code, answer.body["hostPort"]) == (200, "localhost:90")
        assert owners(answer) == {"one": ("v1", {"f:hostPort"})}


async def test_a_webhook_that_fails_fails_the_write_that_needs_it() -> None:
    async with webhook_server() as hook, running_api() as api:
        await defined(api, hook)
        assert (await applied(api, "v1", "one", hostPort="localhost:80")).code == 201
        assert (await applied(api, "v2", "two", force=True, port="81")).code == 200
        hook.decide["/convert"] = lambda request: {"result": {"status": "Failure", "message": "no way"}}
        answer = await api.patch(path("a"), {"hostPort": "x:1"}, query="fieldManager=editor")
        assert (answer.code, answer.message) == (
            500,
            f"conversion webhook for {GROUP}/v1, Kind=CronTab failed: no way",
        )
