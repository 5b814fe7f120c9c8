"""Watches through the whole server: where they begin, what they tell, how they end."""

import asyncio
import base64
from typing import Any

import orjson
import pytest
from tests.contract.store import FakeClock
from tests.support.api import CONFIG_MAPS, PODS, Api, Watching, running_api

from pybernetes.apiserver.watch_cache import resource_cache, watcher
from pybernetes.testing import api_server


async def change(api: Api, name: str, **metadata: Any) -> str:
    obj = {"metadata": {"name": name, **metadata}, "data": {"n": str(asyncio.get_running_loop().time())}}
    return (await api.put(f"{CONFIG_MAPS}/{name}", obj)).version


async def test_a_watch_without_version_begins_with_what_is_there() -> None:
    async with running_api() as api:
        await api.config_map("b")
        await api.config_map("a")
        watching = await api.watch(CONFIG_MAPS)
        await change(api, "a")
        await api.delete(CONFIG_MAPS + "/b")
        assert watching.seen == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]


async def test_a_watch_from_a_version_tells_what_happened_since() -> None:
    async with running_api() as api:
        version = (await api.config_map("a")).version
        await api.config_map("b")
        await change(api, "a")
        watching = await api.watch(CONFIG_MAPS, f"resourceVersion={version}")
        await api.delete(CONFIG_MAPS + "/a")
        assert watching.seen == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "a")]


async def test_events_carry_the_version_of_the_change() -> None:
    async with running_api() as api:
        watching = await api.watch(CONFIG_MAPS)
        created = await api.config_map("a")
        await api.delete(CONFIG_MAPS + "/a")
        added, deleted = watching.events
        assert added["object"] == created.body
        assert int(deleted["object"]["metadata"]["resourceVersion"]) == int(created.version) + 1
        assert deleted["object"]["data"] == created.body["data"]


async def test_namespaces_see_only_their_own() -> None:
    async with running_api() as api:
        await api.post("/api/v1/namespaces", {"metadata": {"name": "other"}})
        mine, every = await api.watch(CONFIG_MAPS), await api.watch("/api/v1/configmaps")
        await api.config_map("a", "other")
        await api.config_map("b")
        assert mine.seen == [("ADDED", "b")]
        assert every.seen == [("ADDED", "a"), ("ADDED", "b")]


async def test_an_object_that_enters_a_selection_is_added_and_one_that_leaves_is_deleted() -> None:
    async with running_api() as api:
        await api.config_map("a")
        watching = await api.watch(CONFIG_MAPS, "labelSelector=x%3D1")
        await change(api, "a", labels={"x": "1"})
        await change(api, "a", labels={"x": "1", "y": "2"})
        version = await change(api, "a", labels={"x": "2"})
        await change(api, "a", labels={"x": "3"})
        assert [kind for kind, _ in watching.seen] == ["ADDED", "MODIFIED", "DELETED"]
        gone = watching.events[-1]["object"]["metadata"]
        assert gone["labels"] == {"x": "1", "y": "2"}
        assert gone["resourceVersion"] == version


async def test_a_kubelet_sees_the_pods_of_its_node_from_their_binding_on() -> None:
    async with running_api() as api:
        mine = await api.watch("/api/v1/pods", "fieldSelector=spec.nodeName%3Dn1")
        other = await api.watch("/api/v1/pods", "fieldSelector=spec.nodeName%3Dn2")
        pending = await api.watch("/api/v1/pods", "fieldSelector=spec.nodeName%3D")
        await api.pod("p")
        answer = await api.post(PODS + "/p/binding", {"target": {"kind": "Node", "name": "n1"}})
        assert answer.code == 201, answer
        assert mine.seen == [("ADDED", "p")]
        assert other.seen == []
        assert pending.seen == [("ADDED", "p"), ("DELETED", "p")]


async def test_one_object_is_watched_by_name() -> None:
    async with running_api() as api:
        watching = await api.watch(CONFIG_MAPS, "fieldSelector=metadata.name%3Db")
        for name in ("a", "b", "c"):
            await api.config_map(name)
        assert watching.seen == [("ADDED", "b")]


async def test_initial_events_end_with_a_marked_bookmark() -> None:
    async with running_api() as api:
        await api.config_map("a")
        query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        watching = await api.watch(CONFIG_MAPS, query)
        assert [kind for kind, _ in watching.seen] == ["ADDED", "BOOKMARK"]
        bookmark = watching.events[-1]["object"]
        annotations = bookmark["metadata"]["annotations"]
        assert annotations["k8s.io/initial-events-end"] == "true"
        empty = orjson.loads(base64.b64decode(annotations["kubernetes.io/initial-events-list-blueprint"]))
        assert empty == {"kind": "ConfigMapList", "apiVersion": "v1", "metadata": {}, "items": []}
        assert (bookmark["kind"], bookmark["apiVersion"]) == ("ConfigMap", "v1")
        assert int(bookmark["metadata"]["resourceVersion"]) == api.server.cache.revision


