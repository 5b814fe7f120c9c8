"""Logs of a cluster's processes are cut when they have grown large."""

from pathlib import Path

from pybernetes.cluster import log_files
from pybernetes.cluster.config import ClusterConfig


def test_a_large_log_is_copied_and_emptied_and_its_writer_goes_on(tmp_path: Path) -> None:
    path, small, absent = tmp_path / "a.log", tmp_path / "b.log", tmp_path / "c.log"
    small.write_text("short\n")
    with path.open("a") as writer:
        for turn in range(3):
            writer.write(f"turn {turn} " + "x" * 100 + "\n")
            writer.flush()
            log_files.cut((path, small, absent), limit_bytes=50)
            assert path.read_text() == ""
            assert (tmp_path / "a.log.1").read_text().startswith(f"turn {turn} ")
        writer.write("after\n")
    assert path.read_text() == "after\n"
    assert small.read_text() == "short\n"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a.log", "a.log.1", "b.log"]


def test_a_log_is_emptied_even_where_no_copy_can_be_made(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("x" * 100)
    (tmp_path / "a.log.1").symlink_to(tmp_path / "absent" / "directory")
    log_files.cut((path,), limit_bytes=50)
    assert path.read_text() == ""


def test_the_logs_of_a_cluster(tmp_path: Path) -> None:
    config = ClusterConfig(data_dir=tmp_path)
    names = [str(path.relative_to(tmp_path)) for path in log_files.log_files(config)]
    assert names == ["pybernetes.log", "containerd/containerd.log", "etcd.log"]
