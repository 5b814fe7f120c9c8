"""Take a node's traces off the machine: sandboxes, mounts, cgroups, packet rules, routes.

Everything is found by where it is (below the data directory, in our own cgroup and nftables table), not by what a
former process remembered, so it also cleans up after a crash.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.log import logger
from .config import ClusterConfig
from .containerd import Containerd

if TYPE_CHECKING:
    from ..kubelet.cri.protocol import ContainerRuntime

log = logger(__name__)

_MNT_DETACH = 2


async def stop_containers(runtime: "ContainerRuntime", most_seconds: int) -> None:
    """SIGTERM to every running container, all at once, and SIGKILL when its pod's grace period is over, or
    `most_seconds` if that is less. Hooks do not run: the kubelet is gone."""
    from ..kubelet.cri.messages import ContainerState
    from ..kubelet.pod_runtime import GRACE_ANNOTATION

    stops = []
    for container in await runtime.list_containers():
        if container.state == ContainerState.RUNNING:
            own = container.annotations.get(GRACE_ANNOTATION, "")
            seconds = min(int(own), most_seconds) if own.isdigit() else most_seconds
            stops.append(runtime.stop_container(container.id, seconds))
    for result in await asyncio.gather(*stops, return_exceptions=True):
        if isinstance(result, Exception):
            log.warning("Container could not be stopped", err=result)


async def stop_sandboxes(containerd: Containerd, most_seconds: int) -> int:
    """Stop and remove every pod sandbox once its containers had so long to end; how many there were. The shims end with
    them."""
    from ..kubelet.cri.containerd import Containerd as Runtime

    runtime = Runtime(str(containerd.paths.socket))
    limit = asyncio.Semaphore(8)

    async def remove(identifier: str) -> None:
        async with limit:
            await runtime.stop_sandbox(identifier)
            await runtime.remove_sandbox(identifier)

    try:
        if most_seconds > 0:
            await stop_containers(runtime, most_seconds)
        sandboxes = await runtime.list_sandboxes()
        results = await asyncio.gather(*(remove(s.id) for s in sandboxes), return_exceptions=True)
    finally:
        await runtime.close()
    for result in results:
        if isinstance(result, Exception):
            log.warning("Sandbox could not be removed", err=result)
    return len(sandboxes)


def unmount_below(directory: Path) -> None:
    """Detach every mount below a directory, innermost first."""
    libc = ctypes.CDLL(None, use_errno=True)
    prefix = str(directory) + "/"
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = line.split()[4].encode().decode("unicode_escape")
        if point.startswith(prefix):
            points.append(point)
    for point in sorted(points, key=len, reverse=True):
        if libc.umount2(point.encode(), _MNT_DETACH) and os.path.ismount(point):
            log.warning("Could not unmount", path=point, err=os.strerror(ctypes.get_errno()))


def remove_cgroups(name: str, root: Path = Path("/sys/fs/cgroup")) -> None:
    """Remove our part of the cgroup tree from every hierarchy."""
    for top in (root / name, *root.glob(f"*/{name}")):
        for directory, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)


def remove_rules(config: ClusterConfig) -> None:
    """Delete our packet rules and the routes to other nodes' pods."""
    from ..proxy.families import families_of

    names = (config.nftables_table, config.nftables_policy_table)
    with contextlib.suppress(OSError):
        for cidr in config.pod_cidr.split(","):
            (family,) = families_of(cidr)
            number = f"-{family.type[-1]}"
            tables = [family.table(name) for name in names]
            commands = "".join(f"add table {table}\ndelete table {table}\n" for table in tables)
            subprocess.run(["nft", "-f", "-"], input=commands.encode(), capture_output=True, check=False)
            shown = subprocess.run(
                ["ip", "-j", number, "route", "show", "root", cidr], capture_output=True, check=False
            ).stdout
            for route in json.loads(shown or b"[]"):
                if route.get("gateway"):
                    subprocess.run(["ip", number, "route", "del", route["dst"]], capture_output=True, check=False)


def is_dirty(config: ClusterConfig) -> bool:
    """Whether a node left something on the machine that `clean` would remove."""
    mounts = Path("/proc/self/mountinfo").read_text()
    cgroups = any(Path("/sys/fs/cgroup").glob(f"*/{config.cgroup}"))
    return bool(Containerd(config.containerd_dir).process_id() or f" {config.data_dir}/" in mounts or cgroups)


async def clean(config: ClusterConfig, most_seconds: int) -> None:
    """Everything, in the order in which one thing depends on the other; containers have at most so long to end."""
    containerd = Containerd(config.containerd_dir)
    if containerd.process_id() or (config.containerd_dir / "state").exists():
        await containerd.start()
        await stop_sandboxes(containerd, most_seconds)
        await containerd.stop()
    unmount_below(config.data_dir)
    remove_cgroups(config.cgroup)
    remove_rules(config)
