"""Conformance: watchers and chunked lists on config maps."""

import random
from typing import Any

from tests.support.api import CONFIG_MAPS, Api, running_api

LABEL = "watch-this-configmap"


async def make(api: Api, name: str, label: str, **data: str) -> Any:
    answer = await api.post(CONFIG_MAPS, {"metadata": {"name": name, "labels": {LABEL: label}}, "data": data})
    assert answer.code == 201
    return answer.body


async def change(api: Api, name: str, **data: str) -> Any:
    return (await api.patch(f"{CONFIG_MAPS}/{name}", {"data": data})).body


async def test_add_update_and_delete_are_observed() -> None:
    """ "should observe add, update, and delete watch notifications on configmaps" """
    async with running_api() as api:
        a = await api.watch(CONFIG_MAPS, f"labelSelector={LABEL}%3DA")
        b = await api.watch(CONFIG_MAPS, f"labelSelector={LABEL}%3DB")
        both = await api.watch(CONFIG_MAPS, f"labelSelector={LABEL}%20in%20(A,B)")
        await make(api, "a", "A")
        await change(api, "a", mutation="1")
        await change(api, "a", mutation="2")
        await api.delete(CONFIG_MAPS + "/a")
        await make(api, "b", "B")
        await api.delete(CONFIG_MAPS + "/b")
        of_a = [("ADDED", "a"), ("MODIFIED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
        of_b = [("ADDED", "b"), ("DELETED", "b")]
        assert (a.seen, b.seen, both.seen) == (of_a, of_b, of_a + of_b)
        assert a.events[1]["object"]["data"] == {"mutation": "1"}


async def test_a_watch_starts_from_a_version() -> None:
    """ "should be able to start watching from a specific resource version" """
    async with running_api() as api:
        await make(api, "a", "from")
        first = await change(api, "a", mutation="1")
        await change(api, "a", mutation="2")
        await api.delete(CONFIG_MAPS + "/a")
        watching = await api.watch(CONFIG_MAPS, f"resourceVersion={first['metadata']['resourceVersion']}")
        assert watching.seen == [("MODIFIED", "a"), ("DELETED", "a")]
        assert watching.events[0]["object"]["data"] == {"mutation": "2"}


async def test_a_watch_is_restarted_where_another_ended() -> None:
    """ "should be able to restart watching from the last resource version observed by the previous watch" """
    async with running_api() as api:
        watching = await api.watch(CONFIG_MAPS, f"labelSelector={LABEL}%3Dclosed")
        await make(api, "a", "closed")
        await change(api, "a", mutation="1")
        last = watching.events[-1]["object"]["metadata"]["resourceVersion"]
        watching.body.stop()
        await change(api, "a", mutation="2")
        await api.delete(CONFIG_MAPS + "/a")
        again = await api.watch(CONFIG_MAPS, f"labelSelector={LABEL}%3Dclosed&resourceVersion={last}")
        assert again.seen == [("MODIFIED", "a"), ("DELETED", "a")]


async def test_leaving_a_selector_is_a_deletion() -> None:
    """ "should observe an object deletion if it stops meeting the requirements of the selector" """
    async with running_api() as api:
        watching = await api.watch(CONFIG_MAPS, f"labelSelector={LABEL}%3Dsaved")
        await make(api, "a", "saved")
        await change(api, "a", mutation="1")
        for label in ("wrong", "saved"):
            await api.patch(CONFIG_MAPS + "/a", {"metadata": {"labels": {LABEL: label}}})
            await change(api, "a", mutation=label)
        await api.delete(CONFIG_MAPS + "/a")
        kinds = [kind for kind, _ in watching.seen]
        assert kinds == ["ADDED", "MODIFIED", "DELETED", "ADDED", "MODIFIED", "DELETED"]


async def test_concurrent_watches_see_one_order() -> None:
    """ "should receive events on concurrent watches in same order" """
    async with running_api() as api:
        choose = random.Random(7)
        names: list[str] = []
        versions: list[str] = []
        watchings = []
        for step in range(60):
            roll = choose.random()
            if not names or roll < 0.4:
                names.append(f"m{step}")
                made = await make(api, names[-1], "order")
                versions.append(made["metadata"]["resourceVersion"])
            elif roll < 0.8:
                changed = await change(api, choose.choice(names), step=str(step))
                versions.append(changed["metadata"]["resourceVersion"])
            else:
                await api.delete(f"{CONFIG_MAPS}/{names.pop(choose.randrange(len(names)))}")
            if step == 10:
                start = versions[0]
            if step > 10 and step % 10 == 0:
                watchings.append(await api.watch(CONFIG_MAPS, f"resourceVersion={start}"))
        seen = [[event["object"]["metadata"]["resourceVersion"] for event in watching.events] for watching in watchings]
        assert all(other == seen[0] for other in seen)
        assert len(seen[0]) > 40


async def test_a_list_comes_in_chunks_of_one_moment() -> None:
    """ "should return chunks of results for list calls" """
    async with running_api() as api:
        for at in range(40):
            await make(api, f"m{at:02}", "chunk")
        found: list[str] = []
        token, version, left = "", "", 40
        for size in (17, 17, 17):
            query = f"limit={size}" + (f"&continue={token}" if token else "")
            body = (await api.get(CONFIG_MAPS, query)).body
            version = version or body["metadata"]["resourceVersion"]
            assert body["metadata"]["resourceVersion"] == version
            found += [item["metadata"]["name"] for item in body["items"]]
            left -= len(body["items"])
            assert body["metadata"].get("remainingItemCount", 0) == left
            token = body["metadata"].get("continue", "")
            await api.delete(f"{CONFIG_MAPS}/{found[0]}")
        assert not token
        assert found == [f"m{at:02}" for at in range(40)]


async def test_a_list_goes_on_after_compaction() -> None:
    """ "should support continue listing from the last key even if the original version has been compacted away" """
    async with running_api() as api:
        for at in range(10):
            await make(api, f"m{at}", "chunk")
        first = (await api.get(CONFIG_MAPS, "limit=4")).body
        await api.delete(CONFIG_MAPS + "/m5")
        await make(api, "m55", "chunk")
        endpoint = api.server.registry.find("", "v1", "configmaps")
        assert endpoint is not None and endpoint.resource is not None
        await endpoint.resource.store.compact(api.server.cache.revision)
        gone = await api.get(CONFIG_MAPS, f"limit=4&continue={first['metadata']['continue']}")
        assert (gone.code, gone.body["reason"]) == (410, "Expired")
        token = gone.body["metadata"]["continue"]
        rest: list[str] = []
        while token:
            body = (await api.get(CONFIG_MAPS, f"limit=4&continue={token}")).body
            rest += [item["metadata"]["name"] for item in body["items"]]
            token = body["metadata"].get("continue", "")
        assert rest == ["m4", "m55", "m6", "m7", "m8", "m9"]


async def test_a_backend_without_metadata_has_no_table() -> None:
    """ "should return a 406 for a backend which does not implement metadata" """
    async with running_api() as api:
        review = {"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}
        accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = await api.call("POST", path, review, accept=accept)
        assert (answer.code, answer.body["reason"]) == (406, "NotAcceptable")
