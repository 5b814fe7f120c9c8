"""GET of objects and collections: selectors, paging, resourceVersion semantics, representations."""

import gzip
from typing import Any

import orjson
import pytest
from tests.support.api import CONFIG_MAPS, PODS, Api, running_api

from pybernetes.api.protobuf import decode
from pybernetes.base.http.message import Request
from pybernetes.testing import ADMIN

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
PARTIAL = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


def names(body: Any) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]


async def several(api: Api, count: int = 5) -> None:
    for index in range(count):
        await api.config_map(f"m{index}", labels={"odd": str(index % 2)})


async def test_a_list_shows_every_object_in_order() -> None:
    async with running_api() as api:
        for name in ("b", "c", "a"):
            await api.config_map(name)
        body = (await api.get(CONFIG_MAPS)).body
        assert (body["kind"], body["apiVersion"], names(body)) == ("ConfigMapList", "v1", ["a", "b", "c"])


async def test_namespaces_with_a_common_prefix_are_kept_apart() -> None:
    async with running_api() as api:
        for namespace in ("x", "x-y", "x0"):
            await api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
            await api.config_map("in-" + namespace, namespace)
        assert names((await api.get("/api/v1/namespaces/x/configmaps")).body) == ["in-x"]
        assert names((await api.get("/api/v1/configmaps")).body) == ["in-x-y", "in-x", "in-x0"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("labelSelector=odd%3D1", ["m1", "m3"]),
        ("labelSelector=odd!%3D1", ["m0", "m2", "m4"]),
        ("labelSelector=odd%20in%20(0,1)&limit=2", ["m0", "m1"]),
        ("labelSelector=missing", []),
        ("fieldSelector=metadata.name%3Dm2", ["m2"]),
        ("fieldSelector=metadata.name!%3Dm2", ["m0", "m1", "m3", "m4"]),
        ("fieldSelector=metadata.namespace%3Dother", []),
    ],
)
async def test_selectors(query: str, expected: list[str]) -> None:
    async with running_api() as api:
        await several(api)
        assert names((await api.get(CONFIG_MAPS, query)).body) == expected


async def test_pods_are_selected_by_node_and_phase() -> None:
    async with running_api() as api:
        await api.pod("a", node="n1")
        await api.pod("b", node="n2")
        await api.pod("c")
        assert names((await api.get("/api/v1/pods", "fieldSelector=spec.nodeName%3Dn1")).body) == ["a"]
        assert names((await api.get("/api/v1/pods", "fieldSelector=spec.nodeName%3D")).body) == ["c"]
        assert names((await api.get("/api/v1/pods", "fieldSelector=spec.host%3Dn2")).body) == ["b"]
        assert len(names((await api.get("/api/v1/pods", "fieldSelector=status.phase%3DPending")).body)) == 3
        assert len(names((await api.get("/api/v1/pods", "fieldSelector=spec.hostNetwork%3Dfalse")).body)) == 3


