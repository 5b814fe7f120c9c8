"""Nodes (core/v1): taints, addresses, amounts, and the ranges their pods get once."""

from .. import field
from . import scheduling
from .addresses import ip_range, one_per_family
from .resources import amount
from .values import Errors, Object

_ONCE = 'node updates may not change {} except from "" to valid'


def validate_create(node: Object) -> Errors:
    spec = node.get("spec") or {}
    errors = scheduling.taints(spec.get("taints") or [], "metadata.taints")
    errors += _amounts(node)
    ranges = spec.get("podCIDRs") or []
    for index, text in enumerate(ranges):
        errors += ip_range(text, f"spec.podCIDRs[{index}]")
    if len(ranges) > 1 and not one_per_family([text.partition("/")[0] for text in ranges]):
        words = "may specify no more than one CIDR for each IP family"
        errors.append(field.invalid("spec.podCIDRs", ranges, words))
    return errors


def _amounts(node: Object) -> Errors:
    status = node.get("status") or {}
    errors: Errors = []
    for key in ("capacity", "allocatable"):
        for name, text in (status.get(key) or {}).items():
            errors += amount(name, text, f"status.{key}.{name}")
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    errors = _amounts(new)
    seen: list[Object] = []
    for index, address in enumerate((new.get("status") or {}).get("addresses") or ()):
        if address in seen:
            errors.append(field.duplicate(f"status.addresses[{index}]", address))
        seen.append(address)
    ranges = before.get("podCIDRs") or []
    if ranges and ranges != (after.get("podCIDRs") or []):
        errors.append(field.forbidden("spec.podCIDRs", _ONCE.format("podCIDR")))
    if before.get("providerID") and before["providerID"] != after.get("providerID"):
        errors.append(field.forbidden("spec.providerID", _ONCE.format("providerID")))
    if after.get("taints") != before.get("taints"):
        errors += scheduling.taints(after.get("taints") or [], "metadata.taints")
    if (after.get("externalID") or "") != (before.get("externalID") or ""):
        errors.append(field.forbidden("spec.externalID", "may not be updated"))
    return errors


validate_status_update = validate_update
