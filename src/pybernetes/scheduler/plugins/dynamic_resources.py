"""DynamicResources: the pod's resource claims get devices on its node (KEP-4381).

An allocated claim pins the pod to the nodes its allocation selects; one that is not is allocated with the pod: tried in
Filter, kept in Reserve, written in PreBind together with the reservation for the pod. Where a device class backs an
extended resource that the pod requests, one more claim is made for it (extended_resources.py). PreBind also waits for
devices that have to be made ready. A claim that stands in the way of its only pod is given back in `release`.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from pybernetes.api.dynamic_resource import (
    DeviceClaim,
    DeviceClass,
    DeviceRequest,
    ResourceClaim,
    ResourceClaimSpec,
    ResourceSlice,
)
from pybernetes.api.meta import ObjectMeta, OwnerReference
from pybernetes.base.clock import Clock
from pybernetes.client.client import Client
from pybernetes.client.informers import Informers
from pybernetes.scheduler.claim_allocation import is_usable, waits
from pybernetes.scheduler.claim_writing import Assumed, ClaimWriter
from pybernetes.scheduler.device_capacity import DeviceId, Shares, amounts
from pybernetes.scheduler.extended_resources import ANNOTATION, Backing, Use, requests_for
from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.matching import node_term_matches
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

if TYPE_CHECKING:
    from pybernetes.scheduler.devices import Allocation

MAX_CONSUMERS = 256


class _Made(msgspec.Struct):
    """The claim to make for extended resources, and which container uses which of its requests."""

    claim: ResourceClaim
    uses: list[Use]


class _Claims(msgspec.Struct):
    """The claims of one pod: allocated ones, those to allocate, and what was found per node.

    `extended`: resource -> class that backs it; `stale`: the claim that an earlier attempt made for them.
    """

    allocated: list[ResourceClaim]
    open: list[ResourceClaim]
    found: dict[str, "tuple[list[Allocation], _Made | None]"] = {}
    extended: dict[str, str] = {}
    stale: ResourceClaim | None = None
    made: dict[frozenset[str], _Made] = {}
    in_the_way: dict[str, ResourceClaim] = {}
    """Allocated claims that rule nodes out, by uid."""


class DynamicResources:
    name = "DynamicResources"
    interests: ClassVar[dict[str, Action]] = {
        "ResourceClaim": Action.ADD | Action.UPDATE | Action.DELETE,
        "ResourceSlice": Action.ADD | Action.UPDATE | Action.DELETE,
        "DeviceClass": Action.ADD | Action.UPDATE,
        "Node": Action.ADD | Action.NODE_LABELS | Action.NODE_ALLOCATABLE,
    }

    def __init__(
        self,
        client: Client,
        informers: Informers,
        backing: Backing,
        clock: Clock,
        note: Callable[[PodInfo, str, str], None],
    ) -> None:
        """note: tell something about a pod, a reason and a message."""
        self._clock = clock
        self._note = note
        self._claims = informers.of(ResourceClaim)
        self._slices = informers.of(ResourceSlice)
        self._classes = informers.of(DeviceClass)
        self.backing = backing
        self._assumed: Assumed = {}
        self._writer = ClaimWriter(client, clock, self._claims, self._classes, self._assumed)
        self._skip = Verdict(Code.SKIP, self.name)
        self._unavailable = self._no("resourceclaim not available on the node")
        self._cannot = self._no("cannot allocate all claims")
        self._stale = self._no("cannot schedule extended resource claim")

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
                    return self._no(f'pod "{pod.key}": ResourceClaim not created yet')
                if not status.resource_claim_name:
                    continue
                name = status.resource_claim_name
            claim = self._claims.get(name, pod.namespace)
            if claim is None:
                return self._no(f'could not find ResourceClaim "{pod.namespace}/{name}"')
            if claim.metadata.deletion_timestamp is not None:
                return self._no(f'resourceclaim "{name}" is being deleted')
            found.append(claim)
        return found

    def pre_filter(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Verdict | frozenset[str] | None:
        state.data.pop(self.name, None)
        extended = self.backing.of(pod)
        if not pod.pod.spec.resource_claims and not extended:
            return self._skip
        named = self._named(pod)
        if isinstance(named, Verdict):
            return named
        found = _Claims([], [], extended=extended, stale=self._made_before(pod) if extended else None)
        for claim in named:
            uid = claim.metadata.uid or ""
            if claim.status.allocation is not None:
                self._assumed.pop(uid, None)
                users = claim.status.reserved_for or ()
                if len(users) >= MAX_CONSUMERS and all(user.uid != pod.uid for user in users):
                    return self._no("resourceclaim in use")
                found.allocated.append(claim)
            elif uid in self._assumed:
                name = f"{pod.namespace}/{claim.metadata.name}"
                return self._no(f"resource claim {name} is in the process of being allocated")
            else:
                for request in claim.spec.devices.requests or ():
                    names = [request.exactly.device_class_name] if request.exactly is not None else []
                    names += [sub.device_class_name for sub in request.first_available or ()]
                    for name in names:
                        if self._classes.get(name) is None:
                            return self._no(f"request {request.name}: device class {name} does not exist")
                found.open.append(claim)
        if not named and not extended:
            return self._skip
        state.data[self.name] = found
        return None

    def _made_before(self, pod: PodInfo) -> ResourceClaim | None:
        """The claim for extended resources that an earlier attempt has left."""
        return next((claim for claim in self._claims.list(pod.namespace) if _is_made_for(claim, pod)), None)

    # nodes

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        from pybernetes.scheduler.device_counters import Counters
        from pybernetes.scheduler.devices import AllocationError, Allocator, candidates, usable  # CEL comes with it

        wanted: _Claims = state.data[self.name]
        if wanted.stale is not None:
            return {node.row: self._stale for node in nodes}
        searches = bool(wanted.open or wanted.extended)
        taken, shares = self._taken() if searches else (set(), Shares())
        slices = usable(self._slices.list()) if searches else []
        counters = Counters.of(slices, taken.union(shares.devices))
        now = self._clock.now()
        late = {claim.metadata.uid or "": claim for claim in wanted.allocated if not is_usable(claim, now)}
        rejected: Rejections = {}
        for node in nodes:
            elsewhere = [claim for claim in wanted.allocated if not _selected(claim, node)]
            if elsewhere or late:
                wanted.in_the_way |= late | {claim.metadata.uid or "": claim for claim in elsewhere}
                rejected[node.row] = self._unavailable
                continue
            made = self._made_for(wanted, pod, node)
            claims = wanted.open if made is None else [*wanted.open, made.claim]
            if not claims:
                continue
            try:
                devices = candidates(slices, node)
                found = Allocator(claims, devices, taken, self._classes.get, counters, shares).allocate()
            except AllocationError as error:
                rejected[node.row] = self._no(str(error))
                continue
            if found is None:
                rejected[node.row] = self._cannot
            else:
                wanted.found[node.name] = (found, made)
        return rejected

    def _made_for(self, wanted: _Claims, pod: PodInfo, node: NodeInfo) -> _Made | None:
        """The claim for the extended resources that the node has from no device plugin."""
        lacking = frozenset(name for name in wanted.extended if not node.allocatable_scalars.get(name))
        if not lacking:
            return None
        found = wanted.made.get(lacking)
        if found is None:
            requests, uses = requests_for(pod.pod, {name: wanted.extended[name] for name in lacking})
            found = wanted.made[lacking] = _Made(_claim_for(pod, requests), uses)
        return found

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
        return [self._rank(wanted, wanted.found[node.name][0] if node.name in wanted.found else []) for node in nodes]

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
        if wanted is None:
            return None
        found = wanted.found.get(node_name)
        if found is None:
            return self._cannot if wanted.open else None
        allocations, made = found
        claims = wanted.open if made is None else [*wanted.open, made.claim]
        for claim, allocation in zip(claims, allocations, strict=True):
            self._assumed[claim.metadata.uid or ""] = (pod.uid, allocation)
        return None

    def unreserve(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        for uid in [uid for uid, (owner, _) in self._assumed.items() if owner == pod.uid]:
            del self._assumed[uid]

    def pre_bind_pre_flight(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None:
        return self._skip if state.data.get(self.name) is None else None

    async def pre_bind(self, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None:
        """Write the allocations, and the pod among the claims' users; wait for devices that are being made ready."""
        wanted: _Claims | None = state.data.get(self.name)
        if wanted is None:
            return None
        writer = self._writer
        written = [await writer.write(claim, pod, node_name) for claim in (*wanted.allocated, *wanted.open)]
        made = wanted.found[node_name][1] if node_name in wanted.found else None
        if made is not None:
            written.append(await writer.make(made.claim, made.uses, pod, node_name))
        waiting = [claim for claim in written if waits(claim)]
        if waiting:
            message = f"waiting for binding conditions for device on node {node_name}"
            self._note(pod, "BindingConditionsPending", message)
            await writer.until_ready(waiting)
        return None

    # giving back

    def post_filter(self, state: CycleState, pod: PodInfo, diagnosis: Any) -> str | None:
        """No help at once; see `release`."""
        return None

    def told(self, state: CycleState, pod: PodInfo) -> str:
        wanted: _Claims | None = state.data.get(self.name)
        if wanted is None:
            return "no new claims to deallocate"
        if _unused(wanted, pod) is not None:
            return "deallocation of ResourceClaim completed"
        return "deletion of ResourceClaim completed" if wanted.stale is not None else "still not schedulable"

    async def release(self, state: CycleState, pod: PodInfo) -> None:
        """Give back one claim that nobody else uses and that rules nodes out; its change wakes the pod."""
        wanted: _Claims | None = state.data.get(self.name)
        if wanted is None:
            return
        claim = _unused(wanted, pod)
        if claim is not None:
            await self._writer.give_back(claim)
        elif wanted.stale is not None:
            await self._writer.delete(wanted.stale)

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        if event.kind != "ResourceClaim":
            return True
        claim = event.new if event.new is not None else event.old
        own = {row.resource_claim_name for row in pod.pod.spec.resource_claims or ()}
        own |= {row.resource_claim_name for row in pod.pod.status.resource_claim_statuses or ()}
        if claim.metadata.namespace == pod.namespace and (claim.metadata.name in own or _is_made_for(claim, pod)):
            return True
        # Another's claim that gives its devices back.
        return (
            event.old is not None
            and event.old.status.allocation is not None
            and (event.new is None or event.new.status.allocation is None)
        )


