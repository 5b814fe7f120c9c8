"""Reading container logs: lines, tails, limits, following."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pybernetes.kubelet.logs import LogOptions, instant_of, parse_line, read_log

LINES = (
    "2026-01-02T03:04:05.000000001Z stdout F one\n"
    "2026-01-02T03:04:06.5Z stderr F two\n"
    "2026-01-02T03:04:07Z stdout P thr\n"
    "2026-01-02T03:04:08Z stdout F ee\n"
    "2026-01-02T03:04:09Z stdout F \n"
    "2026-01-02T03:04:10Z stdout F five\n"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_text(LINES)
    return path


async def text_of(path: Path, **options: object) -> str:
    found = b""
    async for piece in read_log(str(path), LogOptions(**options)):  # type: ignore[arg-type]
        found += piece
    return found.decode()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, "one\ntwo\nthree\n\nfive\n", id="all"),
        pytest.param({"tail_lines": 3}, "three\n\nfive\n", id="tail counts joined lines"),
        pytest.param({"tail_lines": 0}, "", id="tail of nothing"),
        pytest.param({"tail_lines": 99}, "one\ntwo\nthree\n\nfive\n", id="tail of more than there is"),
        pytest.param({"limit_bytes": 5}, "one\nt", id="limit"),
        pytest.param({"stream": "Stderr"}, "two\n", id="one stream"),
        pytest.param({"stream": "Stdout", "tail_lines": 4}, "one\nthree\n\nfive\n", id="tail of one stream"),
        pytest.param({"since": datetime(2026, 1, 2, 3, 4, 9, tzinfo=UTC)}, "\nfive\n", id="since"),
        pytest.param(
            {"timestamps": True, "tail_lines": 3},
            "2026-01-02T03:04:07Z three\n2026-01-02T03:04:09Z \n2026-01-02T03:04:10Z five\n",
            id="one timestamp per joined line",
        ),
    ],
)
async def test_options(log: Path, options: dict[str, object], expected: str) -> None:
    assert await text_of(log, **options) == expected


async def test_a_tail_reads_only_the_end_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_text("".join(f"2026-01-02T03:04:05Z stdout F line {i} {'x' * 100}\n" for i in range(5000)))
    found = await text_of(path, tail_lines=2000)
    assert found.startswith("line 3000 ")
    assert found.count("\n") == 2000


async def test_a_last_line_without_newline_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_text("2026-01-02T03:04:05Z stdout F whole\n2026-01-02T03:04:05Z stdout F half")
    assert await text_of(path) == "whole\nhalf\n"
    assert await text_of(path, tail_lines=1) == "half\n"


async def test_no_log(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await text_of(tmp_path / "none.log")


def test_lines_that_are_no_log_lines() -> None:
    assert parse_line(b"") is None
    assert parse_line(b"what is this") is None


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [("2026-01-02T03:04:05Z", 0), ("2026-01-02T03:04:05.123456789Z", 123456), ("2026-01-02T03:04:05.5+00:00", 500000)],
)
def test_instants(text: str, microsecond: int) -> None:
    assert instant_of(text.encode()) == datetime(2026, 1, 2, 3, 4, 5, microsecond, tzinfo=UTC)


class Follower:
    """Follows a log in a task; `expect` waits until exactly this much has come."""

    def __init__(self, path: Path, **options: object) -> None:
        self.text = ""
        self.alive = True
        self._came = asyncio.Event()
        self.task = asyncio.create_task(self._read(path, LogOptions(follow=True, **options)))  # type: ignore[arg-type]

    async def _running(self) -> bool:
        return self.alive

    async def _read(self, path: Path, options: LogOptions) -> None:
        async for piece in read_log(str(path), options, self._running):
            self.text += piece.decode()
            self._came.set()

    async def expect(self, text: str) -> None:
        async with asyncio.timeout(120):
            while self.text != text:
                self._came.clear()
                await self._came.wait()


def line(text: str) -> str:
    return f"2026-01-02T03:04:11Z stdout F {text}\n"


async def test_following_ends_with_the_container(log: Path) -> None:
    follower = Follower(log, tail_lines=1)
    with open(log, "a") as target:  # noqa: ASYNC230
        await follower.expect("five\n")
        target.write(line("six"))
        target.flush()
        await follower.expect("five\nsix\n")
        target.write(line("last"))
        follower.alive = False
    async with asyncio.timeout(120):
        await follower.task
    assert follower.text == "five\nsix\nlast\n"


async def test_following_across_a_rotation(log: Path) -> None:
    follower = Follower(log, tail_lines=1)
    await follower.expect("five\n")
    with open(log, "a") as target:  # noqa: ASYNC230
        os.rename(log, f"{log}.20260102-030405")
        target.write(line("into the old file"))
        target.flush()
        await follower.expect("five\ninto the old file\n")
        with open(log, "a") as fresh:  # noqa: ASYNC230
            target.close()
            fresh.write(line("after"))
            fresh.flush()
            await follower.expect("five\ninto the old file\nafter\n")
            follower.alive = False
    async with asyncio.timeout(120):
        await follower.task


async def test_following_a_log_that_is_emptied(log: Path) -> None:
    follower = Follower(log, tail_lines=1)
    await follower.expect("five\n")
    os.truncate(log, 0)
    with open(log, "a") as target:  # noqa: ASYNC230
        target.write(line("after"))
        target.flush()
        await follower.expect("five\nafter\n")
        follower.alive = False
    async with asyncio.timeout(120):
        await follower.task


async def test_following_a_container_that_is_over_already(log: Path) -> None:
    follower = Follower(log, tail_lines=1)
    follower.alive = False
    async with asyncio.timeout(120):
        await follower.task
    assert follower.text == "five\n"


async def test_following_ends_when_the_limit_is_reached(log: Path) -> None:
    follower = Follower(log, limit_bytes=3)
    async with asyncio.timeout(120):
        await follower.task
    assert follower.text == "one"
