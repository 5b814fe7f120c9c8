"""The messages of the CSI's Node service (csi.v1, specification 1.x) that a kubelet sends and receives."""

from enum import IntEnum
from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message


class Mode(IntEnum):
    """VolumeCapability.AccessMode.Mode."""

    UNKNOWN = 0
    SINGLE_NODE_WRITER = 1
    SINGLE_NODE_READER_ONLY = 2
    MULTI_NODE_READER_ONLY = 3
    MULTI_NODE_SINGLE_WRITER = 4
    MULTI_NODE_MULTI_WRITER = 5
    SINGLE_NODE_SINGLE_WRITER = 6
    SINGLE_NODE_MULTI_WRITER = 7


class Capability(IntEnum):
    """NodeServiceCapability.RPC.Type: what a driver's Node service can do."""

    UNKNOWN = 0
    STAGE_UNSTAGE_VOLUME = 1
    GET_VOLUME_STATS = 2
    EXPAND_VOLUME = 3
    VOLUME_CONDITION = 4
    SINGLE_NODE_MULTI_WRITER = 5
    VOLUME_MOUNT_GROUP = 6


class Unit(IntEnum):
    """VolumeUsage.Unit."""

    UNKNOWN = 0
    BYTES = 1
    INODES = 2


class Empty(Message):
    """A request or response without fields."""


class BlockVolume(Message):
    """The volume is a raw device."""


class MountVolume(Message):
    """The volume is a file system."""

    fs_type: A[str, 1] = ""
    mount_flags: A[list[str], 2] = field(default_factory=list)
    volume_mount_group: A[str, 3] = ""


class AccessMode(Message):
    mode: A[int, 1] = 0


class VolumeCapability(Message):
    block: A[BlockVolume | None, 1] = None
    mount: A[MountVolume | None, 2] = None
    access_mode: A[AccessMode | None, 3] = None


class NodeStageVolumeRequest(Message):
    volume_id: A[str, 1] = ""
    publish_context: A[dict[str, str], 2] = field(default_factory=dict)
    staging_target_path: A[str, 3] = ""
    volume_capability: A[VolumeCapability | None, 4] = None
    secrets: A[dict[str, str], 5] = field(default_factory=dict)
    volume_context: A[dict[str, str], 6] = field(default_factory=dict)


class NodeUnstageVolumeRequest(Message):
    volume_id: A[str, 1] = ""
    staging_target_path: A[str, 2] = ""


class NodePublishVolumeRequest(Message):
    volume_id: A[str, 1] = ""
    publish_context: A[dict[str, str], 2] = field(default_factory=dict)
    staging_target_path: A[str, 3] = ""
    target_path: A[str, 4] = ""
    volume_capability: A[VolumeCapability | None, 5] = None
    readonly: A[bool, 6] = False
    secrets: A[dict[str, str], 7] = field(default_factory=dict)
    volume_context: A[dict[str, str], 8] = field(default_factory=dict)


class NodeUnpublishVolumeRequest(Message):
    volume_id: A[str, 1] = ""
    target_path: A[str, 2] = ""


class NodeGetVolumeStatsRequest(Message):
    volume_id: A[str, 1] = ""
    volume_path: A[str, 2] = ""
    staging_target_path: A[str, 3] = ""


class VolumeUsage(Message):
    available: A[int, 1] = 0
    total: A[int, 2] = 0
    used: A[int, 3] = 0
    unit: A[int, 4] = 0


class VolumeCondition(Message):
    abnormal: A[bool, 1] = False
    message: A[str, 2] = ""


class NodeGetVolumeStatsResponse(Message):
    usage: A[list[VolumeUsage], 1] = field(default_factory=list)
    volume_condition: A[VolumeCondition | None, 2] = None


class RpcCapability(Message):
    type: A[int, 1] = 0


class NodeServiceCapability(Message):
    rpc: A[RpcCapability | None, 1] = None


class NodeGetCapabilitiesResponse(Message):
    capabilities: A[list[NodeServiceCapability], 1] = field(default_factory=list)


class Topology(Message):
    segments: A[dict[str, str], 1] = field(default_factory=dict)


class NodeGetInfoResponse(Message):
    node_id: A[str, 1] = ""
    max_volumes_per_node: A[int, 2] = 0
    accessible_topology: A[Topology | None, 3] = None


class CapacityRange(Message):
    required_bytes: A[int, 1] = 0
    limit_bytes: A[int, 2] = 0


class NodeExpandVolumeRequest(Message):
    volume_id: A[str, 1] = ""
    volume_path: A[str, 2] = ""
    capacity_range: A[CapacityRange | None, 3] = None
    staging_target_path: A[str, 4] = ""
    volume_capability: A[VolumeCapability | None, 5] = None
    secrets: A[dict[str, str], 6] = field(default_factory=dict)


class NodeExpandVolumeResponse(Message):
    capacity_bytes: A[int, 1] = 0
