"""What must hold before a cluster starts; every failure is one line that says what to do."""

import errno
import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from ..base.http.net import join_host_port
from .config import ClusterConfig
from .data_dir import foreign, is_taken
from .state import has_etcd_data

_BINARIES = {
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "catatonit": "catatonit",
    "busybox": "busybox-static",
}
_CNI = ("ptp", "host-local", "portmap", "loopback")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MIN_FREE_BYTES = 200 << 20


def problems(config: ClusterConfig, *, api: bool = True, node: bool = True, dns: bool = True) -> list[str]:
    """What stands in the way of a control plane (`api`; `dns` when it serves names too) or a real node here; [] when
    nothing does. A machine that cannot be a node is told so before anything is written."""
    found = [*_root(), *_tools(), *_kernel()] if node else []
    if api:
        found = found or _etcd(config) or _state(config)
    return found or _directory(config) or _ports(config, api=api, node=node, dns=dns)


def disk_warning(directory: Path, eviction_hard: Mapping[str, str]) -> str:
    """One line when less of the disk is free than a node needs to take pods; "" when all is well."""
    from ..kubelet.eviction_thresholds import kept_back

    usage = shutil.disk_usage(directory)
    needed = max(kept_back(eviction_hard, name, usage.total) for name in ("nodefs.available", "imagefs.available"))
    if usage.free >= needed:
        return ""
    return (
        f"{usage.free >> 20} MiB are free below {directory}; with less than {needed >> 20} the node takes no pods "
        "(DiskPressure). Free some, or: --kubelet-arg 'eviction-hard=memory.available<100Mi'"
    )


def _root() -> list[str]:
    if os.geteuid() == 0:
        return []
    return ["real containers need root; run it with sudo, or simulate nodes with --hollow-nodes 3"]


def _tools() -> list[str]:
    missing = sorted({package for tool, package in _BINARIES.items() if not shutil.which(tool, path=_PATH)})
    if not all((Path("/usr/lib/cni") / name).exists() for name in _CNI):
        missing.append("containernetworking-plugins")
    return [f"missing Debian packages; install them with: apt-get install {' '.join(missing)}"] if missing else []


def _etcd(config: ClusterConfig) -> list[str]:
    if not config.etcd or (shutil.which("etcd", path=_PATH) and shutil.which("setpriv", path=_PATH)):
        return []
    return ["several control planes need the program etcd; install it with: apt-get install etcd-server"]


def _state(config: ClusterConfig) -> list[str]:
    """A cluster's state stays where it is: starting with the other store would be starting with nothing."""
    directory = config.data_dir
    if config.etcd and config.database.exists():
        move = "pybernetes snapshot save FILE, then: pybernetes snapshot restore FILE --etcd --force"
        return [f"the state of the cluster in {directory} is in SQLite; move it to etcd with: {move}"]
    if not config.etcd and has_etcd_data(config):
        return [f"the state of the cluster in {directory} is in etcd; start it with --etcd"]
    return []


def _kernel() -> list[str]:
    found = []
    filesystems = Path("/proc/filesystems").read_text().split()
    if "overlay" not in filesystems and not _loadable("overlay"):
        found.append("the kernel has no overlay file system; load it with: modprobe overlay")
    mounts = Path("/proc/self/mounts").read_text()
    if " cgroup2 " not in mounts and " cgroup " not in mounts:
        found.append("no cgroups are mounted; mount them with: mount -t cgroup2 none /sys/fs/cgroup")
    if not Path("/proc/sys/net/ipv4/ip_forward").exists():
        found.append("the kernel has no IPv4 forwarding; pods could not reach each other")
    return found


def _loadable(module: str) -> bool:
    directory = Path("/lib/modules") / os.uname().release
    return directory.is_dir() and any(directory.rglob(f"{module}.ko*"))


def _directory(config: ClusterConfig) -> list[str]:
    directory = config.data_dir
    if is_taken(directory):
        return [
            f"{directory} holds other files, such as {foreign(directory)[0]}; choose another directory with --data-dir"
        ]
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o711)
        probe = directory / ".writable"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        return [f"cannot write to {directory}: {reason}; choose another directory with --data-dir"]
    usage = shutil.disk_usage(directory)
    if usage.free < _MIN_FREE_BYTES:
        free = usage.free >> 20
        return [f"only {free} MiB are free below {directory}; free {_MIN_FREE_BYTES >> 20} MiB or choose --data-dir"]
    return []


def _ports(config: ClusterConfig, *, api: bool, node: bool, dns: bool) -> list[str]:
    wanted = []
    if api:
        wanted += [(host, config.api_port, "--api-port") for host in ("127.0.0.1", *config.node_ips)]
    if api and dns and config.has_containers:
        wanted.append((config.node_ip, config.dns_port, "--dns-port"))
        wanted.append((config.node_ip, config.metrics_port, "--kubelet-port"))
        wanted.append(("127.0.0.1", config.scheduler_port, "--kubelet-port"))
        wanted.append(("127.0.0.1", config.controller_manager_port, "--kubelet-port"))
    if api and config.etcd:
        wanted += [(host, config.etcd_port, "--etcd-port") for host in ("127.0.0.1", config.node_ip)]
        wanted.append((config.node_ip, config.etcd_peer_port, "--etcd-peer-port"))
    if node:
        wanted += [
            (config.node_ip, config.kubelet_port, "--kubelet-port"),
            ("127.0.0.1", config.healthz_port, "--kubelet-port"),
            ("127.0.0.1", config.proxy_metrics_port, "--kubelet-port"),
            ("0.0.0.0", config.proxy_health_port, "--kubelet-port"),
        ]
    found = []
    for host, port, flag in dict.fromkeys(wanted):
        problem = _occupied(host, port)
        if problem:
            found.append(f"{join_host_port(host, port)} {problem}; choose another port with {flag}")
    return found


def _occupied(host: str, port: int) -> str:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "is in use by another program"
            if error.errno == errno.EADDRNOTAVAIL:
                return "cannot be used: this machine does not have that address"
            return f"cannot be used ({error.strerror})"
    return ""
