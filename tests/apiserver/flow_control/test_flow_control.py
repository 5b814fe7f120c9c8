"""Priority and fairness as clients of a whole server meet it."""

import asyncio
from typing import Any

import pytest
from tests.support.api import CONFIG_MAPS, Api, running_api

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.flow_control.objects import built_in
from pybernetes.base.http.message import Request, Response

GROUP = "/apis/flowcontrol.apiserver.k8s.io/v1"
SCHEMAS, LEVELS = f"{GROUP}/flowschemas", f"{GROUP}/prioritylevelconfigurations"
Object = dict[str, Any]
ALICE = UserInfo("alice", groups=("system:authenticated",))


def level(name: str, **limited: Any) -> Object:
    part = {"nominalConcurrencyShares": 5, "limitResponse": {"type": "Reject"}, **limited}
    return {"metadata": {"name": name}, "spec": {"type": "Limited", "limited": part}}


def schema(name: str, to: str, user: str = "alice", precedence: int = 50, **spec: Any) -> Object:
    subject = {"kind": "User", "user": {"name": user}}
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}
    paths = {"verbs": ["*"], "nonResourceURLs": ["*"]}
    rule = {"subjects": [subject], "resourceRules": [everything], "nonResourceRules": [paths]}
    reference = {"name": to}
    body = {"priorityLevelConfiguration": reference, "matchingPrecedence": precedence, "rules": [rule], **spec}
    return {"metadata": {"name": name}, "spec": body}


async def uids(api: Api, path: str = "/version") -> tuple[str, str]:
    answer = await api.get(path)
    (flow,) = answer.header("x-kubernetes-pf-flowschema-uid")
    (priority,) = answer.header("x-kubernetes-pf-prioritylevel-uid")
    return flow, priority


async def test_requests_are_sorted_by_flow_schemas() -> None:
    async with running_api() as admin:
        made = (await admin.post(LEVELS, level("lane"))).body
        flow = (await admin.post(SCHEMAS, schema("lane", "lane"))).body
        await admin.settle()
        found = await uids(Api(admin.server, ALICE))
        assert found == (flow["metadata"]["uid"], made["metadata"]["uid"])
        assert (await uids(Api(admin.server, UserInfo("bob", groups=("system:authenticated",)))))[0] != found[0]
        missing = await Api(admin.server, ALICE).get(f"{CONFIG_MAPS}/none")
        assert missing.code == 404 and missing.header("x-kubernetes-pf-flowschema-uid") == [found[0]]


async def test_every_cluster_has_the_mandatory_and_suggested_objects() -> None:
    async with running_api(keep_flow_control_objects=True) as api:
        schemas, levels = built_in()
        for path, objects in ((SCHEMAS, schemas), (LEVELS, levels)):
            watching = await api.watch(path)
            while {name for _, name in watching.seen} < set(objects):
                await watching.received(len(watching.events) + 1)
        watching = await api.watch(SCHEMAS, "fieldSelector=metadata.name%3Dexempt")
        while not (watching.events and (watching.events[-1]["object"].get("status") or {}).get("conditions")):
            await watching.received(len(watching.events) + 1)
        (condition,) = watching.events[-1]["object"]["status"]["conditions"]
        assert (condition["type"], condition["status"], condition["reason"]) == ("Dangling", "False", "Found")
        count = len(watching.events)
        await api.delete(f"{SCHEMAS}/exempt")
        await watching.received(count + 2)
        assert [kind for kind, _ in watching.seen[count:]][:2] == ["DELETED", "ADDED"]


async def test_a_schema_without_its_level_is_dangling() -> None:
    async with running_api(keep_flow_control_objects=True) as api:
        await api.post(SCHEMAS, schema("lost", "nowhere"))
        watching = await api.watch(SCHEMAS, "fieldSelector=metadata.name%3Dlost")
        while not (watching.events and (watching.events[-1]["object"].get("status") or {}).get("conditions")):
            await watching.received(len(watching.events) + 1)
        (condition,) = watching.events[-1]["object"]["status"]["conditions"]
        assert (condition["status"], condition["reason"]) == ("True", "NotFound")
        assert condition["message"] == (
            'This FlowSchema references the PriorityLevelConfiguration object named "nowhere" '
            "but there is no such object"
        )


async def test_beyond_the_limit_requests_are_refused_with_advice() -> None:
    async with running_api(max_requests_in_flight=2, max_mutating_requests_in_flight=0) as admin:
        await admin.post(LEVELS, level("lane", borrowingLimitPercent=0))
        await admin.post(SCHEMAS, schema("lane", "lane"))
        await admin.settle()
        go, begun = asyncio.Event(), asyncio.Semaphore(0)

        async def slow(request: Request) -> Response:
            begun.release()
            await go.wait()
            return Response(200)

        admin.server.pages.served["/slow"] = slow
        alice = Api(admin.server, ALICE)
        running = asyncio.create_task(alice.get("/slow"))
        await begun.acquire()
        refused = await alice.get("/slow")
        assert refused.code == 429 and refused.header("retry-after") == ["1"]
        assert refused.message == "Too many requests, please try again later."
        assert (await admin.get("/version")).code == 200
        go.set()
        assert (await running).code == 200
        assert (await alice.get("/slow")).code == 200


