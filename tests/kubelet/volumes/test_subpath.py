"""A path inside a volume, which must never lead outside."""

import os
from pathlib import Path

import pytest

from pybernetes.kubelet.kernel.recording import RecordingKernel
from pybernetes.kubelet.volumes.subpath import bind_subpath
from pybernetes.kubelet.volumes.volume import SetUpError


class FollowingKernel(RecordingKernel):
    """Notes which file a descriptor path named at the time of the mount."""

    def bind_mount(self, source: str, target: str, *, read_only: bool = False, recursive: bool = True) -> None:
        super().bind_mount(os.readlink(source), target, read_only=read_only, recursive=recursive)


def bound(volume: Path, sub_path: str, target: Path) -> str:
    kernel = FollowingKernel()
    assert bind_subpath(kernel, str(volume), sub_path, str(target)) == str(target)
    return kernel.mounts[0][1]


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "volume"
    path.mkdir()
    path.chmod(0o777)
    return path


def test_missing_directories_are_made_like_the_volume(volume: Path, tmp_path: Path) -> None:
    assert bound(volume, "a/b", tmp_path / "target") == str(volume / "a" / "b")
    assert (volume / "a" / "b").stat().st_mode & 0o777 == 0o777
    assert (tmp_path / "target").is_dir()


def test_a_file_is_mounted_on_a_file(volume: Path, tmp_path: Path) -> None:
    (volume / "f").write_text("x")
    assert bound(volume, "f", tmp_path / "target") == str(volume / "f")
    assert (tmp_path / "target").is_file()


def test_links_inside_the_volume_are_followed(volume: Path, tmp_path: Path) -> None:
    (volume / "..data").mkdir()
    (volume / "..data" / "key").write_text("x")
    os.symlink("..data/key", volume / "key")
    assert bound(volume, "key", tmp_path / "target") == str(volume / "..data" / "key")


@pytest.mark.parametrize("link", ["/etc", "..", "../..", "/"])
@pytest.mark.parametrize("sub_path", ["link", "link/passwd", "link/new"])
def test_links_that_leave_the_volume_are_refused(volume: Path, tmp_path: Path, link: str, sub_path: str) -> None:
    os.symlink(link, volume / "link")
    kernel = FollowingKernel()
    with pytest.raises(SetUpError, match="not within volume path"):
        bind_subpath(kernel, str(volume), sub_path, str(tmp_path / "target"))
    assert kernel.mounts == []


@pytest.mark.parametrize(
    ("sub_path", "message"),
    [
        ("/etc", "error SubPath `/etc` must not be an absolute path"),
        ("../x", "unable to provision SubPath `../x`: must not contain '..'"),
        ("a/../../x", "unable to provision SubPath `a/../../x`: must not contain '..'"),
    ],
)
def test_paths_that_leave_the_volume_are_refused(volume: Path, tmp_path: Path, sub_path: str, message: str) -> None:
    with pytest.raises(SetUpError) as caught:
        bind_subpath(FollowingKernel(), str(volume), sub_path, str(tmp_path / "target"))
    assert str(caught.value) == message


def test_a_target_that_shows_the_same_file_is_left_alone(volume: Path, tmp_path: Path) -> None:
    (volume / "f").write_text("x")
    kernel = FollowingKernel()
    target = tmp_path / "target"
    bind_subpath(kernel, str(volume), "f", str(target))
    target.unlink()
    os.link(volume / "f", target)  # what a bind mount would look like
    bind_subpath(kernel, str(volume), "f", str(target))
    assert [call[0] for call in kernel.calls] == ["bind_mount"]


def test_a_target_that_shows_another_file_is_mounted_anew(volume: Path, tmp_path: Path) -> None:
    (volume / "f").write_text("x")
    kernel = FollowingKernel()
    bind_subpath(kernel, str(volume), "f", str(tmp_path / "target"))
    bind_subpath(kernel, str(volume), "f", str(tmp_path / "target"))
    assert [call[0] for call in kernel.calls] == ["bind_mount", "unmount", "bind_mount"]