STREAMED = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
AS_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


async def test_a_list_of_metadata_is_streamed() -> None:
    async with running_api() as api:
        await api.config_map("a")
        cut = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
        watching = await api.watch(CONFIG_MAPS, STREAMED, accept=cut)
        annotations = watching.events[-1]["object"]["metadata"]["annotations"]
        empty = orjson.loads(base64.b64decode(annotations["kubernetes.io/initial-events-list-blueprint"]))
        assert (empty["kind"], empty["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")


async def test_a_list_is_streamed_as_a_table() -> None:
    """ "server supports sending resources in Table format" (test/e2e/apimachinery/watchlist.go)"""
    async with running_api() as api:
        gotten = []
        for number in range(1, 6):
            await api.config_map(f"map-{number}", labels={"watchlist": "true"})
            gotten.append((await api.get(f"{CONFIG_MAPS}/map-{number}", accept=AS_TABLE)).body)
        watching = await api.watch(CONFIG_MAPS, STREAMED + "&labelSelector=watchlist%3Dtrue", accept=AS_TABLE)
        *added, bookmark = watching.events
        columns = gotten[0]["columnDefinitions"]
        assert [column["name"] for column in columns] == ["Name", "Data", "Age"]
        for event, table in zip(added, gotten, strict=True):
            assert event["type"] == "ADDED"
            for shown in (event["object"], table):
                shown["rows"][0]["cells"][2] = ""
            assert event["object"] == {**table, "columnDefinitions": columns if table is gotten[0] else []}
        assert (bookmark["type"], bookmark["object"]["kind"]) == ("BOOKMARK", "Table")
        metadata = bookmark["object"]["metadata"]
        (row,) = bookmark["object"]["rows"]
        assert row["object"]["kind"] == "PartialObjectMetadata"
        assert row["object"]["metadata"]["resourceVersion"] == metadata["resourceVersion"]
        annotations = row["object"]["metadata"]["annotations"]
        assert annotations["k8s.io/initial-events-end"] == "true"
        empty = orjson.loads(base64.b64decode(annotations["kubernetes.io/initial-events-list-blueprint"]))
        assert (empty["kind"], empty["apiVersion"], empty["rows"]) == ("Table", "meta.k8s.io/v1", [])


@pytest.mark.parametrize("included", ["None", "Metadata", "Object"])
async def test_every_kind_has_a_row_for_a_bookmark(included: str) -> None:
    async with running_api() as api:
        for info in api.server.registry.infos():
            if "watch" not in info.verbs:
                continue
            group = f"/apis/{info.group_version}" if info.group else f"/api/{info.version}"
            query = f"{STREAMED}&includeObject={included}"
            watching = await api.watch(f"{group}/{info.plural}", query, accept=AS_TABLE)
            end = watching.events[-1]
            assert (end["type"], len(end["object"]["rows"])) == ("BOOKMARK", 1), info
            assert bool(end["object"]["rows"][0]["object"]) == (included != "None")


async def test_without_initial_events_a_watch_begins_now() -> None:
    async with running_api() as api:
        await api.config_map("a")
        watching = await api.watch(CONFIG_MAPS, "sendInitialEvents=false&resourceVersionMatch=NotOlderThan")
        await api.config_map("b")
        assert watching.seen == [("ADDED", "b")]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            "resourceVersionMatch=Exact",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
        ("sendInitialEvents=true", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
        ("resourceVersion=x", 'Invalid value: "x"'),
    ],
)
async def test_bad_parameters(query: str, message: str) -> None:
    async with running_api() as api:
        answer = await api.get(CONFIG_MAPS, "watch=true&" + query)
        assert answer.code == 422
        assert message in answer.message


async def test_a_version_that_is_forgotten_ends_in_an_error_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_cache, "HISTORY", 3)
    async with running_api() as api:
        version = (await api.config_map("a")).version
        for _ in range(5):
            await change(api, "a")
        watching = await api.watch(CONFIG_MAPS, f"resourceVersion={version}")
        assert watching.closed
        (event,) = watching.events
        assert event["type"] == "ERROR"
        status = event["object"]
        assert (status["code"], status["reason"]) == (410, "Expired")
        assert status["message"] == f"too old resource version: {version} ({int(version) + 2})"


