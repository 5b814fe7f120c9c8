"""The components of the cluster that this process runs, as its node shows them (kubelet/host_pods.py).

    supervised(name, make) ──▶ restarting ──▶ each run observed, its log lines named after the component
    etcd, a child process  ──▶ tells of itself (etcd/process.py)

How the run before this one ended, the supervisor of the process says in its environment when it saw a failure
(supervise.py), and the run itself in a file when it was asked to end (`telling_its_end`). Where neither is, it was
killed together with its supervisor.
"""

import asyncio
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from .. import __version__
from ..base import log
from ..base.http.health import Check
from ..base.observed import End, ObservedPart, exit_code
from ..base.tasks import Serve, restarting
from ..kubelet.host_component import ComponentLog, HostComponent
from .supervise import PREDECESSOR

API_SERVER, MANAGER, SCHEDULER = "kube-apiserver", "kube-controller-manager", "kube-scheduler"
ETCD, PROXY, DNS, METRICS = "etcd", "kube-proxy", "coredns", "metrics-server"

TellHealth = Callable[[Check], None]
"""Takes the health check of a component as soon as there is one."""


class _About(msgspec.Struct, frozen=True):
    """The labels of the pod, as upstream's manifests have them, and the packages that are nobody else's."""

    labels: dict[str, str]
    packages: tuple[str, ...] = ()


def _control_plane(name: str) -> dict[str, str]:
    return {"component": name, "tier": "control-plane"}


_ABOUT = {
    ETCD: _About(_control_plane(ETCD)),
    API_SERVER: _About(_control_plane(API_SERVER), ("apiserver", "store")),
    MANAGER: _About(_control_plane(MANAGER), ("controllers", "cloud")),
    SCHEDULER: _About(_control_plane(SCHEDULER), ("scheduler",)),
    PROXY: _About({"k8s-app": PROXY}, ("proxy",)),
    DNS: _About({"k8s-app": "kube-dns"}, ("dns",)),
    METRICS: _About({"k8s-app": METRICS}, ("metrics",)),
}


_JOINING = {"--token", "--certificate-key", "--ca-cert-hash", "--server"}


def no_health(check: Check) -> None:
    """For who does not want to know."""


def command_line(pid: int) -> list[str]:
    """The words that a process was started with, but for what joining took: secrets, which are nobody's business, and
    what another start does not need, which would make another pod of the same component."""
    words = [word.decode(errors="replace") for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]]
    return list(without_joining(words))


def without_joining(words: Iterable[str]) -> Iterator[str]:
    """The words without the flags of joining and their values."""
    rest = iter(words)
    for word in rest:
        flag, has_value, _ = word.partition("=")
        if flag not in _JOINING:
            yield word
        elif not has_value:
            next(rest, None)


def own_log_file() -> str:
    """The file that this process logs to, "" where its standard error is something else."""
    with suppress(OSError):
        if stat.S_ISREG(os.fstat(2).st_mode):
            return os.readlink("/proc/self/fd/2")
    return ""


def predecessor(text: str) -> tuple[int, End | None]:
    """(how often the process was started again, how the last one ended) of what the supervisor says."""
    words = text.split()
    if len(words) != 5 or not all(word.lstrip("-").isdecimal() for word in words):
        return 0, None
    restarts, pid, code, began, ended = (int(word) for word in words)
    instants = (datetime.fromtimestamp(number, UTC) for number in (began, ended))
    return restarts, End(pid=pid, started_at=next(instants), finished_at=next(instants), exit_code=exit_code(code))


def _said(path: Path) -> str:
    """What the file says; "" where there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""


class HostComponents:
    """`components` are those of this process so far; the list grows while it starts. `last_run`: the file that tells
    the next process of this one's end."""

    def __init__(self, last_run: Path | None = None) -> None:
        self.components: list[HostComponent] = []
        self._by_name: dict[str, HostComponent] = {}
        self._log_file = own_log_file()
        self._last_run = last_run
        self._began_at = time.time()
        left = _said(last_run) if last_run is not None else ""
        self._restarts, self._last_end = predecessor(os.environ.pop(PREDECESSOR, "") or left)

    def has_started(self) -> None:
        """From now on the file would say of this run what was true of the one before."""
        if self._last_run is not None:
            self._last_run.unlink(missing_ok=True)

    @contextmanager
    def telling_its_end(self) -> Iterator[None]:
        """Write down the end of a block that is cancelled, which is how a process is asked to end."""
        try:
            yield
        except asyncio.CancelledError:
            if self._last_run is not None:
                self._last_run.write_text(f"0 {os.getpid()} 0 {self._began_at:.0f} {time.time():.0f}")
            raise

    def supervised(self, name: str, make: Callable[[], Serve]) -> Serve:
        """The component, made afresh whenever it fails."""
        part = self._own(name).part
        return self._named(name, restarting(name, lambda: part.observed(make())))

    def once(self, name: str, serve: Serve) -> Serve:
        """The component, whose failure ends the process."""
        return self._named(name, self._own(name).part.observed(serve))

    def health_of(self, name: str) -> TellHealth:
        """Where to tell the component's health check."""

        def tell(check: Check) -> None:
            self._own(name).part.health = check

        return tell

    def etcd(self, log_file: Path) -> ObservedPart:
        """What is to be told of the member of etcd, a process of its own."""
        found = self._by_name.get(ETCD) or self._add(ETCD, "etcd", ComponentLog(path=str(log_file)))
        return found.part

    def _own(self, name: str) -> HostComponent:
        """The component, which is a part of this process."""
        found = self._by_name.get(name)
        if found is not None:
            return found
        packages = _ABOUT[name].packages
        others = tuple(package for about in _ABOUT.values() for package in about.packages if package not in packages)
        where = ComponentLog(path=self._log_file, component=name, loggers=packages, others=others)
        found = self._add(name, f"pybernetes:{__version__}", where)
        found.last_end, found.restarts_before = self._last_end, self._restarts
        return found

    def _add(self, name: str, image: str, where: ComponentLog) -> HostComponent:
        part = ObservedPart()
        found = HostComponent(
            name,
            part,
            labels=_ABOUT[name].labels,
            image=image,
            command=lambda: command_line(part.pid),
            log=where,
        )
        self.components.append(found)
        self._by_name[name] = found
        return found

    def _named(self, name: str, serve: Serve) -> Serve:
        async def named(ready: asyncio.Event) -> None:
            log.tag(component=name)
            await serve(ready)

        return named
