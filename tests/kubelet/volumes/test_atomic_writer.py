"""Files that change all at once."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pybernetes.kubelet.volumes.atomic_writer import FileContent, PayloadError, write_payload

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def files(**content: str) -> dict[str, FileContent]:
    return {name.replace("__", "/"): FileContent(text.encode(), 0o644) for name, text in content.items()}


def test_layout(tmp_path: Path) -> None:
    assert write_payload(str(tmp_path), files(a="1", d__b="2"), NOW)
    target = os.readlink(tmp_path / "..data")
    assert target.startswith("..2026_01_02_03_04_05.")
    assert os.readlink(tmp_path / "a") == "..data/a"
    assert os.readlink(tmp_path / "d") == "..data/d"
    assert (tmp_path / "d" / "b").read_text() == "2"


def test_nothing_moves_when_nothing_changed(tmp_path: Path) -> None:
    write_payload(str(tmp_path), files(a="1"), NOW)
    before = os.readlink(tmp_path / "..data")
    assert not write_payload(str(tmp_path), files(a="1"), NOW)
    assert os.readlink(tmp_path / "..data") == before


def test_an_update_replaces_adds_and_removes(tmp_path: Path) -> None:
    write_payload(str(tmp_path), files(a="1", gone="x", d__one="1", d__two="2"), NOW)
    assert write_payload(str(tmp_path), files(a="2", new="n", d__two="2"), NOW)
    assert sorted(name for name in os.listdir(tmp_path) if not name.startswith("..")) == ["a", "d", "new"]
    assert (tmp_path / "a").read_text() == "2"
    assert os.listdir(tmp_path / "d") == ["two"]
    assert len([name for name in os.listdir(tmp_path) if name.startswith("..2026")]) == 1


def test_an_open_directory_keeps_showing_the_old_files(tmp_path: Path) -> None:
    write_payload(str(tmp_path), files(a="1"), NOW)
    with open(tmp_path / "a") as source:
        write_payload(str(tmp_path), files(a="2"), NOW)
        assert source.read() == "1"


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        write_payload(str(tmp_path), {"a": FileContent(b"", 0o466)}, NOW)
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o466
    assert (tmp_path / "..data").stat().st_mode & 0o777 == 0o755


def test_a_failed_write_leaves_the_old_files(tmp_path: Path) -> None:
    write_payload(str(tmp_path), files(a="1"), NOW)

    def fail(directory: str) -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        write_payload(str(tmp_path), files(a="2"), NOW, fail)
    assert (tmp_path / "a").read_text() == "1"
    assert len([name for name in os.listdir(tmp_path) if name.startswith("..2026")]) == 1


def test_leftovers_of_a_crash_are_removed(tmp_path: Path) -> None:
    write_payload(str(tmp_path), files(a="1"), NOW)
    (tmp_path / "..2025_01_01_00_00_00.0000000001").mkdir()
    os.symlink("nowhere", tmp_path / "..data_tmp")
    write_payload(str(tmp_path), files(a="2"), NOW)
    assert (tmp_path / "a").read_text() == "2"
    assert not (tmp_path / "..2025_01_01_00_00_00.0000000001").exists()


@pytest.mark.parametrize("path", ["", "/etc/passwd", "a/../../b", "..data", "../x", "a" * 5000])
def test_paths_that_leave_the_volume_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(PayloadError):
        write_payload(str(tmp_path), {path: FileContent(b"", 0o644)}, NOW)
