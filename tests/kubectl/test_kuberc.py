"""Preferences: aliases, default flags, which credential plugins may run, and the commands that write them."""

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from pybernetes.kubectl.errors import CommandError
from pybernetes.kubectl.kuberc import apply_preferences
from pybernetes.kubectl.main import run

PREFERENCES: dict[str, Any] = {
    "aliases": [
        {
            "name": "gp",
            "command": "get",
            "prependArgs": ["pods"],
            "options": [{"name": "output", "default": "wide"}],
        },
        {"name": "runx", "command": "run", "appendArgs": ["--", "sleep", "1"]},
        {"name": "get", "command": "delete"},
    ],
    "defaults": [
        {"command": "delete", "options": [{"name": "interactive", "default": "true"}]},
        {"command": "create role", "options": [{"name": "verb", "default": "get"}]},
    ],
}


def refuse(text: str) -> None:
    raise AssertionError(text)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("gp x", "get pods x --output=wide"),
        ("gp -ojson", "get pods -ojson"),
        ("gp -Ao json", "get pods -Ao json"),
        ("gp --output=json", "get pods --output=json"),
        ("gp --output json", "get pods --output json"),
        ("-n x gp", "-n x gp"),
        ("runx web --image=i", "run web --image=i -- sleep 1"),
        ("delete pod x", "delete pod x --interactive=true"),
        ("delete pod x --interactive=false", "delete pod x --interactive=false"),
        ("delete pod -i", "delete pod -i"),
        ("create role r", "create role r --verb=get"),
        ("create configmap c", "create configmap c"),
        ("describe pods", "describe pods"),
    ],
)
def test_aliases_and_default_flags(given: str, wanted: str) -> None:
    assert apply_preferences(given.split(), PREFERENCES, refuse) == wanted.split()


def test_an_alias_does_not_hide_a_command() -> None:
    assert apply_preferences(["get", "pods"], PREFERENCES, refuse) == ["get", "pods"]


