"""Kubeconfig files: reading, merging, writing, resolving."""

import stat
from base64 import b64encode
from pathlib import Path

import pytest

from pybernetes.client import kubeconfig
from pybernetes.client.config import in_cluster
from pybernetes.client.kubeconfig import KubeconfigError


def test_written_file_is_private_and_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "admin.kubeconfig"
    document = kubeconfig.make("https://127.0.0.1:6443", b"CA", client_certificate=b"CERT", client_key=b"KEY")
    kubeconfig.write(path, document)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = kubeconfig.resolve(kubeconfig.read(path))
    assert (config.server, config.ca_data, config.client_key) == ("https://127.0.0.1:6443", b"CA", b"KEY")


def test_first_file_wins_when_merging() -> None:
    first = kubeconfig.make("https://one", b"", cluster="c", user="u")
    second = kubeconfig.make("https://two", b"", cluster="c", user="other", token="t")
    merged = kubeconfig.merge([first, second])
    assert kubeconfig.resolve(merged).server == "https://one"
    assert kubeconfig.resolve(merged, "other@c").token == "t"


def test_files_are_found_relative_to_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(b"CA")
    document = kubeconfig.make("https://x", b"")
    document["clusters"][0]["cluster"]["certificate-authority"] = "ca.crt"
    kubeconfig.write(tmp_path / "config", document)
    assert kubeconfig.resolve(kubeconfig.read(tmp_path / "config")).ca_data == b"CA"


def test_environment_names_several_files(tmp_path: Path) -> None:
    kubeconfig.write(tmp_path / "a", kubeconfig.make("https://a", b"", cluster="a"))
    kubeconfig.write(tmp_path / "b", kubeconfig.make("https://b", b"", cluster="b"))
    found = kubeconfig.load(environ={"KUBECONFIG": f"{tmp_path}/a:{tmp_path}/missing:{tmp_path}/b"})
    assert [entry["name"] for entry in found["clusters"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"current-context": "nope"}, "context 'nope' does not exist"),
        ({"clusters": []}, "cluster 'pybernetes' does not exist"),
        ({"current-context": "", "contexts": []}, "current-context is not set"),
    ],
)
def test_missing_parts_are_named(change: dict[str, object], message: str) -> None:
    document = {**kubeconfig.make("https://x", b""), **change}
    with pytest.raises(KubeconfigError, match=message):
        kubeconfig.resolve(document)


def test_bad_yaml_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("{")
    with pytest.raises(KubeconfigError, match="not valid YAML"):
        kubeconfig.read(tmp_path / "config")


def test_bad_base64_is_named() -> None:
    document = kubeconfig.make("https://x", b"CA")
    document["clusters"][0]["cluster"]["certificate-authority-data"] = "%%%" + b64encode(b"x").decode()
    with pytest.raises(KubeconfigError, match="certificate-authority-data is not base64"):
        kubeconfig.resolve(document)


def test_pod_finds_its_server_and_token(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(b"CA")
    (tmp_path / "namespace").write_text("team")
    config = in_cluster(tmp_path, {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"})
    assert (config.server, config.namespace) == ("https://[fd00::1]:443", "team")
    with pytest.raises(FileNotFoundError):
        in_cluster(tmp_path, {})
