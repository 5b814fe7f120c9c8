"""Keeping logs within bounds."""

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.kubelet.pods import pod_of

from pybernetes.kubelet.cri.messages import Container, ContainerState
from pybernetes.kubelet.cri.protocol import CONTAINER_NAME_LABEL, POD_UID_LABEL, RuntimeServiceError
from pybernetes.kubelet.log_rotation import LogRotation, make_room, rotated_files


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.second = 0

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, self.second, tzinfo=UTC)


class View:
    """One pod with one running container; also its runtime."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.cri = self
        self.reopened: list[str] = []
        self.fails = False

    def pods(self) -> list[object]:
        return [pod_of()]

    def log_path(self, pod: object, container_name: str, previous: bool = False) -> str:
        return str(self.log)

    async def list_containers(self) -> list[Container]:
        labels = {POD_UID_LABEL: "uid-1", CONTAINER_NAME_LABEL: "web"}
        return [Container(id="id", labels=labels, state=ContainerState.RUNNING)]

    async def reopen_log(self, container_id: str) -> None:
        if self.fails:
            raise RuntimeServiceError("UNKNOWN", "no")
        self.reopened.append(container_id)
        self.log.write_text("")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_text("x" * 100)
    return path


async def test_a_large_log_is_rotated_and_a_small_one_is_not(log: Path) -> None:
    view = View(log)
    rotation = LogRotation(view, maximum_bytes=100, clock=Clock())  # type: ignore[arg-type]
    assert await rotation.rotate_all() == 1
    assert await rotation.rotate_all() == 0
    assert view.reopened == ["id"]
    assert [os.path.basename(path) for path in rotated_files(str(log))] == ["0.log.20260102-030400"]


async def test_files_are_compressed_later_and_the_oldest_go(log: Path) -> None:
    clock = Clock()
    rotation = LogRotation(View(log), maximum_bytes=1, maximum_files=4, clock=clock)  # type: ignore[arg-type]
    for second in range(6):
        clock.second = second
        log.write_text(f"content {second}")
        await rotation.rotate_all()
    found = rotated_files(str(log))
    assert [os.path.basename(path).removeprefix("0.log.20260102-0304") for path in found] == ["03.gz", "04.gz", "05"]
    assert gzip.decompress(Path(found[0]).read_bytes()) == b"content 3"


async def test_a_runtime_that_does_not_reopen_keeps_its_log(log: Path) -> None:
    view = View(log)
    view.fails = True
    await LogRotation(view, maximum_bytes=1, clock=Clock()).rotate_all()  # type: ignore[arg-type]
    assert log.read_text() == "x" * 100
    assert rotated_files(str(log)) == []


def test_half_written_compressions_are_removed(log: Path) -> None:
    (log.parent / "0.log.20260101-000000.tmp").write_text("half")
    make_room(str(log), 5)
    assert os.listdir(log.parent) == ["0.log"]
