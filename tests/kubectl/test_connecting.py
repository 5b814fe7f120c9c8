"""What is talked to and as whom; servers of other kinds; what goes wrong on the way. No traceback, one line."""

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pybernetes.kubectl.main import run


class Scripted(BaseHTTPRequestHandler):
    """Answers from a table of paths and keeps what it was asked."""

    protocol_version = "HTTP/1.1"
    answers: dict[str, Any] = {}  # noqa: RUF012 - set by each test
    asked: list[tuple[str, dict[str, str]]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.asked.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
        found = self.answers.get(path)
        status, body = (
            (404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "no"})
            if found is None
            else (200, found)
        )
        if isinstance(found, tuple):
            status, body = found
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Warning", '299 - "be careful"')
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server:
    """A server that no one has seen before."""

    def __init__(self, directory: Path) -> None:
        Scripted.answers, Scripted.asked = {}, []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.directory = directory

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def kubectl(self, *words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        head = ["--server", self.url, "--cache-dir", str(self.directory / "cache")]
        code = run([*head, *words], out, err, io.StringIO())
        return code, out.getvalue(), err.getvalue()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    found = Server(tmp_path)
    yield found
    found.close()


def legacy_discovery() -> dict[str, Any]:
    """As servers before aggregated discovery answer, with one group that does not."""
    pods = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]}
    return {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/api/v1": {"kind": "APIResourceList", "resources": [{**pods, "shortNames": ["po"]}, {"name": "pods/log"}]},
        "/apis": {
            "kind": "APIGroupList",
            "groups": [
                {
                    "name": "example.com",
                    "versions": [{"version": "v1"}, {"version": "v2"}],
                    "preferredVersion": {"version": "v2"},
                },
                {"name": "down.example.com", "versions": [{"version": "v1"}]},
            ],
        },
        "/apis/example.com/v1": {"resources": [{"name": "foos", "kind": "Foo", "namespaced": False, "verbs": ["get"]}]},
        "/apis/example.com/v2": {"resources": [{"name": "foos", "kind": "Foo", "namespaced": False, "verbs": ["get"]}]},
        "/apis/down.example.com/v1": (503, {"kind": "Status", "status": "Failure", "message": "down"}),
    }


def test_a_server_without_aggregated_discovery_and_tables(server: Server) -> None:
    Scripted.answers = legacy_discovery() | {
        "/apis/example.com/v2/foos/x": {
            "apiVersion": "example.com/v2", "kind": "Foo", "metadata": {"name": "x"},
        },
    }  # fmt: skip
    code, out, err = server.kubectl("get", "foo", "x")
    assert (code, out) == (0, "NAME   AGE\nx      <unknown>\n")
    assert err == "Warning: be careful\n"
    assert server.kubectl("get", "foos.v1.example.com", "x", "-o", "name")[0] == 1


def test_a_group_that_is_down_does_not_hide_the_others(server: Server) -> None:
    Scripted.answers = legacy_discovery()
    code, out, err = server.kubectl("api-resources", "--no-headers")
    assert code == 1
    assert [line.split()[0] for line in out.splitlines()] == ["pods", "foos"]
    assert "unable to retrieve the complete list of server APIs: down.example.com/v1: down" in err


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((403, {"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": 'pods "x" is forbidden'}),
         'Error from server (Forbidden): pods "x" is forbidden'),
        ((401, {"kind": "Status", "status": "Failure", "reason": "Unauthorized", "message": "Unauthorized"}),
         "error: You must be logged in to the server (Unauthorized)"),
        ((500, b"<html>broken</html>"),
         'Error from server (InternalError): an error on the server ("unknown") has prevented the request from '
         "succeeding (get pods x)"),
        ((503, b""),
         "Error from server (ServiceUnavailable): the server is currently unable to handle the request (get pods x)"),
    ],
)  # fmt: skip
def test_failures_are_one_line(server: Server, answer: Any, message: str) -> None:
    Scripted.answers = legacy_discovery() | {"/api/v1/namespaces/default/pods/x": answer}
    code, out, err = server.kubectl("get", "pod", "x")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == message


def test_a_plain_server_is_told_no_secret(server: Server) -> None:
    Scripted.answers = {"/version": {"major": "1"}}
    server.kubectl("get", "--raw", "/version", "--token=secret", "--as=jane", "--as-group=dev", "--as-group=ops")
    headers = Scripted.asked[-1][1]
    assert "authorization" not in headers
    assert headers["impersonate-user"] == "jane"
    assert headers["user-agent"].startswith("kubectl/")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--server=https://127.0.0.1:1",
         "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?"),
        ("--server=https://no-such-host.invalid",
         "Unable to connect to the server: dial tcp: lookup no-such-host.invalid: no such host"),
    ],
)  # fmt: skip
def test_unreachable_servers(words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    err = io.StringIO()
    assert run([words, "--token=x", "--cache-dir", str(tmp_path), "get", "pods"], io.StringIO(), err) == 1
    assert err.getvalue() == message + "\n"


def test_a_certificate_of_an_unknown_authority(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    from pybernetes.kubectl.config.files import read

    url = read(str(kubeconfig))["clusters"][0]["cluster"]["server"]
    err = io.StringIO()
    assert run(["--server", url, "--token=x", "--cache-dir", str(tmp_path), "get", "pods"], io.StringIO(), err) == 1
    expected = "tls: failed to verify certificate: x509: certificate signed by unknown authority\n"
    assert err.getvalue() == f"Unable to connect to the server: {expected}"
    out = io.StringIO()
    words = ["--server", url, "--username=x", "--cache-dir", str(tmp_path), "--insecure-skip-tls-verify"]
    words += ["get", "--raw", "/version"]
    assert run(words, out, io.StringIO()) == 0
    assert json.loads(out.getvalue())["major"] == "1"


def test_a_short_command_imports_nothing_heavy(kubeconfig: Path, tmp_path: Path) -> None:
    script = (
        "import sys; before = set(sys.modules); from pybernetes.kubectl.main import main; code = main(sys.argv[1:]);"
        "print(' '.join(sorted(set(sys.modules) - before)), file=sys.stderr); sys.exit(code)"
    )
    words = ["--kubeconfig", str(kubeconfig), "--cache-dir", str(tmp_path), "get", "nodes"]
    for _ in range(2):
        done = subprocess.run([sys.executable, "-I", "-c", script, *words], capture_output=True, text=True, check=True)
    assert "hollow-0" in done.stdout
    loaded = set(done.stderr.split())
    heavy = {"re", "json", "ssl", "socket", "asyncio", "yaml", "msgspec", "orjson", "typing", "enum", "dataclasses"}
    assert not loaded & (heavy | {"urllib.parse", "http.client", "argparse", "subprocess", "threading", "cryptography"})


def test_a_plugin_takes_the_words_it_is_not_named_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pybernetes.kubectl.plugins import plugin_for

    for name in ("kubectl-foo", "kubectl-foo-bar"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert plugin_for(["foo", "bar", "baz", "-x"]) == (str(tmp_path / "kubectl-foo-bar"), ["baz", "-x"])
    assert plugin_for(["foo", "--bar"]) == (str(tmp_path / "kubectl-foo"), ["--bar"])
    assert plugin_for(["nope"]) is None
