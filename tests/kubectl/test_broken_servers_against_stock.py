"""Servers that neither client has seen, down to the bytes: lost connections, redirections, torn and foreign answers,
watches and lists that break off, warnings, odd discovery. Both clients say the same and end with the same code.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.broken_servers import GROUPS, OK, Quirk, answer, at, differences, on_objects, thing
from tests.kubectl.scripted_server import RESET, Answer, Request, failure


def redirected(code: int) -> Quirk:
    return on_objects(
        lambda request: (
            answer(Request(request.method, request.path[6:], {}, b"", 0, 0))
            if request.path.startswith("/moved")
            else Answer(b"", code, [("Location", f"/moved{request.path}")])
        )
    )


def watched(*lines: bytes) -> Quirk:
    return lambda request: OK + b"\r\n" + b"\n".join(lines) if "watch=" in request.path else None


def event(what: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": what, "object": obj}).encode()


def paged(request: Request) -> Answer | None:
    if not request.bare.endswith("/pods"):
        return None
    if "continue=" in request.path:
        return failure(410, "Expired", "The provided continue parameter is too old.")
    whole = answer(request).body
    return Answer({**whole, "metadata": {"resourceVersion": "5", "continue": "abc", "remainingItemCount": 1}})


def three_pages(last: Answer | None = None) -> Quirk:
    def quirk(request: Request) -> Answer | None:
        if not request.bare.endswith("/pods") or "watch=" in request.path:
            return None
        page = int(request.path.partition("continue=p")[2][:1] or 0)
        if page == 2 and last is not None:
            return last
        metadata = {"resourceVersion": "5"} | ({"continue": f"p{page + 1}"} if page < 2 else {})
        items = [thing("v1", "Pod", f"{letter}{page}") for letter in "ab"]
        return Answer({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items})

    return quirk


def warned(*values: str) -> Quirk:
    return on_objects(lambda request: Answer(answer(request).body, 200, [("Warning", value) for value in values]))


def busy(code: int, headers: list[tuple[str, str]]) -> Quirk:
    """At first, for each request."""
    slow = failure(code, "TooManyRequests", "slow down")
    return on_objects(lambda request: Answer(slow.body, code, headers) if not request.number else None)


def zipped(request: Request) -> Answer | None:
    return Answer(
        gzip.compress(answer(request).encoded().partition(b"\r\n\r\n")[2]), 200, [("Content-Encoding", "gzip")]
    )


TOO_OLD = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "reason": "Expired",
    "message": "too old",
    "code": 410,
}
FEW = """\
get pods
get pods a -o name
get --raw /api/v1/namespaces/default/pods
delete pod a --wait=false
create --validate=false -f p.yaml"""
ONE = "get pods\nget pods a -o name"
WATCH = "get pods -w\nget pods -w -o name\nget pods --watch-only"
WARNED = "get pods\nget pods a b -o name\nget pods --warnings-as-errors"
NAMES = """\
get w
get wi a
get Widget a -o name
get W a -o name
get widgets.b.example.com a -o name
get widgets.v1beta1.a.example.com a -o yaml
get widgets.v1. a -o name
get w.v9.a.example.com a -o name
get widgets.b.ex a -o name
get po
get pp a -o name
get pods.c.example.com a -o name
get things -o name
get all a
get things,widgets a
get widgets,gears a -o name
get w/a po/b
get olds -o name
get nothings
get bindings
expose w a --port=80
explain w
get w --warnings-as-errors"""
INDEX = "api-resources\napi-versions\nget w a -o name\nget po a -o name\nget nosuch"
EVERYTHING = """\
get pods
cluster-info
auth can-i get pods
create deployment x --image=i
create --validate=false -f p.yaml
wait pod/a --for=delete --timeout=1s"""
BELOW = """\
get pods
get pods a -o name
get pods -w
get --raw /api/v1/namespaces/default/pods
get --raw /below/a/path/api/v1/namespaces/default/pods
create --validate=false -f p.yaml
get nosuch"""
ONE_BY_ONE = ("429", "503", "closed after", "reset after")
"""Servers that tell requests apart by those before: the first line finds out what they serve, for all that follow."""
SERVERS: dict[str, tuple[Quirk, str]] = {
    "login page": (lambda _: Answer(b"<html>", 200, [("Content-Type", "text/html")]), EVERYTHING),
    "gateway": (lambda _: Answer("no upstream", 503), EVERYTHING),
    "few kinds": (lambda _: None, "create deployment x --image=i\ncreate job x --image=i\ncluster-info"),
    "names": (lambda _: None, NAMES),
    "429": (busy(429, [("Retry-After", "0")]), "get pods\nget pods a -o name\nlabel pod a x=y"),
    "503": (busy(503, [("Retry-After", "0")]), "get pods\nget pods a -o name"),
    "429 for ever": (on_objects(failure(429, "TooManyRequests", "slow down")), ONE),
    "closed after one": (on_objects(lambda request: b"" if request.on_connection else None), f"{FEW}\nlabel pod a x=y"),
    "reset after one": (on_objects(lambda request: RESET if request.on_connection else None), FEW),
    "closed": (on_objects(b""), FEW),
    "torn head": (on_objects(b"HTTP/1.1 200 OK\r\nContent-Ty"), "get pods a -o name"),
    "torn body": (on_objects(OK + b'Content-Length: 1000\r\n\r\n{"kind":'), FEW),
    "torn chunk": (on_objects(OK + b'Transfer-Encoding: chunked\r\n\r\n50\r\n{"kind":'), ONE),
    "no http": (on_objects(b"SSH-2.0-OpenSSH_9.2\r\n"), FEW),
    "tls": (on_objects(b"\x15\x03\x01\x00\x02\x02\x16"), "get pods a -o name"),
    "bad length": (on_objects(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}"), ONE),
    "bad chunk": (on_objects(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"), ONE),
    "http 1.0": (on_objects(lambda asked: b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(answer(asked).body).encode()), ONE),
    "too large": (on_objects(Answer("too big", 413)), FEW),
    "failure with 200": (on_objects(Answer(TOO_OLD)), FEW),
    "success with 500": (on_objects(Answer({"kind": "Status", "apiVersion": "v1", "status": "Success"}, 500)), FEW),
    "byte order mark": (on_objects(Answer(b"\xef\xbb\xbf{}", 200, [("Content-Type", "application/json")])), ONE),
    "yaml": (on_objects(Answer(b"kind: Pod\n", 200, [("Content-Type", "application/yaml")])), ONE),
    "odd items": (on_objects(Answer({"kind": "PodList", "apiVersion": "v1", "items": ["x"]})), "get pods -o name"),
    "nothing": (on_objects(Answer(b"")), f"{FEW}\nget pods a"),
    "page": (on_objects(Answer(b"<html>", 200, [("Content-Type", "text/html")])), FEW),
    "list": (on_objects(Answer([1])), ONE),
    "no kind": (on_objects(Answer({"items": []})), ONE),
    "chunks": (on_objects(lambda request: Answer(answer(request).body, chunked=True)), ONE),
    "zipped": (on_objects(zipped), ONE),
    "301": (redirected(301), FEW),
    "307": (redirected(307), FEW),
    "302 for ever": (
        on_objects(Answer(b"", 302, [("Location", "/api/v1/x")])),
        "get pods\ncreate --validate=false -f p.yaml",
    ),
    "302 to nowhere": (on_objects(Answer(b"", 302)), FEW),
    "expired pages": (paged, "get pods\nget pods --sort-by=.metadata.name\nget pods -A"),
    "pages": (three_pages(), "get pods\nget pods -o name\nget pods -w\nget pods -w -o name"),
    "forbidden page": (three_pages(failure(403, "Forbidden", "no more")), "get pods\nget pods -w"),
    "page of garbage": (three_pages(Answer("oops")), "get pods\nget pods -o name\nget pods -w"),
    "watch ends": (watched(event("MODIFIED", thing("v1", "Pod", "a")), b""), WATCH),
    "watch fails": (watched(event("ERROR", TOO_OLD), b""), f"{WATCH}\nget pods -w --output-watch-events"),
    "watch torn": (watched(event("ADDED", thing("v1", "Pod", "c"))[:50]), WATCH),
    "watch of pages": (watched(b"<html>", b""), WATCH),
    "watch of others": (watched(event("FOO", thing("v1", "Pod", "a")), b""), WATCH),
    "warnings": (warned('299 - "one"', '299 - "two", 299 x "one"', '299 - "a \\"b\\" \\\\"'), WARNED),
    "no warnings": (warned('199 - "misc"', "299 - open", 'nonsense, 299 - "x"', '299 - ""'), WARNED),
    "version down": (at("/apis/a.example.com/v1", failure(503, "ServiceUnavailable", "down")), INDEX),
    "core down": (at("/api/v1", failure(503, "ServiceUnavailable", "down")), INDEX),
    "empty version": (at("/apis/c.example.com/v2", Answer({"kind": "APIResourceList", "resources": []})), INDEX),
    "no groups": (at("/apis", failure(404, "NotFound", "nope")), "api-versions\nget po a -o name\nget nosuch"),
    "no core": (at("/api", failure(404, "NotFound", "nope")), "api-versions\nget nosuch"),
}  # fmt: skip


@pytest.mark.parametrize("name", SERVERS)
def test_both_clients_say_the_same(tmp_path: Path, name: str) -> None:
    quirk, text = SERVERS[name]
    found = differences(quirk, text.split("\n"), tmp_path, one_by_one=name.startswith(ONE_BY_ONE))
    assert not found, "\n\n".join(found)


def below(request: Request) -> Answer:
    """The server's paths have more before them than usual."""
    prefix, path = request.path[:13], request.path[13:]
    if prefix != "/below/a/path":
        return Answer("not here", 404)
    return answer(Request(request.method, path, request.headers, request.body, request.number, request.on_connection))


