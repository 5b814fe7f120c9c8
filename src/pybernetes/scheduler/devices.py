"""Which devices a pod's claims get on a node (KEP-4381 structured parameters, resource.k8s.io/v1). Pure.

A search with backtracking, request by request: `ExactCount` takes that many devices, `All` every matching one,
`firstAvailable` the first alternative that works out. A device matches when it is reachable from the node, its class's
and the request's CEL selectors hold; it can be had when its taints are tolerated, nobody has it, and the counters that
partitions share suffice. One that allows it is given to several, as long as its capacities last. Constraints
(`matchAttribute`, `distinctAttribute`) hold over the devices of their requests. Pools whose slices are incomplete are
not used.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from pybernetes.api.cel import CelError, Program
from pybernetes.api.cel.functions.semver import parse_semver
from pybernetes.api.core import NodeSelector, Taint, Toleration
from pybernetes.api.device_selectors import compile_selector
from pybernetes.api.dynamic_resource import (
    Device,
    DeviceClass,
    DeviceConstraint,
    ResourceClaim,
    ResourceSlice,
)
from pybernetes.api.quantity import parse
from pybernetes.scheduler.device_capacity import Amounts, DeviceId, Shares, taken_of
from pybernetes.scheduler.device_counters import Counters, consumption
from pybernetes.scheduler.matching import PREFER_NO_SCHEDULE, node_term_matches, tolerates
from pybernetes.scheduler.node_info import NodeInfo

MAX_STEPS = 100_000
"""Where a search that finds no end is given up, as upstream's ends with its time-out."""


class AllocationError(Exception):
    """The claims cannot be decided; the message is for the pod's owner."""


class Candidate:
    """A device with where it comes from."""

    __slots__ = ("_amounts", "consumes", "device", "id", "is_shared", "slice", "variables")

    def __init__(self, device: Device, source: ResourceSlice) -> None:
        self.device = device
        self.slice = source
        self.id: DeviceId = (source.spec.driver, source.spec.pool.name, device.name)
        self.consumes = consumption(device, source.spec.driver, source.spec.pool.name)
        self.variables = {"device": _shown(device, source.spec.driver)}
        self.is_shared = bool(device.allow_multiple_allocations)
        """Whether several may have it."""
        self._amounts: dict[tuple[tuple[str, str], ...], Amounts | None] = {}

    def amounts(self, requests: tuple[tuple[str, str], ...]) -> Amounts | None:
        """What such a request takes of its capacities; None when it cannot serve it."""
        if requests not in self._amounts:
            self._amounts[requests] = taken_of(self.device, dict(requests))
        return self._amounts[requests]

    def attribute(self, name: str) -> Any:
        """The value of a fully qualified attribute; None when the device has no such."""
        domain, _, short = name.rpartition("/")
        found = (self.device.attributes or {}).get(name)
        if found is None and domain == self.slice.spec.driver:
            found = (self.device.attributes or {}).get(short)
        return _attribute(found) if found is not None else None


def _attribute(found: Any) -> Any:
    for value in (found.int_, found.bool_, found.string):
        if value is not None:
            return value
    return parse_semver(found.version) if found.version is not None else None


def _shown(device: Device, driver: str) -> dict[str, Any]:
    """What CEL sees: attributes and capacity by domain; a name without one belongs to the driver's."""
    attributes: dict[str, dict[str, Any]] = {}
    capacity: dict[str, dict[str, Any]] = {}
    for name, value in (device.attributes or {}).items():
        domain, _, short = name.rpartition("/")
        attributes.setdefault(domain or driver, {})[short] = _attribute(value)
    for name, amount in (device.capacity or {}).items():
        domain, _, short = name.rpartition("/")
        capacity.setdefault(domain or driver, {})[short] = parse(amount.value)
    return {
        "driver": driver,
        "attributes": attributes,
        "capacity": capacity,
        "allowMultipleAllocations": bool(device.allow_multiple_allocations),
    }


@lru_cache(1024)
def _program(expression: str) -> Program:
    return compile_selector(expression)


class _Wanted(msgspec.Struct):
    """One request of one claim, resolved: the name to report, selectors, how many (None: all), how much of each."""

    name: str
    expressions: tuple[str, ...]
    count: int | None
    admin: bool
    tolerations: Sequence[Toleration]
    capacity: tuple[tuple[str, str], ...]


_Pick = tuple[_Wanted, Candidate]


class Chosen(msgspec.Struct, frozen=True):
    """A device for a request; `share` is what it takes of a device that others may have, too.

    `on_node`: it is of use on this node alone; else `selector` says where (None: everywhere). `conditions` have to be
    true before the pod is bound, `failures` must not become so (KEP-5007).
    """

    request: str
    device: DeviceId
    admin: bool = False
    share: Amounts | None = None
    on_node: bool = False
    selector: NodeSelector | None = None
    conditions: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


