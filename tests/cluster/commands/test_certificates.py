"""`certificates check | renew`: when each one ends, and which are new afterwards."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pybernetes import cli
from pybernetes.base.x509 import CertificateAuthority, KeyPair, write_file
from pybernetes.cluster import certificates, pki, state
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.etcd import certificates as etcd_certificates

LEAVES = {"apiserver", "apiserver-etcd-client", "apiserver-kubelet-client", "etcd/healthcheck-client", "etcd/peer",
          "etcd/server", "front-proxy-client", "kubelet"}  # fmt: skip
KUBECONFIGS = {f"{name}.kubeconfig" for name in (
    "admin", "cloud-controller-manager", "controller-manager", "dns", "kubelet", "proxy", "scheduler")}  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("cluster")
    config = ClusterConfig(data_dir=directory, node_name="cp1", node_ip="10.0.0.1", etcd=True)
    pki.ensure(config)
    etcd_certificates.ensure(config)
    state.save(config)
    return directory


@pytest.fixture
def directory(template: Path, tmp_path: Path) -> Iterator[Path]:
    yield shutil.copytree(template, tmp_path / "data")


def run(action: str, directory: Path, *words: str) -> int:
    return cli.main(["certificates", action, *words, "--data-dir", str(directory)])


def contents(directory: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(directory / "pki"))[:-4]: path for path in (directory / "pki").rglob("*.crt")}
    found |= {path.name: path for path in directory.glob("*.kubeconfig")}
    return {name: path.read_bytes() for name, path in found.items()}


def test_every_certificate_and_authority_is_listed_with_its_end(directory, capsys):
    assert run("check", directory) == 0
    leaves, authorities = capsys.readouterr().out.split("\n\n")
    header, *rows = leaves.splitlines()
    assert header.split("   ")[0] == "CERTIFICATE"
    assert {row.split()[0] for row in rows} == LEAVES | KUBECONFIGS
    for row in rows:
        assert row.split()[6] in ("364d", "365d", "1y"), row
    assert {row.split()[0]: row.split()[6] for row in authorities.splitlines()[1:]} == {
        "ca": "9y", "etcd/ca": "9y", "front-proxy-ca": "9y",
    }  # fmt: skip


def test_what_is_missing_or_over_is_seen(directory, capsys):
    (directory / "pki" / "kubelet.crt").unlink()
    (directory / "proxy.kubeconfig").write_text("damaged: [")
    authority = CertificateAuthority.load(directory / "pki" / "ca.crt", directory / "pki" / "ca.key")
    past = datetime.now(UTC) - timedelta(minutes=4)
    ended = authority.issue("kube-apiserver", now=past, validity=timedelta(minutes=1))
    write_file(directory / "pki" / "apiserver.crt", ended.certificate_pem, mode=0o644)
    assert run("check", directory) == 0
    said = capsys.readouterr().out
    assert "!MISSING! kubelet\n" in said
    assert "!MISSING! proxy.kubeconfig\n" in said
    (row,) = [row for row in said.splitlines() if row.startswith("apiserver ")]
    assert "<invalid>" in row


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        (timedelta(days=3649), "9y"), (timedelta(days=365), "1y"), (timedelta(days=364, hours=23), "364d"),
        (timedelta(hours=23), "23h"), (timedelta(minutes=59), "59m"), (timedelta(seconds=9), "9s"),
        (timedelta(seconds=-1), "0s"), (timedelta(days=-1), "<invalid>"),
    ],
)  # fmt: skip
def test_the_time_left_is_short(left, shown):
    assert certificates.residual(left) == shown


def test_all_are_new_after_a_renewal_but_the_authorities(directory, capsys):
    before = contents(directory)
    assert run("renew", directory) == 0
    after = contents(directory)
    assert {name for name in before if after[name] != before[name]} == LEAVES | KUBECONFIGS
    assert capsys.readouterr().out.count(" renewed\n") == len(LEAVES | KUBECONFIGS)
    config = state.load(directory)
    assert config is not None
    for leaf in pki.leaves(config):
        KeyPair.load(*leaf.files(config))
        assert oct(leaf.files(config)[1].stat().st_mode & 0o777) == "0o600"
    pki.ensure(config)
    etcd_certificates.ensure(config)
    assert contents(directory) == after, "a start finds nothing to mend"


def test_only_those_that_are_named_are_new_and_who_has_to_start_again_is_told(directory, capsys, monkeypatch):
    before = contents(directory)
    monkeypatch.setattr(state, "owner", lambda directory, lock=state.SERVER: 4711)
    assert run("renew", directory, "apiserver", "admin.kubeconfig", "scheduler.kubeconfig") == 0
    after = contents(directory)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"apiserver", "admin.kubeconfig", "scheduler.kubeconfig"}
    said = capsys.readouterr().out
    assert "What runs goes on with the old scheduler.kubeconfig\n" in said
    assert f"pybernetes down --data-dir {directory}; pybernetes up --data-dir {directory}" in said
    live = (
        "apiserver",
        "etcd/peer",
        "apiserver-etcd-client",
        "apiserver-kubelet-client",
        "front-proxy-client",
        "kubelet",
    )
    assert run("renew", directory, *live) == 0
    assert "started again" not in capsys.readouterr().out, "they are read again"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("kublet",), "there is no certificate kublet; see them with: pybernetes certificates check"),
        (("ca",), "there is no certificate ca;"),
    ],
)
def test_what_cannot_be_renewed_is_one_line(directory, capsys, words, said):
    assert run("renew", directory, *words) == 1
    assert said in capsys.readouterr().err


def test_without_the_authoritys_key_nothing_is_renewed(directory, capsys):
    (directory / "pki" / "etcd" / "ca.key").unlink()
    assert run("renew", directory, "etcd/server") == 1
    assert "etcd/ca.crt and ca.key are damaged or incomplete; put both back from a copy" in capsys.readouterr().err


def test_a_node_that_joined_renews_its_own(tmp_path, capsys):
    authority = CertificateAuthority.create("kubernetes")
    (tmp_path / "pki").mkdir()
    authority.issue("system:node:w1").save(tmp_path / "pki" / "kubelet.crt", tmp_path / "pki" / "kubelet.key")
    assert run("check", tmp_path) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["kubelet", "!MISSING!"]
    assert run("renew", tmp_path) == 1
    assert "are renewed by this node itself after 80 % of their life" in capsys.readouterr().err


def test_where_there_is_no_cluster_it_says_so(tmp_path, capsys):
    assert run("check", tmp_path) == 1
    assert "start one with: pybernetes up" in capsys.readouterr().err
