"""Completion in a real bash: what the Tab key makes of a line, with names from the cluster."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
_PROMPT = "ready> "


class Shell:
    """An interactive bash on a terminal."""

    def __init__(self, environment: dict[str, str], directory: Path) -> None:
        self.master, slave = pty.openpty()
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            cwd=directory,
            start_new_session=True,
        )
        os.close(slave)
        self._seen = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def until(self, pattern: str) -> str:
        """What is shown until the pattern is, and with it."""
        deadline = time.monotonic() + 30
        while (found := re.search(pattern, self._seen)) is None:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], f"{pattern!r} is not in {self._seen!r}"
            self._seen += os.read(self.master, 65536).decode(errors="replace")
        shown, self._seen = self._seen[: found.end()], self._seen[found.end() :]
        return shown

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self.master)


@pytest.fixture
def shell(kubeconfig: Path, tmp_path: Path) -> Iterator[Shell]:
    script = tmp_path / "kubectl"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m pybernetes kubectl "$@"\n')
    script.chmod(0o755)
    (tmp_path / "only-file.yaml").write_text("")
    environment = {
        "HOME": str(tmp_path),
        "KUBECONFIG": str(kubeconfig),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PS1": _PROMPT,
        "TERM": "dumb",
    }
    found = Shell(environment, tmp_path)
    found.type("bind 'set bell-style none'; bind 'set enable-bracketed-paste off'\n")
    found.type("source <(kubectl completion bash); echo so''urced\n")
    found.until("sourced\r\n")
    found.until(_PROMPT)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("kubectl descr", "kubectl describe "),
        ("kubectl get --show-lab", "--show-labels "),
        ("kubectl get namesp", "namespaces "),
        ("kubectl get namespaces kube-n", "kube-node-lease "),
        ("kubectl get namespace/kube-n", "namespace/kube-node-lease "),
        ("kubectl get pods -n kube-n", "kube-node-lease "),
        ("kubectl get pods --namespace kube-n", "kube-node-lease "),
        ("kubectl get pods --namespace=kube-n", "--namespace=kube-node-lease "),
        ("kubectl get pods -o jsonpath-a", "jsonpath-as-json "),
        ("kubectl cordon hollow-1", "hollow-1 "),
        ("kubectl config use-con", "use-context "),
        ("kubectl rollout status daem", "daemonset "),
        ("kubectl logs statef", "statefulsets/"),
        ("kubectl apply -f only", "only-file.yaml "),
    ],
)
def test_tab(shell: Shell, typed: str, shown: str) -> None:
    shell.type(f"{typed}\t#\n")
    assert re.search(re.escape(shown) + "#", shell.until("#\r\n"))
