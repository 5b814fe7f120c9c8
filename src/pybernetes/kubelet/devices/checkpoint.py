"""Who has which devices, kept across restarts of the kubelet: `device-plugins/kubelet_internal_checkpoint`.

The fields are those of upstream's file, which monitoring agents read: an entry for each container and resource, with
the plugin's answer to Allocate, so that a container that starts again is given the same.
"""

import base64
import os
from collections.abc import Iterable

import msgspec

from pybernetes.base.protobuf import WireError, decode, encode

from . import messages as m

FILE = "kubelet_internal_checkpoint"
NO_NUMA_NODE = "-1"


class Grant(msgspec.Struct, frozen=True):
    """The devices of one resource that one container has."""

    pod_uid: str
    container: str
    resource: str
    ids: tuple[str, ...]
    answer: m.ContainerAllocateResponse


class _Entry(msgspec.Struct, rename="pascal"):
    pod_uid: str = msgspec.field(name="PodUID")
    container_name: str
    resource_name: str
    device_ids: dict[str, list[str]] = msgspec.field(name="DeviceIDs")
    alloc_resp: str


class _Data(msgspec.Struct, rename="pascal"):
    pod_device_entries: list[_Entry] | None = None
    registered_devices: dict[str, list[str]] | None = None


class _File(msgspec.Struct, rename="pascal"):
    data: _Data
    checksum: int = 0


def save(directory: str, grants: Iterable[Grant], devices: dict[str, list[str]]) -> None:
    """Write the file whole, so that one cut short by a crash is never read. OSError."""
    entries = [
        _Entry(
            pod_uid=grant.pod_uid,
            container_name=grant.container,
            resource_name=grant.resource,
            device_ids={NO_NUMA_NODE: list(grant.ids)},
            alloc_resp=base64.b64encode(encode(grant.answer)).decode(),
        )
        for grant in grants
    ]
    path = os.path.join(directory, FILE)
    with open(path + ".new", "wb") as file:
        file.write(msgspec.json.encode(_File(_Data(entries, devices))))
    os.replace(path + ".new", path)


def load(directory: str) -> tuple[list[Grant], list[str]]:
    """(grants, resources that had plugins); both empty when the file is missing or cannot be read."""
    try:
        with open(os.path.join(directory, FILE), "rb") as file:
            data = msgspec.json.decode(file.read(), type=_File).data
        grants = [
            Grant(
                entry.pod_uid,
                entry.container_name,
                entry.resource_name,
                tuple(one for ids in entry.device_ids.values() for one in ids),
                decode(m.ContainerAllocateResponse, base64.b64decode(entry.alloc_resp)),
            )
            for entry in data.pod_device_entries or ()
        ]
    except (OSError, ValueError, WireError):  # msgspec's and base64's errors are ValueErrors
        return [], []
    return grants, sorted(data.registered_devices or ())
