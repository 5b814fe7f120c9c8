"""Kubeconfigs that cannot be used — wrong types, half a pair, plugins that fail — in the stock client's words."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.differential import environment, in_directory
from tests.support.kubectl import installed

from pybernetes.kubectl.main import run

_V1 = "client.authentication.k8s.io/v1"


def plugin(*words: str, **more: Any) -> dict[str, Any]:
    """A user with an exec plugin."""
    return {"exec": {"apiVersion": _V1, "command": words[0], "args": [*words[1:]], "interactiveMode": "Never", **more}}


def says(**status: str) -> dict[str, Any]:
    return plugin("echo", json.dumps({"kind": "ExecCredential", "apiVersion": _V1, "status": status}))


USERS: dict[str, dict[str, Any]] = {
    "a token that is no text": {"token": True},
    "data that is no base64": {"client-certificate-data": "!!"},
    "a certificate without a key": {"client-certificate-data": "YWJj"},
    "no certificate": {"client-certificate-data": "YWJj", "client-key-data": "YWJj"},
    "a token and a password": {"token": "x", "username": "a", "password": "b"},
    "a file and data": {"client-certificate": "nope", "client-certificate-data": "YWJj", "client-key": "nope"},
    "a token file that is not there": {"tokenFile": "/nope"},
    "arguments that are no list": {"exec": {"args": "x"}},
    "a plugin of no mode": {"exec": {"apiVersion": _V1, "command": "echo"}},
    "a plugin of an unknown mode": plugin("echo", interactiveMode="Foo"),
    "a plugin of no version": {"exec": {"command": "echo", "interactiveMode": "Never"}},
    "a plugin of an old version": plugin("echo", apiVersion="client.authentication.k8s.io/v1alpha1"),
    "a plugin that says nothing useful": says(),
    "a plugin of half a pair": says(clientCertificateData="x"),
    "a plugin without a status": plugin("echo", json.dumps({"kind": "ExecCredential", "apiVersion": _V1})),
}
CLUSTERS: dict[str, dict[str, Any]] = {
    "a server that is a number": {"server": 5},
    "a server that is no address": {"server": "://bad"},
    "an unknown scheme": {"server": "ftp://x"},
    "no server there": {"server": "https://127.0.0.1:1"},
    "an authority that is no certificate": {"server": "https://127.0.0.1:1", "certificate-authority-data": "YWJj"},
    "an authority that is not there": {"server": "https://127.0.0.1:1", "certificate-authority": "nope"},
    "a proxy of no scheme": {"server": "https://127.0.0.1:1", "proxy-url": "foo"},
    "a proxy of an unknown scheme": {"server": "https://127.0.0.1:1", "proxy-url": "ftp://x"},
}


@pytest.mark.parametrize("what", [*USERS, *CLUSTERS])
def test_both_clients_say_the_same(tmp_path: Path, what: str) -> None:
    stock = installed()
    if not stock:
        pytest.skip("no stock kubectl here to compare with")
    document = {
        "clusters": [{"name": "c", "cluster": CLUSTERS.get(what, {"server": "https://127.0.0.1:1"})}],
        "users": [{"name": "u", "user": USERS.get(what, {"token": "x"})}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(document))
    variables = environment(tmp_path, path, tmp_path / "cache")
    done = subprocess.run(
        [list(stock.values())[-1], "get", "pods"],
        capture_output=True,
        text=True,
        env=variables,
        cwd=tmp_path,
        check=False,
    )
    theirs = [line for line in done.stderr.splitlines() if not line.startswith(("E", "W", "I")) or line[:5] == "Error"]
    out, err = io.StringIO(), io.StringIO()
    with in_directory(tmp_path, variables):
        code = run(["get", "pods"], out, err, io.StringIO())
    assert (code, err.getvalue().splitlines()) == (done.returncode, theirs)
