"""The link by which storage drivers find the kubelet's directory."""

from pathlib import Path

import pytest

from pybernetes.cluster.kubelet_link import make, remove


def test_it_is_made_used_again_and_taken_away(tmp_path: Path) -> None:
    link, directory = tmp_path / "lib" / "kubelet", tmp_path / "data" / "kubelet"
    for _ in range(2):
        assert make(link, directory) == link
    (link / "pods").mkdir()
    assert (directory / "pods").is_dir()
    remove(link, directory)
    assert not link.is_symlink() and (directory / "pods").is_dir()
    remove(link, directory)


@pytest.mark.parametrize("taken", ["directory", "link of another"])
def test_a_place_that_is_taken_is_left_alone(tmp_path: Path, taken: str) -> None:
    link, directory, other = tmp_path / "kubelet", tmp_path / "data", tmp_path / "other"
    other.mkdir()
    if taken == "directory":
        link.mkdir()
    else:
        link.symlink_to(other)
    assert make(link, directory) == directory
    remove(link, directory)
    assert link.is_dir()


def test_a_link_of_a_cluster_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    link, directory = tmp_path / "kubelet", tmp_path / "data"
    link.symlink_to(tmp_path / "gone")
    assert make(link, directory) == link
    assert link.resolve() == directory.resolve()
