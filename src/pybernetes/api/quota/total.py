"""What all objects of a namespace cost one quota."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from .amounts import ZERO, Amounts, add, mask
from .registry import evaluator, sources
from .scopes import requirements

Object = dict[str, Any]


def total_usage(quota: Object, objects: Callable[[str], Iterable[Object]], now: datetime) -> Amounts:
    """`status.used` of a quota: every limit of `spec.hard` that can be measured, with 0 for what nobody uses.

    `objects(group_resource)` gives the namespace's objects of one resource, in wire form. `objects` may
    raise for a resource that cannot be read: then the whole figure is unknown and the error passes.
    """
    hard = list((quota.get("spec") or {}).get("hard") or ())
    conditions = requirements(quota)
    used: Amounts = {}
    for group_resource in sorted(sources(hard)):
        own = evaluator(group_resource)
        names = own.matching(hard)
        found: Amounts = dict.fromkeys(names, ZERO)
        for obj in objects(group_resource):
            if all(own.in_scope(obj, condition) for condition in conditions):
                found = add(found, mask(own.usage(obj, now), names))
        used = add(used, found)
    return used
