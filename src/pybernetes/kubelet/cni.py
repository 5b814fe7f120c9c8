"""The pod network of one node as a CNI configuration list.

ptp gives each pod a veth pair of its own with a route on the host, host-local hands out the node's range, portmap does
host ports; loopback is the runtime's own. The file appears in one step (rename), because the runtime watches the
directory and takes whatever it finds. Masquerading is the proxy's business.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

FILE_NAME = "10-pybernetes.conflist"
NETWORK_NAME = "pybernetes"
CNI_VERSION = "0.4.0"


def network(pod_cidrs: Sequence[str], data_directory: str, mtu: int) -> dict[str, Any]:
    """The configuration for a node's ranges (one per address family). Pure."""
    routes = [{"dst": "::/0" if ":" in cidr else "0.0.0.0/0"} for cidr in pod_cidrs]
    ipam = {
        "type": "host-local",
        "dataDir": data_directory,
        "ranges": [[{"subnet": cidr}] for cidr in pod_cidrs],
        "routes": routes,
    }
    plugins = [
        {"type": "ptp", "ipMasq": False, "mtu": mtu, "ipam": ipam},
        {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
    ]
    return {"cniVersion": CNI_VERSION, "name": NETWORK_NAME, "plugins": plugins}


def write_network(directory: str, pod_cidrs: Sequence[str], data_directory: str, mtu: int) -> bool:
    """Put the configuration in place; False if it is there already."""
    content = msgspec.json.format(msgspec.json.encode(network(pod_cidrs, data_directory, mtu)), indent=2) + b"\n"
    path = Path(directory) / FILE_NAME
    if path.exists() and path.read_bytes() == content:
        return False
    os.makedirs(directory, 0o755, exist_ok=True)
    os.makedirs(data_directory, 0o755, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    os.replace(fresh, path)
    return True