@pytest.mark.parametrize(
    ("preferences", "words", "message"),
    [
        (
            {"aliases": [{"name": "a-b", "command": "get"}]},
            "x",
            "invalid alias name, can only include alphabetical characters",
        ),
        ({"aliases": [{"name": "a", "command": "get"}] * 2}, "x", "duplicate alias name a"),
        (
            {"defaults": [{"command": "get", "options": [{"name": "--output", "default": "x"}]}]},
            "x",
            "flag name --output should be in long form without dashes",
        ),
        ({"aliases": [{"name": "a", "command": "nope"}]}, "a", 'command "nope" not found to set alias "a": [nope]'),
        (
            {"defaults": [{"command": "get", "options": [{"name": "nope", "default": "x"}]}]},
            "get pods",
            "invalid flag nope for command get",
        ),
        (
            {"aliases": [{"name": "a", "command": "get", "options": [{"name": "nope", "default": "x"}]}]},
            "a",
            "invalid alias flag nope in alias kubectl",
        ),
        (
            {"defaults": [{"command": "get", "options": [{"name": "watch", "default": "x"}]}]},
            "get pods",
            'could not apply override value x to flag watch in command get err: invalid argument "x" for "-w, --watch" '
            'flag: strconv.ParseBool: parsing "x": invalid syntax',
        ),
        (
            {"aliases": [{"name": "a", "command": "get", "options": [{"name": "chunk-size", "default": "x"}]}]},
            "a",
            'could not apply value x to flag chunk-size in alias kubectl err: invalid argument "x" for "--chunk-size" '
            'flag: strconv.ParseInt: parsing "x": invalid syntax',
        ),
    ],
)
def test_preferences_that_cannot_be(preferences: dict[str, Any], words: str, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        apply_preferences(words.split(), preferences, refuse)
    assert caught.value.message == message


def said(*words: str, stdin: str = "") -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = run(list(words), out, err, io.StringIO(stdin))
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def kuberc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBERC", "KUBECTL_KUBERC", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / ".kube" / "kuberc"


def test_set_writes_what_view_shows(kuberc: Path) -> None:
    defaults = ("kuberc", "set", "--section=defaults", "--command=get")
    assert said(*defaults, "--option=output=wide") == (0, f"Updated {kuberc}\n", "")
    wrong = 'error: defaults for command "get" already exist, use --overwrite to replace\n'
    assert said(*defaults, "--option=output=yaml") == (1, "", wrong)
    assert said(*defaults, "--option=--output=yaml", "--overwrite")[0] == 0
    alias = ("kuberc", "set", "--section=aliases", "--name=gn", "--command=get", "--prependarg=nodes")
    assert said(*alias)[0] == 0
    assert said(*alias)[2] == 'error: alias "gn" already exists, use --overwrite to replace\n'
    assert (
        said("kuberc", "set", "--section=credentialplugin", "--policy=Allowlist", "--allowlist-entry=command=login")[0]
        == 0
    )
    more = ("--section=aliases", "--name=wide", "--command=get", "--appendarg=-A", "--appendarg=-owide")
    assert said("kuberc", "set", *more)[0] == 0
    shown = json.loads(said("kuberc", "view", "-o", "json", "--show-managed-fields")[1])
    assert shown == {
        "apiVersion": "kubectl.config.k8s.io/v1beta1",
        "kind": "Preference",
        "aliases": [
            {"name": "gn", "command": "get", "prependArgs": ["nodes"]},
            {"name": "wide", "command": "get", "appendArgs": ["-A", "-owide"]},
        ],
        "defaults": [{"command": "get", "options": [{"name": "output", "default": "yaml"}]}],
        "credentialPluginPolicy": "Allowlist",
        "credentialPluginAllowlist": [{"command": "login"}],
    }
    template = ("kuberc", "view", "-o", "go-template", "--template={{.kind}} {{.nope}}")
    assert said(*template)[:2] == (0, "Preference <no value>")
    assert 'map has no entry for key "nope"' in said(*template, "--allow-missing-template-keys=false")[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", 'required flag(s) "section" not set'),
        ("--section=x", '--section must be "defaults", "aliases", or "credentialplugin", got: x'),
        ("--section=aliases --command=get", "--name is required when --section=aliases"),
        ("--section=defaults --name=x", "--name should not be specified when --section=defaults"),
        ("--section=defaults", "--command is required when --section=aliases or --section=defaults"),
        (
            "--section=defaults --command=get --appendarg=x",
            "--prependarg and --appendarg are only valid for --section=aliases",
        ),
        ("--section=credentialplugin", "--policy is required when --section=credentialplugin"),
        ("--section=credentialplugin --policy=X", 'invalid value for --policy: "X"'),
        (
            "--section=credentialplugin --policy=Allowlist",
            "--allowlist-entry is required when --section=credentialplugin and --policy=Allowlist",
        ),
        (
            "--section=credentialplugin --policy=Allowlist --allowlist-entry=name=x",
            'allowlist entry field "name" is deprecated, use "command" instead',
        ),
        ("--section=defaults --command=get --option=x", 'invalid option format "x", expected flag=value'),
    ],
)
def test_flags_of_set_that_do_not_go_together(kuberc: Path, words: str, message: str) -> None:
    assert said("kuberc", "set", *words.split()) == (1, "", f"error: {message}\n")
    assert not kuberc.exists()


def test_view_offers_to_write_a_file(kuberc: Path) -> None:
    code, out, _ = said("kuberc", "view", stdin="y\n")
    assert (code, out.splitlines()[0]) == (0, f"kuberc file not found at {kuberc}")
    assert "server-side" in kuberc.read_text()
    assert said("kuberc", "view", "--kuberc=/nope") == (
        1,
        "",
        "error occurred while applying preferences kuberc error kuberc: open /nope: no such file or directory\n",
    )


