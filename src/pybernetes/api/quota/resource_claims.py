"""What resource claims cost: themselves and, by device class, the devices they may get (KEP-4381)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..quantity import Quantity
from .amounts import ONE, Amounts, add, largest
from .evaluator import COUNT_PREFIX
from .scopes import Requirement

Object = dict[str, Any]

_COUNT = COUNT_PREFIX + "resourceclaims.resource.k8s.io"
_BY_CLASS = ".deviceclass.resource.k8s.io/devices"
_MOST_DEVICES = 32
"""What one claim can get at most; a request for all devices is counted so."""


class ResourceClaims:
    """The evaluator of resource claims; `gpu.deviceclass.resource.k8s.io/devices` limits one class."""

    group_resource = "resourceclaims.resource.k8s.io"

    def handles(self, operation: str, subresource: str) -> bool:
        return operation in ("CREATE", "UPDATE") and not subresource

    def matching(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name == _COUNT or name.endswith(_BY_CLASS)]

    def in_scope(self, obj: Object, requirement: Requirement) -> bool:
        return False

    def constraint(self, names: Iterable[str], obj: Object) -> str:
        return ""

    def usage(self, obj: Object, now: datetime) -> Amounts:
        found: Amounts = {_COUNT: ONE}
        for request in ((obj.get("spec") or {}).get("devices") or {}).get("requests") or ():
            choices = request.get("firstAvailable")
            if not choices:
                found = add(found, _devices(request.get("exactly") or {}))
                continue
            most: Amounts = {}
            for choice in choices:
                most = largest(most, _devices(choice))
            found = add(found, most)
        return found


def _devices(request: Object) -> Amounts:
    everything = request.get("allocationMode") == "All"
    count = _MOST_DEVICES if everything else int(request.get("count") or 1)
    return {str(request.get("deviceClassName")) + _BY_CLASS: Quantity.of(count)}
