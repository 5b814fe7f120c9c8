"""Files that are followed: replaced, rewritten, linked anew, refused, taken away."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pybernetes.apiserver.reload.files import FollowedFiles
from pybernetes.base.tasks import running


class Applied:
    """What was applied, in order; a content that begins with "bad" is refused."""

    def __init__(self) -> None:
        self.contents: list[list[bytes]] = []
        self.refused = 0
        self._told = asyncio.Event()

    async def __call__(self, contents: list[bytes]) -> None:
        self._told.set()
        if any(content.startswith(b"bad") for content in contents):
            self.refused += 1
            raise ValueError("bad")
        self.contents.append(contents)

    async def told(self) -> None:
        async with asyncio.timeout(60):
            await self._told.wait()
        self._told.clear()


@asynccontextmanager
async def followed(*paths: Path) -> AsyncIterator[Applied]:
    applied = Applied()
    files = FollowedFiles("test", [str(path) for path in paths], applied)
    async with running("files", files.serve):
        yield applied


def replace(path: Path, text: str) -> None:
    (path.parent / "new").write_text(text)
    os.replace(path.parent / "new", path)


@pytest.mark.parametrize("how", ["written", "replaced"])
async def test_a_changed_file_is_applied_once(tmp_path: Path, how: str) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    async with followed(file) as applied:
        for text in ("two", "three"):
            file.write_text(text) if how == "written" else replace(file, text)
            await applied.told()
        assert applied.contents == [[b"two"], [b"three"]]


async def test_what_changed_before_the_watch_stood_is_not_missed(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    applied = Applied()
    files = FollowedFiles("test", [str(file)], applied)
    file.write_text("two")
    async with running("files", files.serve):
        assert applied.contents == [[b"two"]]


async def test_a_refused_content_leaves_the_old_one_until_a_good_one_comes(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    async with followed(file) as applied:
        file.write_text("bad")
        await applied.told()
        assert (applied.contents, applied.refused) == ([], 1)
        file.write_text("two")
        await applied.told()
        assert applied.contents == [[b"two"]]


async def test_two_files_are_one_change(tmp_path: Path) -> None:
    certificate, key = tmp_path / "a" / "crt", tmp_path / "b" / "key"
    for path in (certificate, key):
        path.parent.mkdir()
        path.write_text("one")
    async with followed(certificate, key) as applied:
        certificate.write_text("two")
        key.write_text("two")
        await applied.told()
        assert applied.contents == [[b"two", b"two"]]


async def test_a_mounted_config_map_is_followed(tmp_path: Path) -> None:
    """FILE -> ..data/FILE, and ..data is linked to another directory at once."""
    for name in ("1", "2"):
        (tmp_path / f"..{name}").mkdir()
        (tmp_path / f"..{name}" / "f").write_text(name)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "f").symlink_to("..data/f")
    async with followed(tmp_path / "f") as applied:
        (tmp_path / "..tmp").symlink_to("..2")
        os.replace(tmp_path / "..tmp", tmp_path / "..data")
        await applied.told()
        assert applied.contents == [[b"2"]]


async def test_neighbours_are_not_noticed_and_a_file_that_is_gone_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    async with followed(file) as applied:
        (tmp_path / "neighbour").write_text("x")
        file.unlink()
        file.write_text("two")
        await applied.told()
        assert applied.contents == [[b"two"]]