def test_off_is_off(kuberc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERC", "off")
    assert said("kuberc", "view")[2] == "error: KUBERC is disabled via KUBERC=off environment variable\n"
    both = "kuberc error disabling kuberc via KUBERC=off and passing kuberc flag are mutually exclusive\n"
    assert said("version", "--client", "--kuberc=x")[2] == f"error occurred while applying preferences {both}"


TYPE = {"apiVersion": "kubectl.config.k8s.io/v1beta1", "kind": "Preference"}
PREFIX = "Unable to connect to the server: getting credentials: "


@pytest.mark.parametrize(
    ("policy", "refusal"),
    [
        ("credentialPluginPolicy: AllowAll", ""),
        ("{}", ""),
        ("credentialPluginPolicy: DenyAll", 'plugin "PLUGIN" not allowed: policy set to "DenyAll"'),
        ("credentialPluginPolicy: Nope", 'unknown plugin policy: "Nope"'),
        (
            "credentialPluginPolicy: Allowlist",
            'credential plugin policy set to "Allowlist", but allowlist is unspecified',
        ),
        (
            "{credentialPluginPolicy: Allowlist, credentialPluginAllowlist: []}",
            'credential plugin policy set to "Allowlist", but allowlist is empty; use "DenyAll" policy instead',
        ),
        ("{credentialPluginPolicy: Allowlist, credentialPluginAllowlist: [{name: login}]}", ""),
        ("{credentialPluginPolicy: Allowlist, credentialPluginAllowlist: [{command: PLUGIN}]}", ""),
        (
            "{credentialPluginPolicy: Allowlist, credentialPluginAllowlist: [{name: other}]}",
            'plugin path "PLUGIN" is not permitted by the credential plugin allowlist',
        ),
        (
            "{credentialPluginPolicy: AllowAll, credentialPluginAllowlist: [{name: login}]}",
            'misconfigured credential plugin allowlist: plugin policy is "AllowAll" but allowlist is non-nil',
        ),
    ],
)
def test_which_credential_plugins_may_run(
    kuberc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, refusal: str
) -> None:
    plugin, ran = tmp_path / "login", tmp_path / "ran"
    plugin.write_text(f"#!/bin/sh\ntouch {ran}\nexit 9\n")
    plugin.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    kuberc.parent.mkdir()
    document = yaml.safe_load(policy.replace("PLUGIN", str(plugin)))
    kuberc.write_text(json.dumps({**TYPE, **document}))
    user = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    }
    config = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    code, _, err = said("--kubeconfig", str(tmp_path / "config"), "get", "--raw", "/version")
    assert code == 1
    assert ran.exists() == (not refusal)
    if refusal:
        prefix = PREFIX if refusal.startswith("plugin ") else "error: "
        assert err == prefix + refusal.replace("PLUGIN", str(plugin)) + "\n"


APPLYING = "error occurred while applying preferences "
V1ALPHA1 = {**TYPE, "apiVersion": "kubectl.config.k8s.io/v1alpha1"}
NAMES = [{"name": "output", "default": "name"}]


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        (json.dumps({**TYPE, "defaults": [{"command": "version", "options": NAMES}]}), ""),
        (json.dumps({**V1ALPHA1, "overrides": [{"command": "version", "flags": NAMES}]}), ""),
        (
            json.dumps({**V1ALPHA1, "overrides": [{"command": "version", "flags": NAMES}], "defaults": []}),
            'unknown field "defaults"',
        ),
        (
            json.dumps({**TYPE, "defaults": [{"command": "version", "options": NAMES, "x": 1}], "zoo": 1}),
            'unknown field "defaults[0].x", unknown field "zoo"',
        ),
        ("kind: Other\n---\n" + json.dumps({**TYPE, "defaults": [{"command": "version", "options": NAMES}]}), ""),
    ],
)
def test_files_of_either_version(kuberc: Path, text: str, warned: str) -> None:
    kuberc.parent.mkdir()
    kuberc.write_text(text)
    code, _, err = said("version", "--client")
    start = f"kuberc: ignoring strict decoding error in {kuberc}: strict decoding error: {warned}\n" if warned else ""
    assert (code, err) == (1, f"{start}error: --output must be 'yaml' or 'json'\n")


@pytest.mark.parametrize("text", ["a: [", "{}", "kind: Preference", json.dumps({**TYPE, "aliases": "x"}), "# nothing"])
def test_files_that_say_nothing_of_use(kuberc: Path, text: str) -> None:
    kuberc.parent.mkdir()
    kuberc.write_text(text)
    why = f"no valid preferences found in {kuberc}, use --v=5 to see details\n"
    code, _, err = said("version", "--client")
    assert (code, err) == (0, f"kuberc: no preferences loaded from {kuberc}: {why}")
    assert said("version", "--client", f"--kuberc={kuberc}") == (1, "", f"{APPLYING}kuberc error kuberc: {why}")
