"""VolumeBinding: a pod goes where its volumes are, or can be.

A claim that is bound pins the pod to the nodes its volume's node affinity selects. A claim that waits for its first
consumer (`volumeBindingMode: WaitForFirstConsumer`) is decided with the pod: an existing volume that fits is bound to
it, else its provisioner is told the node, and the pod waits until the claim is bound (volume_writing.py); a claim that
has been promised to a node already is provisioned for that node and no other. Drivers may say how much they can
provision where (storage_capacity.py). A claim that is missing, or unbound with immediate binding, keeps the pod
waiting.
"""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from pybernetes.api.core import PersistentVolume, PersistentVolumeClaim
from pybernetes.api.quantity import value
from pybernetes.api.selectors import from_label_selector
from pybernetes.api.storage import CSIStorageCapacity, StorageClass
from pybernetes.client.client import Client
from pybernetes.client.informer import Informer
from pybernetes.scheduler.claims import claim_names
from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.matching import node_term_matches
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.storage_capacity import StorageCapacity
from pybernetes.scheduler.volume_writing import SELECTED_NODE, VolumeWriter

NO_PROVISIONER = "kubernetes.io/no-provisioner"
BIND_TIMEOUT_SECONDS = 600.0


class _Volumes(msgspec.Struct):
    """The claims of one pod: volumes that are there, claims to decide with the pod."""

    bound: list[PersistentVolume]
    waiting: list[PersistentVolumeClaim]