def test_servers_below_a_path_are_asked_there(tmp_path: Path) -> None:
    found = differences(below, BELOW.split("\n"), tmp_path, path="/below/a/path")
    assert not found, "\n\n".join(found)


SCALE = {"name": "widgets/scale", "singularName": "", "namespaced": True, "kind": "Scale", "group": "autoscaling",
         "version": "v1", "verbs": ["get", "patch", "update"]}  # fmt: skip
SCALED = """\
scale w/a --current-replicas=1 --replicas=2
scale w/b --resource-version=3 --replicas=2"""


def scaled_by_another(request: Request) -> Answer | None:
    """The first update of each scale comes too late; what is read afterwards is as before."""
    if request.bare == "/apis/a.example.com/v1":
        resources = [*GROUPS["a.example.com"]["v1"], SCALE]
        return Answer({"kind": "APIResourceList", "groupVersion": "a.example.com/v1", "resources": resources})
    if not request.bare.endswith("/scale"):
        return None
    if request.method == "PUT" and not request.number:
        return failure(409, "Conflict", "the object has been modified")
    name = request.bare.split("/")[-2]
    return Answer({**thing("autoscaling/v1", "Scale", name), "spec": {"replicas": 1}, "status": {"replicas": 1}})


def test_a_scale_that_another_changed_meanwhile_is_tried_again(tmp_path: Path) -> None:
    found = differences(scaled_by_another, SCALED.split("\n"), tmp_path)
    assert not found, "\n\n".join(found)