BAD: list[tuple[str, str, int, str]] = [
    (PODS, "fieldSelector=spec.x%3Dy", 400, "field label not supported: spec.x"),
    (
        CONFIG_MAPS,
        "fieldSelector=data%3Dy",
        400,
        '"data" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ),
    (CONFIG_MAPS, "labelSelector=a%20b", 400, "unable to parse requirement"),
    (CONFIG_MAPS, "limit=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    (
        CONFIG_MAPS,
        "resourceVersionMatch=Exact",
        422,
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: '
        "resourceVersionMatch is forbidden unless resourceVersion is provided",
    ),
    (
        CONFIG_MAPS,
        "resourceVersionMatch=Exact&resourceVersion=0",
        422,
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: '
        'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ),
    (CONFIG_MAPS, "resourceVersion=x", 422, 'configmaps "" is invalid: resourceVersion: Invalid value: "x"'),
    (CONFIG_MAPS, "continue=x", 400, "continue key is not valid"),
]


@pytest.mark.parametrize(("path", "query", "code", "message"), BAD, ids=[row[1] for row in BAD])
async def test_bad_parameters(path: str, query: str, code: int, message: str) -> None:
    async with running_api() as api:
        answer = await api.get(path, query)
        assert answer.code == code
        assert message in answer.message


async def test_pages_follow_each_other_at_one_revision() -> None:
    async with running_api() as api:
        await several(api)
        first = (await api.get(CONFIG_MAPS, "limit=2")).body
        assert names(first) == ["m0", "m1"]
        assert first["metadata"]["remainingItemCount"] == 3
        await api.delete(CONFIG_MAPS + "/m3")
        await api.config_map("m21")
        second = (await api.get(CONFIG_MAPS, f"limit=2&continue={first['metadata']['continue']}")).body
        assert names(second) == ["m2", "m3"]
        assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        third = (await api.get(CONFIG_MAPS, f"limit=2&continue={second['metadata']['continue']}")).body
        assert names(third) == ["m4"]
        assert "continue" not in third["metadata"]


async def test_pages_of_a_selection_tell_no_remainder() -> None:
    async with running_api() as api:
        await several(api)
        first = (await api.get(CONFIG_MAPS, "limit=1&labelSelector=odd%3D1")).body
        assert "remainingItemCount" not in first["metadata"]
        second = (await api.get(CONFIG_MAPS, f"labelSelector=odd%3D1&continue={first['metadata']['continue']}")).body
        assert names(second) == ["m3"]


async def test_a_continue_token_of_a_compacted_revision_expires_with_a_new_token() -> None:
    from pybernetes.store.memory import MemoryStore

    store = MemoryStore()
    async with running_api(store=store) as api:
        await several(api)
        token = (await api.get(CONFIG_MAPS, "limit=2")).body["metadata"]["continue"]
        await api.config_map("later")
        await store.compact(await store.revision())
        await api.settle()
        answer = await api.get(CONFIG_MAPS, f"limit=2&continue={token}")
        assert (answer.code, answer.body["reason"]) == (410, "Expired")
        assert answer.message.startswith("The provided continue parameter is too old to display a consistent list")
        new = answer.body["metadata"]["continue"]
        assert names((await api.get(CONFIG_MAPS, f"continue={new}")).body) == ["m2", "m3", "m4"]


async def test_an_exact_revision_shows_the_past() -> None:
    async with running_api() as api:
        version = (await api.config_map("a")).version
        await api.config_map("b")
        query = f"resourceVersion={version}&resourceVersionMatch=Exact"
        body = (await api.get(CONFIG_MAPS, query)).body
        assert (names(body), body["metadata"]["resourceVersion"]) == (["a"], version)
        assert names((await api.get(CONFIG_MAPS, f"resourceVersion={version}")).body) == ["a", "b"]


async def test_a_compacted_exact_revision_is_gone() -> None:
    from pybernetes.store.memory import MemoryStore

    store = MemoryStore()
    async with running_api(store=store) as api:
        version = (await api.config_map("a")).version
        await api.config_map("b")
        await store.compact(await store.revision())
        await api.settle()
        answer = await api.get(CONFIG_MAPS, f"resourceVersion={version}&resourceVersionMatch=Exact")
        assert (answer.code, answer.message) == (410, "The resourceVersion for the provided list is too old.")


async def test_a_revision_of_the_future_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from pybernetes.apiserver.watch_cache.feed import WatchCache

    wait = WatchCache.wait
    async with running_api() as api:
        monkeypatch.setattr(WatchCache, "wait", lambda self, revision, seconds=0: wait(self, revision, 0.01))
        for path in (CONFIG_MAPS, CONFIG_MAPS + "/a"):
            answer = await api.get(path, "resourceVersion=1000")
            assert (answer.code, answer.body["reason"]) == (504, "Timeout")
            assert answer.message.startswith("Timeout: Too large resource version: 1000, current: ")
            assert answer.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
            assert answer.header("retry-after") == ["1"]


async def test_resource_version_zero_ignores_the_limit() -> None:
    async with running_api() as api:
        await several(api)
        await api.settle()
        assert len(names((await api.get(CONFIG_MAPS, "resourceVersion=0&limit=2")).body)) == 5


async def test_a_large_list_is_streamed_whole() -> None:
    async with running_api() as api:
        for index in range(150):
            obj = {"metadata": {"name": f"m{index:03}"}, "data": {"x": "y" * 3000}}
            assert (await api.post(CONFIG_MAPS, obj)).code == 201
        answer = await api.get(CONFIG_MAPS)
        length = answer.header("content-length")[0]
        assert len(names(answer.body)) == 150
        request = Request("GET", CONFIG_MAPS, headers=[("accept-encoding", "gzip")], context={"user": ADMIN})
        packed = await api.server.app(request)
        assert packed.header("content-length") is None
        assert packed.header("content-encoding") == "gzip"
        assert hasattr(packed.body, "__aiter__")
        data = gzip.decompress(b"".join([piece async for piece in packed.body]))
        assert str(len(data)) == length
        assert len(names(orjson.loads(data))) == 150


async def test_a_large_list_in_another_form_is_encoded_as_it_is_read() -> None:
    async with running_api() as api:
        for index in range(150):
            obj = {"metadata": {"name": f"m{index:03}"}, "data": {"x": "y" * 3000}}
            assert (await api.post(CONFIG_MAPS, obj)).code == 201
        accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        request = Request("GET", CONFIG_MAPS, headers=[("accept", accept)], context={"user": ADMIN})
        answer = await api.server.app(request)
        assert answer.header("content-length") is None and hasattr(answer.body, "__aiter__")
        body = orjson.loads(b"".join([piece async for piece in answer.body]))
        assert body["kind"] == "PartialObjectMetadataList"
        assert [item["kind"] for item in body["items"]] == ["PartialObjectMetadata"] * 150
        assert names(body) == [f"m{index:03}" for index in range(150)]


async def test_a_missing_object_and_a_missing_resource() -> None:
    async with running_api() as api:
        answer = await api.get(CONFIG_MAPS + "/a")
        assert (answer.code, answer.message) == (404, 'configmaps "a" not found')
        assert answer.body["details"] == {"name": "a", "kind": "configmaps"}
        assert (await api.get("/api/v1/things")).message == "the server could not find the requested resource"
        assert (await api.get("/apis/none.example.com/v1/things")).code == 404
        assert (await api.get("/api/v1/namespaces/default/nodes")).code == 404
        assert (await api.get("/api/v1/pods/a")).code == 404


async def test_methods_that_a_path_does_not_serve() -> None:
    async with running_api() as api:
        for method, path in [
            ("POST", "/api/v1/pods"),
            ("DELETE", "/api/v1/namespaces"),
            ("PUT", CONFIG_MAPS),
            ("POST", CONFIG_MAPS + "/a"),
            ("GET", PODS + "/a/binding"),
        ]:
            answer = await api.call(method, path, {})
            assert (answer.code, answer.body["reason"]) == (405, "MethodNotAllowed"), (method, path)
            assert answer.message == "the server does not allow this method on the requested resource"


async def test_metadata_only() -> None:
    async with running_api() as api:
        await api.config_map("a")
        body = (await api.get(CONFIG_MAPS + "/a", accept=PARTIAL)).body
        assert (body["kind"], body["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
        assert "data" not in body
        body = (await api.get(CONFIG_MAPS, accept=PARTIAL.replace("Metadata;", "MetadataList;"))).body
        assert (body["kind"], body["items"][0]["kind"]) == ("PartialObjectMetadataList", "PartialObjectMetadata")


async def test_tables() -> None:
    async with running_api() as api:
        await api.config_map("a")
        for path in (CONFIG_MAPS, CONFIG_MAPS + "/a"):
            body = (await api.get(path, accept=TABLE + ",application/json")).body
            assert (body["kind"], body["apiVersion"]) == ("Table", "meta.k8s.io/v1")
            assert [column["name"] for column in body["columnDefinitions"]] == ["Name", "Data", "Age"]
            assert body["rows"][0]["cells"][:2] == ["a", 1]
            assert body["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        body = (await api.get(CONFIG_MAPS, "includeObject=Object", accept=TABLE)).body
        assert body["rows"][0]["object"]["kind"] == "ConfigMap"


async def test_forms_of_the_older_version() -> None:
    async with running_api() as api:
        await api.config_map("a")
        for path in (CONFIG_MAPS, CONFIG_MAPS + "/a"):
            body = (await api.get(path, accept=TABLE.replace("v=v1", "v=v1beta1"))).body
            assert (body["kind"], body["apiVersion"]) == ("Table", "meta.k8s.io/v1beta1")
            assert body["rows"][0]["object"]["apiVersion"] == "meta.k8s.io/v1beta1"
        partial = PARTIAL.replace("v=v1", "v=v1beta1")
        body = (await api.get(CONFIG_MAPS + "/a", accept=partial)).body
        assert (body["kind"], body["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1beta1")
        body = (await api.get(CONFIG_MAPS, accept=partial.replace("Metadata;", "MetadataList;"))).body
        assert (body["kind"], body["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1beta1")
        assert body["items"][0]["apiVersion"] == "meta.k8s.io/v1beta1"
        media = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1beta1"
        found = decode((await api.get(CONFIG_MAPS + "/a", accept=media.format(""))).raw)
        assert (found["apiVersion"], found["metadata"]["name"]) == ("meta.k8s.io/v1beta1", "a")
        found = decode((await api.get(CONFIG_MAPS, accept=media.format("List"))).raw)
        assert [item["metadata"]["name"] for item in found["items"]] == ["a"]
        assert found["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"]


async def test_one_object_is_no_list_and_a_list_is_not_one_object() -> None:
    many = PARTIAL.replace("Metadata;", "MetadataList;")
    async with running_api() as api:
        await api.config_map("a")
        answer = await api.get(CONFIG_MAPS, accept=PARTIAL + ",application/json")
        assert (answer.code, answer.body["reason"]) == (406, "NotAcceptable")
        words = "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)"
        assert answer.message == words
        answer = await api.get(CONFIG_MAPS + "/a", accept=many)
        words = "you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)"
        assert (answer.code, answer.message) == (406, words)
        answer = await api.call("POST", CONFIG_MAPS, {"metadata": {"name": "b"}}, accept=many)
        assert answer.code == 406
        assert (await api.get(CONFIG_MAPS + "/b")).code == 200


async def test_a_row_carries_nothing_else() -> None:
    async with running_api() as api:
        answer = await api.get(CONFIG_MAPS, "includeObject=All", accept=TABLE)
        assert (answer.code, answer.message) == (
            400,
            'Unable to convert to Table as requested: includeObject: Invalid value: "All": '
            "must be 'Metadata', 'Object', 'None', or empty",
        )


async def test_a_large_table_is_written_as_it_is_read() -> None:
    async with running_api() as api:
        for index in range(150):
            obj = {"metadata": {"name": f"m{index:03}"}, "data": {"x": "y" * 3000}}
            assert (await api.post(CONFIG_MAPS, obj)).code == 201
        request = Request("GET", CONFIG_MAPS, headers=[("accept", TABLE)], context={"user": ADMIN})
        answer = await api.server.app(request)
        assert hasattr(answer.body, "__aiter__")
        body = orjson.loads(b"".join([piece async for piece in answer.body]))
        assert [row["cells"][0] for row in body["rows"]] == [f"m{index:03}" for index in range(150)]
        assert len(body["columnDefinitions"]) == 3 and body["metadata"]["resourceVersion"]


async def test_yaml_is_written() -> None:
    async with running_api() as api:
        await api.config_map("a")
        answer = await api.get(CONFIG_MAPS + "/a", accept="application/yaml")
        assert answer.header("content-type") == ["application/yaml"]
        assert b"\nkind: ConfigMap\n" in answer.raw


async def test_an_unacceptable_form_is_refused() -> None:
    async with running_api() as api:
        answer = await api.get(CONFIG_MAPS, accept="application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1")
        assert answer.code == 406
        assert answer.message == (
            "only the following media types are accepted: application/json, application/yaml, "
            "application/vnd.kubernetes.protobuf"
        )


async def test_events_are_one_store_in_two_groups() -> None:
    async with running_api() as api:
        core = {
            "metadata": {"name": "e"},
            "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
            "reason": "Started",
            "message": "it runs",
            "type": "Normal",
            "source": {"component": "kubelet"},
        }
        assert (await api.post("/api/v1/namespaces/default/events", core)).code == 201
        path = "/apis/events.k8s.io/v1/namespaces/default/events"
        body = (await api.get(path + "/e")).body
        assert (body["apiVersion"], body["kind"], body["note"]) == ("events.k8s.io/v1", "Event", "it runs")
        assert body["regarding"]["name"] == "p"
        found = (await api.get(path, "fieldSelector=regarding.name%3Dp")).body
        assert (found["apiVersion"], names(found)) == ("events.k8s.io/v1", ["e"])
        query = "fieldSelector=involvedObject.name%3Dp,source%3Dkubelet"
        assert names((await api.get("/api/v1/events", query)).body) == ["e"]


@pytest.mark.parametrize(
    ("query", "agent", "accept", "pretty"),
    [
        ("pretty=true", "kubectl/v1.36", "", True),
        ("pretty=1", "", "", True),
        ("pretty=false", "curl/8.5.0", "", False),
        ("pretty=no", "curl/8.5.0", "", False),
        ("pretty=", "curl/8.5.0", "", True),
        ("", "curl/8.5.0", "*/*", True),
        ("", "Wget/1.21", "", True),
        ("", "Mozilla/5.0 (X11; Linux x86_64)", "text/html,*/*;q=0.8", True),
        ("", "kubectl/v1.36", "application/json", False),
        ("", "", "application/json;pretty=1", True),
        ("", "curl/8.5.0", "application/yaml", False),
    ],
)
async def test_people_get_indented_json(query: str, agent: str, accept: str, pretty: bool) -> None:
    async with running_api() as api:
        await api.config_map("a")
        headers = [(name, value) for name, value in (("user-agent", agent), ("accept", accept)) if value]
        for path in (CONFIG_MAPS + "/a", CONFIG_MAPS, CONFIG_MAPS + "/none"):
            answer = await api.send("GET", path, query=query, headers=headers)
            assert isinstance(answer.body, bytes)
            assert answer.body.startswith(b'{\n  "') is pretty, path
            assert answer.header("content-type") == ("application/yaml" if "yaml" in accept else "application/json")


async def test_a_large_list_is_indented_as_it_is_read() -> None:
    async with running_api() as api:
        for index in range(150):
            obj = {"metadata": {"name": f"m{index:03}"}, "data": {"x": "y" * 3000}}
            assert (await api.post(CONFIG_MAPS, obj)).code == 201
        for accept in ("application/json", TABLE):
            compact = await api.get(CONFIG_MAPS, "pretty=false", accept=accept)
            pretty = await api.get(CONFIG_MAPS, "pretty=true", accept=accept)
            assert not pretty.header("content-length")
            assert pretty.raw == orjson.dumps(compact.body, option=orjson.OPT_INDENT_2) + b"\n"
