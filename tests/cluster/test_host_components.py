"""Which components a process knows of itself, what a supervisor told it, and a whole control plane in memory."""

import asyncio
import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.clock import eventually
from tests.support.ports import free_port
from tests.support.waiting import until

from pybernetes.base.log import LineFormatter
from pybernetes.base.tasks import running
from pybernetes.cluster import host_components, pki, supervise
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.control_plane import ControlPlane
from pybernetes.cluster.host_components import HostComponents, command_line, predecessor
from pybernetes.kubelet.host_logs import is_of
from pybernetes.store.memory import MemoryStore


def test_what_the_supervisor_says_of_the_process_before() -> None:
    restarts, end = predecessor("2 4711 -9 1000 1060")
    assert end is not None
    assert (restarts, end.pid, end.exit_code, end.message) == (2, 4711, 137, "")
    assert (end.started_at, end.finished_at) == tuple(datetime.fromtimestamp(at, UTC) for at in (1000, 1060))
    assert predecessor("") == (0, None), "the first process has none"


def test_the_supervisor_tells_a_child_of_the_one_before(tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = (
        "import os, sys, time\n"
        f"said = os.environ.get({supervise.PREDECESSOR!r})\n"
        "if not said: sys.exit(3)\n"
        f"open({str(tmp_path / 'part')!r}, 'w').write(said)\n"
        f"os.rename({str(tmp_path / 'part')!r}, {str(told)!r})\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", supervise.__file__, sys.executable, "-c", script], stderr=subprocess.DEVNULL
    )
    try:
        until(told.exists)
        restarts, end = predecessor(told.read_text())
        assert end is not None
        assert (restarts, end.exit_code) == (1, 3)
        assert end.pid not in (0, process.pid) and end.started_at <= end.finished_at
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, as a process writes it."""
    sink, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(sink)
    handler.setFormatter(LineFormatter())
    root.addHandler(handler)
    yield sink
    root.removeHandler(handler)


async def test_a_component_that_fails_is_started_again_and_that_is_known(
    monkeypatch: pytest.MonkeyPatch, lines: io.StringIO
) -> None:
    monkeypatch.setenv(supervise.PREDECESSOR, "2 4711 1 1000 1060")
    known, turns = HostComponents(), iter((True, False))
    assert supervise.PREDECESSOR not in os.environ, "it is not for those that this process starts"

    async def serve(ready: asyncio.Event) -> None:
        ready.set()
        if next(turns):
            raise ValueError("x")
        await asyncio.get_running_loop().create_future()

    async with running("dns", known.supervised(host_components.DNS, lambda: serve)):
        (dns,) = known.components
        await eventually(lambda: dns.part.restarts == 1 and dns.part.is_ready)
        known.health_of(host_components.DNS)(lambda: "ill")
        await dns.part.look()
        assert dns.part.problem == "ill"
    assert (dns.name, dns.labels, dns.restarts_before) == ("coredns", {"k8s-app": "kube-dns"}, 2)
    assert dns.part.last_end is not None and dns.part.last_end.message == "ValueError: x"
    assert dns.last_end is not None and dns.last_end.pid == 4711
    assert dns.command() == command_line(os.getpid()) == sys.orig_argv
    line = next(line for line in lines.getvalue().splitlines() if "Part failed" in line)
    assert is_of(dns.log, "base.tasks", line.encode()), "its failure is in its own log"


async def test_the_next_process_knows_how_one_ended_that_was_asked_to(tmp_path: Path) -> None:
    file = tmp_path / "last-run"
    with pytest.raises(asyncio.CancelledError), HostComponents(file).telling_its_end():
        raise asyncio.CancelledError
    next_one = HostComponents(file)
    next_one.once(host_components.PROXY, _never)
    (proxy,) = next_one.components
    assert proxy.last_end is not None
    assert (proxy.last_end.pid, proxy.last_end.exit_code, proxy.restarts_before) == (os.getpid(), 0, 0)
    assert file.exists(), "a start that fails changes nothing"
    next_one.has_started()
    assert not file.exists(), "of a process that is killed it would be a lie"


async def test_a_process_that_fails_is_told_of_by_its_supervisor_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError), HostComponents(tmp_path / "last-run").telling_its_end():
        raise ValueError
    assert not (tmp_path / "last-run").exists()


@pytest.mark.parametrize("text", ["", "torn", "1 2 3 4", "a b c d e", "1 2 3 4 5 6"])
def test_a_torn_file_tells_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "last-run").write_text(text)
    known = HostComponents(tmp_path / "last-run")
    known.once(host_components.PROXY, _never)
    assert known.components[0].last_end is None


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("py agent --data-dir /d", "py agent --data-dir /d"),
        ("py agent --token a.b --data-dir /d --server https://c:6443", "py agent --data-dir /d"),
        ("py agent --token=a.b --ca-cert-hash=sha256:1 -v", "py agent -v"),
        ("py server --certificate-key k --data-dir /d --token", "py server --data-dir /d"),
    ],
)
def test_a_command_line_is_shown_without_what_joining_took(words: str, shown: str) -> None:
    assert list(host_components.without_joining(words.split())) == shown.split()


def test_the_log_is_the_file_behind_standard_error(tmp_path: Path) -> None:
    script = "from pybernetes.cluster.host_components import own_log_file; print(own_log_file())"
    path = tmp_path / "process.log"
    for to_file in (True, False):
        with path.open("ab") as file:
            sink = file if to_file else subprocess.PIPE
            done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=sink, check=True)
        assert done.stdout.decode().strip() == (str(path) if to_file else "")


def test_every_logger_belongs_to_one_component() -> None:
    known = HostComponents()
    for name in (host_components.API_SERVER, host_components.MANAGER, host_components.SCHEDULER, host_components.PROXY):
        known.once(name, _never)
    for logger in ("apiserver.server", "store.sqlite", "controllers.job", "cloud.manager", "scheduler.queue", "proxy"):
        assert sum(is_of(found.log, logger, b"") for found in known.components) == 1


async def _never(ready: asyncio.Event) -> None:
    raise AssertionError("not to be started")


_BESIDE_THE_KUBELETS = 10
"""The components' own pages are at the ports that follow the kubelet's."""


async def test_a_control_plane_knows_its_components_and_they_are_well(tmp_path: Path, lines: io.StringIO) -> None:
    ports = {"api_port": free_port(), "dns_port": free_port(), "kubelet_port": free_port(_BESIDE_THE_KUBELETS)}
    config = ClusterConfig(data_dir=tmp_path, node_name="n", node_ip="127.0.0.1", **ports)
    known = HostComponents()
    plane = ControlPlane(config, pki.ensure(config), MemoryStore(), components=known)
    async with asyncio.timeout(120), running("control plane", plane.serve):
        wanted = {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "coredns"}

        async def are_well() -> bool:
            await asyncio.gather(*(found.part.look() for found in known.components))
            return {found.name for found in known.components if found.part.is_ready} == wanted

        await eventually(are_well)
        (waiting,) = [found for found in known.components if found.name not in wanted]
        assert waiting.name == "metrics-server" and waiting.part.is_running, "there is no node to measure yet"
        assert json.dumps([found.labels for found in known.components]).count('"tier": "control-plane"') == 3
    told = lines.getvalue().splitlines()
    bad = [line for line in told if " WARNING " in line or " ERROR " in line]
    slow = "Watch cache is behind"  # on a machine that does much else
    assert not [line for line in bad if slow not in line], "a first start refuses nothing"
