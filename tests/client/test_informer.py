"""Informers: the cache, its indexes, and what handlers are told."""

import asyncio
from typing import Any

import pytest
from tests.support.clock import settled
from tests.support.scripted_app import ScriptedApp, event_line, json_response, status_response

from pybernetes.api.core import Pod
from pybernetes.base.http.message import Request, Response
from pybernetes.base.tasks import running
from pybernetes.client.client import Client, WatchEvent
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.informer import Informer, MutationDetector
from pybernetes.client.informers import Informers


def wire(name: str, version: int, uid: str = "", labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": "n",
            "uid": uid or f"uid-{name}",
            "resourceVersion": str(version),
            "labels": labels or {},
        }
    }


def page(*items: dict[str, Any], version: int = 1) -> Response:
    return json_response({"metadata": {"resourceVersion": str(version)}, "items": list(items)})


class Pushed:
    """A watch that a test writes to."""

    def __init__(self) -> None:
        self.sink: Any = None
        self.is_stopped = False

    def start(self, sink: Any) -> None:
        self.sink = sink

    def stop(self) -> None:
        self.is_stopped = True

    def response(self) -> Response:
        return Response(200, [], self)

    def send(self, type_: str, obj: dict[str, Any]) -> None:
        self.sink.write(event_line(type_, obj))


def told(informer: Informer[Pod]) -> list[tuple[str, str]]:
    """What the informer tells its handlers, as (what, name@version)."""
    calls: list[tuple[str, str]] = []

    def handler(old: Pod | None, new: Pod | None) -> None:
        what = "changed" if old and new else "added" if new else "deleted"
        found = new or old
        assert found is not None
        calls.append((what, f"{found.metadata.name}@{found.metadata.resource_version}"))

    informer.add_handler(handler)
    return calls


async def test_list_then_watch_fills_the_cache_and_tells_handlers() -> None:
    watch = Pushed()
    app = ScriptedApp(page(wire("a", 1)), watch.response())
    informer = Informer(Client(InProcessTransport(app)), Pod)
    calls = told(informer)
    async with running("informer", informer.serve):
        await settled()
        watch.send("ADDED", wire("b", 2))
        watch.send("MODIFIED", wire("a", 3))
        watch.send("DELETED", wire("b", 4))
        await settled()
        assert calls == [("added", "a@1"), ("added", "b@2"), ("changed", "a@3"), ("deleted", "b@4")]
        assert [found.metadata.name for found in informer.list("n")] == ["a"]
    assert watch.is_stopped


async def test_relist_tells_the_difference_only() -> None:
    first, second = Pushed(), Pushed()
    app = ScriptedApp(
        page(wire("a", 1), wire("b", 1), wire("c", 1)),
        status_response(410, "Expired"),
        page(wire("a", 1), wire("b", 5), wire("d", 6), version=6),
        second.response(),
    )
    informer = Informer(Client(InProcessTransport(app)), Pod)
    async with running("informer", informer.serve):
        calls = told(informer)
        calls.clear()
        await asyncio.sleep(5)
        assert sorted(calls) == [("added", "d@6"), ("changed", "b@5"), ("deleted", "c@1")]
    assert first.sink is None


async def test_object_made_again_is_deleted_and_added() -> None:
    informer = Informer(Client(ScriptedApp()), Pod)
    calls = told(informer)
    informer.replace([informer.view.decode(b'{"metadata":{"name":"a","uid":"1","resourceVersion":"1"}}')])
    informer.apply(
        WatchEvent("MODIFIED", informer.view.decode(b'{"metadata":{"name":"a","uid":"2","resourceVersion":"2"}}'))
    )
    assert calls == [("added", "a@1"), ("deleted", "a@1"), ("added", "a@2")]


async def test_watch_that_ends_is_resumed_from_the_last_event() -> None:
    watch = Pushed()
    app = ScriptedApp(page(wire("a", 1)), json_response({}), watch.response())
    app.answers[1] = Response(200, [], event_line("BOOKMARK", {"metadata": {"resourceVersion": "9"}}))
    informer = Informer(Client(InProcessTransport(app)), Pod)
    async with running("informer", informer.serve):
        await asyncio.sleep(1)
    assert "resourceVersion=9" in app.requests[2].query


async def test_silent_watch_is_resumed() -> None:
    first, second = Pushed(), Pushed()
    app = ScriptedApp(page(wire("a", 1)), first.response(), second.response())
    informer = Informer(Client(InProcessTransport(app)), Pod)
    async with running("informer", informer.serve):
        await asyncio.sleep(200)
        assert first.is_stopped and second.sink is not None


async def test_lost_connections_are_tried_again() -> None:
    watch = Pushed()
    app = ScriptedApp(ConnectionError(), ConnectionError(), page(wire("a", 1)), watch.response())
    informer = Informer(Client(InProcessTransport(app)), Pod)
    async with running("informer", informer.serve):
        assert len(informer) == 1


async def test_index_follows_changes() -> None:
    informer = Informer(
        Client(ScriptedApp()), Pod, indexes={"app": lambda pod: [(pod.metadata.labels or {}).get("app", "")]}
    )
    decode = informer.view.decode
    informer.replace([decode(b'{"metadata":{"name":"a","resourceVersion":"1","labels":{"app":"x"}}}')])
    assert [found.metadata.name for found in informer.by_index("app", "x")] == ["a"]
    informer.apply(
        WatchEvent("MODIFIED", decode(b'{"metadata":{"name":"a","resourceVersion":"2","labels":{"app":"y"}}}'))
    )
    assert not informer.by_index("app", "x")
    assert len(informer.by_index("app", "y")) == 1
    informer.replace([])
    assert informer.index_values("app") == []


async def test_late_handler_is_told_everything() -> None:
    informer = Informer(Client(ScriptedApp()), Pod)
    informer.replace([informer.view.decode(b'{"metadata":{"name":"a","resourceVersion":"1"}}')])
    assert told(informer) == [("added", "a@1")]


async def test_failing_handler_does_not_stop_the_others() -> None:
    informer = Informer(Client(ScriptedApp()), Pod)

    def fails(old: Pod | None, new: Pod | None) -> None:
        raise RuntimeError("on purpose")

    informer.add_handler(fails)
    calls = told(informer)
    informer.replace([informer.view.decode(b'{"metadata":{"name":"a","resourceVersion":"1"}}')])
    assert calls == [("added", "a@1")]


async def test_informers_share_one_watch_per_selection() -> None:
    async def app(request: Request) -> Response:
        return page() if "watch" not in request.query else Pushed().response()

    informers = Informers(Client(InProcessTransport(app)))
    assert informers.of(Pod) is informers.of(Pod)
    assert informers.of(Pod) is not informers.of(Pod, namespace="n")
    async with running("informers", informers.serve):
        late = informers.of(Pod, label_selector="a=b")
        await informers.synced()
        assert late.has_synced


def test_detector_finds_a_changed_object() -> None:
    from pybernetes.api.codec import encode

    detector = MutationDetector(encode)
    found = Pod()
    detector.record(found)
    detector.verify()
    found.metadata.name = "changed"
    with pytest.raises(AssertionError):
        detector.verify()
