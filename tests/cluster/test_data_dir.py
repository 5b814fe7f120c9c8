"""A data directory holds the cluster's files, and a purge takes no others away."""

import errno
import json
import os
from pathlib import Path

import pytest

from pybernetes import GIT_VERSION
from pybernetes.cluster import preflight, state
from pybernetes.cluster.config import ClusterConfig, ConfigError
from pybernetes.cluster.data_dir import foreign, is_taken, remove

OURS = ("cluster.json", "pki", "admin.kubeconfig", ".cluster.json.x1y2", ".admin.kubeconfig.4711", "containerd", "etcd")


def filled(directory: Path, *names: str) -> Path:
    for name in names:
        if "." in name:
            (directory / name).write_text("")
        else:
            (directory / name / "below").mkdir(parents=True)
    return directory


def test_a_directory_of_others_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    filled(tmp_path, "thesis.tex", "containerd")
    config = ClusterConfig(data_dir=tmp_path, node_ip="127.0.0.1", hollow_nodes=1)
    found = preflight.problems(config, api=False, node=False)
    assert found == [f"{tmp_path} holds other files, such as thesis.tex; choose another directory with --data-dir"]
    assert sorted(os.listdir(tmp_path)) == ["containerd", "thesis.tex"]


@pytest.mark.parametrize("names", [(), ("containerd", "manifests"), OURS, (*OURS, "notes.txt"), ("joined.json", "x.y")])
def test_an_empty_one_one_made_ready_and_one_of_a_cluster_are_not(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert not is_taken(filled(tmp_path, *names))
    assert not is_taken(tmp_path / "absent")


def test_a_purge_takes_all_of_the_cluster(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    assert remove(filled(directory, *OURS)) == []
    assert not directory.exists()


def test_a_purge_leaves_a_directory_where_a_disk_is_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(self: Path) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    directory = tmp_path / "data"
    directory.mkdir()
    filled(directory, *OURS)
    monkeypatch.setattr(Path, "rmdir", busy)
    assert remove(directory) == []
    assert list(directory.iterdir()) == []


def test_a_purge_leaves_what_is_not_the_clusters(tmp_path: Path) -> None:
    outside = filled(tmp_path, "outside") / "outside"
    directory = tmp_path / "data"
    directory.mkdir()
    filled(directory, *OURS, "notes.txt", "thesis")
    (directory / "images").symlink_to(outside)
    assert remove(directory) == ["notes.txt", "thesis"]
    assert foreign(directory) == ["notes.txt", "thesis"]
    assert (outside / "below").exists()


def test_what_a_newer_version_left_is_refused_and_what_an_older_one_left_is_taken_over(tmp_path: Path) -> None:
    state.save(ClusterConfig(data_dir=tmp_path, node_name="n1"))
    settings = json.loads((tmp_path / "cluster.json").read_text())
    assert (settings["format"], settings["version"]) == (state.FORMAT, GIT_VERSION)

    del settings["format"], settings["version"]
    (tmp_path / "cluster.json").write_text(json.dumps({**settings, "a setting of another version": 1}))
    assert state.load(tmp_path) == ClusterConfig(data_dir=tmp_path, node_name="n1")

    (tmp_path / "cluster.json").write_text(json.dumps({**settings, "format": 99, "version": "v1.99.0"}))
    with pytest.raises(ConfigError) as refused:
        state.load(tmp_path)
    said = f"{tmp_path}/cluster.json was written by a newer version, v1.99.0; use that one, or restore a snapshot"
    assert str(refused.value).startswith(said)
