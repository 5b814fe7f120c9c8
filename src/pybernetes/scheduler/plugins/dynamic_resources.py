"""DynamicResources: the pod's resource claims get devices on its node (KEP-4381).

An allocated claim pins the pod to the nodes its allocation selects; one that is not is allocated with the pod: tried in
Filter, kept in Reserve, written in PreBind together with the reservation for the pod.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

import msgspec

from pybernetes.api.dynamic_resource import DeviceClass, ResourceClaim, ResourceSlice
from pybernetes.api.status import StatusError, is_conflict
from pybernetes.client.client import Client
from pybernetes.client.informers import Informers
from pybernetes.scheduler.device_capacity import DeviceId, Shares, amounts
from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.matching import node_term_matches
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

if TYPE_CHECKING:
    from pybernetes.scheduler.devices import Allocation

MAX_CONSUMERS = 256
FINALIZER = "resource.kubernetes.io/delete-protection"


class _Claims(msgspec.Struct):
    """The claims of one pod: allocated ones, those to allocate, and what was found per node row."""

    allocated: list[ResourceClaim]
    open: list[ResourceClaim]
    found: dict[str, Any]


class DynamicResources:
    name = "DynamicResources"
    interests: ClassVar[dict[str, Action]] = {
        "ResourceClaim": Action.ADD | Action.UPDATE | Action.DELETE,
        "ResourceSlice": Action.ADD | Action.UPDATE | Action.DELETE,
        "DeviceClass": Action.ADD | Action.UPDATE,
        "Node": Action.ADD | Action.NODE_LABELS,
    }

    def __init__(self, client: Client, informers: Informers) -> None:
        self._client = client
        self._claims = informers.of(ResourceClaim)
        self._slices = informers.of(ResourceSlice)
        self._classes = informers.of(DeviceClass)
        self._assumed: dict[str, tuple[str, Allocation]] = {}
        """Claim uid -> (pod uid, devices): decided, and not yet seen in the claim's status."""
        self._skip = Verdict(Code.SKIP, self.name)
        self._unavailable = Verdict(Code.UNSCHEDULABLE, self.name, ("resourceclaim not available on the node",))
        self._cannot = Verdict(Code.UNSCHEDULABLE, self.name, ("cannot allocate all claims",))

    def _no(self, reason: str) -> Verdict:
        return Verdict(Code.UNRESOLVABLE, self.name, (reason,))

    # the pod's claims

    def pre_enqueue(self, pod: PodInfo) -> Verdict | None:
        found = self._named(pod) if pod.pod.spec.resource_claims else []
        return found if isinstance(found, Verdict) else None

    def _named(self, pod: PodInfo) -> list[ResourceClaim] | Verdict:
        """The claims by their names, or why they are not there."""
        made = {row.name: row for row in pod.pod.status.resource_claim_statuses or ()}
        found: list[ResourceClaim] = []
        for row in pod.pod.spec.resource_claims or ():
            name = row.resource_claim_name
            if not name:
                status = made.get(row.name)
                if status is None:
                    return self._no(f'pod "{pod.key}": waiting for dynamic resource controller to create {row.name}')
                if not status.resource_claim_name:
                    continue
                name = status.resource_claim_name
            claim = self._claims.get(name, pod.namespace)
            if claim is None:
                return self._no(f'waiting for dynamic resource controller to create the resourceclaim "{name}"')
            if claim.metadata.deletion_timestamp is not None:
                return self._no(f'resourceclaim "{name}" is being deleted')
            found.append(claim)
        return found

    def pre_filter(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Verdict | frozenset[str] | None:
        state.data.pop(self.name, None)
        if not pod.pod.spec.resource_claims:
            return self._skip
        named = self._named(pod)
        if isinstance(named, Verdict):
            return named
        found = _Claims([], [], {})
        for claim in named:
            uid = claim.metadata.uid or ""
            if claim.status.allocation is not None:
                self._assumed.pop(uid, None)
                users = claim.status.reserved_for or ()
                if len(users) >= MAX_CONSUMERS and all(user.uid != pod.uid for user in users):
                    return Verdict(Code.UNSCHEDULABLE, self.name, ("resourceclaim is in use",))
                found.allocated.append(claim)
            elif uid in self._assumed:
                return Verdict(Code.UNSCHEDULABLE, self.name, (f"resourceclaim {claim.metadata.name} is in progress",))
            else:
                for request in claim.spec.devices.requests or ():
                    names = [request.exactly.device_class_name] if request.exactly is not None else []
                    names += [sub.device_class_name for sub in request.first_available or ()]
                    for name in names:
                        if self._classes.get(name) is None:
                            return self._no(f"request {request.name}: device class {name} does not exist")
                found.open.append(claim)
        if not named:
            return self._skip
        state.data[self.name] = found
        return None

    # nodes

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        from pybernetes.scheduler.device_counters import Counters
        from pybernetes.scheduler.devices import AllocationError, Allocator, candidates, usable  # CEL comes with it

        wanted: _Claims = state.data[self.name]
        taken, shares = self._taken() if wanted.open else (set(), Shares())
        slices = usable(self._slices.list()) if wanted.open else []
        counters = Counters.of(slices, taken.union(shares.devices))
        rejected: Rejections = {}
        for node in nodes:
            if not all(_selected(claim, node) for claim in wanted.allocated):
                rejected[node.row] = self._unavailable
            elif wanted.open:
                try:
                    devices = candidates(slices, node)
                    found = Allocator(wanted.open, devices, taken, self._classes.get, counters, shares).allocate()
                except AllocationError as error:
                    rejected[node.row] = self._no(str(error))
                    continue
                if found is None:
                    rejected[node.row] = self._cannot
                else:
                    wanted.found[node.name] = found
        return rejected

    def _taken(self) -> tuple[set[DeviceId], Shares]:
        """The devices that some claim has to itself, and what claims have of those that they share."""
        found: set[DeviceId] = set()
        shares = Shares()
        for claim in self._claims.list():
            allocation = claim.status.allocation
            if allocation is not None:
                self._assumed.pop(claim.metadata.uid or "", None)  # what was decided is seen
            for row in (allocation.devices.results or ()) if allocation is not None else ():
                device = (row.driver, row.pool, row.device)
                if row.admin_access:
                    continue
                if row.share_id is None:
                    found.add(device)
                else:
                    shares.take(device, amounts(tuple((row.consumed_capacity or {}).items())))
        for _, assumed in self._assumed.values():
            for one in assumed.devices:
                if one.share is not None:
                    shares.take(one.device, one.share)
                elif not one.admin:
                    found.add(one.device)
        return found, shares

    def pre_score(
        self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot
    ) -> Verdict | None:
        wanted: _Claims | None = state.data.get(self.name)
        return None if wanted is not None and wanted.open else self._skip

    def score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        """Earlier alternatives of `firstAvailable` are better."""
        wanted: _Claims | None = state.data.get(self.name)
        if wanted is None or not wanted.open:
            return [0] * len(nodes)
        return [self._rank(wanted, wanted.found.get(node.name, [])) for node in nodes]

    @staticmethod
    def _rank(wanted: _Claims, found: "list[Allocation]") -> int:
        total = 0
        for claim, allocation in zip(wanted.open, found, strict=False):
            used = {one.request for one in allocation.devices}
            for request in claim.spec.devices.requests or ():
                for position, sub in enumerate(request.first_available or ()):
                    if f"{request.name}/{sub.name}" in used:
                        total += 8 - position
        return total

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        most = max(scores, default=0)
        return [score * 100 // most for score in scores] if most else scores

    # keeping

    def reserve(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None:
        wanted: _Claims | None = state.data.get(self.name)
        if wanted is None or not wanted.open:
            return None
        found = wanted.found.get(node_name)
        if found is None:
            return self._cannot
        for claim, allocation in zip(wanted.open, found, strict=True):
            self._assumed[claim.metadata.uid or ""] = (pod.uid, allocation)
        return None

    def unreserve(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        for uid in [uid for uid, (owner, _) in self._assumed.items() if owner == pod.uid]:
            del self._assumed[uid]

    async def pre_bind(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None:
        """Write the allocations, and the pod among the claims' users."""
        wanted: _Claims | None = state.data.get(self.name)
        if wanted is None:
            return None
        for claim in (*wanted.allocated, *wanted.open):
            await self._write(claim, pod, node_name)
        return None

    async def _write(self, claim: ResourceClaim, pod: PodInfo, node_name: str) -> None:
        name, uid = claim.metadata.name or "", claim.metadata.uid or ""
        while True:
            latest = await self._client.get(ResourceClaim, name, pod.namespace)
            if latest.metadata.uid != uid or latest.metadata.deletion_timestamp is not None:
                raise StatusError(409, "Conflict", f'claim "{pod.namespace}/{name}" got deleted in the meantime')
            assumed = self._assumed.get(uid)
            if latest.status.allocation is None and assumed is None:
                raise StatusError(409, "Conflict", f'claim "{pod.namespace}/{name}" got deallocated in the meantime')
            if assumed is not None and FINALIZER not in (latest.metadata.finalizers or ()):
                finalizers = [*(latest.metadata.finalizers or ()), FINALIZER]
                metadata = msgspec.structs.replace(latest.metadata, finalizers=finalizers)
                try:
                    latest = await self._client.update(msgspec.structs.replace(latest, metadata=metadata))
                except StatusError as error:
                    if is_conflict(error):
                        continue
                    raise
            users = [user for user in latest.status.reserved_for or () if user.uid != pod.uid]
            status: dict[str, Any] = {
                "reservedFor": [
                    *msgspec.to_builtins(users),
                    {"resource": "pods", "name": pod.name, "uid": pod.pod.metadata.uid or ""},
                ]
            }
            if latest.status.allocation is None and assumed is not None:
                status["allocation"] = self._allocation(claim, assumed[1], node_name)
            body = {"metadata": {"resourceVersion": latest.metadata.resource_version}, "status": status}
            try:
                written = await self._client.patch(ResourceClaim, name, pod.namespace, body=body, subresource="status")
            except StatusError as error:
                if is_conflict(error):
                    continue
                raise
            assert written.status.allocation is not None
            return

    def _allocation(self, claim: ResourceClaim, found: "Allocation", node_name: str) -> dict[str, Any]:
        """The wire form: devices, the configuration of classes and claim, and where the devices can be used."""
        results = []
        everywhere = True
        asked = _asked(claim)
        for one in found.devices:
            driver, pool, device = one.device
            row: dict[str, Any] = {"request": one.request, "driver": driver, "pool": pool, "device": device}
            if one.admin:
                row["adminAccess"] = True
            if asked[one.request].tolerations:
                row["tolerations"] = msgspec.to_builtins(asked[one.request].tolerations)
            if one.share is not None:
                row["shareID"] = str(uuid4())
                row["consumedCapacity"] = {name: str(amount) for name, amount in one.share.items()}
            results.append(row)
            everywhere = everywhere and any(
                piece.spec.all_nodes and piece.spec.driver == driver and piece.spec.pool.name == pool
                for piece in self._slices.list()
            )
        config: list[dict[str, Any]] = []
        used = list(dict.fromkeys(one.request for one in found.devices))
        for request in used:
            chosen = self._classes.get(asked[request].device_class_name)
            config += [
                {"source": "FromClass", "requests": [request], **msgspec.to_builtins(given)}
                for given in (chosen.spec.config or () if chosen is not None else ())
            ]
        names = {*used, *(request.partition("/")[0] for request in used)}
        for own in claim.spec.devices.config or ():
            if not own.requests or not names.isdisjoint(own.requests):
                config.append({"source": "FromClaim", **msgspec.to_builtins(own)})
        allocation: dict[str, Any] = {"devices": {"results": results}}
        if config:
            allocation["devices"]["config"] = config
        if not everywhere:
            field = {"key": "metadata.name", "operator": "In", "values": [node_name]}
            allocation["nodeSelector"] = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        return allocation

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        if event.kind != "ResourceClaim":
            return True
        claim = event.new if event.new is not None else event.old
        own = {row.resource_claim_name for row in pod.pod.spec.resource_claims or ()}
        own |= {row.resource_claim_name for row in pod.pod.status.resource_claim_statuses or ()}
        if claim.metadata.namespace == pod.namespace and claim.metadata.name in own:
            return True
        # Another's claim that gives its devices back.
        return (
            event.old is not None
            and event.old.status.allocation is not None
            and (event.new is None or event.new.status.allocation is None)
        )


def _asked(claim: ResourceClaim) -> dict[str, Any]:
    """The requests and alternatives by the names that allocations give them."""
    found: dict[str, Any] = {}
    for request in claim.spec.devices.requests or ():
        if request.exactly is not None:
            found[request.name] = request.exactly
        found.update({f"{request.name}/{sub.name}": sub for sub in request.first_available or ()})
    return found


def _selected(claim: ResourceClaim, node: NodeInfo) -> bool:
    selector = claim.status.allocation.node_selector if claim.status.allocation is not None else None
    if selector is None:
        return True
    return any(node_term_matches(term, node.name, node.labels) for term in selector.node_selector_terms or ())