class Allocation(msgspec.Struct, frozen=True):
    """The devices of one claim."""

    devices: tuple[Chosen, ...]


def usable(slices: Sequence[ResourceSlice]) -> list[ResourceSlice]:
    """The slices of complete pools, of each the newest generation."""
    pools: dict[tuple[str, str], list[ResourceSlice]] = {}
    for one in slices:
        group = pools.setdefault((one.spec.driver, one.spec.pool.name), [])
        if group and group[0].spec.pool.generation < one.spec.pool.generation:
            group.clear()
        if not group or group[0].spec.pool.generation == one.spec.pool.generation:
            group.append(one)
    return [one for group in pools.values() if len(group) >= group[0].spec.pool.resource_slice_count for one in group]


def candidates(slices: Sequence[ResourceSlice], node: NodeInfo) -> list[Candidate]:
    """The devices reachable from a node, in the order of their slices."""
    found: list[Candidate] = []
    for one in slices:
        spec = one.spec
        each = bool(spec.per_device_node_selection)
        if not each and not _reaches(spec.node_name, spec.all_nodes, spec.node_selector, node):
            continue
        for device in spec.devices or ():
            if not each or _reaches(device.node_name, device.all_nodes, device.node_selector, node):
                found.append(Candidate(device, one))
    return found


def _reaches(name: str | None, every: bool | None, selector: NodeSelector | None, node: NodeInfo) -> bool:
    if every:
        return True
    if name:
        return name == node.name
    terms = selector.node_selector_terms or () if selector is not None else ()
    return any(node_term_matches(term, node.name, node.labels) for term in terms)


