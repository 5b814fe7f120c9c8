"""What a driver has to be told about a volume: pure.

    PersistentVolume, or `csi` in a pod ──▶ CsiSource ──▶ capability, volume context, whether fsGroup is ours to set

Names of keys and the mapping of access modes are upstream's (page "Volumes: csi", KEP-596, KEP-1855, KEP-2485).
"""

import hashlib
import json
from collections.abc import Mapping

import msgspec

from pybernetes.api.core import PersistentVolume, Pod, SecretReference, Volume
from pybernetes.api.storage import CSIDriver

from . import messages as m

POD_INFO = "csi.storage.k8s.io/"
TOKENS_KEY = "csi.storage.k8s.io/serviceAccount.tokens"
EPHEMERAL = "Ephemeral"
PERSISTENT = "Persistent"
DEFAULT_TOKEN_SECONDS = 3600

_MODES = {
    "ReadWriteOnce": m.Mode.SINGLE_NODE_WRITER,
    "ReadWriteOncePod": m.Mode.SINGLE_NODE_WRITER,
    "ReadOnlyMany": m.Mode.MULTI_NODE_READER_ONLY,
    "ReadWriteMany": m.Mode.MULTI_NODE_MULTI_WRITER,
}
_FINER_MODES = {
    "ReadWriteOnce": m.Mode.SINGLE_NODE_MULTI_WRITER,
    "ReadWriteOncePod": m.Mode.SINGLE_NODE_SINGLE_WRITER,
}

SecretName = tuple[str, str]
"""(namespace, name)"""


class UnsupportedMode(Exception):
    """The driver takes no volumes of this life cycle."""


class CsiSource(msgspec.Struct, frozen=True, kw_only=True):
    """One volume of a driver as one pod uses it."""

    driver: str
    handle: str
    spec_name: str
    """The persistent volume's name, or for an inline volume its name in the pod."""
    lifecycle: str = PERSISTENT
    fs_type: str = ""
    read_only: bool = False
    is_block: bool = False
    attributes: Mapping[str, str] = {}
    access_modes: tuple[str, ...] = ("ReadWriteOnce",)
    mount_options: tuple[str, ...] = ()
    capacity: str = ""
    stage_secret: SecretName | None = None
    publish_secret: SecretName | None = None
    expand_secret: SecretName | None = None

    @property
    def is_inline(self) -> bool:
        """Made for one pod and gone with it."""
        return self.lifecycle == EPHEMERAL

    @property
    def device(self) -> str:
        """The volume's name in node statuses."""
        return device_name(self.driver, self.handle)


def device_name(driver: str, handle: str) -> str:
    """The name of a volume in node statuses."""
    return f"kubernetes.io/csi/{driver}^{handle}"


def inline_handle(pod_uid: str, volume_name: str) -> str:
    """The id of an inline volume: the same whenever it is asked for."""
    return f"csi-{hashlib.sha256(f'{pod_uid}{volume_name}'.encode()).hexdigest()}"


def attachment_name(source: CsiSource, node_name: str) -> str:
    """The name of the VolumeAttachment of a volume to a node."""
    return f"csi-{hashlib.sha256(f'{source.handle}{source.driver}{node_name}'.encode()).hexdigest()}"


def _secret(reference: SecretReference | None) -> SecretName | None:
    return (reference.namespace or "", reference.name or "") if reference is not None else None


def of_persistent(volume: PersistentVolume, *, read_only: bool) -> CsiSource:
    """The source of a persistent volume with `spec.csi`."""
    csi = volume.spec.csi
    assert csi is not None
    return CsiSource(
        driver=csi.driver,
        handle=csi.volume_handle,
        spec_name=volume.metadata.name or "",
        fs_type=csi.fs_type or "",
        read_only=read_only,
        is_block=volume.spec.volume_mode == "Block",
        attributes=csi.volume_attributes or {},
        access_modes=tuple(volume.spec.access_modes or ()),
        mount_options=tuple(volume.spec.mount_options or ()),
        capacity=(volume.spec.capacity or {}).get("storage", ""),
        stage_secret=_secret(csi.node_stage_secret_ref),
        publish_secret=_secret(csi.node_publish_secret_ref),
        expand_secret=_secret(csi.node_expand_secret_ref),
    )


