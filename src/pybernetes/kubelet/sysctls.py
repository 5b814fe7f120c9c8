"""Which kernel parameters a pod may set: those of its own network or IPC namespace that cannot harm the node. Pure.

Page "Using sysctls in a Kubernetes Cluster": the safe ones are always allowed, others only where the node's
configuration names them (`allowedUnsafeSysctls`, a name or a prefix that ends with `*`), and none that belongs to a
namespace the pod shares with the node.
"""

from collections.abc import Sequence

from ..api.core import Pod

SAFE = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
)
IPC_PREFIXES = ("kernel.shm", "kernel.msg", "fs.mqueue.")
IPC_NAMES = ("kernel.sem",)


def dotted(name: str) -> str:
    """`net/ipv4/x` as `net.ipv4.x`; a name whose first separator is a dot keeps its slashes."""
    first = next((character for character in name if character in "./"), ".")
    return name if first == "." else name.translate({ord("/"): ".", ord("."): "/"})


def namespace_of(name: str) -> str:
    """`net`, `ipc` or "" for a parameter that no namespace has of its own."""
    if name.startswith("net."):
        return "net"
    return "ipc" if name in IPC_NAMES or name.startswith(IPC_PREFIXES) else ""


def forbidden(pod: Pod, allowed_unsafe: Sequence[str] = ()) -> str:
    """The first parameter the pod may not set, in upstream's words; "" if it may set all it wants."""
    context = pod.spec.security_context
    for sysctl in (context.sysctls if context is not None else None) or ():
        name = dotted(sysctl.name)
        if name not in SAFE and not any(_fits(pattern, name) for pattern in allowed_unsafe):
            return f'forbidden sysctl: "{name}" not allowlisted'
        shared = {"net": pod.spec.host_network, "ipc": pod.spec.host_ipc}
        namespace = namespace_of(name)
        if shared.get(namespace):
            return f'forbidden sysctl: "{name}" not allowed with host {namespace} enabled'
    return ""


def _fits(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == dotted(pattern)
