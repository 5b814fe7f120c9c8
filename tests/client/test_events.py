"""The event recorder: what is written for what is recorded."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import LoopClock
from tests.support.scripted_app import json_response, status_response

from pybernetes.api.core import Pod
from pybernetes.api.meta import ObjectMeta
from pybernetes.base.http.message import Request, Response
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.event_correlation import COMBINED_PREFIX, Correlator
from pybernetes.client.events import EventRecorder, reference_to

POD = Pod(metadata=ObjectMeta(name="p", namespace="n", uid="u"))


def event(message: str = "m", *, name: str = "p.1", reason: str = "R", pod: str = "p") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "n"},
        "involvedObject": {"kind": "Pod", "namespace": "n", "name": pod, "uid": "u"},
        "reason": reason,
        "message": message,
        "source": {"component": "test"},
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
        "count": 1,
        "type": "Normal",
    }


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 2), st.integers(0, 12)), max_size=60))
def test_what_is_forgotten_of_events_decides_nothing(recorded: list[tuple[int, int, int]]) -> None:
    forgetting, keeping = Correlator(), Correlator()
    for table in (keeping._similar, keeping._buckets):
        table._is_over = lambda entry, now: False  # type: ignore[assignment]
    now = 0.0
    for number, (seconds, pod, message) in enumerate(recorded):
        now += seconds
        both = [event(f"m{message}", name=f"e{number}", pod=f"p{pod}") for _ in range(2)]
        verdicts = forgetting.correlate(both[0], now), keeping.correlate(both[1], now)
        assert verdicts[0] == verdicts[1]


def test_events_of_pods_that_are_gone_are_forgotten() -> None:
    correlator = Correlator()
    for number in range(100):
        correlator.correlate(event(pod=f"p{number}", name=f"e{number}"), 0.0)
    for number in range(100):
        correlator.correlate(event(pod="another", name=f"f{number}"), 1000.0)
    assert len(correlator._similar._entries) == len(correlator._buckets._entries) == 1


def test_same_event_again_counts_up() -> None:
    correlator = Correlator()
    first = correlator.correlate(event(name="p.1"), 0.0)
    second = correlator.correlate(event(name="p.2"), 1.0)
    assert first is not None and second is not None
    assert (first.existing, second.existing) == (False, True)
    assert (second.event["metadata"]["name"], second.event["count"]) == ("p.1", 2)


def test_many_similar_events_are_combined() -> None:
    correlator = Correlator()
    verdicts = [correlator.correlate(event(f"m{n}", name=f"p.{n}"), float(n)) for n in range(12)]
    messages = [verdict.event["message"] for verdict in verdicts if verdict is not None]
    assert [message.startswith(COMBINED_PREFIX) for message in messages] == [False] * 9 + [True] * 3


def test_flood_about_one_object_is_cut_and_recovers() -> None:
    correlator = Correlator()
    passed = [correlator.correlate(event("m", name=f"p.{n}"), 0.0) is not None for n in range(40)]
    assert sum(passed) == 25
    assert correlator.correlate(event("m", name="p.later"), 301.0) is not None
    assert correlator.correlate(event("m", name="q.1", pod="q"), 0.0) is not None


async def test_recorded_event_is_created_then_patched() -> None:
    requests: list[Request] = []

    async def app(request: Request) -> Response:
        requests.append(request)
        return json_response({"metadata": {"name": "x"}})

    recorder = EventRecorder(Client(app), "test", clock=LoopClock())
    async with running("recorder", recorder.serve):
        recorder.warning(POD, "Broken", "it broke")
        recorder.warning(POD, "Broken", "it broke")
        await recorder.flush()
    assert [(r.method, r.path.rpartition("/")[0]) for r in requests] == [
        ("POST", "/api/v1/namespaces/n"),
        ("PATCH", "/api/v1/namespaces/n/events"),
    ]


async def test_refused_event_is_dropped_and_lost_connection_tried_again() -> None:
    answers: list[Any] = [ConnectionError(), json_response({}), status_response(403, "Forbidden")]

    async def app(request: Request) -> Response:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Response)
        return answer

    recorder = EventRecorder(Client(app), "test", clock=LoopClock())
    async with running("recorder", recorder.serve):
        recorder.normal(POD, "A", "one")
        recorder.normal(POD, "B", "two")
        await recorder.flush()
    assert not answers


def test_reference_is_made_of_structs_dicts_and_references() -> None:
    wanted = {"kind": "Pod", "apiVersion": "v1", "namespace": "n", "name": "p", "uid": "u"}
    assert reference_to(POD) == wanted
    body = {"kind": "Pod", "apiVersion": "v1", "metadata": {"namespace": "n", "name": "p", "uid": "u"}}
    assert reference_to(body) == wanted
    assert reference_to(wanted, "spec.containers{c}") == {**wanted, "fieldPath": "spec.containers{c}"}
