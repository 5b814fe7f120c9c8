"""Kubeconfigs that cannot be used — wrong types, half a pair, plugins that fail — in the stock client's words."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.differential import environment, in_directory, without_log
from tests.support.kubectl import installed

from pybernetes.kubectl.main import run

_V1 = "client.authentication.k8s.io/v1"
_ISSUER = {"idp-issuer-url": "https://127.0.0.1:1", "client-id": "x"}


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
    "a plugin that is not there": plugin("nosuchplugin"),
    "a plugin that is not there, with a hint": plugin("nosuchplugin", installHint="get it\nthere"),
    "a plugin at no path": plugin("/nope/plugin"),
    "a plugin that cannot be run": plugin("./kubeconfig"),
    "a plugin that fails": plugin("false"),
    "a plugin that is killed": plugin("sh", "-c", "kill -9 $$"),
    "a plugin that prints nothing": plugin("true"),
    "a plugin that prints a word": plugin("echo", "hello"),
    "a plugin that prints a list": plugin("echo", "[]"),
    "a plugin that prints another kind": plugin("echo", '{"kind":"Pod","apiVersion":"v1"}'),
    "a plugin that prints a later version": plugin(
        "echo", json.dumps({"kind": "ExecCredential", "apiVersion": "x/v9"})
    ),
    "a plugin whose status is a word": plugin(
        "echo", json.dumps({"kind": "ExecCredential", "apiVersion": _V1, "status": "x"})
    ),
    "a plugin that needs a terminal": plugin("echo", interactiveMode="Always"),
    "a plugin of no certificate": says(clientCertificateData="x", clientKeyData="y"),
    "a provider that was removed": {"auth-provider": {"name": "gcp", "config": {"access-token": "x"}}},
    "another provider that was removed": {"auth-provider": {"name": "azure"}},
    "a provider that never was": {"auth-provider": {"name": "foo"}},
    "a provider of no issuer": {"auth-provider": {"name": "oidc", "config": {}}},
    "a provider of no client": {"auth-provider": {"name": "oidc", "config": {"idp-issuer-url": "https://x"}}},
    "a provider without a token": {"auth-provider": {"name": "oidc", "config": _ISSUER}},
    "a provider of another token": {"auth-provider": {"name": "oidc", "config": {**_ISSUER, "id-token": "abc"}}},
    "a provider of an old token": {"auth-provider": {"name": "oidc", "config": {**_ISSUER, "id-token": "e30.e30.x"}}},
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
    "a proxy that is down": {"server": "https://127.0.0.1:2", "proxy-url": "http://127.0.0.1:1"},
    "another proxy that is down": {"server": "https://127.0.0.1:2", "proxy-url": "socks5://127.0.0.1:1"},
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
    theirs = without_log(done.stderr).splitlines()
    out, err = io.StringIO(), io.StringIO()
    with in_directory(tmp_path, variables):
        code = run(["get", "pods"], out, err, io.StringIO())
    assert (code, err.getvalue().splitlines()) == (done.returncode, theirs)
