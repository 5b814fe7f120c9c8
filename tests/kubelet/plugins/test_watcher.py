"""Registration sockets: seen when they appear, told what became of them, taken back when they go."""

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.csi_driver import Driver

from pybernetes.base.tasks import running
from pybernetes.kubelet.kernel.recording import RecordingKernel
from pybernetes.kubelet.plugins.watcher import PluginRefusedError, PluginWatcher, find_sockets


class Handler:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
        self.refuses = ""
        self.may_go = asyncio.Event()
        self.may_go.set()

    def validate(self, name: str, endpoint: str, versions: list[str]) -> None:
        if versions == ["9"]:
            raise PluginRefusedError("too new")

    async def register(self, name: str, endpoint: str, versions: list[str]) -> None:
        if self.refuses:
            raise PluginRefusedError(self.refuses)
        self.told.put_nowait(("register", name, endpoint))

    async def deregister(self, name: str, endpoint: str) -> None:
        await self.may_go.wait()
        self.told.put_nowait(("deregister", name, endpoint))

    async def next(self) -> tuple[str, str, str]:
        async with asyncio.timeout(60):
            return await self.told.get()


class Setup:
    def __init__(self, registry: Path) -> None:
        self.registry = registry
        self.handler = Handler()
        self.slept: list[float] = []
        self.drivers: list[Driver] = []
        self.watcher = PluginWatcher(str(registry), {"CSIPlugin": self.handler}, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def driver(self, name: str = "d", **options: object) -> Driver:
        made = Driver(name, str(self.registry), str(self.registry), RecordingKernel(), **options)  # type: ignore[arg-type]
        self.drivers.append(made)
        return made

    async def end(self) -> None:
        for driver in reversed(self.drivers):
            await driver.stop()


@pytest.fixture
def directory() -> Iterator[Path]:
    """A short one: a socket's path has 107 characters at most."""
    with tempfile.TemporaryDirectory(prefix="csi") as made:
        yield Path(made)


@pytest.fixture
async def setup(directory: Path) -> AsyncIterator[Setup]:
    found = Setup(directory / "r")
    async with running("watcher", found.watcher.serve):
        yield found
        await found.end()


async def test_a_plugin_is_registered_when_its_socket_appears_and_taken_back_when_it_goes(setup: Setup) -> None:
    driver = setup.driver()
    await driver.start()
    assert await setup.handler.next() == ("register", "d", driver.socket)
    await asyncio.wait_for(driver.told.wait(), 60)
    assert [(status.plugin_registered, status.error) for status in driver.statuses] == [(True, "")]
    await driver.stop()
    assert await setup.handler.next() == ("deregister", "d", driver.socket)


async def test_sockets_that_are_there_at_the_start_and_those_in_directories_made_later(directory: Path) -> None:
    setup = Setup(directory)
    first = setup.driver("first")
    await first.start()
    async with running("watcher", setup.watcher.serve):
        assert (await setup.handler.next())[1] == "first"
        below = directory / "below" / "deeper"
        below.mkdir(parents=True)
        second = Driver("second", str(directory), str(below), RecordingKernel())
        await second.start()
        assert (await setup.handler.next())[1] == "second"
    for driver in (first, second):
        await driver.stop()
    assert setup.handler.told.empty()  # the kubelet ended, its plugins did not


async def test_a_plugin_started_anew_is_first_taken_back_and_then_registered(setup: Setup) -> None:
    driver = setup.driver()
    await driver.start()
    assert (await setup.handler.next())[0] == "register"
    again = setup.driver()
    os.unlink(driver.socket)
    await again.start()
    assert [(await setup.handler.next())[0] for _ in range(2)] == ["deregister", "register"]


async def test_a_plugin_that_goes_slowly_holds_up_no_other(setup: Setup) -> None:
    slow, other = setup.driver("slow"), setup.driver("other")
    await slow.start()
    assert (await setup.handler.next())[0] == "register"
    setup.handler.may_go.clear()
    await slow.stop()
    await other.start()
    assert (await setup.handler.next())[:2] == ("register", "other")
    setup.handler.may_go.set()
    assert (await setup.handler.next())[:2] == ("deregister", "slow")


@pytest.mark.parametrize(
    ("options", "refuses", "error"),
    [
        ({"versions": ("9",)}, "", "RegisterPlugin error -- plugin validation failed with err: too new"),
        ({}, "no room", "RegisterPlugin error -- plugin registration failed with err: no room"),
        (
            {"plugin_type": "Other"},
            "",
            "RegisterPlugin error -- no handler registered for plugin type: Other at socket {socket}",
        ),
    ],
)
async def test_a_refused_plugin_is_told_why_and_asked_again(
    setup: Setup, options: dict[str, object], refuses: str, error: str
) -> None:
    setup.handler.refuses = refuses
    driver = setup.driver(**options)
    await driver.start()
    await asyncio.wait_for(driver.told.wait(), 60)
    assert driver.statuses[0].plugin_registered is False
    assert driver.statuses[0].error == error.format(socket=driver.socket)
    if refuses:
        setup.handler.refuses = ""
        assert (await setup.handler.next())[0] == "register"


async def test_a_socket_nobody_listens_on_yet_is_tried_until_somebody_does(setup: Setup) -> None:
    path = str(setup.registry / "d-reg.sock")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path)
        async with asyncio.timeout(60):
            while len(setup.slept) < 2:  # noqa: ASYNC110 (two attempts have failed)
                await asyncio.sleep(0.01)
    assert setup.slept[:2] == [0.1, 0.2]
    os.unlink(path)


def test_files_directories_and_hidden_names_are_no_plugins(directory: Path) -> None:
    (directory / "file").touch()
    (directory / ".hidden").mkdir()
    (directory / "below").mkdir()
    for name in ("a.sock", ".b.sock", "below/c.sock", ".hidden/d.sock"):
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(directory / name))
    sockets, directories = find_sockets(str(directory))
    assert sorted(os.path.relpath(found.path, directory) for found in sockets) == ["a.sock", "below/c.sock"]
    assert directories == {str(directory), str(directory / "below")}
