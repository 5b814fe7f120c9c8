"""Servers whose discovery is a proxy's page, garbage or a failure, in whole or in part: both clients say the same."""

import json
import threading
from pathlib import Path

import pytest
from tests.kubectl.broken_servers import OK, Quirk, at, differences, exactly, served
from tests.kubectl.scripted_server import Answer, Request, failure

from pybernetes.kubectl import discovery
from pybernetes.kubectl.client import Client
from pybernetes.kubectl.config.target import Target
from pybernetes.kubectl.errors import Unreachable

PAGE = (
    b'<!DOCTYPE html>\n<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<p style="a: b">x: y</p>\n</html>\n'
)
LINES = """\
get po a -o name
get nosuch
get things
api-resources
api-versions
apply --validate=false -f p.yaml
create --validate=false -f w.yaml
explain pods"""
FEW = "get w a -o name\napi-resources\napi-versions\ncreate --validate=false -f w.yaml"
VALIDATED = """\
apply -f p.yaml
apply --server-side -f p.yaml
apply --validate=warn -f n.yaml
apply --validate=ignore -f p.yaml
apply -f n.yaml
create -f n.yaml
replace -f p.yaml"""
TYPED = """\
set image -f w.yaml c=x
set env -f n.yaml A=b
set selector -f w.yaml a=b --local
set resources -f n.yaml --limits=cpu=1 --dry-run=client -o yaml
rollout undo -f n.yaml
rollout status -f w.yaml
create --validate=false -f k.yaml
create --validate=false -f l.yaml"""
INDEX = Answer({"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1?hash=A"}}})
FILES = {
    "n.yaml": "apiVersion: v1\nkind: Nope\nmetadata: {name: a}\n",
    "k.yaml": "apiVersion: v1\nmetadata: {name: a}\n",
    "l.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: [x]}\n",
}
WIDGET = "apiVersion: a.example.com/v1\nkind: Widget\nmetadata: {name: a}\n"
HTML = [("Content-Type", "text/html")]
SERVERS: dict[str, tuple[Quirk, str]] = {
    "groups are a page": (exactly("/apis", Answer(b"<html>no</html>", 200, HTML)), LINES),
    "groups are garbage": (exactly("/apis", Answer(b"{garbage")), FEW),
    "groups are a list": (exactly("/apis", Answer([1])), FEW),
    "groups are null": (exactly("/apis", Answer(None)), FEW),
    "groups are forbidden": (exactly("/apis", Answer("no way", 403)), FEW),
    "groups are torn": (exactly("/apis", OK + b'Content-Length: 1000\r\n\r\n{"kind":'), FEW),
    "core is a page": (exactly("/api", Answer(PAGE, 200, HTML)), FEW),
    "core is forbidden": (exactly("/api", failure(403, "Forbidden", "forbidden: no")), FEW),
    "version is a page": (exactly("/apis/a.example.com/v1", Answer(PAGE, 200, HTML)), FEW),
    "version is a text": (exactly("/apis/a.example.com/v1", Answer("ok")), "api-resources"),
    "version is garbage": (exactly("/apis/a.example.com/v1", Answer(b"{garbage")), "api-resources"),
    "version is a list": (exactly("/apis/a.example.com/v1", Answer([1])), FEW),
    "version is null": (exactly("/apis/a.example.com/v1", Answer(None)), "api-resources"),
    "version is nothing": (exactly("/apis/a.example.com/v1", Answer(b"")), "api-resources"),
    "version is another kind": (
        exactly("/apis/a.example.com/v1", Answer({"kind": "PodList", "apiVersion": "v1", "items": []})),
        "api-resources",
    ),
    "version is forbidden": (exactly("/apis/a.example.com/v1", failure(403, "Forbidden", "forbidden: no")), FEW),
    "documents are forbidden": (at("/openapi", failure(403, "Forbidden", "no")), VALIDATED),
    "documents fail": (at("/openapi", Answer("boom", 500)), "apply -f p.yaml\napply -f n.yaml"),
    "documents are absent": (lambda _: None, VALIDATED),
    "documents of no version": (exactly("/openapi/v3", INDEX), "apply -f p.yaml\napply -f w.yaml\ncreate -f n.yaml"),
    "kinds without a type": (lambda _: None, TYPED),
    "core version is absent": (exactly("/api/v1", failure(404, "NotFound", "nope")), FEW),
}


@pytest.mark.parametrize("name", SERVERS)
def test_both_clients_say_the_same(tmp_path: Path, name: str) -> None:
    quirk, text = SERVERS[name]
    found = differences(quirk, text.split("\n"), tmp_path, files={**FILES, "w.yaml": WIDGET})
    assert not found, "\n\n".join(found)


def test_a_server_that_never_tells_what_it_serves_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_SECONDS", 0.05)

    over = threading.Event()

    def silent(request: Request) -> None:
        if request.bare == "/apis":
            over.wait(20)

    with served(silent, tmp_path, {}) as configs:
        client = Client(target_of(configs["ours"]), "get")
        with pytest.raises(Unreachable, match=r"Client\.Timeout exceeded while awaiting headers"):
            discovery.read(client)
        over.set()
        client.close()
    assert client.limit_seconds == 0.0


def target_of(kubeconfig: Path) -> Target:
    found = Target()
    found.server = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    return found
