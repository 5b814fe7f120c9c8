"""fsGroup. Needs root to change groups."""

import os
import stat
from pathlib import Path

import pytest

from pybernetes.kubelet.volumes.ownership import ON_ROOT_MISMATCH, set_group

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changing groups needs root")


def test_files_and_directories_become_the_groups(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o700)
    file = tmp_path / "d" / "f"
    file.write_text("")
    file.chmod(0o600)
    os.symlink("/etc/passwd", tmp_path / "link")
    before = os.stat("/etc/passwd")
    set_group(str(tmp_path), 2000)
    assert (file.stat().st_gid, stat.S_IMODE(file.stat().st_mode)) == (2000, 0o660)
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o2770
    assert os.lstat(tmp_path / "link").st_gid == 2000
    assert os.stat("/etc/passwd") == before


def test_read_only_volumes_get_no_write_bit(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("")
    file.chmod(0o400)
    set_group(str(tmp_path), 2000, read_only=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o440


def test_on_root_mismatch_leaves_a_matching_tree_alone(tmp_path: Path) -> None:
    set_group(str(tmp_path), 2000)
    late = tmp_path / "late"
    late.write_text("")
    os.chown(late, 0, 0)
    set_group(str(tmp_path), 2000, change_policy=ON_ROOT_MISMATCH)
    assert late.stat().st_gid == 0
    set_group(str(tmp_path), 2001, change_policy=ON_ROOT_MISMATCH)
    assert late.stat().st_gid == 2001


def test_without_a_group_nothing_changes(tmp_path: Path) -> None:
    before = os.stat(tmp_path)
    set_group(str(tmp_path), None)
    assert os.stat(tmp_path) == before
