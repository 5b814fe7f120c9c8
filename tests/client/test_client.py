"""The typed client: addresses, bodies, answers, errors and retries."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.support.scripted_app import ScriptedApp, event_line, json_response, status_response, stream_response

from pybernetes.api.core import ConfigMap, Namespace, Pod
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.resource import ResourceInfo
from pybernetes.api.status import StatusError, is_conflict, is_gone, is_not_found
from pybernetes.api.user import UserInfo
from pybernetes.client.client import Client
from pybernetes.client.view import metadata_view

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "n", "resourceVersion": "5"}}
WIDGET = ResourceInfo(
    group="example.com", version="v1", plural="widgets", kind="Widget", singular="widget", namespaced=True, verbs=()
)


async def body_of(app: ScriptedApp, number: int = -1) -> Any:
    return msgspec.json.decode(await app.requests[number].body.read(1 << 20))


async def test_get_decodes_the_struct() -> None:
    app = ScriptedApp(json_response(POD))
    pod = await Client(app).get(Pod, "a", "n")
    assert (pod.metadata.name, pod.metadata.resource_version) == ("a", "5")
    assert app.said() == ["GET /api/v1/namespaces/n/pods/a"]


async def test_custom_kinds_are_dicts() -> None:
    app = ScriptedApp(json_response({"spec": {"x": 1}, "metadata": {"name": "w"}}))
    assert (await Client(app).get(WIDGET, "w", "n"))["spec"] == {"x": 1}
    assert app.said() == ["GET /apis/example.com/v1/namespaces/n/widgets/w"]


async def test_cluster_scoped_kinds_have_no_namespace_in_the_path() -> None:
    app = ScriptedApp(json_response({"metadata": {"name": "x"}}))
    await Client(app).get(Namespace, "x")
    assert app.said() == ["GET /api/v1/namespaces/x"]


async def test_list_passes_selectors_and_returns_the_version() -> None:
    app = ScriptedApp(json_response({"metadata": {"resourceVersion": "7", "continue": "c"}, "items": [POD]}))
    page = await Client(app).list(Pod, "n", label_selector="a=b", field_selector="spec.nodeName=x", limit=1)
    assert (page.resource_version, page.continue_token, len(page)) == ("7", "c", 1)
    assert app.said() == ["GET /api/v1/namespaces/n/pods?labelSelector=a%3Db&fieldSelector=spec.nodeName%3Dx&limit=1"]


async def test_null_items_are_an_empty_list() -> None:
    app = ScriptedApp(json_response({"metadata": {}, "items": None}))
    assert (await Client(app).list(Pod)).items == []


async def test_create_sends_kind_and_version() -> None:
    app = ScriptedApp(json_response({"metadata": {"name": "c"}}, 201))
    await Client(app).create(ConfigMap(metadata=ObjectMeta(name="c", namespace="n"), data={"k": "v"}))
    assert app.said() == ["POST /api/v1/namespaces/n/configmaps"]
    sent = await body_of(app)
    assert (sent["apiVersion"], sent["kind"], sent["data"]) == ("v1", "ConfigMap", {"k": "v"})


async def test_binding_is_posted_to_the_pod() -> None:
    app = ScriptedApp(json_response({"kind": "Status", "status": "Success", "metadata": {}}, 201))
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a", "namespace": "n"}}
    await Client(app).create(binding, subresource="binding")
    assert app.said() == ["POST /api/v1/namespaces/n/pods/a/binding"]


async def test_delete_carries_preconditions() -> None:
    app = ScriptedApp(json_response({"kind": "Status", "status": "Success"}))
    await Client(app).delete(Pod, "a", "n", uid="u", grace_period_seconds=0, propagation_policy="Background")
    assert await body_of(app) == {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Background",
        "preconditions": {"uid": "u"},
    }


async def test_metadata_view_asks_for_metadata_only() -> None:
    app = ScriptedApp(json_response({"metadata": {}, "items": [POD]}))
    page = await Client(app).list(metadata_view(WIDGET))
    assert page.items is not None and page.items[0].metadata.name == "a"
    assert "as=PartialObjectMetadataList" in (app.requests[0].header("accept") or "")


@pytest.mark.parametrize(
    ("code", "reason", "predicate"),
    [(404, "NotFound", is_not_found), (409, "Conflict", is_conflict), (410, "Expired", is_gone)],
)
async def test_failures_are_status_errors(code: int, reason: str, predicate: Any) -> None:
    with pytest.raises(StatusError) as raised:
        await Client(ScriptedApp(status_response(code, reason))).get(Pod, "a", "n")
    assert predicate(raised.value)


async def test_answer_without_a_status_body_is_still_a_status_error() -> None:
    from pybernetes.base.http.message import Response

    with pytest.raises(StatusError) as raised:
        await Client(ScriptedApp(Response(502, [], b"bad gateway"))).get(Pod, "a", "n")
    assert (raised.value.code, raised.value.message) == (502, "bad gateway")


async def test_retry_after_is_waited_for() -> None:
    app = ScriptedApp(status_response(429, "TooManyRequests", [("retry-after", "7")]), json_response(POD))
    started = asyncio.get_running_loop().time()
    await Client(app).get(Pod, "a", "n")
    assert asyncio.get_running_loop().time() - started == pytest.approx(7.0)


async def test_429_without_retry_after_is_the_callers() -> None:
    with pytest.raises(StatusError):
        await Client(ScriptedApp(status_response(429, "TooManyRequests"))).get(Pod, "a", "n")


async def test_retries_are_bounded() -> None:
    answers = [status_response(503, "ServiceUnavailable", [("retry-after", "1")]) for _ in range(30)]
    app = ScriptedApp(*answers)
    with pytest.raises(StatusError):
        await Client(app).get(Pod, "a", "n")
    assert len(app.requests) == 11


async def test_user_rides_in_the_context() -> None:
    app = ScriptedApp(json_response(POD))
    user = UserInfo("system:kube-scheduler")
    await Client(app, user=user).get(Pod, "a", "n")
    assert app.requests[0].context["user"] is user


async def test_watch_reassembles_lines_cut_anywhere() -> None:
    text = event_line("ADDED", POD) + event_line("MODIFIED", POD) + event_line("DELETED", POD)
    for size in (1, 7, len(text)):
        chunks = [text[at : at + size] for at in range(0, len(text), size)]
        client = Client(ScriptedApp(stream_response(*chunks)))
        seen = [event.type async for event in client.watch(Pod, resource_version="1")]
        assert seen == ["ADDED", "MODIFIED", "DELETED"]


async def test_error_event_is_a_status_error() -> None:
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    client = Client(ScriptedApp(stream_response(event_line("ERROR", gone))))
    with pytest.raises(StatusError) as raised:
        async for _ in client.watch(Pod, resource_version="1"):
            pass
    assert is_gone(raised.value)
