"""PATCH, and what the schema says of bodies."""

from typing import Any

import pytest
from tests.support.api import CONFIG_MAPS, PODS, running_api

from pybernetes.api.status import StatusError, is_conflict, is_invalid

A = CONFIG_MAPS + "/a"
JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"

APPLIED: list[tuple[str, str, Any, dict[str, str]]] = [
    ("merge", MERGE, {"data": {"b": "2", "a": None}}, {"b": "2"}),
    ("json", JSON, [{"op": "add", "path": "/data/b", "value": "2"}], {"a": "1", "b": "2"}),
    ("strategic", STRATEGIC, {"data": {"b": "2"}}, {"a": "1", "b": "2"}),
]


@pytest.mark.parametrize(("media", "patch", "expected"), [row[1:] for row in APPLIED], ids=[row[0] for row in APPLIED])
async def test_applied(media: str, patch: Any, expected: dict[str, str]) -> None:
    async with running_api() as api:
        await api.config_map("a")
        answer = await api.patch(A, patch, media)
        assert (answer.code, answer.body["data"]) == (200, expected), answer


async def test_a_patch_may_take_away_what_the_kind_is_called() -> None:
    async with running_api() as api:
        await api.config_map("a")
        answer = await api.patch(A, [{"op": "remove", "path": "/kind"}, {"op": "remove", "path": "/apiVersion"}], JSON)
        assert (answer.code, answer.body["kind"]) == (200, "ConfigMap")
        answer = await api.patch(A, {"$patch": "delete"}, STRATEGIC)
        assert answer.message == "the name of the object (a based on URL) was undeterminable: name must be provided"


async def test_a_strategic_patch_merges_lists_by_key() -> None:
    async with running_api() as api:
        await api.pod("p")
        patch = {"metadata": {"labels": {"x": "y"}}, "spec": {"containers": [{"name": "main", "image": "other"}]}}
        answer = await api.patch(PODS + "/p", patch, STRATEGIC)
        (container,) = answer.body["spec"]["containers"]
        assert (container["name"], container["image"]) == ("main", "other")


