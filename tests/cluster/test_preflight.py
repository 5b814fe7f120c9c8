"""What stands in the way of a control plane with etcd is told before anything is written."""

import socket
from pathlib import Path

import msgspec
import pytest
from tests.support.etcd import needs_etcd
from tests.support.ports import free_port

from pybernetes.cluster import preflight
from pybernetes.cluster.config import ClusterConfig


def hollow(directory: Path, **fields: object) -> ClusterConfig:
    ports = {name: free_port() for name in ("api_port", "etcd_port", "etcd_peer_port")}
    settings = {**ports, "node_ip": "127.0.0.1", "hollow_nodes": 1, **fields}
    return ClusterConfig(data_dir=directory, node_name="cp1", **settings)  # type: ignore[arg-type]


def problems(config: ClusterConfig) -> list[str]:
    return preflight.problems(config, node=False)


def test_without_the_program_the_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight.shutil, "which", lambda name, path=None: None)
    (line,) = problems(hollow(tmp_path / "d", etcd=True))
    assert line.endswith("apt-get install etcd-server")
    assert problems(hollow(tmp_path / "d")) == []
    assert not (tmp_path / "d" / "etcd").exists()


def test_a_disk_too_full_for_pods_is_told(tmp_path):
    assert preflight.disk_warning(tmp_path, {"nodefs.available": "0.0001%", "imagefs.available": "0%"}) == ""
    assert preflight.disk_warning(tmp_path, {"memory.available": "99%"}) == ""
    line = preflight.disk_warning(tmp_path, {"imagefs.available": "99.99%"})
    assert f" MiB are free below {tmp_path}; with less than " in line
    assert line.endswith("(DiskPressure). Free some, or: --kubelet-arg 'eviction-hard=memory.available<100Mi'")


@needs_etcd
def test_a_clusters_state_stays_where_it_is(tmp_path):
    sqlite = hollow(tmp_path / "sqlite", etcd=True)
    sqlite.database.parent.mkdir(parents=True)
    sqlite.database.touch()
    (line,) = problems(sqlite)
    assert line.startswith(f"the state of the cluster in {sqlite.data_dir} is in SQLite; move it to etcd with: ")
    assert problems(msgspec.structs.replace(sqlite, etcd=False)) == []
    other = hollow(tmp_path / "etcd")
    wal = other.etcd_dir / "member" / "wal"
    wal.mkdir(parents=True)
    assert problems(other) == [], "an empty directory holds no state"
    (wal / "0-0.wal").touch()
    assert problems(other) == [f"the state of the cluster in {other.data_dir} is in etcd; start it with --etcd"]
    assert problems(msgspec.structs.replace(other, etcd=True)) == []


@needs_etcd
@pytest.mark.parametrize(("setting", "flag"), [("etcd_port", "--etcd-port"), ("etcd_peer_port", "--etcd-peer-port")])
def test_a_port_in_use_is_told_with_its_flag(tmp_path, setting, flag):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = hollow(tmp_path, etcd=True, **{setting: port})
        assert problems(config) == [f"127.0.0.1:{port} is in use by another program; choose another port with {flag}"]
        assert problems(msgspec.structs.replace(config, etcd=False)) == []
