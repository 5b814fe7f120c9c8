"""Watches that are lost, refused, end early or tell odd things: both clients show the same and wait on alike."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.broken_servers import OK, Quirk, differences, served, thing
from tests.kubectl.scripted_server import RESET, Answer, Request, failure

from pybernetes.kubectl import following
from pybernetes.kubectl.client import Client
from pybernetes.kubectl.config.target import Target
from pybernetes.kubectl.discovery import Resource
from pybernetes.kubectl.following import follow
from pybernetes.kubectl.watching import watch

PODS = Resource("", "v1", "pods", "Pod", True)
POD = thing("v1", "Pod", "a")
READY = {**POD, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
READY["metadata"] = {**POD["metadata"], "resourceVersion": "8"}
EMPTY = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "5"}, "items": []}
EXPIRED = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "reason": "Expired",
    "message": "old",
    "code": 410,
}
BOOKMARK = {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": "99", "creationTimestamp": None}}


def line(what: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": what, "object": obj}).encode() + b"\n"


def one_after_the_other(*answers: Answer | bytes) -> Quirk:
    """What each client's watches get; the last one for ever. Bytes are the body of a good answer."""
    counts: dict[str, int] = {}
    lock = threading.Lock()

    def quirk(request: Request) -> Answer | bytes | None:
        if "watch=" not in request.path:
            return None
        client = request.headers.get("user-agent", "")
        with lock:
            number = counts[client] = counts.get(client, -1) + 1
        found = answers[min(number, len(answers) - 1)]
        return OK + b"\r\n" + found if isinstance(found, bytes) and found not in (b"", RESET) else found

    return quirk


def tables(*events: tuple[str, dict[str, Any]]) -> Quirk:
    """Of a server that makes tables."""

    def table(rows: list[dict[str, Any]], version: str) -> dict[str, Any]:
        columns = [{"name": "Name", "type": "string", "format": "name"}, {"name": "Size", "type": "integer"}]
        cells = [{"cells": [row["metadata"].get("name", ""), 3], "object": row} for row in rows]
        metadata = {"resourceVersion": version}
        return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": columns,
                "rows": cells}  # fmt: skip

    def quirk(request: Request) -> Answer | bytes | None:
        if "as=Table" not in request.headers.get("accept", "") or "/pods" not in request.path:
            return None
        if "watch=" in request.path:
            return OK + b"\r\n" + b"".join(line(what, table([obj], "8")) for what, obj in events)
        return Answer(table([POD], "" if request.bare.endswith("/a") else "5"))

    return quirk


CHANGES = line("ADDED", POD) + line("MODIFIED", READY) + line("DELETED", READY)
NOW_READY = line("MODIFIED", READY)
SHOWN = """\
get pods -w
get pods a -w
get pods a --watch-only
get pods a -w -o name
get pods a -w -o json
get pods -w -o yaml
get pods -w -o custom-columns=N:.metadata.name,R:.metadata.resourceVersion
get pods a -w -o jsonpath={.metadata.name}:
get pods a -w --output-watch-events
get pods -w --output-watch-events -o json
get pods -w --show-kind"""
FEW = (
    "get pods -w\nget pods a -w -o name\nget pods -w -o jsonpath={.metadata.name}:\nget pods a -w --output-watch-events"
)
SHORT = "get pods -w\nget pods a -w"
PRETTY = json.dumps({"type": "MODIFIED", "object": READY}, indent=1).encode()
WAIT = "wait pod/a --for=condition=Ready --timeout=90s"
SERVERS: dict[str, tuple[Quirk, str]] = {
    "changes": (one_after_the_other(CHANGES), SHOWN),
    "bookmarks": (one_after_the_other(line("BOOKMARK", BOOKMARK) + CHANGES + line("BOOKMARK", BOOKMARK)), FEW),
    "tables": (
        tables(("ADDED", POD), ("BOOKMARK", BOOKMARK), ("MODIFIED", READY)),
        f"{SHORT}\nget pods -w --show-kind",
    ),
    "broken over lines": (one_after_the_other(PRETTY + PRETTY + b"\n" + PRETTY), SHORT),
    "empty lines": (one_after_the_other(b"\n\n" + CHANGES), "get pods -w"),
    "page": (one_after_the_other(Answer(b"<html>", 200, [("Content-Type", "text/html")])), "get pods -w"),
    "forbidden": (one_after_the_other(failure(403, "Forbidden", "no watch")), SHORT),
    "reset, shown": (one_after_the_other(RESET, CHANGES), "get pods -w"),
    "reset": (one_after_the_other(RESET, NOW_READY), WAIT),
    "closed": (one_after_the_other(b"", NOW_READY), WAIT),
    "deleted": (one_after_the_other(line("DELETED", POD)), WAIT),
    "deleted after a reset": (
        one_after_the_other(RESET, line("DELETED", POD)),
        "wait pod/a --for=delete --timeout=90s",
    ),
}


