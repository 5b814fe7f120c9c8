"""In a pod, and tokens of files: what a long-lived client shows."""

from pathlib import Path

import pytest

from pybernetes.kubectl.config import target as targets
from pybernetes.kubectl.config.target import Target, target_of
from pybernetes.kubectl.flags import GLOBAL, Values, parse, parse_table


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pod's service account."""
    for name, text in {"token": "mine\n", "ca.crt": "-----BEGIN CERTIFICATE-----", "namespace": "where\n"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(targets, "_ACCOUNT", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for name in ("KUBECONFIG", "KUBERNETES_MASTER", "POD_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def flags(*words: str) -> Values:
    return parse(list(words), parse_table(GLOBAL))


def test_in_a_pod_the_service_account_is_used(account: Path) -> None:
    found = target_of(flags())
    assert (found.server, found.namespace, found.ca) == ("https://10.0.0.1:443", "where", "-----BEGIN CERTIFICATE-----")
    found.read_token()
    assert found.token == "mine"


def test_flags_and_the_environment_come_before_the_account(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAMESPACE", "elsewhere")
    found = target_of(flags("--token=given"))
    assert (found.token, found.token_file, found.namespace) == ("given", "", "elsewhere")
    assert target_of(flags("--server=https://other")).server == "https://other"
    assert target_of(flags("--namespace=third")).namespace == "third"


def test_a_kubeconfig_comes_before_the_account(account: Path) -> None:
    (account / ".kube").mkdir()
    (account / ".kube" / "config").write_text(
        "{current-context: x, clusters: [{name: c, cluster: {server: 'https://there'}}], "
        "contexts: [{name: x, context: {cluster: c}}]}"
    )
    found = target_of(flags())
    assert (found.server, found.token, found.namespace) == ("https://there", "", "default")


def test_a_token_is_read_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    path = tmp_path / "token"
    found = Target()
    found.token, found.token_file = "before", str(path)
    path.write_text(" first\n")
    found.read_token()
    path.write_text("second")
    now += 40
    found.read_token()
    assert found.token == "first"
    now += 20
    found.read_token()
    assert found.token == "second"
    path.unlink()
    now += 60
    found.read_token()
    assert found.token == "second"