class VolumeBinding:
    name = "VolumeBinding"
    interests: ClassVar[dict[str, Action]] = {
        "PersistentVolumeClaim": Action.ADD | Action.UPDATE,
        "PersistentVolume": Action.ADD | Action.UPDATE,
        "StorageClass": Action.ADD | Action.UPDATE,
        "Node": Action.ADD | Action.NODE_LABELS,
        "CSIDriver": Action.UPDATE,
        "CSIStorageCapacity": Action.ADD | Action.UPDATE,
    }

    def __init__(
        self,
        client: Client,
        claims: Informer[PersistentVolumeClaim],
        volumes: Informer[PersistentVolume],
        classes: Informer[StorageClass],
        capacity: StorageCapacity,
        bind_timeout_seconds: float = BIND_TIMEOUT_SECONDS,
    ) -> None:
        self._writer = VolumeWriter(client, claims, volumes, bind_timeout_seconds)
        self._claims = claims
        self._volumes = volumes
        self._classes = classes
        self._capacity = capacity
        self._reserved: dict[str, str] = {}
        """Volume name -> uid of the pod it is about to be bound for."""
        self._elsewhere = Verdict(
            Code.UNRESOLVABLE, self.name, ("node(s) didn't match PersistentVolume's node affinity",)
        )
        self._none_free = Verdict(
            Code.UNRESOLVABLE, self.name, ("node(s) didn't find available persistent volumes to bind",)
        )
        self._full = Verdict(Code.UNRESOLVABLE, self.name, ("node(s) did not have enough free storage",))
        self._skip = Verdict(Code.SKIP, self.name)

    def _no(self, reason: str) -> Verdict:
        return Verdict(Code.UNRESOLVABLE, self.name, (reason,))

    def pre_filter(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Verdict | frozenset[str] | None:
        found = _Volumes([], [])
        for volume in pod.pod.spec.volumes or ():
            if volume.persistent_volume_claim is not None:
                name = volume.persistent_volume_claim.claim_name
            elif volume.ephemeral is not None:
                name = f"{pod.name}-{volume.name}"
            else:
                continue
            claim = self._claims.get(name, pod.namespace)
            if claim is None:
                if volume.ephemeral is not None:
                    return self._no(
                        f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
                    )
                return self._no(f'persistentvolumeclaim "{name}" not found')
            if claim.metadata.deletion_timestamp is not None:
                return self._no(f'persistentvolumeclaim "{name}" is being deleted')
            if claim.status.phase == "Lost":
                return self._no(f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume')
            if claim.spec.volume_name:
                known = self._volumes.get(claim.spec.volume_name)
                if known is None:
                    return self._no(f'persistentvolume "{claim.spec.volume_name}" not found')
                found.bound.append(known)
            elif self._waits(claim):
                found.waiting.append(claim)
            else:
                return self._no("pod has unbound immediate PersistentVolumeClaims")
        if not found.bound and not found.waiting:
            return self._skip
        state.data[self.name] = found
        return None

    def _waits(self, claim: PersistentVolumeClaim) -> bool:
        storage_class = self._classes.get(claim.spec.storage_class_name or "")
        return storage_class is not None and storage_class.volume_binding_mode == "WaitForFirstConsumer"

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        wanted: _Volumes = state.data[self.name]
        rejected: Rejections = {}
        for node in nodes:
            if not all(reachable(volume, node) for volume in wanted.bound):
                rejected[node.row] = self._elsewhere
            elif wanted.waiting:
                chosen = self._choose(wanted.waiting, node)
                if isinstance(chosen, Verdict):
                    rejected[node.row] = chosen
        return rejected

    def _choose(self, claims: list[PersistentVolumeClaim], node: NodeInfo) -> dict[str, str] | Verdict:
        """Claim name -> the existing volume to bind ("": provision one); or why a claim can have neither here."""
        chosen: dict[str, str] = {}
        for claim in claims:
            selected = (claim.metadata.annotations or {}).get(SELECTED_NODE)
            if selected and selected != node.name:
                return self._none_free
            candidates = (
                []
                if selected
                else [
                    volume
                    for volume in self._volumes.list()
                    if volume.metadata.name not in self._reserved
                    and volume.metadata.name not in chosen.values()
                    and fits(claim, volume)
                    and reachable(volume, node)
                ]
            )
            name = claim.metadata.name or ""
            if candidates:
                smallest = min(candidates, key=lambda volume: value((volume.spec.capacity or {}).get("storage", "0")))
                chosen[name] = smallest.metadata.name or ""
                continue
            storage_class = self._classes.get(claim.spec.storage_class_name or "")
            if storage_class is None or storage_class.provisioner == NO_PROVISIONER:
                return self._none_free
            if not topology_allowed(storage_class, node):
                return self._none_free
            if not self._capacity.suffices(claim, storage_class, node):
                return self._full
            chosen[name] = ""
        return chosen

    def reserve(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None:
        wanted: _Volumes | None = state.data.get(self.name)
        if wanted is None or not wanted.waiting:
            return None
        snapshot_node: NodeInfo | None = state.data.get("node")
        chosen = self._choose(wanted.waiting, snapshot_node) if snapshot_node is not None else self._none_free
        if isinstance(chosen, Verdict):
            return chosen
        for volume in filter(None, chosen.values()):
            self._reserved[volume] = pod.uid
        state.data[f"{self.name}/chosen"] = chosen
        return None

    def unreserve(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        for volume in [volume for volume, uid in self._reserved.items() if uid == pod.uid]:
            del self._reserved[volume]

    def pre_bind_pre_flight(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None:
        return None if state.data.get(f"{self.name}/chosen") else self._skip

    async def pre_bind(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None:
        """Bind or have provisioned what was chosen, and wait for it. VolumeError."""
        chosen: dict[str, str] | None = state.data.get(f"{self.name}/chosen")
        if chosen:
            await self._writer.bind(pod, node_name, chosen)
            self.unreserve(state, pod, node_name)
        return None

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        if event.kind == "CSIDriver":
            return bool(event.old.spec.storage_capacity and not event.new.spec.storage_capacity)
        if event.kind == "CSIStorageCapacity":
            return self._grows(event.old, event.new) and self._uses_class(pod, event.new.storage_class_name)
        if event.kind == "PersistentVolumeClaim":
            metadata = event.new.metadata
            return metadata.namespace == pod.namespace and metadata.name in set(claim_names(pod))
        return True

    @staticmethod
    def _grows(old: CSIStorageCapacity | None, new: CSIStorageCapacity) -> bool:
        if old is None or old.node_topology != new.node_topology:
            return True
        return any(
            value(after or "0") > value(before or "0")
            for before, after in ((old.capacity, new.capacity), (old.maximum_volume_size, new.maximum_volume_size))
        )

    def _uses_class(self, pod: PodInfo, name: str) -> bool:
        claims = (self._claims.get(claim, pod.namespace) for claim in claim_names(pod))
        return any(claim is not None and claim.spec.storage_class_name == name for claim in claims)


def reachable(volume: PersistentVolume, node: NodeInfo) -> bool:
    """Whether the volume's node affinity selects the node."""
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None:
        return True
    terms = affinity.required.node_selector_terms or ()
    return any(node_term_matches(term, node.name, node.labels) for term in terms)


def fits(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    """Whether the volume is free (or kept for this very claim) and is what the claim asks for."""
    spec, wanted = volume.spec, claim.spec
    if spec.claim_ref is not None:
        same = spec.claim_ref.name == claim.metadata.name and spec.claim_ref.namespace == claim.metadata.namespace
        if not same or (spec.claim_ref.uid and spec.claim_ref.uid != claim.metadata.uid):
            return False
    elif volume.status.phase not in ("Available", None, ""):
        return False
    if volume.metadata.deletion_timestamp is not None:
        return False
    if (spec.storage_class_name or "") != (wanted.storage_class_name or ""):
        return False
    if (spec.volume_mode or "Filesystem") != (wanted.volume_mode or "Filesystem"):
        return False
    if not set(wanted.access_modes or ()) <= set(spec.access_modes or ()):
        return False
    if wanted.selector is not None and not from_label_selector(wanted.selector).matches(volume.metadata.labels):
        return False
    asked = (wanted.resources.requests or {}).get("storage", "0")
    return value((spec.capacity or {}).get("storage", "0")) >= value(asked)


def topology_allowed(storage_class: StorageClass, node: NodeInfo) -> bool:
    """Whether the class may provision for the node."""
    terms = storage_class.allowed_topologies
    if not terms:
        return True
    return any(
        all(node.labels.get(row.key) in (row.values or ()) for row in term.match_label_expressions or ())
        for term in terms
    )
