"""NodeVolumeLimits: a CSI driver attaches only so many volumes to a node (CSINode `allocatable.count`).

Volumes are told apart by driver and handle; one that several pods of a node use counts once. A claim that is not bound
yet counts as a volume of its class's driver. What is still attached (VolumeAttachment) counts although its pod is gone.
"""

from collections.abc import Sequence
from typing import ClassVar

from pybernetes.api.storage import CSINode, StorageClass, VolumeAttachment
from pybernetes.client.informer import Informer
from pybernetes.scheduler.claims import Claims, claim_names, has_claims
from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

ON_NODE = "scheduler/attached-to"


class NodeVolumeLimits:
    name = "NodeVolumeLimits"
    interests: ClassVar[dict[str, Action]] = {
        "CSINode": Action.ADD | Action.UPDATE,
        "Pod": Action.DELETE,
        "PersistentVolumeClaim": Action.ADD | Action.UPDATE,
        "VolumeAttachment": Action.DELETE,
    }

    def __init__(
        self,
        claims: Claims,
        classes: Informer[StorageClass],
        nodes: Informer[CSINode],
        attachments: Informer[VolumeAttachment],
    ) -> None:
        self._claims = claims
        self._classes = classes
        self._nodes = nodes
        self._attachments = attachments
        attachments.add_index(ON_NODE, lambda one: (one.spec.node_name,))
        self._verdict = Verdict(Code.UNSCHEDULABLE, self.name, ("node(s) exceed max volume count",))
        self._skip = Verdict(Code.SKIP, self.name)

    def pre_filter(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Verdict | frozenset[str] | None:
        wanted = self._volumes(pod) if has_claims(pod) else set()
        if not wanted:
            return self._skip
        state.data[self.name] = wanted
        return None

    def _volumes(self, pod: PodInfo) -> set[tuple[str, str]]:
        """(driver, what tells the volume apart) of the pod's volumes that a CSI driver attaches."""
        found: set[tuple[str, str]] = set()
        for claim in self._claims.of(pod):
            volume = self._claims.volume(claim)
            if volume is not None:
                if volume.spec.csi is not None:
                    found.add((volume.spec.csi.driver, volume.spec.csi.volume_handle))
                continue
            storage_class = self._classes.get(claim.spec.storage_class_name or "")
            if storage_class is not None:
                found.add((storage_class.provisioner, f"{pod.namespace}/{claim.metadata.name}"))
        return found

    def _attached(self, attachment: VolumeAttachment) -> set[tuple[str, str]]:
        """The volume of an attachment, as `_volumes` tells it apart."""
        volume = self._claims.volume_named(attachment.spec.source.persistent_volume_name or "")
        if volume is None or volume.spec.csi is None:
            return set()
        return {(volume.spec.csi.driver, volume.spec.csi.volume_handle)}

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        wanted: set[tuple[str, str]] = state.data[self.name]
        return {node.row: self._verdict for node in nodes if self._exceeds(wanted, node)}

    def _exceeds(self, wanted: set[tuple[str, str]], node: NodeInfo) -> bool:
        limits = _limits(self._nodes.get(node.name))
        if not any(driver in limits for driver, _ in wanted):
            return False
        attached: set[tuple[str, str]] = set()
        for other in node.pods.values():
            if has_claims(other):
                attached |= self._volumes(other)
        for attachment in self._attachments.by_index(ON_NODE, node.name):
            attached |= self._attached(attachment)
        for driver, limit in limits.items():
            fresh = sum(1 for volume in wanted - attached if volume[0] == driver)
            if fresh and sum(1 for volume in attached if volume[0] == driver) + fresh > limit:
                return True
        return False

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        if event.kind == "Pod":
            return has_claims(event.old)
        if event.kind == "PersistentVolumeClaim":
            metadata = event.new.metadata
            return metadata.namespace == pod.namespace and metadata.name in set(claim_names(pod))
        if event.kind == "CSINode" and event.old is not None:
            before = _limits(event.old)
            return any(driver not in before or limit > before[driver] for driver, limit in _limits(event.new).items())
        return True


def _limits(node: CSINode | None) -> dict[str, int]:
    """How many volumes each driver attaches, where it says so."""
    return {
        driver.name: driver.allocatable.count
        for driver in (node.spec.drivers or () if node is not None else ())
        if driver.allocatable is not None and driver.allocatable.count is not None
    }
