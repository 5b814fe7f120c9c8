"""`kill -9` anywhere in a save, a restore, a move from SQLite to etcd: there is the old cluster or the new one, whole,
and the same command works when it is given again.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.etcd import needs_etcdctl
from tests.support.saved_cluster import stopped_cluster

from pybernetes import cli
from pybernetes.cluster import state
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.snapshot import archive, exchange
from pybernetes.store import sqlite_contents
from pybernetes.store.contents import BUMP
from pybernetes.store.etcd import contents as etcd_contents

_ROOM = 2 << 30
OLD, NEW = ("old1", "both"), ("new1", "new2", "both")


@pytest.fixture
def template() -> Iterator[Path]:
    """`data`: a stopped cluster; `file`: the snapshot of another one. In memory where there is enough (etcd has 64 MiB
    for an empty log), since each step waits for the disk."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM
    with tempfile.TemporaryDirectory(dir=memory if has_room else None) as directory:
        found = Path(directory) / "template"
        found.mkdir()
        config = stopped_cluster(Path(directory) / "saved", *NEW, name="new")
        assert cli.main(["snapshot", "save", str(found / "file"), "--data-dir", str(config.data_dir)]) == 0
        stopped_cluster(found / "data", *OLD, name="old")
        yield found


def interrupted(template: Path, stride: int, *words: str) -> list[Path]:
    """The directories in which the command was killed, and last the one in which it came to its end."""
    scratch = template.parent / "interrupted"
    scratch.mkdir()
    child = Path(__file__).with_name("interrupted_child.py")
    line = [sys.executable, str(child), str(template), str(scratch), str(stride), *words]
    done = subprocess.run(line, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    rows = [row.split() for row in done.stdout.splitlines()]
    assert rows[-1][1] == "0", done.stderr
    assert len(rows) > 3
    return [scratch / number for number, _ in rows]


def cluster_in(directory: Path) -> ClusterConfig:
    """What the next start finds."""
    exchange.finish(directory)
    config = state.load(directory)
    assert config is not None
    assert (config.pki / "ca.key").exists()
    return config


def values(config: ClusterConfig) -> list[str]:
    return sorted(kv.value.decode() for kv in sqlite_contents.read(config.database).items)


def test_a_restore_leaves_the_old_cluster_or_the_new_one(template):
    words = ("snapshot", "restore", "file", "--data-dir", "data", "--force")
    found = []
    for place in interrupted(template, 5, *words):
        config = cluster_in(place / "data")
        assert values(config) == sorted(OLD if config.node_name == "old" else NEW)
        same_keys = (config.pki / "ca.key").read_bytes() == (template / "data" / "pki" / "ca.key").read_bytes()
        assert same_keys == (config.node_name == "old")
        found.append(config.node_name)
    assert found == sorted(found, reverse=True), "once it is the new one it stays that"
    assert {*found} == {"old", "new"}


@needs_etcdctl
def test_a_move_to_etcd_keeps_the_file_until_etcd_has_all_of_it(template):
    words = ("snapshot", "restore", "file", "--etcd", "--data-dir", "data", "--force")
    found = []
    for place in interrupted(template, 24, *words):
        config = cluster_in(place / "data")
        assert config.database.exists() != config.etcd
        if config.etcd:
            moved = etcd_contents.read(config.etcd_dir / "member" / "snap" / "db")
            assert {kv.value.decode() for kv in moved.items} >= {*NEW}
            assert moved.revision > BUMP
        else:
            assert values(config) == sorted(OLD)
        found.append(config.etcd)
    assert {*found} == {False, True}


def test_a_save_leaves_a_whole_file_or_the_one_before(template):
    before = archive.verified(template / "file")
    for place in interrupted(template, 2, "snapshot", "save", "file", "--data-dir", "data"):
        manifest = archive.verified(place / "file")
        assert manifest == before or manifest.node == "old"
        assert oct((place / "file").stat().st_mode & 0o777) == "0o600"
    assert manifest.node == "old"
