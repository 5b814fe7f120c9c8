"""The node's containerd: its configuration and its life as a child process.

Each node has an instance of its own, wholly below the node's data directory, so that nothing of the machine's other
container tools is touched. Settings that matter (containerd docs, cri/config.md):

* `restrict_oom_score_adj`: a node without CAP_SYS_RESOURCE cannot lower the OOM score; without this no sandbox starts.
* `netns_mounts_under_state_dir`: several instances on one machine must not share /var/run/netns.
* `crun` when it is there: it starts a container in two thirds of runc's time.
"""

import asyncio
import os
import shutil
from pathlib import Path

import msgspec

from ..base.log import logger

log = logger(__name__)

PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
CNI_PLUGIN_DIRECTORY = "/usr/lib/cni"


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


def render_config(paths: ContainerdPaths, *, pause_image: str = PAUSE_IMAGE) -> str:
    """The whole config.toml. The default runtime is crun where it is installed, else runc."""
    binaries = {name: shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/bin") for name in ("crun", "runc")}
    runtimes = {name: binary for name, binary in binaries.items() if binary}
    default = next(iter(runtimes), "runc")
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
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{paths.registries}"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "{default}"
""" + "".join(_runtime(name, binary, paths.base / name) for name, binary in runtimes.items())


class Containerd:
    """One containerd process; `serve` runs it, `ready` is set once its socket answers."""

    def __init__(self, base: Path) -> None:
        self.paths = ContainerdPaths(base)

    def prepare(self) -> None:
        """Make the directories and write the configuration."""
        for directory in (self.paths.base, self.paths.cni_configuration, self.paths.registries):
            directory.mkdir(parents=True, exist_ok=True)
        self.paths.config.write_text(render_config(self.paths))

    async def start(self) -> asyncio.subprocess.Process:
        """Start the process and wait until it accepts connections. RuntimeError with its last log line otherwise.

        The containers are not its children (shims are), so they outlive it.
        """
        self.prepare()
        self.paths.socket.unlink(missing_ok=True)
        with self.paths.log_file.open("ab") as sink:
            process = await asyncio.create_subprocess_exec(
                "containerd",
                "--config",
                str(self.paths.config),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                env={**os.environ, "TMPDIR": "/tmp"},
            )
        try:
            async with asyncio.timeout(20):
                await self._answering(process)
        except TimeoutError:
            process.kill()
            raise RuntimeError(f"containerd does not answer after 20 s; see {self.paths.log_file}") from None
        return process

    async def _answering(self, process: asyncio.subprocess.Process) -> None:
        delay = 0.005
        while True:
            if process.returncode is not None:
                raise RuntimeError(f"containerd ended at once: {self._last_line()}; see {self.paths.log_file}")
            try:
                _, writer = await asyncio.open_unix_connection(str(self.paths.socket))
            except OSError:
                await asyncio.sleep(delay)
                delay = min(delay * 1.5, 0.05)
                continue
            writer.close()
            return

    def _last_line(self) -> str:
        lines = self.paths.log_file.read_text(errors="replace").strip().splitlines()
        return lines[-1][-300:] if lines else "no output"

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled; when the process dies by itself, start it again (the containers have gone on)."""
        while True:
            process = await self.start()
            ready.set()
            try:
                await process.wait()
            finally:
                if process.returncode is None:
                    process.terminate()
                    await process.wait()
            log.warning("containerd ended; starting it again", code=process.returncode)
            await asyncio.sleep(0.2)
