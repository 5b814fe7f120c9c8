"""The log of one component in a file that several write to."""

import asyncio
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.kubelet.components import component_log

from pybernetes.base import log as base_log
from pybernetes.kubelet.host_component import ComponentLog
from pybernetes.kubelet.host_logs import is_of, read_component_log, utc
from pybernetes.kubelet.logs import LogOptions

LINES = """\
a line from before
2026-01-02T03:04:01.000 INFO apiserver.server API server ready
2026-01-02T03:04:02.000 INFO client.leader Became leader component=kube-scheduler lease=a/b
2026-01-02T03:04:03.000 INFO client.leader Became leader component=kube-controller-manager lease=a/b
2026-01-02T03:04:04.000 ERROR scheduler.cycle Broken pod=a/b
Traceback (most recent call last):
  File "x.py", line 1
ValueError: x
2026-01-02T03:04:05.000 WARNING store.sqlite Slow component=kube-scheduler
  of the store
2026-01-02T03:04:06.000 INFO scheduler.cycle Pod scheduled pod=a/b
"""
OWN = [line for line in LINES.splitlines() if "scheduler" in line and "store" not in line]
BROKEN = LINES.splitlines()[4:8]
ALL = [OWN[0], *BROKEN, OWN[2]]


@pytest.fixture(autouse=True)
def in_utc() -> Iterator[None]:
    """The log has local time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "pybernetes.log"
    found.write_text(LINES)
    return found


async def lines_of(log: ComponentLog, **options: object) -> list[str]:
    pieces = [piece async for piece in read_component_log(log, LogOptions(**options))]  # type: ignore[arg-type]
    return b"".join(pieces).decode().splitlines()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, ALL, id="all"),
        *(pytest.param({"tail_lines": n}, ALL[-n:] if n else [], id=f"the last {n}") for n in range(8)),
        pytest.param({"since": datetime(2026, 1, 2, 3, 4, 4, tzinfo=UTC)}, ALL[1:], id="since"),
        pytest.param({"since": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}, ALL[5:], id="since later"),
        pytest.param(
            {"timestamps": True, "tail_lines": 2},
            [f"2026-01-02T03:04:04.000000Z {ALL[4]}", f"2026-01-02T03:04:06.000000Z {ALL[5]}"],
            id="a line of a traceback has the time of its error",
        ),
        pytest.param({"stream": "Stdout"}, [], id="nothing on standard output"),
    ],
)
async def test_options(path: Path, options: dict[str, object], expected: list[str]) -> None:
    assert await lines_of(component_log(path), **options) == expected


@pytest.mark.parametrize(
    ("logger", "line", "expected"),
    [
        ("scheduler.queue", "", True),
        ("scheduler", "", True),
        ("schedulers.queue", "", False),
        ("apiserver.server", " component=kube-scheduler", False),
        ("client.watch", " Trying again component=kube-scheduler err=x", True),
        ("client.watch", " component=kube-scheduler-2", False),
        ("client.watch", "", False),
    ],
)
def test_whose_line_it_is(logger: str, line: str, expected: bool) -> None:
    assert is_of(component_log(""), logger, line.encode()) is expected


def test_instants_of_all_zones_are_utc() -> None:
    assert utc(b"2026-01-02T03:04:05.678+0100") == b"2026-01-02T02:04:05.678000Z"
    assert utc(b"yesterday") == b""


async def test_a_file_of_its_own_is_all_its_own(tmp_path: Path) -> None:
    path = tmp_path / "etcd.log"
    path.write_text('before\n{"level":"warn","ts":"2026-01-02T03:04:05.5Z","msg":"slow"}\npanic: x\n')
    log = ComponentLog(path=str(path))
    assert await lines_of(log) == path.read_text().splitlines()
    assert await lines_of(log, tail_lines=3) == await lines_of(log, tail_lines=9) == path.read_text().splitlines()
    found = await lines_of(log, timestamps=True, since=datetime(2026, 1, 2, tzinfo=UTC))
    assert [line.partition(" ")[0] for line in found] == ["2026-01-02T03:04:05.500000Z"] * 2


async def test_a_followed_log_goes_on_with_what_is_written_later(path: Path) -> None:
    came = asyncio.Queue[str]()

    async def follow() -> None:
        async for piece in read_component_log(component_log(path), LogOptions(follow=True, tail_lines=1)):
            came.put_nowait(piece.decode())

    task = asyncio.create_task(follow())
    async with asyncio.timeout(60):
        assert await came.get() == OWN[2] + "\n"
        with path.open("a") as sink:
            sink.write("2026-01-02T03:04:07.000 INFO apiserver.server Something else\n")
            sink.write("2026-01-02T03:04:08.000 INFO scheduler.cycle Later\n")
        assert (await came.get()).endswith("scheduler.cycle Later\n")
    task.cancel()
    await asyncio.wait([task])


async def test_what_the_process_logs_is_what_is_read(tmp_path: Path) -> None:
    """The format of base/log.py and the reader agree, tags and tracebacks included."""
    path = tmp_path / "pybernetes.log"
    handler = logging.FileHandler(path)
    handler.setFormatter(base_log.LineFormatter())
    root = logging.getLogger("in_a_test")
    root.addHandler(handler)
    root.propagate = False

    async def component() -> None:
        base_log.tag(component="kube-scheduler")
        try:
            raise ValueError("x")
        except ValueError:
            base_log.logger("in_a_test.client").exception("Failed", key="a b")

    await asyncio.create_task(component())
    base_log.logger("in_a_test.client").warning("Of nobody")
    handler.close()
    found = await lines_of(component_log(path))
    assert found[0].endswith("ERROR in_a_test.client Failed component=kube-scheduler key='a b'")
    assert found[-1] == "ValueError: x"
