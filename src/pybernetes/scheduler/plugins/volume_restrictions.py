"""VolumeRestrictions: disks a node may use once, and claims that one pod may use (ReadWriteOncePod, KEP-2485)."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from pybernetes.api.core import Volume
from pybernetes.scheduler.claims import Claims, claim_names
from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot


class _State:
    """disks: whether a node's pods must be looked at; exclusive: claims of which the pod must be the only user, and how
    many others there are."""

    __slots__ = ("conflicts", "disks", "exclusive")

    def __init__(self, disks: bool, exclusive: frozenset[str], conflicts: int) -> None:
        self.disks = disks
        self.exclusive = exclusive
        self.conflicts = conflicts

    def clone(self) -> "_State":
        return _State(self.disks, self.exclusive, self.conflicts)


class VolumeRestrictions:
    name = "VolumeRestrictions"
    interests: ClassVar[dict[str, Action]] = {
        "Pod": Action.DELETE,
        "Node": Action.ADD,
        "PersistentVolumeClaim": Action.ADD | Action.UPDATE,
    }

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._disk = Verdict(Code.UNSCHEDULABLE, self.name, ("node(s) had no available disk",))
        self._used = Verdict(
            Code.UNSCHEDULABLE,
            self.name,
            ("node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",),
        )
        self._skip = Verdict(Code.SKIP, self.name)

    def pre_filter(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Verdict | frozenset[str] | None:
        if not pod.pod.spec.volumes:
            return self._skip
        exclusive = frozenset(
            claim.metadata.name or ""
            for claim in self._claims.of(pod)
            if "ReadWriteOncePod" in (claim.spec.access_modes or ())
        )
        disks = any(map(_is_disk, pod.pod.spec.volumes))
        if not exclusive and not disks:
            return self._skip
        conflicts = 0
        if exclusive:
            users = (placed.pod for placed in snapshot.placed.values() if placed.pod.namespace == pod.namespace)
            conflicts = sum(self._uses(other, exclusive) for other in users)
        state.data[self.name] = _State(disks, exclusive, conflicts)
        return None

    def _uses(self, other: PodInfo, exclusive: frozenset[str]) -> bool:
        return bool(other.pod.spec.volumes) and not exclusive.isdisjoint(claim_names(other))

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        found: _State = state.data[self.name]
        rejected: Rejections = {}
        for node in nodes:
            if found.disks and any(_conflict(pod, other) for other in node.pods.values()):
                rejected[node.row] = self._disk
            elif found.conflicts:
                rejected[node.row] = self._used
        return rejected

    def add_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        self._change(state, pod, other, 1)

    def remove_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        self._change(state, pod, other, -1)

    def _change(self, state: CycleState, pod: PodInfo, other: PodInfo, sign: int) -> None:
        found: _State | None = state.data.get(self.name)
        if found is not None and other.namespace == pod.namespace and self._uses(other, found.exclusive):
            found.conflicts += sign

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        if event.kind == "Pod":
            return not set(claim_names(pod)).isdisjoint(claim_names(event.old)) or _conflict(pod, event.old)
        if event.kind == "PersistentVolumeClaim":
            metadata = event.new.metadata
            return metadata.namespace == pod.namespace and metadata.name in set(claim_names(pod))
        return True


def _is_disk(volume: Volume) -> bool:
    return bool(volume.gce_persistent_disk or volume.aws_elastic_block_store or volume.iscsi or volume.rbd)


def _conflict(pod: PodInfo, other: PodInfo) -> bool:
    """Whether the two use a disk that a node can have only once."""
    return any(
        _collide(volume, taken)
        for volume in pod.pod.spec.volumes or ()
        if _is_disk(volume)
        for taken in other.pod.spec.volumes or ()
    )


def _collide(volume: Volume, taken: Volume) -> bool:
    gce, other_gce = volume.gce_persistent_disk, taken.gce_persistent_disk
    if gce and other_gce and gce.pd_name == other_gce.pd_name and not (gce.read_only and other_gce.read_only):
        return True
    aws, other_aws = volume.aws_elastic_block_store, taken.aws_elastic_block_store
    if aws and other_aws and aws.volume_id == other_aws.volume_id:
        return True
    iscsi, other_iscsi = volume.iscsi, taken.iscsi
    if iscsi and other_iscsi and iscsi.iqn == other_iscsi.iqn and not (iscsi.read_only and other_iscsi.read_only):
        return True
    rbd, other_rbd = volume.rbd, taken.rbd
    return bool(
        rbd
        and other_rbd
        and _share(rbd.monitors, other_rbd.monitors)
        and (rbd.pool, rbd.image) == (other_rbd.pool, other_rbd.image)
        and not (rbd.read_only and other_rbd.read_only)
    )


def _share(left: Iterable[str] | None, right: Iterable[str] | None) -> bool:
    return not set(left or ()).isdisjoint(right or ())
