"""Manifests behind URLs, over HTTP and HTTPS, with redirections and failures: both clients say the same."""

import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.differential import environment
from tests.support.kubectl import installed

from pybernetes.base.x509 import SERVER, CertificateAuthority, server_context

MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fetched}\n---\nkind: Secret\napiVersion: v1\n"
MANIFEST += "metadata: {name: fetched}\n"
PAGES: dict[str, tuple[int, str, str]] = {
    "/manifest.yaml": (200, "", MANIFEST),
    "/moved": (302, "/manifest.yaml", ""),
    "/round": (302, "/round", ""),
    "/empty": (200, "", ""),
    "/page": (200, "", "<html>no manifest</html>"),
    "/forbidden": (403, "", "no"),
}


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, location, body = PAGES.get(self.path, (404, "", ""))
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(params=["http", "https"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    authority = CertificateAuthority.create("authority-of-pages")
    (tmp_path / "ca.crt").write_bytes(authority.certificate_pem)
    if request.param == "https":
        context = server_context(authority.issue("pages", names=["127.0.0.1"], usages=SERVER), http2=False)
        assert isinstance(context, ssl.SSLContext)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"{request.param}://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("page", [*PAGES, "/missing"])
def test_both_clients_say_the_same(kubeconfig: Path, tmp_path: Path, url: str, page: str) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    said = []
    for command in ([list(stock.values())[-1]], [sys.executable, "-m", "pybernetes", "kubectl"]):
        variables = environment(tmp_path, kubeconfig, tmp_path / f"cache-{len(command)}")
        variables["SSL_CERT_FILE"] = str(tmp_path / "ca.crt")
        words = ["apply", "--dry-run=client", "-f", url + page]
        done = subprocess.run([*command, *words], capture_output=True, text=True, env=variables, check=False)
        said.append((done.stdout, done.stderr, done.returncode))
    assert said[1] == said[0]


def test_a_certificate_that_is_not_trusted(kubeconfig: Path, tmp_path: Path, url: str) -> None:
    if url.startswith("http:"):
        return
    variables = environment(tmp_path, kubeconfig, tmp_path / "cache")
    words = [sys.executable, "-m", "pybernetes", "kubectl", "create", "-f", f"{url}/manifest.yaml", "--dry-run=client"]
    done = subprocess.run(words, capture_output=True, text=True, env=variables, check=False)
    assert done.returncode == 1
    assert "certificate signed by unknown authority" in done.stderr
