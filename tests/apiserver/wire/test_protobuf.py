"""Kubernetes protobuf in answers: objects, lists, watches, partial metadata, errors."""

import base64
from typing import Any

import pytest
from tests.support.api import CONFIG_MAPS, PODS, Api, Watching, running_api

from pybernetes.api.protobuf import MEDIA_TYPE, decode, encode
from pybernetes.api.protobuf.wire import fields
from pybernetes.api.resource import resources
from pybernetes.api.schema import schema_for

ACCEPT = MEDIA_TYPE + ",application/json"
PARTIAL = MEDIA_TYPE + ";as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"


def normal(obj: dict[str, Any]) -> dict[str, Any]:
    """As a server would write it in JSON: protobuf knows neither null nor empty."""
    schema = schema_for(obj["apiVersion"], obj["kind"])
    assert schema is not None
    schema.decode(obj)
    return obj


def events(watching: Watching) -> list[tuple[str, dict[str, Any]]]:
    """Length-delimited events: (type, object)."""
    found, data = [], memoryview(watching.data)
    while data:
        size = int.from_bytes(data[:4], "big")
        members: Any = dict(fields(data[4 : 4 + size]))
        raw: Any = dict(fields(members[2]))[1]
        found.append((bytes(members[1]).decode(), decode(raw)))
        data = data[4 + size :]
    return found


async def test_an_object() -> None:
    async with running_api() as api:
        pod = await api.pod("p")
        answer = await api.get(PODS + "/p", accept=ACCEPT)
        assert answer.header("content-type") == [MEDIA_TYPE]
        assert normal(decode(answer.raw)) == pod.body


async def test_a_body_and_its_answer() -> None:
    async with running_api() as api:
        obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "y"}}
        answer = await api.call("POST", CONFIG_MAPS, encode(obj), media=MEDIA_TYPE, accept=ACCEPT)
        assert answer.code == 201
        assert decode(answer.raw)["data"] == {"x": "y"}
        obj["data"] = {"x": "z"}
        answer = await api.call("PUT", CONFIG_MAPS + "/a", encode(obj), media=MEDIA_TYPE, accept=ACCEPT)
        assert (answer.code, decode(answer.raw)["data"]) == (200, {"x": "z"})
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
        answer = await api.call("DELETE", CONFIG_MAPS + "/a", encode(options), media=MEDIA_TYPE, accept=ACCEPT)
        gone = decode(answer.raw)
        assert (gone["kind"], gone["status"], gone["details"]["name"]) == ("Status", "Success", "a")


async def test_a_patch_is_answered_in_protobuf() -> None:
    async with running_api() as api:
        await api.config_map("a")
        media = "application/merge-patch+json"
        answer = await api.call("PATCH", CONFIG_MAPS + "/a", {"data": {"n": "1"}}, media=media, accept=ACCEPT)
        assert decode(answer.raw)["data"] == {"a": "1", "n": "1"}


async def test_a_list_with_its_metadata() -> None:
    async with running_api() as api:
        for at in range(70):
            await api.config_map(f"m{at:02}")
        answer = await api.get(CONFIG_MAPS, "limit=68", accept=ACCEPT)
        found = decode(answer.raw)
        assert (found["kind"], found["apiVersion"]) == ("ConfigMapList", "v1")
        assert [item["metadata"]["name"] for item in found["items"]] == [f"m{at:02}" for at in range(68)]
        assert found["metadata"]["remainingItemCount"] == 2
        assert found["metadata"]["continue"]


async def test_a_large_list_tells_its_length_and_comes_in_pieces() -> None:
    async with running_api() as api:
        for at in range(150):
            obj = {"metadata": {"name": f"m{at:03}"}, "data": {"x": "y" * 8000}}
            assert (await api.post(CONFIG_MAPS, obj)).code == 201
        for form in (ACCEPT, PARTIAL.format("List")):
            found = await large_list(api, form)
            assert [item["metadata"]["name"] for item in found["items"]] == [f"m{at:03}" for at in range(150)]
            assert found["metadata"]["resourceVersion"]


async def test_a_large_list_is_right_after_its_objects_have_changed() -> None:
    async with running_api() as api:
        for at in range(150):
            obj = {"metadata": {"name": f"m{at:03}"}, "data": {"x": "y" * 8000}}
            assert (await api.post(CONFIG_MAPS, obj)).code == 201
        first = await large_list(api, ACCEPT)
        await api.patch(CONFIG_MAPS + "/m003", {"data": {"x": "longer" * 2000}})
        await api.delete(CONFIG_MAPS + "/m004")
        await api.post(CONFIG_MAPS, {"metadata": {"name": "m150"}, "data": {"x": "n"}})
        then = await large_list(api, ACCEPT)
        assert [len(item["data"]["x"]) for item in first["items"]] == [8000] * 150
        assert [len(item["data"]["x"]) for item in then["items"]] == [*[8000] * 3, 12000, *[8000] * 145, 1]


