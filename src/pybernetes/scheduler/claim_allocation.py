"""What is written into a claim that got its devices: `status.allocation`, and whether the pod may be bound. Pure.

A device may ask for work before a pod may use it (KEP-5007): its binding conditions go into the allocation, a driver
reports them in `status.devices`, and the pod is bound when all of them are true. A failure condition that is true, or
too long a wait since the allocation, makes the claim unusable until it is given back.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from pybernetes.api.dynamic_resource import AllocatedDeviceStatus, DeviceClass, ResourceClaim
from pybernetes.api.meta import Condition

if TYPE_CHECKING:
    from pybernetes.scheduler.devices import Allocation, Chosen

BINDING_TIMEOUT_SECONDS = 600.0


class BindingFailed(Exception):
    """A device cannot be made ready; the message is for the pod's owner."""


def allocation_of(
    claim: ResourceClaim, found: "Allocation", class_of: Callable[[str], DeviceClass | None], node_name: str
) -> dict[str, Any]:
    """The wire form: devices, the configuration of classes and claim, and where the devices can be used."""
    asked = _asked(claim)
    results = [_result(one, asked[one.request].tolerations) for one in found.devices]
    allocation: dict[str, Any] = {"devices": {"results": results}}
    config = list(_config(claim, found, asked, class_of))
    if config:
        allocation["devices"]["config"] = config
    selector = _selector(found.devices, node_name)
    if selector is not None:
        allocation["nodeSelector"] = selector
    return allocation


def _result(one: "Chosen", tolerations: Any) -> dict[str, Any]:
    driver, pool, device = one.device
    row: dict[str, Any] = {"request": one.request, "driver": driver, "pool": pool, "device": device}
    if one.admin:
        row["adminAccess"] = True
    if tolerations:
        row["tolerations"] = msgspec.to_builtins(tolerations)
    if one.conditions:
        row["bindingConditions"] = list(one.conditions)
        row["bindingFailureConditions"] = list(one.failures)
    if one.share is not None:
        row["shareID"] = str(uuid4())
        row["consumedCapacity"] = {name: str(amount) for name, amount in one.share.items()}
    return row


def _config(
    claim: ResourceClaim, found: "Allocation", asked: dict[str, Any], class_of: Callable[[str], DeviceClass | None]
) -> Iterable[dict[str, Any]]:
    used = list(dict.fromkeys(one.request for one in found.devices))
    for request in used:
        chosen = class_of(asked[request].device_class_name)
        for given in chosen.spec.config or () if chosen is not None else ():
            yield {"source": "FromClass", "requests": [request], **msgspec.to_builtins(given)}
    names = {*used, *(request.partition("/")[0] for request in used)}
    for own in claim.spec.devices.config or ():
        if not own.requests or not names.isdisjoint(own.requests):
            yield {"source": "FromClaim", **msgspec.to_builtins(own)}


def _selector(devices: Iterable["Chosen"], node_name: str) -> dict[str, Any] | None:
    """Where all of the devices are of use: this node, wherever all their selectors match, or everywhere."""
    parts: dict[str, list[Any]] = {"matchExpressions": [], "matchFields": []}
    for one in devices:
        if one.on_node:
            field = {"key": "metadata.name", "operator": "In", "values": [node_name]}
            return {"nodeSelectorTerms": [{"matchFields": [field]}]}
        for term in one.selector.node_selector_terms or () if one.selector is not None else ():
            for name, rows in (("matchExpressions", term.match_expressions), ("matchFields", term.match_fields)):
                parts[name] += [row for row in msgspec.to_builtins(rows or []) if row not in parts[name]]
    together = {name: rows for name, rows in parts.items() if rows}
    return {"nodeSelectorTerms": [together]} if together else None


def _asked(claim: ResourceClaim) -> dict[str, Any]:
    """The requests and alternatives by the names that allocations give them."""
    found: dict[str, Any] = {}
    for request in claim.spec.devices.requests or ():
        if request.exactly is not None:
            found[request.name] = request.exactly
        found.update({f"{request.name}/{sub.name}": sub for sub in request.first_available or ()})
    return found


# binding conditions


def waits(claim: ResourceClaim) -> bool:
    """Whether any of its devices has to be made ready for a pod."""
    allocation = claim.status.allocation
    return allocation is not None and any(row.binding_conditions for row in allocation.devices.results or ())


def is_ready(claim: ResourceClaim) -> bool:
    """Whether every device is ready for a pod. BindingFailed when one never will be."""
    allocation = claim.status.allocation
    if allocation is None:
        return False
    for row in allocation.devices.results or ():
        if not row.binding_conditions:
            continue
        reported = _conditions(claim, (row.driver, row.pool, row.device))
        if reported is None:
            return False
        for name in row.binding_failure_conditions or ():
            found = reported.get(name)
            if found is not None and found.status == "True":
                reason, message = found.reason, found.message
                raise BindingFailed(f'claim {claim.metadata.name} binding failed: reason={reason}, message="{message}"')
        if any(name not in reported or reported[name].status != "True" for name in row.binding_conditions):
            return False
    return True


def _conditions(claim: ResourceClaim, which: tuple[str, str, str]) -> dict[str, Condition] | None:
    """What the driver says of a device; None while it says nothing."""
    found: AllocatedDeviceStatus | None = next(
        (one for one in claim.status.devices or () if (one.driver, one.pool, one.device) == which), None
    )
    return None if found is None else {one.type: one for one in found.conditions or ()}


def late_at(claim: ResourceClaim) -> datetime | None:
    """When the wait for its devices is over; None when there is none."""
    allocation = claim.status.allocation
    if allocation is None or allocation.allocation_timestamp is None or not waits(claim):
        return None
    return allocation.allocation_timestamp + timedelta(seconds=BINDING_TIMEOUT_SECONDS)


def is_usable(claim: ResourceClaim, now: datetime) -> bool:
    """Whether an allocated claim is ready or may still become so."""
    try:
        if is_ready(claim):
            return True
    except BindingFailed:
        return False
    late = late_at(claim)
    return late is None or late >= now