class Allocator:
    """One search: these claims, this node's devices, what others have."""

    def __init__(
        self,
        claims: Sequence[ResourceClaim],
        devices: Sequence[Candidate],
        taken: frozenset[DeviceId] | set[DeviceId],
        device_class: Callable[[str], DeviceClass | None],
        counters: Counters | None = None,
        shares: Shares | None = None,
    ) -> None:
        """counters: what is left for devices that nobody has; shares: what is taken of those that several have."""
        self._claims = claims
        self._shares = shares.copy() if shares is not None else Shares()
        self._counters = counters.copy() if counters is not None else Counters({})
        self._devices = devices
        self._taken = set(taken)
        self._class = device_class
        self._steps = 0

    def allocate(self) -> list[Allocation] | None:
        """The devices of each claim; None when they do not suffice. AllocationError."""
        for chosen in self._claim(0):
            return chosen
        return None

    def _claim(self, position: int) -> Iterator[list[Allocation]]:
        if position == len(self._claims):
            yield []
            return
        claim = self._claims[position]
        for devices in self._requests(claim, 0, []):
            for rest in self._claim(position + 1):
                yield [Allocation(tuple(_chosen(wanted, one) for wanted, one in devices)), *rest]

    def _requests(self, claim: ResourceClaim, position: int, chosen: list[_Pick]) -> Iterator[list[_Pick]]:
        requests = claim.spec.devices.requests or []
        if position == len(requests):
            yield list(chosen)
            return
        for wanted in self._alternatives(requests[position]):
            matching = [one for one in self._devices if self._matches(one, wanted)]
            picks = (
                self._all(matching, wanted)
                if wanted.count is None
                else self._picks(matching, wanted, wanted.count, 0, claim, chosen)
            )
            for picked in picks:
                together = [*chosen, *((wanted, one) for one in picked)]
                if self._allowed(claim, together):
                    yield from self._requests(claim, position + 1, together)

    def _all(self, matching: list[Candidate], wanted: _Wanted) -> Iterator[list[Candidate]]:
        """Every matching device, if none of them is in use."""
        held = []
        for one in matching:
            if not self._hold(one, wanted):
                break
            held.append(one)
        else:
            if matching:
                yield matching
        for one in held:
            self._release(one, wanted)

    def _picks(
        self,
        matching: list[Candidate],
        wanted: _Wanted,
        count: int,
        start: int,
        claim: ResourceClaim,
        chosen: list[_Pick],
    ) -> Iterator[list[Candidate]]:
        """Every way to choose that many, in order, that the constraints allow so far; shared devices more than once."""
        if not count:
            yield []
            return
        last = len(matching) if any(one.is_shared for one in matching[start:]) else len(matching) - count + 1
        for position in range(start, last):
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise AllocationError("timed out trying to allocate devices")
            one = matching[position]
            extended = [*chosen, (wanted, one)]
            if not self._allowed(claim, extended) or not self._hold(one, wanted):
                continue
            onwards = position if one.is_shared and not wanted.admin else position + 1
            for rest in self._picks(matching, wanted, count - 1, onwards, claim, extended):
                yield [one, *rest]
            self._release(one, wanted)

    def _hold(self, one: Candidate, wanted: _Wanted) -> bool:
        """Take a device, if its taints are tolerated, nobody has it and its counters suffice; administration takes
        nothing away from anybody."""
        if not _tolerated(one, wanted):
            return False
        if wanted.admin:
            return True
        if one.id in self._taken:
            return False
        in_use = one.id in self._shares.devices
        if not in_use and not self._counters.suffice(one.consumes):
            return False
        if one.is_shared:
            amounts = one.amounts(wanted.capacity)
            if amounts is None or not self._shares.suffice(one.device, one.id, amounts):
                return False
            self._shares.take(one.id, amounts)
        elif in_use:
            return False
        else:
            self._taken.add(one.id)
        if not in_use:
            self._counters.take(one.consumes)
        return True

    def _release(self, one: Candidate, wanted: _Wanted) -> None:
        if wanted.admin:
            return
        if one.is_shared:
            self._shares.give(one.id, one.amounts(wanted.capacity) or {})
        else:
            self._taken.discard(one.id)
        if one.id not in self._shares.devices:
            self._counters.give(one.consumes)

    def _alternatives(self, request: Any) -> Iterator[_Wanted]:
        if request.exactly is not None:
            yield self._resolved(request.name, request.exactly)
        for sub in request.first_available or ():
            yield self._resolved(f"{request.name}/{sub.name}", sub)

    def _resolved(self, name: str, request: Any) -> _Wanted:
        device_class = self._class(request.device_class_name)
        if device_class is None:
            raise AllocationError(f"request {name}: device class {request.device_class_name} does not exist")
        selectors = [*(device_class.spec.selectors or ()), *(request.selectors or ())]
        expressions = tuple(selector.cel.expression for selector in selectors if selector.cel is not None)
        every = request.allocation_mode == "All"
        admin = bool(getattr(request, "admin_access", False))
        tolerations = [
            Toleration(key=row.key, operator=row.operator, value=row.value, effect=row.effect)
            for row in request.tolerations or ()
        ]
        asked = (request.capacity.requests if request.capacity is not None else None) or {}
        capacity = tuple(sorted(asked.items()))
        return _Wanted(name, expressions, None if every else request.count or 1, admin, tolerations, capacity)

    def _matches(self, one: Candidate, wanted: _Wanted) -> bool:
        if one.amounts(wanted.capacity) is None:
            return False
        try:
            return all(_program(expression).evaluate(one.variables) is True for expression in wanted.expressions)
        except CelError as error:
            raise AllocationError(f"request {wanted.name}: selector: {error}") from None

    def _allowed(self, claim: ResourceClaim, chosen: list[_Pick]) -> bool:
        return all(_holds(constraint, chosen) for constraint in claim.spec.devices.constraints or ())


def _chosen(wanted: _Wanted, one: Candidate) -> Chosen:
    device, spec = one.device, one.slice.spec
    place: Any = device if spec.per_device_node_selection else spec
    return Chosen(
        wanted.name,
        one.id,
        wanted.admin,
        one.amounts(wanted.capacity) if one.is_shared and not wanted.admin else None,
        bool(place.node_name or device.binds_to_node),
        place.node_selector,
        tuple(device.binding_conditions or ()),
        tuple(device.binding_failure_conditions or ()),
    )


def _tolerated(one: Candidate, wanted: _Wanted) -> bool:
    """Whether no taint keeps the request from the device; with `All` one such device keeps it from all."""
    return all(
        taint.effect in (PREFER_NO_SCHEDULE, "None")
        or tolerates(wanted.tolerations, Taint(key=taint.key, value=taint.value, effect=taint.effect))
        for taint in one.device.taints or ()
    )


def _holds(constraint: DeviceConstraint, chosen: list[_Pick]) -> bool:
    requests = constraint.requests or ()
    about = [
        one
        for wanted, one in chosen
        if not requests or wanted.name in requests or wanted.name.split("/")[0] in requests
    ]
    attribute = constraint.match_attribute or constraint.distinct_attribute
    if not attribute or not about:
        return True
    values = [one.attribute(attribute) for one in about]
    if any(value is None for value in values):
        return False
    if constraint.match_attribute:
        return all(value == values[0] for value in values)
    return all(value not in values[:position] for position, value in enumerate(values))
