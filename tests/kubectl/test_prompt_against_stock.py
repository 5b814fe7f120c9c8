"""Whom a server of https knows nothing of is asked for a name and a password, by both clients in the same words."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.differential import environment
from tests.support.kubectl import installed
from tests.support.secure_pages import secure_pages

OURS = [sys.executable, "-m", "pybernetes", "kubectl"]


class Seen(BaseHTTPRequestHandler):
    """Tells who it was asked by; refuses all paths but one."""

    def do_GET(self) -> None:
        known = self.path == "/seen" and "Authorization" in self.headers
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": "Unauthorized",
            "message": "Unauthorized",
            "code": 401,
        }
        body = json.dumps({"seen": self.headers["Authorization"]} if known else status).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def variables(tmp_path: Path) -> Iterator[dict[str, str]]:
    with secure_pages(Seen, tmp_path) as url:
        document = {
            "clusters": [{"name": "c", "cluster": {"server": url, "certificate-authority": str(tmp_path / "ca.pem")}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(document))
        yield environment(tmp_path, tmp_path / "kubeconfig", tmp_path / "cache")


def talk(command: list[str], variables: dict[str, str], typed: dict[str, str]) -> tuple[int, str]:
    """A command on a pseudo-terminal: what to type after which words; its code and all that was seen."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=variables)
    os.close(slave)
    shown = ""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 1.0)[0]:
            continue
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        shown += data.decode()
        if typed and shown.endswith(words := next(iter(typed))):
            os.write(master, typed.pop(words).encode())
    os.close(master)
    return process.wait(180), shown


@pytest.mark.parametrize("words", ["get --raw /seen", "version --client", "config current-context", "get --raw /other"])
def test_on_a_terminal(variables: dict[str, str], words: str) -> None:
    found = []
    for command in (list(installed().values())[-1:], OURS):
        if not command:
            pytest.skip("no stock kubectl here to compare with")
        typed = {"Username: ": "\n  me\n", "Password: ": "secret\n"}
        code, shown = talk([*command, *words.split()], variables, typed)
        if command == OURS:
            assert "secret" not in shown
        # The stock client hides what is typed only after it has asked.
        found.append((code, shown.replace("secret\r\n", "")))
    if "version" not in words:
        assert found[1] == found[0]
    assert ("Password" in found[1][1]) == words.startswith("get")


@pytest.mark.parametrize("given", ["", "\n", "me\nsecret\n"])
def test_without_a_terminal(variables: dict[str, str], given: str) -> None:
    said = []
    for command in (list(installed().values())[-1:], OURS):
        if not command:
            pytest.skip("no stock kubectl here to compare with")
        done = subprocess.run(
            [*command, "get", "--raw", "/seen"], input=given, capture_output=True, text=True, env=variables, check=False
        )
        said.append((done.returncode, done.stdout, done.stderr))
    assert said[1] == said[0]