async def large_list(api: Api, form: str) -> dict[str, Any]:
    """What comes in pieces that are as long together as was told before."""
    answer = await api.send("GET", CONFIG_MAPS, headers=[("accept", form)])
    assert hasattr(answer.body, "__aiter__")
    pieces = [piece async for piece in answer.body]
    assert len(pieces) > 3 and answer.header("content-length") == str(sum(map(len, pieces)))
    return decode(b"".join(pieces))


async def test_a_watch() -> None:
    async with running_api() as api:
        await api.config_map("a")
        query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        watching = await api.watch(CONFIG_MAPS, query, accept=ACCEPT)
        await api.patch(CONFIG_MAPS + "/a", {"data": {"n": "1"}})
        await api.delete(CONFIG_MAPS + "/a")
        seen = events(watching)
        assert [(kind, obj["metadata"].get("name")) for kind, obj in seen] == [
            ("ADDED", "a"),
            ("BOOKMARK", None),
            ("MODIFIED", "a"),
            ("DELETED", "a"),
        ]
        annotations = seen[1][1]["metadata"]["annotations"]
        assert annotations["k8s.io/initial-events-end"] == "true"
        empty = decode(base64.b64decode(annotations["kubernetes.io/initial-events-list-blueprint"]))
        assert (empty["kind"], empty["apiVersion"]) == ("ConfigMapList", "v1")
        assert seen[2][1]["data"] == {"a": "1", "n": "1"}


async def test_the_media_type_of_a_watch() -> None:
    async with running_api() as api:
        response = await api.send("GET", CONFIG_MAPS, query="watch=1", headers=[("accept", ACCEPT)])
        assert ("content-type", MEDIA_TYPE + ";stream=watch") in response.headers


async def test_an_error_in_a_watch() -> None:
    async with running_api() as api:
        await api.config_map("a")
        for _ in range(3):
            await api.patch(CONFIG_MAPS + "/a", {"data": {"n": "1"}})
        cache = api.server.registry.find("", "v1", "configmaps")
        assert cache is not None and cache.resource is not None
        cache.resource.cache.oldest = api.server.cache.revision
        watching = await api.watch(CONFIG_MAPS, "resourceVersion=1", accept=ACCEPT)
        ((kind, gone),) = events(watching)
        assert (kind, gone["kind"], gone["code"], gone["reason"]) == ("ERROR", "Status", 410, "Expired")


async def test_partial_metadata() -> None:
    async with running_api() as api:
        await api.config_map("a", labels={"x": "y"})
        one = decode((await api.get(CONFIG_MAPS + "/a", accept=PARTIAL.format(""))).raw)
        assert (one["kind"], one["metadata"]["labels"], "data" in one) == ("PartialObjectMetadata", {"x": "y"}, False)
        many = decode((await api.get(CONFIG_MAPS, accept=PARTIAL.format("List"))).raw)
        assert (many["kind"], many["items"][0]["metadata"]["name"]) == ("PartialObjectMetadataList", "a")
        watching = await api.watch(CONFIG_MAPS, accept=PARTIAL.format(""))
        assert events(watching)[0][1]["kind"] == "PartialObjectMetadata"


async def test_an_error() -> None:
    async with running_api() as api:
        answer = await api.get(CONFIG_MAPS + "/a", accept=ACCEPT)
        assert answer.header("content-type") == [MEDIA_TYPE]
        found = decode(answer.raw)
        assert (answer.code, found["kind"], found["reason"], found["details"]["name"]) == (
            404,
            "Status",
            "NotFound",
            "a",
        )


async def test_a_review_and_a_scale() -> None:
    async with running_api() as api:
        review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = await api.call("POST", path, review, accept=ACCEPT)
        assert decode(answer.raw)["status"]["allowed"] is True
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template, "replicas": 2}
        sets = "/apis/apps/v1/namespaces/default/deployments"
        await api.post(sets, {"metadata": {"name": "d"}, "spec": spec})
        found = decode((await api.get(sets + "/d/scale", accept=ACCEPT)).raw)
        assert (found["kind"], found["spec"]["replicas"], found["status"]["selector"]) == ("Scale", 2, "a=b")


SERVED = [info for info in resources().values() if info.enabled and "list" in info.verbs]


@pytest.mark.parametrize("info", SERVED, ids=[f"{info.group_resource}.{info.version}" for info in SERVED])
async def test_every_kind_is_listed_in_protobuf(info: Any) -> None:
    async with running_api() as api:
        path = info.path("default" if info.namespaced else None)
        answer = await api.get(path, accept=MEDIA_TYPE)
        assert answer.code == 200
        found = decode(answer.raw)
        assert (found["kind"], found["apiVersion"]) == (info.list_kind, info.group_version)
        if info.storage_prefix:
            response = await api.send("GET", path, query="watch=1&timeoutSeconds=1", headers=[("accept", MEDIA_TYPE)])
            assert response.status == 200
            watching = Watching(response.body)  # type: ignore[arg-type]
            expected = (await api.get(path)).body["items"]
            assert [obj["metadata"]["name"] for _, obj in events(watching)] == [
                item["metadata"]["name"] for item in expected
            ]
            watching.body.stop()