async def test_requests_wait_for_their_turn() -> None:
    async with running_api(max_requests_in_flight=2, max_mutating_requests_in_flight=0) as admin:
        queuing = {"type": "Queue", "queuing": {"queues": 4, "handSize": 2, "queueLengthLimit": 10}}
        await admin.post(LEVELS, level("lane", borrowingLimitPercent=0, limitResponse=queuing))
        await admin.post(SCHEMAS, schema("lane", "lane", distinguisherMethod={"type": "ByUser"}))
        await admin.settle()
        running = 0
        most = 0

        async def counted(request: Request) -> Response:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1
            return Response(200)

        admin.server.pages.served["/counted"] = counted
        alice = Api(admin.server, ALICE)
        answers = await asyncio.gather(*(alice.get("/counted") for _ in range(10)))
        assert {answer.code for answer in answers} == {200}
        assert most <= admin.server.flow_control.levels["lane"].limit
        debug = await admin.get("/debug/api_priority_and_fairness/dump_priority_levels")
        assert b"\nlane, 0, true" in debug.raw
        assert (await admin.get("/debug/api_priority_and_fairness/dump_queues")).raw.count(b"lane, ") == 4


async def test_operations_on_the_objects() -> None:
    """FlowSchema and PriorityLevelConfiguration API operations of the conformance suite."""
    async with running_api() as api:
        for path, body in ((SCHEMAS, schema("x", "exempt", precedence=9999)), (LEVELS, level("x"))):
            body["metadata"]["labels"] = {"test": "x"}
            assert (await api.post(path, body)).code == 201
            assert (await api.get(f"{path}/x")).code == 200
            assert len((await api.get(path, "labelSelector=test%3Dx")).body["items"]) == 1
            watching = await api.watch(path, "labelSelector=test%3Dx")
            patched = await api.patch(f"{path}/x", {"metadata": {"annotations": {"patched": "true"}}})
            assert patched.body["metadata"]["annotations"] == {"patched": "true"}
            updated = {**patched.body}
            updated["metadata"]["annotations"]["updated"] = "true"
            assert (await api.put(f"{path}/x", updated)).code == 200
            condition = {"type": "patched", "status": "True", "reason": "r", "message": "m"}
            status = await api.patch(f"{path}/x/status", {"status": {"conditions": [condition]}})
            assert status.body["status"]["conditions"][0]["type"] == "patched"
            current = (await api.get(f"{path}/x/status")).body
            current["status"]["conditions"][0]["message"] = "updated"
            assert (await api.put(f"{path}/x/status", current)).body["status"]["conditions"][0]["message"] == "updated"
            assert (await api.delete(path, query="labelSelector=test%3Dx")).code == 200
            assert (await api.get(f"{path}/x")).code == 404
            await api.settle()
            assert watching.seen[-1][0] == "DELETED"


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (SCHEMAS, schema("x", "exempt", precedence=1), "only the schema named 'exempt' may have matchingPrecedence 1"),
        (SCHEMAS, schema("x", ""), "must reference a priority level"),
        (SCHEMAS, schema("x", "exempt", rules=[{"subjects": []}]), "subjects must contain at least one value"),
        (SCHEMAS, schema("x", "exempt", distinguisherMethod={"type": "ByMood"}), 'Unsupported value: "ByMood"'),
        (LEVELS, level("x", lendablePercent=101), "must be between 0 and 100, inclusive"),
        (LEVELS, level("x", limitResponse={"type": "Queue"}), "must not be empty if limited.limitResponse.type"),
        (
            LEVELS,
            level("x", limitResponse={"type": "Queue", "queuing": {"queues": 2, "handSize": 4, "queueLengthLimit": 1}}),
            "should not be greater than queues (2)",
        ),
        (LEVELS, {"metadata": {"name": "x"}, "spec": {"type": "Exempt"}}, "if and only if `name` is 'exempt'"),
    ],
)
async def test_wrong_objects_are_refused(path: str, body: Object, expected: str) -> None:
    async with running_api() as api:
        answer = await api.post(path, body)
        assert answer.code == 422 and expected in answer.message


async def test_a_large_list_takes_more_seats() -> None:
    async with running_api() as api:
        for number in range(205):
            await api.config_map(f"m{number}")
        from pybernetes.apiserver.flow_control.work import seats_of
        from pybernetes.apiserver.request_info import request_info

        count = api.server.registry.count
        for query, seats in (("", 3), ("limit=50", 1), ("limit=150", 2), ("limit=50&resourceVersion=0", 3)):
            request = Request("GET", CONFIG_MAPS, query)
            assert seats_of(request, request_info(request), count) == seats
