"""The node's containerd: its configuration and its life.

Each node has an instance of its own, wholly below the node's data directory, so that nothing of the machine's other
container tools is touched. Settings that matter (containerd docs, cri/config.md):

* `restrict_oom_score_adj`: a node without CAP_SYS_RESOURCE cannot lower the OOM score; without this no sandbox starts.
* `netns_mounts_under_state_dir`: several instances on one machine must not share /var/run/netns.
* `crun` where it works: it starts a container in two thirds of runc's time.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ..base.log import logger

log = logger(__name__)

PAUSE_IMAGE = "localhost/pybernetes/pause:1"
CNI_PLUGIN_DIRECTORY = "/usr/lib/cni"
_START_SECONDS = 20.0
_STOP_SECONDS = 10.0


class ContainerdError(Exception):
    """containerd does not run; the message is one line with the place of its log."""


class ContainerdPaths(msgspec.Struct, frozen=True):
    """Where one instance keeps its things."""

    base: Path

    @property
    def config(self) -> Path:
        return self.base / "config.toml"

    @property
    def socket(self) -> Path:
        return self.base / "containerd.sock"

    @property
    def root(self) -> Path:
        return self.base / "root"

    @property
    def state(self) -> Path:
        return self.base / "state"

    @property
    def cni_configuration(self) -> Path:
        return self.base / "cni"

    @property
    def registries(self) -> Path:
        return self.base / "certs.d"

    @property
    def pid_file(self) -> Path:
        return self.base / "containerd.pid"

    @property
    def log_file(self) -> Path:
        return self.base / "containerd.log"


def _runtime(name: str, binary: str, root: Path) -> str:
    prefix = f'[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{name}'
    return f"""
{prefix}]
  runtime_type = "io.containerd.runc.v2"
{prefix}.options]
  BinaryName = "{binary}"
  Root = "{root}"
"""


_UNIFIED_CONTROLLERS = Path("/sys/fs/cgroup/unified/cgroup.controllers")


def default_runtime(installed: Iterable[str], hybrid_controllers: str) -> str:
    """crun where it can work: it refuses a machine whose cgroup v2 mount holds controllers beside v1 ("hybrid")."""
    if "crun" in installed and not hybrid_controllers.strip():
        return "crun"
    return "runc"


def _hybrid_controllers() -> str:
    try:
        return _UNIFIED_CONTROLLERS.read_text()
    except OSError:
        return ""


def render_config(paths: ContainerdPaths, *, pause_image: str = PAUSE_IMAGE) -> str:
    """The whole config.toml."""
    binaries = {name: shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/bin") for name in ("crun", "runc")}
    runtimes = {name: binary for name, binary in binaries.items() if binary}
    default = default_runtime(runtimes, _hybrid_controllers())
    return f"""version = 2
root = "{paths.root}"
state = "{paths.state}"
disabled_plugins = [
  "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "{paths.socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{paths.base / "opt"}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause_image}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{CNI_PLUGIN_DIRECTORY}"
  conf_dir = "{paths.cni_configuration}"
  ip_pref = "cni"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{paths.registries}"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "{default}"
""" + "".join(_runtime(name, binary, paths.base / name) for name, binary in runtimes.items())


class Containerd:
    """One containerd process. It is started once and outlives us: containers must not notice that a kubelet or a
    control plane restarts. `stop` (and so `pybernetes down`) ends it."""

    def __init__(self, base: Path) -> None:
        self.paths = ContainerdPaths(base)
        self.was_started = False
        """Whether `start` had to start it."""

    def process_id(self) -> int:
        """The running instance's process id, 0 when there is none."""
        try:
            number = int(self.paths.pid_file.read_text())
            command = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return 0
        return number if str(self.paths.config).encode() in command else 0

    async def start(self) -> int:
        """Make sure that it runs and answers; its process id. ContainerdError with its last log line otherwise."""
        number = self.process_id()
        if not number:
            for directory in (self.paths.base, self.paths.cni_configuration, self.paths.registries):
                directory.mkdir(parents=True, exist_ok=True)
            self.paths.config.write_text(render_config(self.paths))
            self.paths.socket.unlink(missing_ok=True)
            number = self._spawn()
            self.was_started = True
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._answering(number)
        except TimeoutError:
            reason = f"containerd does not answer after {_START_SECONDS:.0f} s"
            raise ContainerdError(f"{reason}; see {self.paths.log_file}") from None
        return number

    def _spawn(self) -> int:
        with self.paths.log_file.open("ab") as sink:
            process = subprocess.Popen(
                ["containerd", "--config", str(self.paths.config)],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                cwd="/",
            )
        self.paths.pid_file.write_text(str(process.pid))
        return process.pid

    async def _answering(self, number: int) -> None:
        delay = 0.005
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(str(self.paths.socket))
            except OSError:
                if not _alive(number):
                    where = self.paths.log_file
                    raise ContainerdError(f"containerd ended at once: {self._last_line()}; see {where}") from None
                await asyncio.sleep(delay)
                delay = min(delay * 1.5, 0.05)
                continue
            writer.close()
            return

    def _last_line(self) -> str:
        lines = self.paths.log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1][-300:] if lines else "no output"

    async def serve(self, ready: asyncio.Event) -> None:
        """Keep it running: when the process dies by itself, start it again (the containers have gone on)."""
        while True:
            number = await self.start()
            ready.set()
            await _ended(number)
            log.warning("containerd ended; starting it again", pid=number)
            await asyncio.sleep(0.2)

    async def stop(self) -> None:
        """End the process; harmless when there is none."""
        number = self.process_id()
        if number:
            os.kill(number, signal.SIGTERM)
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await _ended(number)
            except TimeoutError:
                os.kill(number, signal.SIGKILL)
                await _ended(number)
        self.paths.pid_file.unlink(missing_ok=True)


def _alive(number: int) -> bool:
    """Whether a process is there and has not ended. Its command line is no proof: it is empty for a moment at exec."""
    try:
        return os.waitpid(number, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return Path(f"/proc/{number}").exists()


async def _ended(number: int) -> None:
    """Wait until a process, ours or not, is gone (pidfd_open(2)); at once if it is gone already."""
    try:
        descriptor = os.pidfd_open(number)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(descriptor, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(number, os.WNOHANG)  # noqa: ASYNC222 (does not wait)