async def test_the_oldest_version_still_known_resumes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_cache, "HISTORY", 3)
    async with running_api() as api:
        await api.config_map("a")
        versions = [await change(api, "a") for _ in range(5)]
        watching = await api.watch(CONFIG_MAPS, f"resourceVersion={versions[1]}")
        assert [e["object"]["metadata"]["resourceVersion"] for e in watching.events] == versions[2:]


async def test_changes_that_nobody_may_count_on_are_forgotten_but_for_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_cache, "KEPT", 2)
    clock = FakeClock()
    async with api_server(clock=clock) as server:
        api = Api(server)
        await api.config_map("a")
        old = [await change(api, "a") for _ in range(4)]
        await clock.advance(300)
        new = [await change(api, "a") for _ in range(3)]
        await clock.advance(300)
        watching = await api.watch(CONFIG_MAPS, f"resourceVersion={old[-1]}")
        assert [e["object"]["metadata"]["resourceVersion"] for e in watching.events] == new
        (event,) = (await api.watch(CONFIG_MAPS, f"resourceVersion={old[-2]}")).events
        assert event["object"]["message"] == f"too old resource version: {old[-2]} ({old[-1]})"
        await clock.advance(300)
        watching = await api.watch(CONFIG_MAPS, f"resourceVersion={new[0]}")
        assert [e["object"]["metadata"]["resourceVersion"] for e in watching.events] == new[1:]
        (event,) = (await api.watch(CONFIG_MAPS, f"resourceVersion={old[-1]}")).events
        assert event["object"]["code"] == 410


async def test_a_watch_ends_at_its_timeout() -> None:
    async with running_api() as api:
        watching = await api.watch(CONFIG_MAPS, "timeoutSeconds=1")
        assert not watching.closed
        assert len(api.server.registry.find("", "v1", "configmaps").resource.cache.fanout) == 1  # type: ignore[union-attr]
        watching.body.stop()
        assert len(api.server.registry.find("", "v1", "configmaps").resource.cache.fanout) == 0  # type: ignore[union-attr]


async def test_bookmarks_come_regularly_and_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "BOOKMARK_SECONDS", 0.01)
    async with running_api() as api:
        watching = await api.watch(CONFIG_MAPS, "allowWatchBookmarks=true")
        plain = await api.watch(CONFIG_MAPS)
        async with asyncio.timeout(60):
            await watching.received(2)
        assert {kind for kind, _ in watching.seen} == {"BOOKMARK"}
        assert plain.events == []


async def test_a_receiver_that_does_not_keep_up_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "LAG_LIMIT_BYTES", 100)
    monkeypatch.setattr(watcher, "_NOTED_BYTES", 100)
    async with running_api() as api:
        slow, quick = await api.watch(CONFIG_MAPS), await api.watch(CONFIG_MAPS)
        slow.waiting = 101
        await api.config_map("a")
        await api.config_map("b")
        assert (slow.closed, quick.closed) == (True, False)
        assert quick.seen == [("ADDED", "a"), ("ADDED", "b")]


async def test_all_watches_end_with_the_server() -> None:
    async with running_api() as api:
        watching: Watching = await api.watch(CONFIG_MAPS)
    assert watching.closed


async def test_a_table_carries_its_columns_once() -> None:
    async with running_api() as api:
        await api.config_map("a")
        accept = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json"
        watching = await api.watch(CONFIG_MAPS, accept=accept)
        other = await api.watch(CONFIG_MAPS, accept=accept)
        await api.config_map("b")
        for each in (watching, other):
            columns = [len(event["object"]["columnDefinitions"]) for event in each.events]
            assert columns == [3, 0]
            assert [event["object"]["rows"][0]["cells"][0] for event in each.events] == ["a", "b"]


async def test_another_version_of_the_kind_is_converted() -> None:
    async with running_api() as api:
        watching = await api.watch("/apis/events.k8s.io/v1/events", "fieldSelector=regarding.name%3Dp")
        for name in ("p", "q"):
            event = {"metadata": {"name": f"of-{name}"}, "involvedObject": {"name": name}, "message": "m"}
            assert (await api.post("/api/v1/namespaces/default/events", event)).code == 201
        assert watching.seen == [("ADDED", "of-p")]
        assert watching.events[0]["object"]["note"] == "m"


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/api/v1/watch/namespaces/default/configmaps/a", ["a"]),
        ("/api/v1/watch/namespaces/default/configmaps", ["a", "b"]),
        ("/api/v1/watch/configmaps", ["a", "b"]),
    ],
)
async def test_the_old_paths_of_watches(path: str, seen: list[str]) -> None:
    async with running_api() as api:
        await api.config_map("a")
        await api.config_map("b")
        response = await api.send("GET", path)
        watching = Watching(response.body)  # type: ignore[arg-type]
        assert [name for _, name in watching.seen] == seen
        watching.body.stop()
