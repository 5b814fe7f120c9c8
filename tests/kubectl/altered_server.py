"""Stands before the control plane and makes another server of it: an older one, one with groups that fail, and so on.

Requests are passed on, with the administrator's certificate; what an alteration answers itself is not. Synchronous, a
thread per connection, since the clients under test are processes and this process may be waiting for them.
"""

import base64
import http.client
import json
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Headers = dict[str, str]
Alteration = Callable[[str, str, Headers], tuple[int, Any] | None]
"""(method, path, headers) to an answer of its own; or None, after changing the headers if it likes."""


def failure(code: int, reason: str, message: str) -> tuple[int, Any]:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": message,
        "code": code,
    }
    return code, body


def no_aggregated_discovery(_method: str, path: str, headers: Headers) -> tuple[int, Any] | None:
    """As up to v1.25: a document for each group version."""
    if path.partition("?")[0] in ("/api", "/apis"):
        headers["Accept"] = "application/json"
    return None


def no_openapi_v3(_method: str, path: str, _headers: Headers) -> tuple[int, Any] | None:
    return (
        failure(404, "NotFound", "the server could not find the requested resource")
        if path.startswith("/openapi/v3")
        else None
    )


def no_tables(_method: str, path: str, headers: Headers) -> tuple[int, Any] | None:
    """As aggregated servers that know of objects only."""
    if "as=Table" in headers.get("Accept", ""):
        headers["Accept"] = "application/json"
    return None


class NoFieldValidation:
    """As up to v1.24: fields are validated by clients, by the older document."""

    def __init__(self, upstream: "Upstream") -> None:
        self._upstream = upstream

    def __call__(self, _method: str, path: str, headers: Headers) -> tuple[int, Any] | None:
        if path.partition("?")[0] != "/openapi/v2":
            return None
        return 200, self._upstream.get(path, headers).replace(b"fieldValidation", b"fieldvalidation")


class GroupFails:
    """A group that is announced and cannot be asked; with aggregated discovery it is stale."""

    def __init__(self, upstream: "Upstream", *, aggregated: bool) -> None:
        self._upstream, self._aggregated = upstream, aggregated

    def __call__(self, _method: str, path: str, headers: Headers) -> tuple[int, Any] | None:
        bare = path.partition("?")[0]
        if bare == "/apis/metrics.k8s.io/v1beta1" or bare.startswith("/apis/metrics.k8s.io/v1beta1/"):
            return failure(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        if bare == "/api" and not self._aggregated:
            headers["Accept"] = "application/json"
        if bare != "/apis":
            return None
        if not self._aggregated:
            headers["Accept"] = "application/json"
        document = json.loads(self._upstream.get(path, headers))
        if self._aggregated:
            version = {"version": "v1beta1", "freshness": "Stale"}
            document["items"].append({"metadata": {"name": "metrics.k8s.io"}, "versions": [version]})
        else:
            entry = {"groupVersion": "metrics.k8s.io/v1beta1", "version": "v1beta1"}
            document["groups"].append({"name": "metrics.k8s.io", "versions": [entry], "preferredVersion": entry})
        return 200, document


class GroupMissing:
    """A server that does not have some groups at all."""

    def __init__(self, upstream: "Upstream", *groups: str) -> None:
        self._upstream, self._groups = upstream, groups

    def __call__(self, _method: str, path: str, headers: Headers) -> tuple[int, Any] | None:
        bare = path.partition("?")[0]
        if any(bare == f"/apis/{group}" or bare.startswith(f"/apis/{group}/") for group in self._groups):
            return 404, "404 page not found\n"
        if bare != "/apis":
            return None
        document = json.loads(self._upstream.get(path, headers))
        for key in ("items", "groups"):
            if key in document:
                document[key] = [one for one in document[key] if _name(one) not in self._groups]
        return 200, document


def _name(group: dict[str, Any]) -> str:
    return str(group.get("name") or group.get("metadata", {}).get("name", ""))


class Upstream:
    """The control plane, as the administrator."""

    def __init__(self, kubeconfig: Path) -> None:
        from pybernetes.kubectl.config.files import read

        config = read(str(kubeconfig))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.address = cluster["server"].removeprefix("https://")
        self._context = ssl.create_default_context(cadata=_data(cluster, "certificate-authority").decode())
        with tempfile.TemporaryDirectory() as directory:
            files = []
            for name in ("client-certificate", "client-key"):
                files.append(Path(directory, name))
                files[-1].write_bytes(_data(user, name))
            self._context.load_cert_chain(*files)

    def open(self, method: str, path: str, headers: Headers, body: bytes) -> tuple[Any, http.client.HTTPResponse]:
        connection = http.client.HTTPSConnection(self.address, context=self._context, timeout=180)
        connection.request(method, path, body or None, headers)
        return connection, connection.getresponse()

    def get(self, path: str, headers: Headers) -> bytes:
        kept = {key: value for key, value in headers.items() if key.lower() == "accept"}
        connection, response = self.open("GET", path, kept, b"")
        data = response.read()
        connection.close()
        return data


def _data(fields: dict[str, Any], key: str) -> bytes:
    return base64.b64decode(fields[f"{key}-data"]) if f"{key}-data" in fields else Path(fields[key]).read_bytes()


@contextmanager
def altered(kubeconfig: Path, directory: Path, alterations: Callable[[Upstream], list[Alteration]]) -> Iterator[Path]:
    """A kubeconfig that leads to the altered server."""
    upstream = Upstream(kubeconfig)
    chosen = alterations(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 65536

        def log_message(self, *_: object) -> None:
            pass

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key: value for key, value in self.headers.items() if key not in ("Host", "Accept-Encoding")}
            for alteration in chosen:
                answer = alteration(self.command, self.path, headers)
                if answer is not None:
                    return self._say(*answer)
            connection, response = upstream.open(self.command, self.path, headers, body)
            self.send_response(response.status, response.reason)
            for key, value in response.getheaders():
                if key.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                    self.send_header(key, value)
            if response.status in (204, 304):
                self.end_headers()
                connection.close()
                return None
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            try:
                while data := response.read1(65536):
                    self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                    self.wfile.flush()
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                # The client has seen enough of a watch.
                self.close_connection = True
            finally:
                response.close()
                connection.close()
            return None

        def _say(self, status: int, document: Any) -> None:
            self.send_response(status)
            kind = "application/json"
            if isinstance(document, bytes):
                data, kind = document, "application/octet-stream"
            elif isinstance(document, str):
                data, kind = document.encode(), "text/plain; charset=utf-8"
            else:
                data = json.dumps(document).encode()
            if isinstance(document, dict) and document.get("kind") == "APIGroupDiscoveryList":
                kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "users": [{"name": "u", "user": {"token": "x"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    path = directory / "kubeconfig"
    path.write_text(json.dumps(config))
    try:
        yield path
    finally:
        server.shutdown()
        server.server_close()
