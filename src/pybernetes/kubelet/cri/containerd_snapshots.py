"""The messages of containerd's own snapshot service (`containerd.services.snapshots.v1`): what an image's content looks
like on the host, which the CRI of 1.6 cannot mount into a container (`Mount.image` came later)."""

from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message

SNAPSHOTS = "/containerd.services.snapshots.v1.Snapshots/"
ROOT_LABEL = "containerd.io/gc.root"
"""Keeps a snapshot, and the layers below it, from containerd's own garbage collection."""


class FileMount(Message):
    """One mount(2): `overlay` or `bind`, its source, and options as mount(8) takes them."""

    type: A[str, 1] = ""
    source: A[str, 2] = ""
    target: A[str, 3] = ""
    options: A[list[str], 4] = field(default_factory=list)


class ViewRequest(Message):
    snapshotter: A[str, 1] = ""
    key: A[str, 2] = ""
    parent: A[str, 3] = ""
    labels: A[dict[str, str], 4] = field(default_factory=dict)


class SnapshotRequest(Message):
    """Mounts and Remove have this one shape."""

    snapshotter: A[str, 1] = ""
    key: A[str, 2] = ""


class MountsResponse(Message):
    """The answer to View and to Mounts."""

    mounts: A[list[FileMount], 1] = field(default_factory=list)
