"""Failures that are no Status — pages of a proxy, bare codes — are told by both clients in the same words."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.differential import Pair
from tests.support.kubectl import installed

_VERBS = ["get", "list", "watch", "create", "update", "patch", "delete"]
_PODS = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": _VERBS}
_DEPLOYMENTS = {
    "name": "deployments",
    "singularName": "deployment",
    "namespaced": True,
    "kind": "Deployment",
    "verbs": _VERBS,
}
_APPS = {"groupVersion": "apps/v1", "version": "v1"}
PAGES: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [_PODS]},
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [{"name": "apps", "versions": [_APPS], "preferredVersion": _APPS}],
    },
    "/apis/apps/v1": {"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [_DEPLOYMENTS]},
}
LINES = """\
get pods
get pods x
get deployments.apps x -o name
get --raw /odd
delete pods x --wait=false
delete deployments.apps --all
create --validate=false -f pod.yaml
replace --validate=false -f pod.yaml
patch pods x -p {}
label pods x a=b
"""
BODIES = {"nothing": ("", ""), "text": ("text/plain", "not today"), "page": ("text/html", "<html>no</html>"),
          "binary": ("application/octet-stream", "x"), "of no type": ("", "what's \"this\"")}  # fmt: skip
CODES = (400, 401, 403, 404, 405, 406, 409, 415, 418, 422, 500, 502, 503, 504)


class Odd(BaseHTTPRequestHandler):
    """Serves discovery; all else fails as the class says."""

    protocol_version = "HTTP/1.1"
    code = 500
    body = ("", "")

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        page = PAGES.get(self.path.partition("?")[0])
        kind, text = ("application/json", json.dumps(page)) if page else self.body
        self.send_response(200 if page else self.code)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def configs(tmp_path: Path) -> Iterator[dict[str, Path]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    document = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": {"token": "x"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    found = {}
    for side in ("stock", "ours"):
        home = tmp_path / "case" / side
        home.mkdir(parents=True)
        found[side] = home / "kubeconfig"
        found[side].write_text(json.dumps(document))
        (home / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n")
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("body", BODIES)
def test_both_clients_say_the_same(
    configs: dict[str, Path], tmp_path: Path, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    pair = Pair(list(stock.values())[-1], tmp_path / "none", tmp_path, settling_seconds=1.0)
    monkeypatch.setattr(Odd, "body", BODIES[body])
    lines = LINES.splitlines() if body == "text" else LINES.splitlines()[:4]
    found = []
    for code in CODES:
        monkeypatch.setattr(Odd, "code", code)
        # No list is ever refused as invalid: the stock client has words of another kind for it.
        asked = [line for line in lines if code != 422 or line not in ("get pods", "delete deployments.apps --all")]
        found += [f"{code}: {difference}" for difference in pair.compared(asked, configs)]
    assert not found, "\n\n".join(found)
