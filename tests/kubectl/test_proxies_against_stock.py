"""Through proxies — HTTP, HTTPS, SOCKS5, with passwords, refusing — both clients reach the server and say the same."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.differential import Pair
from tests.kubectl.test_certificates_against_stock import Signer
from tests.support.forward_proxy import ForwardProxy, forward_proxy
from tests.support.kubectl import installed

LINES = ["get --raw /big", "get --raw /x", "get pods", "api-versions"]
BIG = json.dumps({"kind": "Big", "data": "x" * 300_000})
PROXIES: dict[str, dict[str, Any]] = {
    "http": {"scheme": "http"},
    "http with a password": {"scheme": "http", "user": "me:secret"},
    "http that refuses": {"scheme": "http", "refusal": "403 Forbidden"},
    "http that refuses in its own words": {"scheme": "http", "refusal": "502 Not Today At All"},
    "https": {"scheme": "https"},
    "https with a password": {"scheme": "https", "user": "me:secret"},
    "https that refuses": {"scheme": "https", "refusal": "403 Forbidden"},
    "https of an unknown authority": {"scheme": "https", "unknown": True},
    "https that speaks plainly": {"scheme": "https", "plain": True},
    "socks5": {"scheme": "socks5"},
    "socks5 with a password": {"scheme": "socks5", "user": "me:secret"},
    "socks5 that finds no server": {"scheme": "socks5", "refusal": "5"},
    "socks5 that does not allow it": {"scheme": "socks5", "refusal": "2"},
}


class Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, body = (200, BIG) if self.path == "/big" else (404, "404 page not found\n")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Place:
    """A server, the authority that both it and proxies are signed by, and another one."""

    def __init__(self, scheme: str, directory: Path) -> None:
        self.scheme, self.directory = scheme, directory
        self.known, self.unknown = Signer("known"), Signer("unknown")
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        if scheme == "https":
            self.server.socket = self.tls(self.known).wrap_socket(self.server.socket, server_side=True)
        (directory / "ca.pem").write_text(self.known.pem)

    def tls(self, signer: Signer) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (self.directory / "pair.pem").write_text(signer.server(("127.0.0.1",), 0))
        context.load_cert_chain(self.directory / "pair.pem")
        return context

    def configs(self, url: str) -> dict[str, Path]:
        """A kubeconfig for each client that goes through a proxy."""
        cluster = {"server": f"{self.scheme}://127.0.0.1:{self.server.server_port}", "proxy-url": url}
        if self.scheme == "https":
            cluster["certificate-authority"] = str(self.directory / "ca.pem")
        document = {
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": "x"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        found = {}
        for side in ("stock", "ours"):
            home = self.directory / "case" / side
            home.mkdir(parents=True)
            found[side] = home / "kubeconfig"
            found[side].write_text(json.dumps(document))
        return found


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    found = Place(request.param, tmp_path)
    thread = threading.Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def _secure(options: dict[str, Any]) -> bool:
    return options["scheme"] == "https" and "plain" not in options


CASES = [
    (scheme, name)
    for scheme in ("http", "https")
    for name in PROXIES
    if scheme == "https" or not _secure(PROXIES[name])
]
"""A proxy of https is trusted as the server is; a server of http is not."""


@pytest.mark.parametrize(("place", "name"), CASES, indirect=["place"])
def test_both_clients_say_the_same(place: Place, name: str) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    options = dict(PROXIES[name])
    secure = _secure(options)
    unknown, _ = options.pop("unknown", False), options.pop("plain", False)
    tls = place.tls(place.unknown if unknown else place.known) if secure else None
    with forward_proxy(tls=tls, **options) as proxy:
        configs = place.configs(proxy.url)
        pair = Pair(list(stock.values())[-1], place.directory / "none", place.directory, settling_seconds=1.0)
        asked = [_asked(pair, side, configs, proxy) for side in ("stock", "ours")]
        differences = pair.compared(LINES, configs)
        assert not differences, "\n\n".join(map(str, differences))
        assert asked[1] == asked[0]
        if not {"refusal", "unknown", "plain"} & set(PROXIES[name]):
            assert BIG in pair._run("ours", LINES[0], configs).out


def _asked(pair: Pair, side: str, configs: dict[str, Path], proxy: ForwardProxy) -> list[str]:
    """What the proxy was asked for one request."""
    proxy.asked.clear()
    pair._run(side, LINES[0], configs)
    return list(proxy.asked)
