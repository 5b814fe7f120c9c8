"""The Node object this kubelet registers and keeps current. Pure.

    KubeletConfig, Machine, NodeHealth, images ──▶ node_object / node_status ──▶ compared without heartbeats ──▶ patch

Labels, condition reasons and messages are upstream's. Allocatable is capacity less what is reserved for the system and
the eviction threshold (page "Reserve Compute Resources for System Daemons").
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from ..api import quantity
from ..api.core import (
    ContainerImage,
    DaemonEndpoint,
    Node,
    NodeAddress,
    NodeCondition,
    NodeDaemonEndpoints,
    NodeSpec,
    NodeStatus,
    NodeSystemInfo,
    Taint,
)
from ..api.meta import ObjectMeta
from .config import KubeletConfig
from .cri.messages import Image
from .eviction_thresholds import kept_back
from .machine import Machine

VERSION = "v1.36.2+pybernetes"
MAX_IMAGES = 50
MAX_IMAGE_NAMES = 5

PRESSURES = {
    "MemoryPressure": (
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    ),
    "DiskPressure": (
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    ),
    "PIDPressure": (
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    ),
}


PRESSURE_EVENTS = {
    "MemoryPressure": ("NodeHasSufficientMemory", "NodeHasInsufficientMemory"),
    "DiskPressure": ("NodeHasNoDiskPressure", "NodeHasDiskPressure"),
    "PIDPressure": ("NodeHasSufficientPID", "NodeHasInsufficientPID"),
}
"""The reasons of the events that tell that there is none, and that there is."""


def pressure_news(before: NodeStatus | None, after: NodeStatus) -> list[str]:
    """The reasons of the events for pressures that came or went; without an earlier status all are told."""
    known = {c.type: c.status for c in (before.conditions if before is not None else None) or ()}
    return [
        PRESSURE_EVENTS[c.type][c.status == "True"]
        for c in after.conditions or ()
        if c.type in PRESSURE_EVENTS and known.get(c.type) != c.status
    ]


class NodeHealth(msgspec.Struct, kw_only=True):
    """What can be wrong with a node."""

    runtime_version: str = ""
    """`containerd://1.6.20`"""
    runtime_problem: str = "container runtime status check may not have completed yet"
    """"" when the runtime answers and says it is ready."""
    network_problem: str = ""
    shutdown_problem: str = ""
    pressures: frozenset[str] = frozenset()
    """MemoryPressure, DiskPressure, PIDPressure."""


def node_object(config: KubeletConfig, machine: Machine, health: NodeHealth, now: datetime) -> Node:
    """The node as it is registered."""
    labels = {
        "beta.kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": config.hostname or config.node_name,
        "kubernetes.io/os": "linux",
        **config.labels,
    }
    taints = [Taint(key=key, value=value or None, effect=effect) for key, value, effect in config.taints]
    annotations = {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}
    if config.external_cloud_provider and config.node_ips:
        annotations["alpha.kubernetes.io/provided-node-ip"] = ",".join(config.node_ips)
    return Node(
        metadata=ObjectMeta(name=config.node_name, labels=labels, annotations=annotations),
        spec=NodeSpec(taints=taints or None),
        status=node_status(config, machine, health, (), [], now),
    )


DECLARED_FEATURES = (
    "GuaranteedQoSPodCPUResize",
    "InPlacePodLevelResourcesVerticalScaling",
    "RestartAllContainersOnContainerExits",
)
"""What this kubelet can do that not every one can (KEP-5328): scheduler and admission ask for it."""


def node_status(
    config: KubeletConfig,
    machine: Machine,
    health: NodeHealth,
    images: Iterable[Image],
    previous: Sequence[NodeCondition],
    now: datetime,
) -> NodeStatus:
    """The whole status; `previous` conditions give the transition times."""
    capacity = capacity_of(config, machine)
    return NodeStatus(
        capacity=capacity,
        allocatable=allocatable_of(config, capacity),
        conditions=conditions_of(health, previous, now),
        addresses=[
            *(NodeAddress(type="InternalIP", address=ip) for ip in config.node_ips),
            NodeAddress(type="Hostname", address=config.hostname or config.node_name),
        ],
        daemon_endpoints=NodeDaemonEndpoints(kubelet_endpoint=DaemonEndpoint(port=config.port)),
        node_info=NodeSystemInfo(
            machine_id=machine.machine_id,
            system_uuid=machine.system_uuid,
            boot_id=machine.boot_id,
            kernel_version=machine.kernel_version,
            os_image=machine.os_image,
            container_runtime_version=health.runtime_version,
            kubelet_version=VERSION,
            operating_system="linux",
            architecture=machine.architecture,
        ),
        images=images_of(images),
        declared_features=list(DECLARED_FEATURES),
    )


def capacity_of(config: KubeletConfig, machine: Machine) -> dict[str, str]:
    """What the machine has, or what the configuration says it has."""
    found = {
        "cpu": str(machine.cpus),
        "ephemeral-storage": f"{machine.disk_bytes // 1024}Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": f"{machine.memory_bytes // 1024}Ki",
        "pods": str(config.max_pods),
    }
    return {**found, **config.capacity}


def allocatable_of(config: KubeletConfig, capacity: dict[str, str]) -> dict[str, str]:
    """What pods may request together."""
    allocatable = dict(capacity)
    reservations = config.reservations
    reserved_cpu = sum(quantity.milli(reserved.get("cpu", "0")) for reserved in reservations)
    if reserved_cpu:
        left = max(quantity.milli(capacity["cpu"]) - reserved_cpu, 0)
        allocatable["cpu"] = str(left // 1000) if left % 1000 == 0 else f"{left}m"
    reserved_memory = sum(quantity.value(reserved.get("memory", "0")) for reserved in reservations)
    reserved_memory += kept_back(config.eviction_hard, "memory.available", quantity.value(capacity["memory"]))
    if reserved_memory:
        left = max(quantity.value(capacity["memory"]) - reserved_memory, 0)
        allocatable["memory"] = f"{left // 1024}Ki" if left % 1024 == 0 else str(left)
    reserved_disk = sum(quantity.value(reserved.get("ephemeral-storage", "0")) for reserved in reservations)
    disk = quantity.value(capacity["ephemeral-storage"])
    reserved_disk += kept_back(config.eviction_hard, "nodefs.available", disk)
    allocatable["ephemeral-storage"] = str(max(disk - reserved_disk, 0))
    return allocatable


def conditions_of(health: NodeHealth, previous: Sequence[NodeCondition], now: datetime) -> list[NodeCondition]:
    """The three pressures and Ready, each with the time of its last change."""
    known = {condition.type: condition for condition in previous}
    found = []
    for type_, (well, unwell) in PRESSURES.items():
        holds = type_ in health.pressures
        reason, message = unwell if holds else well
        found.append(_condition(type_, holds, reason, message, known.get(type_), now))
    problems = []
    if health.runtime_problem:
        problems.append(health.runtime_problem)
    if health.network_problem:
        problems.append(f"container runtime network not ready: {health.network_problem}")
    if health.shutdown_problem:
        problems.append(health.shutdown_problem)
    message = f"[{', '.join(problems)}]" if len(problems) > 1 else "".join(problems)
    ready = not problems
    found.append(
        _condition(
            "Ready",
            ready,
            "KubeletReady" if ready else "KubeletNotReady",
            message or "kubelet is posting ready status",
            known.get("Ready"),
            now,
        )
    )
    return found


def _condition(
    type_: str, holds: bool, reason: str, message: str, before: NodeCondition | None, now: datetime
) -> NodeCondition:
    status = "True" if holds else "False"
    since = before.last_transition_time if before is not None and before.status == status else None
    return NodeCondition(
        type=type_,
        status=status,
        reason=reason,
        message=message,
        last_heartbeat_time=now.replace(microsecond=0),
        last_transition_time=since or now.replace(microsecond=0),
    )


def images_of(images: Iterable[Image]) -> list[ContainerImage] | None:
    """The largest images with their names, digests first, as upstream reports them."""
    largest = sorted(images, key=lambda image: (-image.size, image.id))[:MAX_IMAGES]
    found = [
        ContainerImage(names=[*image.repo_digests, *image.repo_tags][:MAX_IMAGE_NAMES], size_bytes=image.size)
        for image in largest
        if image.repo_tags or image.repo_digests
    ]
    return found or None


def same_but_heartbeat(one: NodeStatus, other: NodeStatus) -> bool:
    """Two statuses say the same, apart from the time at which they say it."""
    return _without_heartbeat(one) == _without_heartbeat(other)


def _without_heartbeat(status: NodeStatus) -> NodeStatus:
    conditions = [msgspec.structs.replace(c, last_heartbeat_time=None) for c in status.conditions or ()]
    return msgspec.structs.replace(status, conditions=conditions)