def of_inline(pod: Pod, volume: Volume) -> CsiSource:
    """The source of a volume `csi` of a pod (KEP-596)."""
    csi = volume.csi
    assert csi is not None
    name = volume.name or ""
    reference = csi.node_publish_secret_ref
    return CsiSource(
        driver=csi.driver,
        handle=inline_handle(pod.metadata.uid or "", name),
        spec_name=name,
        lifecycle=EPHEMERAL,
        fs_type=csi.fs_type or "",
        read_only=bool(csi.read_only),
        attributes=csi.volume_attributes or {},
        publish_secret=(pod.metadata.namespace or "", reference.name or "") if reference is not None else None,
    )


def check_lifecycle(source: CsiSource, driver: CSIDriver | None) -> None:
    """UnsupportedMode when the driver says nothing of volumes of this kind; without CSIDriver only persistent ones."""
    start = f'volume mode "{source.lifecycle}" not supported by driver {source.driver} '
    if driver is None:
        if source.is_inline:
            raise UnsupportedMode(start + "(no CSIDriver object)")
        return
    modes = driver.spec.volume_lifecycle_modes or [PERSISTENT]
    if source.lifecycle not in modes:
        shown = " ".join(f'"{mode}"' for mode in modes)
        raise UnsupportedMode(f"{start}(only supports [{shown}])")


def needs_attaching(source: CsiSource, driver: CSIDriver | None) -> bool:
    """Whether the volume is attached to the node before it can be used."""
    return not source.is_inline and (driver is None or driver.spec.attach_required is not False)


def access_mode(mode: str, can: frozenset[m.Capability]) -> m.Mode:
    """An access mode in the CSI's words, in the finer ones for drivers that know them (KEP-2485)."""
    if m.Capability.SINGLE_NODE_MULTI_WRITER in can and mode in _FINER_MODES:
        return _FINER_MODES[mode]
    return _MODES.get(mode, m.Mode.UNKNOWN)


def capability(source: CsiSource, can: frozenset[m.Capability], fs_group: int | None) -> m.VolumeCapability:
    """How the volume shall be used. A driver that can, gives the files to fs_group itself (KEP-2317)."""
    first = source.access_modes[0] if source.access_modes else "ReadWriteOnce"
    mode = m.AccessMode(mode=access_mode(first, can))
    if source.is_block:
        return m.VolumeCapability(block=m.BlockVolume(), access_mode=mode)
    group = str(fs_group) if fs_group is not None and m.Capability.VOLUME_MOUNT_GROUP in can else ""
    mount = m.MountVolume(fs_type=source.fs_type, mount_flags=list(source.mount_options), volume_mount_group=group)
    return m.VolumeCapability(mount=mount, access_mode=mode)


def pod_info(pod: Pod, source: CsiSource) -> dict[str, str]:
    """What a driver with podInfoOnMount is told about the pod."""
    return {
        POD_INFO + "pod.name": pod.metadata.name or "",
        POD_INFO + "pod.namespace": pod.metadata.namespace or "",
        POD_INFO + "pod.uid": pod.metadata.uid or "",
        POD_INFO + "serviceAccount.name": pod.spec.service_account_name or "",
        POD_INFO + "ephemeral": "true" if source.is_inline else "false",
    }


def tokens_entry(tokens: Mapping[str, tuple[str, str]]) -> str:
    """audience -> (token, expiration as RFC 3339), as drivers read it (KEP-1855)."""
    entries = {name: {"token": text, "expirationTimestamp": until} for name, (text, until) in sorted(tokens.items())}
    return json.dumps(entries, separators=(",", ":"))


def group_is_ours(source: CsiSource, driver: CSIDriver | None, can: frozenset[m.Capability]) -> bool:
    """Whether the kubelet gives the volume's files to the pod's fsGroup (KEP-1682)."""
    policy = (driver.spec.fs_group_policy if driver is not None else None) or "ReadWriteOnceWithFSType"
    if policy == "None" or source.read_only or source.is_block or m.Capability.VOLUME_MOUNT_GROUP in can:
        return False
    if policy == "File":
        return True
    if not source.fs_type:
        return False
    return source.is_inline or bool({"ReadWriteOnce", "ReadWriteOncePod"} & set(source.access_modes))