def _unused(wanted: _Claims, pod: PodInfo) -> ResourceClaim | None:
    """A claim that rules nodes out and that nobody but the pod uses."""
    for claim in wanted.in_the_way.values():
        if all(user.uid == pod.uid for user in claim.status.reserved_for or ()):
            return claim
    return None


def _is_made_for(claim: ResourceClaim, pod: PodInfo) -> bool:
    """Whether it is the claim for the pod's extended resources."""
    metadata = claim.metadata
    if (metadata.annotations or {}).get(ANNOTATION) != "true":
        return False
    return any(row.controller and row.uid == pod.uid for row in metadata.owner_references or ())


def _claim_for(pod: PodInfo, requests: list[DeviceRequest]) -> ResourceClaim:
    """The claim for extended resources. Its uid is only for keeping it in mind until it is created."""
    owner = OwnerReference(api_version="v1", kind="Pod", name=pod.name, uid=pod.uid, controller=True)
    return ResourceClaim(
        metadata=ObjectMeta(
            generate_name=f"{pod.name}-extended-resources-",
            namespace=pod.namespace,
            uid=f"extended resources of {pod.uid}",
            annotations={ANNOTATION: "true"},
            owner_references=[owner],
        ),
        spec=ResourceClaimSpec(devices=DeviceClaim(requests=requests)),
    )


def _selected(claim: ResourceClaim, node: NodeInfo) -> bool:
    selector = claim.status.allocation.node_selector if claim.status.allocation is not None else None
    if selector is None:
        return True
    return any(node_term_matches(term, node.name, node.labels) for term in selector.node_selector_terms or ())
