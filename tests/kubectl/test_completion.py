"""Completion in real shells: what the Tab key makes of a line, with names from the cluster."""

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

_PROMPT = "ready> "
_SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'\nsource <(kubectl completion bash)",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "unset zle_bracketed_paste; unsetopt beep; autoload -U compinit; compinit -u -D\n"
        "source <(kubectl completion zsh)",
    ),
}
"""Started so, and what is typed first."""


class Shell:
    """An interactive shell on a terminal."""

    def __init__(self, command: list[str], environment: dict[str, str], directory: Path) -> None:
        self.master, slave = pty.openpty()
        self._process = subprocess.Popen(
            command,
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
        deadline = time.monotonic() + 90
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
def environment(kubeconfig: Path, tmp_path: Path) -> dict[str, str]:
    """One in which `kubectl` is ours and files begin with `only`."""
    script = tmp_path / "kubectl"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m pybernetes kubectl "$@"\n')
    script.chmod(0o755)
    (tmp_path / "only-file.yaml").write_text("")
    return {
        "HOME": str(tmp_path),
        "KUBECONFIG": str(kubeconfig),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PS1": _PROMPT,
        "TERM": "dumb",
    }


@pytest.fixture(params=_SHELLS)
def shell(request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path) -> Iterator[Shell]:
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    command, first = _SHELLS[request.param]
    found = Shell(command, environment, tmp_path)
    try:
        found.type(f"{first}; echo so''urced\n")
        found.until("sourced\r+\n")
        found.until(_PROMPT)
        yield found
    finally:
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
    line = shell.until("#\r+\n")
    while "\b" in line:
        line = re.sub(".\b", "", line)
    assert f"{shown}#" in line


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish(environment: dict[str, str], tmp_path: Path) -> None:
    lines = {
        "kubectl descr": "describe",
        "kubectl get --show-lab": "--show-labels",
        "kubectl get namesp": "namespaces",
        "kubectl get namespace/kube-n": "namespace/kube-node-lease",
        "kubectl get pods -n kube-n": "kube-node-lease",
        "kubectl get pods --namespace=kube-n": "--namespace=kube-node-lease",
        "kubectl logs statef": "statefulsets/",
        "kubectl apply -f only": "only-file.yaml",
        "kubectl apply --filename=only": "--filename=only-file.yaml",
    }
    asked = "; ".join(f"complete -C '{line}'; echo" for line in lines)
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"kubectl completion fish | source; {asked}"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=True,
    )
    answers = done.stdout.split("\n\n")
    assert [answer.split("\t")[0].strip() for answer in answers[: len(lines)]] == list(lines.values())
