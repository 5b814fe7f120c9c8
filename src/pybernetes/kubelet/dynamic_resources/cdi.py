"""Container Device Interface: what a container needs to use a device, by the device's name (`vendor.com/class=name`).

Drivers write files to /var/run/cdi, machines have others in /etc/cdi. Runtimes of today read them for themselves;
Debian 12's containerd does not, so it is done here: environment, mounts and device nodes go into the container's
configuration. Hooks cannot be expressed there, and a device that needs some is refused. (CDI specification 0.8)
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import yaml

from pybernetes.base.log import logger

from ..cri import messages as cri

log = logger(__name__)

DIRECTORIES = ("/etc/cdi", "/var/run/cdi")
"""Later ones count more."""


class CdiError(Exception):
    """A device cannot be given to a container."""


class DeviceNode(msgspec.Struct, rename="camel"):
    path: str
    host_path: str = ""
    permissions: str = ""


class Mount(msgspec.Struct, rename="camel"):
    host_path: str
    container_path: str
    options: list[str] = []


class Edits(msgspec.Struct, rename="camel"):
    """What is changed in a container."""

    env: list[str] = []
    device_nodes: list[DeviceNode] = []
    mounts: list[Mount] = []
    hooks: list[Any] = []


class Device(msgspec.Struct, rename="camel"):
    name: str
    container_edits: Edits = msgspec.field(default_factory=Edits)


class Spec(msgspec.Struct, rename="camel"):
    """One file."""

    kind: str
    devices: list[Device] = []
    container_edits: Edits = msgspec.field(default_factory=Edits)
    """For a container that has any of the devices."""


def read_specs(directories: Sequence[str] = DIRECTORIES) -> list[Spec]:
    """The files of all directories, those that count more first. One that cannot be read is logged and left out."""
    found = []
    for directory in reversed(directories):
        try:
            names = sorted(os.listdir(directory))
        except OSError:
            continue
        for name in names:
            if not name.endswith((".json", ".yaml")):
                continue
            path = os.path.join(directory, name)
            try:
                with open(path, "rb") as file:
                    data = file.read()
                body = msgspec.json.decode(data) if name.endswith(".json") else yaml.safe_load(data)
                found.append(msgspec.convert(body, Spec))
            except (OSError, msgspec.MsgspecError, yaml.YAMLError) as error:
                log.warning("CDI file is not usable", path=path, err=error)
    return found


def edits_for(ids: Iterable[str], specs: Sequence[Spec]) -> list[Edits]:
    """The changes for these devices, those of a whole file once and first. Pure. CdiError names the unknown ones."""
    devices = {f"{spec.kind}={device.name}": (spec, device) for spec in reversed(specs) for device in spec.devices}
    wanted = list(dict.fromkeys(ids))
    unknown = [one for one in wanted if one not in devices]
    if unknown:
        raise CdiError(f"CDI device injection failed: unresolvable CDI devices {', '.join(unknown)}")
    found: list[Edits] = []
    for one in wanted:
        spec, device = devices[one]
        if not any(edits is spec.container_edits for edits in found):
            found.append(spec.container_edits)
        found.append(device.container_edits)
    for edits in found:
        if edits.hooks:
            raise CdiError("CDI device injection failed: devices that need hooks are not supported by this kubelet")
    return found


def environment_of(edits: Iterable[Edits]) -> dict[str, str]:
    """NAME=VALUE of all edits, later ones count more."""
    return dict(entry.partition("=")[::2] for one in edits for entry in one.env)


def mounts_of(edits: Iterable[Edits]) -> list[cri.Mount]:
    """Bind mounts; read-only with the option `ro`."""
    return [
        cri.Mount(container_path=mount.container_path, host_path=mount.host_path, readonly="ro" in mount.options)
        for one in edits
        for mount in one.mounts
    ]


def devices_of(edits: Iterable[Edits]) -> list[cri.Device]:
    """Device nodes, by default at the path they have on the node."""
    return [
        cri.Device(
            container_path=node.path, host_path=node.host_path or node.path, permissions=node.permissions or "rwm"
        )
        for one in edits
        for node in one.device_nodes
    ]
