"""A credential plugin gets the terminal where its `interactiveMode` lets it, with both clients."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.kubectl.differential import environment
from tests.kubectl.test_prompt_against_stock import OURS, talk
from tests.support.kubectl import installed

PLUGIN = """#!/bin/sh
echo "told: $KUBERNETES_EXEC_INFO" >&2
if [ -t 0 ]; then printf "Name: " >&2; read name; echo "hello $name" >&2; exit_with=1; fi
[ -n "$exit_with" ] || echo "no terminal, $(wc -c) bytes" >&2
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}'
"""


def _variables(directory: Path, mode: str) -> dict[str, str]:
    """A cluster that cannot be reached, as a user of that plugin."""
    plugin = directory / "plugin"
    plugin.write_text(PLUGIN)
    plugin.chmod(0o755)
    settings = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": mode}
    document = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"exec": settings}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = directory / "kubeconfig"
    path.write_text(json.dumps(document))
    return environment(directory, path, directory / "cache")


def _said(text: str) -> str:
    """Without carriage returns and the lines that a client's libraries log."""
    return re.sub(r"^[EIW]\d{4} .*\n", "", text.replace("\r", ""), flags=re.MULTILINE)


@pytest.mark.parametrize(("mode", "asks"), [("Always", True), ("IfAvailable", True), ("Never", False)])
def test_at_a_terminal(tmp_path: Path, mode: str, asks: bool) -> None:
    variables = _variables(tmp_path, mode)
    found = []
    for command in (list(installed().values())[-1:], OURS):
        if not command:
            pytest.skip("no stock kubectl here to compare with")
        code, shown = talk([*command, "get", "--raw", "/"], variables, {"Name: ": "bob\n"})
        found.append((code, _said(shown)))
    assert found[1] == found[0]
    assert ("hello bob" in found[1][1]) == asks


@pytest.mark.parametrize("mode", ["Always", "IfAvailable"])
def test_without_a_terminal(tmp_path: Path, mode: str) -> None:
    variables = _variables(tmp_path, mode)
    found = []
    for command in (list(installed().values())[-1:], OURS):
        if not command:
            pytest.skip("no stock kubectl here to compare with")
        words = [*command, "get", "--raw", "/"]
        done = subprocess.run(words, input="bob\n", capture_output=True, text=True, env=variables, check=False)
        found.append((done.returncode, _said(done.stderr)))
    assert found[1] == found[0]