@pytest.mark.parametrize("name", SERVERS)
def test_both_clients_say_the_same(tmp_path: Path, name: str) -> None:
    quirk, text = SERVERS[name]
    found = differences(quirk, text.split("\n"), tmp_path)
    assert not found, "\n\n".join(found)


@pytest.fixture
def client(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    with served(request.param, tmp_path, {}) as configs:
        target = Target()
        target.server = json.loads(configs["ours"].read_text())["clusters"][0]["cluster"]["server"]
        client = Client(target, "wait")
        yield client
        client.close()


def lists(*answers: Answer, watches: Callable[[Request], Answer | bytes | None]) -> Quirk:
    """What lists get, one after the other, and what watches do."""
    left = list(answers)

    def quirk(request: Request) -> Answer | bytes | None:
        if "watch=" in request.path:
            return watches(request)
        if request.bare.endswith("/pods") and len(left) > 1:
            return left.pop(0)
        return left[0] if request.bare.endswith("/pods") else None

    return quirk


THERE = Answer({**EMPTY, "items": [POD]})
FAILED = failure(500, "InternalError", "no")
OVER = line("DELETED", READY)


@pytest.mark.parametrize(
    ("client", "seen"),
    [
        (lists(THERE, watches=one_after_the_other(b"<html>\n", OVER)), "ADDED MODIFIED DELETED"),
        (lists(THERE, watches=one_after_the_other(line("ERROR", EXPIRED), OVER)), "ADDED MODIFIED DELETED"),
        (lists(THERE, watches=one_after_the_other(FAILED, OVER)), "ADDED MODIFIED DELETED"),
        (lists(THERE, watches=one_after_the_other(b"\n", OVER)), "ADDED MODIFIED DELETED"),
        (lists(THERE, watches=one_after_the_other(RESET, b"", OVER)), "ADDED DELETED"),
        (lists(THERE, watches=one_after_the_other(line("MODIFIED", READY), OVER)), "ADDED MODIFIED DELETED"),
        (lists(THERE, Answer(EMPTY), watches=one_after_the_other(line("ERROR", EXPIRED))), "ADDED DELETED"),
        (lists(failure(403, "Forbidden", "no"), Answer("{"), Answer(EMPTY), watches=one_after_the_other(CHANGES)),
         "ABSENT ADDED MODIFIED DELETED"),
    ],
    indirect=["client"],
)  # fmt: skip
def test_an_object_is_followed_through_all_that_fails(
    client: Client, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.01)
    found = []
    for event, _ in follow(client, PODS, "default", "a"):
        found.append(event)
        if event == "DELETED":
            break
    assert found == seen.split()


@pytest.mark.parametrize("client", [lists(THERE, watches=one_after_the_other(b"\n"))], indirect=True)
def test_nothing_is_followed_beyond_the_deadline(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    paused = []

    def sleep(seconds: float) -> None:
        paused.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    assert {event for event, _ in follow(client, PODS, "default", "a", deadline=10.0)} == {"ADDED", "MODIFIED"}
    assert paused == pytest.approx([0.8, 1.6, 3.2, 4.4])
    assert client.limit_seconds == 0.0


@pytest.mark.parametrize("client", [one_after_the_other(RESET)], indirect=True)
def test_a_watch_that_is_lost_eleven_times_has_nothing_to_tell(client: Client) -> None:
    assert list(watch(client, "/api/v1/namespaces/default/pods?watch=true")) == []
