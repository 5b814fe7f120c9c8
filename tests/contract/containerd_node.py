"""A real containerd for a test: in its own network, mount, pid, uts and ipc namespaces, with its data on a tmpfs.

`containerd_node(directory)` starts one and ends everything in it with one SIGKILL to the first process of the pid
namespace. The socket and the pods' logs are in `directory`, visible from outside.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pybernetes.cluster import oci_archive as oci

APPLETS = ("sh", "sleep", "cat", "echo", "ls", "id", "env", "true", "false", "httpd", "wget", "nc", "kill", "mount")
PAUSE = "localhost/pause:1"
BUSYBOX = "localhost/busybox:1"
NEEDED = ("containerd", "runc", "unshare", "catatonit", "ctr")

missing = [name for name in NEEDED if shutil.which(name) is None] or ([] if os.geteuid() == 0 else ["root"])

CONFIG = """
version = 2
root = "{d}/data/root"
state = "{d}/data/state"
[grpc]
  address = "{d}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{d}/data/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{d}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        Root = "{d}/data/runc"
"""

START = """
set -e
mount --make-rshared /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs {d}/data
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
exec containerd -c {d}/config.toml --log-level warn
"""


def pause_image() -> bytes:
    """The image of the sandbox container: Debian's catatonit."""
    binary = Path(shutil.which("catatonit") or "/usr/bin/catatonit").read_bytes()
    layer = oci.layer_of_files([oci.LayerFile(path="pause", content=binary)])
    return oci.archive(PAUSE, layer, oci.ImageConfig(entrypoint=["/pause", "-P"]))


def busybox_image(name: str = BUSYBOX, user: str = "") -> bytes:
    return oci.archive(name, oci.busybox_layer(applets=APPLETS), oci.ImageConfig(command=["sh"], user=user))


def write_cni(directory: Path, subnet: str, data_directory: Path) -> None:
    """ptp + host-local, as the node has it."""
    ipam = {
        "type": "host-local",
        "dataDir": str(data_directory),
        "ranges": [[{"subnet": subnet}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugins = [{"type": "ptp", "ipMasq": False, "ipam": ipam}]
    document = {"cniVersion": "0.4.0", "name": "podnet", "plugins": plugins}
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "10-pod.conflist").write_bytes(msgspec.json.encode(document))


class ContainerdNode:
    """A running containerd; `socket` is its CRI socket."""

    def __init__(self, directory: Path, process: "subprocess.Popen[bytes]") -> None:
        self.directory = directory
        self.socket = str(directory / "containerd.sock")
        self.process = process

    def import_image(self, data: bytes) -> None:
        path = self.directory / "import.tar"
        path.write_bytes(data)
        command = ["ctr", "-a", self.socket, "-n", "k8s.io", "images", "import", str(path)]
        subprocess.run(command, check=True, capture_output=True)

    def run(self, *command: str) -> str:
        """A command inside the node's namespaces; its output."""
        child = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]
        found = subprocess.run(
            ["nsenter", "-t", child, "-n", "-m", "-u", "-i", "-p", *command], check=True, capture_output=True
        )
        return found.stdout.decode()


@contextmanager
def containerd_node(directory: Path, *, subnet: str = "10.244.9.0/24", cni: bool = True) -> Iterator[ContainerdNode]:
    """Start a containerd and wait for its socket; end it and all its containers after the block."""
    for name in ("data", "cni"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    if cni:
        write_cni(directory / "cni", subnet, directory / "ipam")
    (directory / "config.toml").write_text(CONFIG.format(d=directory, runc=shutil.which("runc")))
    log = (directory / "containerd.log").open("wb")
    namespaces = ["unshare", "-n", "-m", "-u", "-i", "-p", "--fork", "--kill-child=SIGKILL", "--mount-proc"]
    command = [*namespaces, "--propagation", "private", "sh", "-c", START.format(d=directory)]
    process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    node = ContainerdNode(directory, process)
    try:
        probe = (
            f"for i in $(seq 1200); do ctr -a {node.socket} version >/dev/null 2>&1 && exit 0; sleep .05; done; exit 1"
        )
        subprocess.run(["sh", "-c", probe], check=True)
        node.import_image(pause_image())
        node.import_image(busybox_image())
        yield node
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        log.close()
