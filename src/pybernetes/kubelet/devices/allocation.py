"""Which devices a container gets: pure.

what it has already (it starts again) ──▶ what init containers of its pod had ──▶ free ones, as the plugin prefers
"""

from collections.abc import Collection, Mapping, Sequence

from pybernetes.api import quantity
from pybernetes.api.core import Container, Pod


class NoDevices(Exception):
    """The container cannot have its devices, in upstream's words."""


def wanted(container: Container, resources: Collection[str]) -> dict[str, int]:
    """How many devices of each of these resources a container asks for."""
    limits = container.resources.limits or {}
    found = {name: quantity.value(limits[name]) for name in resources if name in limits}
    return {name: count for name, count in found.items() if count > 0}


def reusable(pod: Pod, container: Container) -> list[str]:
    """The init containers of the pod whose devices this container may take over: they have ended when it starts."""
    inits = pod.spec.init_containers or []
    before = []
    for init in inits:
        if init.name == container.name:
            break
        if init.restart_policy != "Always":
            before.append(init.name)
    return before


def free(healthy: Collection[str], taken: Collection[str]) -> list[str]:
    """The devices nobody has, in order."""
    return sorted(set(healthy) - set(taken))


def choose(
    resource: str, count: int, own: Sequence[str], available: Sequence[str], preferred: Sequence[str] = ()
) -> list[str]:
    """`count` devices: own ones first, then preferred ones that are available, then others. NoDevices."""
    chosen = sorted(own)[:count]
    for pool in ([one for one in preferred if one in available], available):
        for one in pool:
            if len(chosen) < count and one not in chosen:
                chosen.append(one)
    if len(chosen) < count:
        missing = count - len(chosen)
        raise NoDevices(
            f"Allocate failed due to requested number of devices unavailable for {resource}. Requested: {missing}, "
            f"Available: {len(set(available) - set(chosen))}, which is unexpected"
        )
    return chosen


def amounts(devices: Mapping[str, Mapping[str, bool]]) -> tuple[dict[str, str], dict[str, str]]:
    """(capacity, allocatable) of resources whose devices are healthy or not."""
    capacity = {name: str(len(found)) for name, found in devices.items()}
    allocatable = {name: str(sum(found.values())) for name, found in devices.items()}
    return capacity, allocatable
