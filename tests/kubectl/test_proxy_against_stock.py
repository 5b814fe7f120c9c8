"""`kubectl proxy`: filters, prefixes and files of both clients, asked the same; and how they fail to start."""

import http.client
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.differential import environment
from tests.support.kubectl import installed

OURS = [sys.executable, "-m", "pybernetes", "kubectl"]
ASKED: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "/version", {}),
    ("GET", "/api", {}),
    ("GET", "/api/v1/namespaces/default/pods/x/exec", {}),
    ("GET", "/api/v1/namespaces/default/pods/x/attach", {}),
    ("POST", "/api/v1/namespaces/default/configmaps", {}),
    ("DELETE", "/api/v1/namespaces/default/configmaps/nope", {}),
    ("GET", "/nope", {}),
    ("GET", "/version", {"Host": "evil.example"}),
    ("GET", "/version", {"Host": "localhost:8001"}),
    ("HEAD", "/version", {}),
    ("PUT", "/version", {}),
    ("GET", "/static", {}),
    ("GET", "/static/", {}),
    ("GET", "/static/a.txt", {}),
    ("GET", "/static/sub", {}),
    ("GET", "/static/sub/", {}),
    ("GET", "/static/nope", {}),
    ("GET", "/static/%2e%2e/root2/secret", {}),
    ("GET", "/k8s", {}),
    ("GET", "/k8s/version", {}),
]
SERVING = {
    "nothing else": "",
    "files": "--www=root",
    "files elsewhere": "--www=root --www-prefix=/static --api-prefix=/k8s",
    "a prefix": "--api-prefix=/k8s/",
    "accepted paths": "--accept-paths=^/version --reject-paths=^$",
    "rejected paths": "--reject-paths=^/api",
    "rejected methods": "--reject-methods=POST,PUT",
    "accepted hosts": "--accept-hosts=^evil.example$",
    "no filter": "--disable-filter",
    "an address": "--address=127.0.0.1 --keepalive=5s --append-server-path",
}
FAILING = (
    "--port=x", "--port=99999", "--port=-1", "--unix-socket=nodir/x", "--www=/nope --port=99999",
)  # fmt: skip
_MOVING = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|127\.0\.0\.1:\d+|[0-9a-f]{8}-[0-9a-f-]{27}")
_LOGGED = re.compile(r"^([EW])\d{4} .*?\] ", re.MULTILINE)


def clients() -> list[list[str]]:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    return [[list(stock.values())[-1]], OURS]


@pytest.fixture
def variables(kubeconfig: Path, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "root" / "sub").mkdir(parents=True)
    (tmp_path / "root" / "a.txt").write_text("plain\n")
    (tmp_path / "root" / "sub" / "index.html").write_text("index\n")
    (tmp_path / "root2").mkdir()
    (tmp_path / "root2" / "secret").write_text("not below the root\n")
    return environment(tmp_path, kubeconfig, tmp_path / "cache")


def ask(port: int, method: str, path: str, headers: dict[str, str]) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    try:
        connection.request(method, path, b"{}" if method == "POST" else None, headers)
        answer = connection.getresponse()
        shown = _MOVING.sub("X", answer.read().decode())
        return answer.status, answer.reason, answer.getheader("Content-Type"), answer.getheader("Location"), shown
    finally:
        connection.close()


@pytest.mark.parametrize("name", SERVING)
def test_what_is_served(variables: dict[str, str], tmp_path: Path, name: str) -> None:
    found = []
    for command in clients():
        words = [*command, "proxy", "--port=0", *SERVING[name].split()]
        process = subprocess.Popen(
            words, env=variables, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            port = int(line.rpartition(":")[2])
            answers = {f"{one[0]} {one[1]} {one[2]}": ask(port, *one) for one in ASKED}
        finally:
            process.send_signal(signal.SIGINT)
            rest, err = process.communicate(timeout=90)
        found.append((answers, line.partition("127.0.0.1")[0], rest, _LOGGED.sub(r"\1 ", err)))
    different = {key: (found[0][0][key], answer) for key, answer in found[1][0].items() if found[0][0][key] != answer}
    assert not different
    assert found[1][1:] == found[0][1:]


@pytest.mark.parametrize("words", FAILING)
def test_what_cannot_be_served(variables: dict[str, str], tmp_path: Path, words: str) -> None:
    found = []
    for command in clients():
        done = subprocess.run(
            [*command, "proxy", *words.split()],
            env=variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        found.append((done.returncode, done.stdout, _LOGGED.sub(r"\1 ", done.stderr)))
    assert found[1] == found[0]
