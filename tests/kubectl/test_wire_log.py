"""`-v`: requests, headers and bodies are told of as the stock client does, level by level."""

import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest
from tests.kubectl.differential import environment
from tests.support.kubectl import installed

_ITS_OWN = re.compile(r"loader\.go|envvar\.go|HTTP Trace|Kubectl-Command|cached_discovery|User-Agent")
_MOVING = (
    (re.compile(r"^I\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ "), ""),
    (re.compile(r'milliseconds=\d+( \w+Milliseconds=\d+)*|(?<=\.go:)\d+|(?<= -H "User-Agent: )[^"]+'), "N"),
    (re.compile(r' -H "Kubectl-Command: [^"]+"'), ""),
    (re.compile(r"(?<=Audit-Id: ).*|(?<=Date: ).*|(?<=Length: ).*"), "X"),
    (re.compile(r'\d+ chars\]|\d{4}-\d\d-\d\dT[\d:]+Z|\\"resourceVersion\\":\\"\d+\\"|\\"(?:\d+[smhdy])+\\"'), "X"),
    (re.compile(r"\b\w+\.go(?=:N)"), "FILE"),
    (re.compile(r'(?<=\\"annotations\\":).*(?=\[truncated)'), "X"),  # how much of it fits, an age before it decides
)
_HEADER = re.compile(r"\s+[A-Z][\w-]*: ")
_CURL_HEADER = re.compile(r' -H "[^"]*"')


def told(command: list[str], words: list[str], variables: dict[str, str]) -> list[str]:
    done = subprocess.run([*command, *words], capture_output=True, text=True, env=variables, check=False, timeout=180)
    lines = [line for line in done.stderr.splitlines() if not _ITS_OWN.search(line) or "curl" in line]
    for pattern, word in _MOVING:
        lines = [pattern.sub(word, line) for line in lines]
    return _ordered(lines)


def _ordered(lines: list[str]) -> list[str]:
    """The stock client takes headers from a Go map, in another order each time."""
    lines = [_CURL_HEADER.sub("", line) + "".join(sorted(_CURL_HEADER.findall(line))) for line in lines]
    found: list[str] = []
    for is_header, group in groupby(lines, lambda line: bool(_HEADER.match(line))):
        together = list(group)
        found += sorted(together) if is_header else together
    return found


@pytest.mark.parametrize("words", ["get cm kube-root-ca.crt", "get --raw /api/v1/namespaces/default"])
@pytest.mark.parametrize("level", range(6, 11))
def test_levels(kubeconfig: Path, tmp_path: Path, level: int, words: str) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    line = [*words.split(), "-n", "default"]
    said = []
    for command in ([list(stock.values())[-1]], [sys.executable, "-m", "pybernetes", "kubectl"]):
        variables = environment(tmp_path, kubeconfig, tmp_path / f"cache-{len(command)}")
        told(command, line, variables)
        said.append(told(command, [*line, f"-v={level}"], variables))
    assert said[1] == said[0]
    assert any("Response" in one for one in said[1])


def test_tokens_are_masked(kubeconfig: Path, tmp_path: Path) -> None:
    command, variables = [sys.executable, "-m", "pybernetes", "kubectl"], environment(tmp_path, kubeconfig, tmp_path)
    lines = told(command, ["get", "ns", "--token=hidden-word", "-v=9"], variables)
    assert any("Authorization: Bearer <masked>" in line for line in lines)
    assert not any("hidden-word" in line for line in lines)