REFUSED: list[tuple[str, str, Any, int, str]] = [
    ("no media type of patches", "application/json", {}, 415, "the body of the request was in an unknown format"),
    ("no JSON", MERGE, b"{", 400, "error decoding patch: "),
    ("no list of operations", JSON, {}, 400, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
    (
        "a path that is not there",
        JSON,
        [{"op": "remove", "path": "/data/x"}],
        422,
        "the server rejected our request due to an error in our request",
    ),
    ("another name", MERGE, {"metadata": {"name": "b"}}, 400, "the name of the object (b) does not match the name on"),
    ("a wrong type", MERGE, {"data": {"b": 2}}, 422, ' "" is invalid: patch: Invalid value: "{\\"data'),
    (
        "an old version",
        MERGE,
        {"metadata": {"resourceVersion": "1"}},
        409,
        "Operation cannot be fulfilled on configmaps",
    ),
    (
        "another uid",
        MERGE,
        {"metadata": {"creationTimestamp": None, "uid": "x"}},
        422,
        'ConfigMap "a" is invalid: metadata.uid: Invalid value: "x": field is immutable',
    ),
    ("another uid and an old version", MERGE, {"metadata": {"uid": "x", "resourceVersion": "1"}}, 409, "Operation"),
]


@pytest.mark.parametrize(
    ("media", "patch", "code", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
async def test_refused(media: str, patch: Any, code: int, message: str) -> None:
    async with running_api() as api:
        await api.config_map("a")
        answer = await api.patch(A, patch, media)
        assert answer.code == code, answer
        assert answer.message.startswith(message)


async def test_a_status_is_not_patched_when_the_uid_is_anothers() -> None:
    async with running_api() as api:
        await api.pod("p", node="n1")
        patch = {"metadata": {"uid": "x"}, "status": {"phase": "Running"}}
        answer = await api.patch(PODS + "/p/status", patch, STRATEGIC)
        assert answer.code == 422
        error = StatusError(answer.code, answer.body["reason"], answer.message, answer.body["details"])
        assert is_conflict(error) and is_invalid(error)
        assert (await api.get(PODS + "/p")).body["status"]["phase"] == "Pending"


async def test_a_missing_object_is_not_found() -> None:
    async with running_api() as api:
        assert (await api.patch(A, {})).code == 404


async def test_a_patch_that_changes_nothing_writes_nothing() -> None:
    async with running_api() as api:
        before = await api.config_map("a")
        assert (await api.patch(A, {"data": {"a": "1"}})).version == before.version


async def test_the_status_is_patched_on_its_own_path() -> None:
    async with running_api() as api:
        await api.pod("p", node="n1")
        await api.patch(PODS + "/p", {"status": {"phase": "Failed"}})
        assert (await api.get(PODS + "/p")).body["status"]["phase"] == "Pending"
        patch = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
        body = (await api.patch(PODS + "/p/status", patch, STRATEGIC)).body
        assert body["status"]["phase"] == "Running"
        patch = {"status": {"conditions": [{"type": "PodScheduled", "status": "True"}]}}
        body = (await api.patch(PODS + "/p/status", patch, STRATEGIC)).body
        assert {condition["type"] for condition in body["status"]["conditions"]} == {"Ready", "PodScheduled"}


async def test_a_scale_is_patched() -> None:
    async with running_api() as api:
        sets = "/apis/apps/v1/namespaces/default/deployments"
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}
        await api.post(sets, {"metadata": {"name": "d"}, "spec": spec})
        answer = await api.patch(sets + "/d/scale", {"spec": {"replicas": 4}})
        assert (answer.code, answer.body["spec"]) == (200, {"replicas": 4})
        assert (await api.get(sets + "/d")).body["spec"]["replicas"] == 4


async def test_an_event_is_patched_in_its_other_version() -> None:
    async with running_api() as api:
        event = {"metadata": {"name": "e"}, "involvedObject": {"name": "p"}, "message": "m"}
        await api.post("/api/v1/namespaces/default/events", event)
        path = "/apis/events.k8s.io/v1/namespaces/default/events/e"
        series = {"count": 2, "lastObservedTime": "2026-01-01T00:00:00.000000Z"}
        answer = await api.patch(path, {"series": series})
        assert (answer.code, answer.body["series"], answer.body["note"]) == (200, series, "m"), answer
        assert (await api.get("/api/v1/namespaces/default/events/e")).body["series"] == series
        answer = await api.patch(path, {"note": "new", "series": {"count": 1}})
        assert answer.message == (
            'Event "e" is invalid: [series.count: Invalid value: "": should be at least 2, '
            'message: Invalid value: "new": field is immutable]'
        )
        answer = await api.patch("/api/v1/namespaces/default/events/e", {"message": "new"})
        assert answer.body["message"] == "new"


async def test_a_new_event_of_the_newer_group_is_whole() -> None:
    async with running_api() as api:
        path = "/apis/events.k8s.io/v1/namespaces/default/events"
        answer = await api.post(path, {"metadata": {"name": "e"}, "deprecatedCount": 3})
        assert answer.message == (
            'Event "e" is invalid: [eventTime: Required value, type: Invalid value: "": has invalid value: , '
            'count: Invalid value: "": needs to be unset]'
        )
        event = {
            "metadata": {"name": "e"},
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "type": "Normal",
            "reason": "R",
            "action": "A",
            "reportingController": "example.com/c",
            "reportingInstance": "i",
            "regarding": {"namespace": "default"},
        }
        assert (await api.post(path, event)).code == 201
        answer = await api.post(path, {**event, "reportingController": ""})
        assert answer.message.startswith('Event "e" is invalid: [reportingController: Required value, ')


UNKNOWN = {"metadata": {"name": "a"}, "data": {}, "extra": 1}
DUPLICATE = b'{"metadata": {"name": "a", "name": "a"}, "data": {}}'


@pytest.mark.parametrize("body", [UNKNOWN, DUPLICATE], ids=["unknown", "duplicate"])
async def test_what_does_not_belong_is_warned_of_refused_or_ignored(body: Any) -> None:
    words = 'unknown field "extra"' if body is UNKNOWN else 'duplicate field "metadata.name"'
    escaped = words.replace('"', '\\"')
    async with running_api() as api:
        answer = await api.post(CONFIG_MAPS, body, query="dryRun=All")
        assert answer.header("warning") == [f'299 - "{escaped}"']
        assert "extra" not in answer.body
        answer = await api.post(CONFIG_MAPS, body, query="dryRun=All&fieldValidation=Ignore")
        assert (answer.code, answer.header("warning")) == (201, [])
        answer = await api.post(CONFIG_MAPS, body, query="dryRun=All&fieldValidation=Strict")
        assert (answer.code, answer.message) == (
            400,
            f'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: {words}',
        )


async def test_what_does_not_belong_in_a_patch() -> None:
    async with running_api() as api:
        await api.config_map("a")
        answer = await api.patch(A, {"extra": 1})
        assert answer.header("warning") == ['299 - "unknown field \\"extra\\""']
        answer = await api.patch(A, {"extra": 1}, query="fieldValidation=Strict")
        assert answer.code == 422
        assert 'strict decoding error: unknown field "extra"' in answer.message


async def test_a_wrong_type_names_the_field() -> None:
    async with running_api() as api:
        pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": 3}]}}
        answer = await api.post(PODS, pod)
        assert answer.code == 400
        assert answer.message.startswith(
            'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number'
        )


async def test_defaults_are_stored() -> None:
    async with running_api() as api:
        spec = (await api.pod("p")).body["spec"]
        assert (spec["restartPolicy"], spec["terminationGracePeriodSeconds"]) == ("Always", 30)
        assert spec["containers"][0]["terminationMessagePath"] == "/dev/termination-log"
