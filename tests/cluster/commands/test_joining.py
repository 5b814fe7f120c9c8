"""`up --etcd` and `up --join`: what the flags mean, and what is refused."""

import asyncio
from pathlib import Path

import pytest

from pybernetes import cli
from pybernetes.cluster import invitation, join, pki, shared_keys, state
from pybernetes.cluster.commands import joining, token
from pybernetes.cluster.commands.settings import CommandError, cluster_config
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.control_plane import api_server_config
from pybernetes.cluster.etcd import certificates
from pybernetes.cluster.shared_keys import Shared

JOIN = ["--join", "https://10.0.0.1:6443", "--token", "abcdef.0123456789abcdef", "--ca-cert-hash", "sha256:1"]


def parsed(directory: Path, *words: str):
    return cli._parser().parse_args(["up", "--data-dir", str(directory), "--node-ip", "10.0.0.2", *words])


def configured(directory: Path, *words: str) -> ClusterConfig:
    return cluster_config(parsed(directory, *words))


@pytest.fixture
def shared(tmp_path) -> Shared:
    first = ClusterConfig(data_dir=tmp_path / "first", node_name="cp1", node_ip="10.0.0.1", etcd=True, api_port=7443)
    pki.ensure(first)
    certificates.ensure(first)
    return shared_keys.of_this_machine(first, ("https://10.0.0.1:2379",))


@pytest.fixture
def accepted(shared, monkeypatch):
    """The cluster at 10.0.0.1 takes everybody."""

    async def accept(*_: object) -> Shared:
        return shared

    monkeypatch.setattr(invitation, "accept", accept)


def test_plain_clusters_are_as_they_were(tmp_path):
    config = configured(tmp_path)
    assert (config.etcd, config.keeps_applications_off) == (False, False)
    assert not api_server_config(config, pki.ensure(config)).shared_store


@pytest.mark.parametrize(
    ("words", "off"),
    [(["--etcd"], True), (["--etcd", "--taint-control-plane=false"], False), (["--taint-control-plane=true"], True)],
)
def test_control_planes_that_others_can_join_keep_applications_off(tmp_path, words, off):
    config = configured(tmp_path, *words)
    assert config.keeps_applications_off is off
    state.save(config)
    assert configured(tmp_path) == config, "a later start goes on with it"


def test_several_api_servers_share_the_store(tmp_path):
    config = configured(tmp_path, "--etcd")
    assert api_server_config(config, pki.ensure(config)).shared_store


def test_who_joins_takes_over_what_the_cluster_has_decided(tmp_path, shared, accepted):
    arguments = parsed(tmp_path / "second", *JOIN, "--certificate-key", "0" * 64, "--node-name", "cp2")
    config, found = joining.invited(arguments, cluster_config(arguments))
    assert found is shared
    assert (config.etcd, config.api_port, config.node_name, config.node_ip) == (True, 7443, "cp2", "10.0.0.2")
    assert not config.pki.exists(), "nothing is written yet"


def test_a_flag_that_contradicts_the_cluster_is_refused(tmp_path, accepted):
    arguments = parsed(tmp_path / "second", *JOIN, "--api-port", "8443")
    with pytest.raises(CommandError, match=r"--api-port is decided by the cluster at .* \(7443\); leave it out"):
        joining.invited(arguments, cluster_config(arguments))


def test_another_clusters_directory_is_refused(tmp_path, accepted):
    pki.ensure(configured(tmp_path / "other"))
    arguments = parsed(tmp_path / "other", *JOIN)
    with pytest.raises(CommandError, match="holds the keys of another cluster; choose another directory"):
        joining.invited(arguments, cluster_config(arguments))


def test_who_is_a_member_does_not_join_again(tmp_path):
    arguments = parsed(tmp_path, *JOIN, "--etcd")
    config = cluster_config(arguments)
    (config.etcd_dir / "member" / "wal").mkdir(parents=True)
    (config.etcd_dir / "member" / "wal" / "0-0.wal").touch()
    assert joining.invited(arguments, config) == (config, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--join", "https://10.0.0.1:6443"], "--join needs --token, --ca-cert-hash and --certificate-key; another"),
        ([*JOIN, "--certificate-key=k", "--token=abc"], "--token is not of the form abcdef.0123456789abcdef"),
        ([*JOIN, "--certificate-key=k", "--join=10.0.0.1"], "10.0.0.1 is not an https:// address such as"),
    ],
)
def test_an_incomplete_line_is_refused(tmp_path, words, message):
    arguments = parsed(tmp_path, *words)
    with pytest.raises(CommandError, match=message):
        joining.invited(arguments, cluster_config(arguments))


def test_a_cluster_without_etcd_invites_nobody(tmp_path):
    config = configured(tmp_path)
    pki.ensure(config)
    state.save(config)
    arguments = cli._parser().parse_args(["token", "create", "--control-plane", "--data-dir", str(tmp_path)])
    with pytest.raises(CommandError, match="further control planes need etcd; a cluster gets it when it is made"):
        token.main(arguments)


@pytest.mark.parametrize(
    ("members", "words", "said"),
    [
        (1, ["--etcd"], ["has one control plane; three survive", "--control-plane", "run on workers", "token create"]),
        (2, ["--etcd", "--taint-control-plane=false"], ["has 2 control planes", "--control-plane"]),
        (3, ["--etcd"], ["run on workers", "token create"]),
        (3, ["--etcd", "--hollow-nodes=1"], []),
    ],
)
def test_what_is_missing_is_told(tmp_path, members, words, said):
    lines = joining.hint(members, configured(tmp_path, *words)).splitlines()
    assert len(lines) == len(said)
    assert all(part in line for part, line in zip(said, lines, strict=True))


async def test_a_server_that_accepts_and_says_nothing_is_told(monkeypatch):
    closed = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        closed.set()

    monkeypatch.setattr(join, "_CONNECT_SECONDS", 0.2)
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(join.JoinError, match=rf"^{url} does not answer \(silence\); check --server"):
            await join.trusted_connection(url, "sha256:1")
        await closed.wait()
