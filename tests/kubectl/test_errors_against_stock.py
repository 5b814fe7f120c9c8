"""Wrong command lines of every command end with the stock client's words and exit code; none needs a server."""

import io
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.kubectl.differential import Outcome, environment, in_directory, without_log
from tests.support.kubectl import installed

from pybernetes.kubectl.main import run
from pybernetes.kubectl.tree import COMMANDS

KUBECONFIG = """apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: x}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
"""
WORDS = {
    "nothing": "",
    "unknown-flag": "--nosuchflag",
    "flag-without-value": "--namespace",
    "unknown-words": "nosuchthing x y",
    "object-and-pair": "deploy/web a=b",
    "missing-file": "-f nosuch.yaml",
}
NOT_COMPARED = ("version", "options", "proxy", "completion", "kuberc", "help", "get-clusters", "__complete")
"""Versions and help texts are our own; `proxy` would serve."""
LATER = {(path, "object-and-pair") for path in ("certificate approve", "certificate deny", "attach")}
"""Found out before the server is asked, by us only."""
PATHS = [path for path in COMMANDS if not path.startswith(NOT_COMPARED)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("home")
    (found / "kubeconfig").write_text(KUBECONFIG)
    return found


@pytest.mark.parametrize("kind", WORDS)
def test_wrong_command_lines(home: Path, kind: str) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    lines = [[*path.split(), *WORDS[kind].split()] for path in PATHS if (path, kind) not in LATER]
    with ThreadPoolExecutor(2) as pool:
        expected = list(pool.map(lambda words: _stock(list(stock.values())[-1], words, home), lines))
    wrong = []
    for words, theirs in zip(lines, expected, strict=True):
        ours = _ours(words, home)
        if ours != theirs:
            wrong.append(f"kubectl {' '.join(words)}\n  stock {theirs}\n  ours  {ours}")
    assert not wrong, "\n".join(wrong)


def _stock(binary: str, words: list[str], home: Path) -> Outcome:
    done = subprocess.run(
        [binary, *words],
        input="",
        capture_output=True,
        text=True,
        cwd=home,
        env=environment(home, _kubeconfig(words, home), home / "cache"),
        check=False,
        timeout=180,
    )
    name = Path(binary).name
    return Outcome(
        _comparable(done.stdout.replace(name, "kubectl")),
        _comparable(done.stderr.replace(name, "kubectl")),
        done.returncode,
    )


def _kubeconfig(words: list[str], home: Path) -> Path:
    """One for all, and a fresh one for each command that may change it."""
    if words[0] != "config":
        return home / "kubeconfig"
    path = home / "-".join(words).replace("/", "-")
    path.write_text(KUBECONFIG)
    return path


def _ours(words: list[str], home: Path) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with in_directory(home, environment(home, _kubeconfig(words, home), home / "cache")):
        code = run(words, out, err, io.StringIO(""))
    return Outcome(_comparable(out.getvalue()), _comparable(err.getvalue()), code)


def _comparable(text: str) -> str:
    """Without log lines; a help text is a help text."""
    text = without_log(text)
    return "HELP" if "\nUsage:\n" in text else text
