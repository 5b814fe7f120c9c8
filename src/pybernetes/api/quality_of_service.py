"""The class of a pod by what it asks for (Pod Quality of Service Classes, Kubernetes docs): Guaranteed when it may use
what it requests and no more, BestEffort when it asks for nothing, else Burstable. CPU and memory count, of the pod as a
whole when that says so (KEP-2837), else of all containers.
"""

from functools import lru_cache
from typing import Any

from .quantity import parse

Object = dict[str, Any]
_NAMES = ("cpu", "memory")


def qos_class(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort, by the spec of a pod."""
    own = spec.get("resources") or {}
    parts = [own] if _says_something(own) else _of_containers(spec)
    guaranteed, anything = True, False
    for resources in parts:
        requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
        for name in _NAMES:
            limit = limits.get(name)
            request = requests.get(name, limit)
            anything = anything or _positive(request) or _positive(limit)
            if not _positive(limit) or not _same(request, limit):
                guaranteed = False
    if not anything:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _says_something(resources: Object) -> bool:
    named = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
    return any(name in _NAMES or name.startswith("hugepages-") for name in named)


def _of_containers(spec: Object) -> list[Object]:
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return [container.get("resources") or {} for container in containers]


@lru_cache(1024)
def _positive(quantity: str | int | float | None) -> bool:
    return quantity is not None and any(digit in "123456789" for digit in str(quantity))


def _same(one: object, other: object) -> bool:
    return one == other or parse(str(one)) == parse(str(other))
