"""The contract of one volume kind.

A kind makes one volume of one pod appear on the host and says where. It keeps no state: everything it made lies in
`context.directory` (or nowhere, for a path of the host itself), and the manager takes that away again by unmounting and
deleting, which also works after a crash. `set_up` may be called again for a volume that is there and must then leave
what containers see intact. Failures are `SetUpError`; the manager puts the volume's name in front.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from pybernetes.api.core import PersistentVolume, PersistentVolumeClaim, Pod, Volume

from ..kernel.protocol import Kernel

T = TypeVar("T")


class SetUpError(Exception):
    """Why a volume cannot be set up (yet), in upstream's words.

    step is what failed, as upstream names it, "" for a text that needs nothing in front; volume is the name to show
    when it is not that of the pod's volume."""

    def __init__(self, message: str, step: str = "MountVolume.SetUp", volume: str = "") -> None:
        super().__init__(message)
        self.step = step
        self.volume = volume


class ObjectReader(Protocol):
    """Reads the API objects that volumes refer to."""

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        """The object; StatusError when it is missing or may not be read."""


class TokenReader(Protocol):
    """Hands out service-account tokens bound to a pod."""

    async def token(self, pod: Pod, audience: str, expiration_seconds: int) -> str:
        """A token that is fresh enough; StatusError when none can be had."""


class CsiMounter(Protocol):
    """`kubelet/csi/volumes.py`: volumes of storage drivers."""

    async def mount_persistent(
        self, context: "MountContext", volume: PersistentVolume, claim: PersistentVolumeClaim
    ) -> str:
        """A claim's volume with `spec.csi`; the host path of its content or device. SetUpError."""

    async def mount_inline(self, context: "MountContext") -> str:
        """A pod's own volume `csi`; the host path of its content. SetUpError."""

    async def refresh(self, context: "MountContext") -> None:
        """What has to be done for a mounted volume from time to time. SetUpError."""


class MountContext(msgspec.Struct, kw_only=True):
    """All a kind is given for one volume of one pod."""

    pod: Pod
    volume: Volume
    directory: str
    """Where to set it up; its parent exists."""
    pod_directory: str
    kernel: Kernel
    objects: ObjectReader
    tokens: TokenReader
    node_name: str
    node_allocatable: Mapping[str, str]
    now: datetime
    csi: CsiMounter | None = None

    @property
    def namespace(self) -> str:
        """The pod's namespace."""
        return self.pod.metadata.namespace or ""

    @property
    def fs_group(self) -> int | None:
        """The group that shall own the volume's files, if the pod names one."""
        security = self.pod.spec.security_context
        return security.fs_group if security is not None else None


ObjectReference = tuple[str, str]
"""("ConfigMap" | "Secret", name): an object in the pod's namespace that the volume shows."""


class VolumeKind(Protocol):
    """See the module docstring."""

    plugin: str
    """Upstream's plugin name, of which the directory is named: `kubernetes.io/configmap`."""

    async def set_up(self, context: MountContext) -> str:
        """Make the volume; the host path that goes into the containers. Raises SetUpError."""

    async def refresh(self, context: MountContext) -> None:
        """Bring the content up to date; nothing for kinds whose content is the pod's own."""

    def references(self, volume: Volume) -> list[ObjectReference]:
        """The objects whose changes call for a refresh."""
