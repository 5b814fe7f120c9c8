"""What sandboxes and containers share of the messages: namespaces, users, seccomp, resources, names and images."""

from enum import IntEnum
from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message


class Protocol(IntEnum):
    TCP = 0
    UDP = 1
    SCTP = 2


class MountPropagation(IntEnum):
    PRIVATE = 0
    HOST_TO_CONTAINER = 1
    BIDIRECTIONAL = 2


class NamespaceMode(IntEnum):
    POD = 0
    CONTAINER = 1
    NODE = 2
    TARGET = 3


class SecurityProfileType(IntEnum):
    RUNTIME_DEFAULT = 0
    UNCONFINED = 1
    LOCALHOST = 2


class NamespaceOption(Message):
    network: A[int, 1] = 0
    pid: A[int, 2] = 0
    ipc: A[int, 3] = 0
    target_id: A[str, 4] = ""


class SecurityProfile(Message):
    profile_type: A[int, 1] = 0
    localhost_ref: A[str, 2] = ""


class LinuxContainerResources(Message):
    cpu_period: A[int, 1] = 0
    cpu_quota: A[int, 2] = 0
    cpu_shares: A[int, 3] = 0
    memory_limit_in_bytes: A[int, 4] = 0
    oom_score_adj: A[int, 5] = 0
    cpuset_cpus: A[str, 6] = ""
    cpuset_mems: A[str, 7] = ""
    unified: A[dict[str, str], 9] = field(default_factory=dict)
    memory_swap_limit_in_bytes: A[int, 10] = 0


class ImageSpec(Message):
    image: A[str, 1] = ""
    annotations: A[dict[str, str], 2] = field(default_factory=dict)


class KeyValue(Message):
    key: A[str, 1] = ""
    value: A[str, 2] = ""


class Empty(Message):
    """A request or response without fields."""
