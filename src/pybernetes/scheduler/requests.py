"""What a pod takes of its node: containers, sidecars, init containers, pod-level requests, overhead, resizes. Pure.

A pod that is being resized in place (KEP-1287, KEP-5419) takes the most of what it wants (its spec), what it was
promised (`allocatedResources` of the status) and what it has (`resources` of the status), so that neither a shrinking
pod's room is given away too early nor a growing pod's room too late. A wish that the kubelet found infeasible does not
count.
"""

from functools import lru_cache

import msgspec

from pybernetes.api.core import Container, Pod
from pybernetes.api.quantity import milli, value

DEFAULT_MILLI_CPU = 100
"""What a container without a CPU request counts for when nodes are scored."""
DEFAULT_MEMORY_BYTES = 200 * 1024 * 1024
"""What a container without a memory request counts for when nodes are scored."""

_milli = lru_cache(4096)(milli)
_value = lru_cache(4096)(value)


class Requests(msgspec.Struct):
    """An amount of resources: thousandths of a core, bytes, bytes, and the rest by name. The scoring fields count
    containers without a request at their default."""

    milli_cpu: int = 0
    memory: int = 0
    ephemeral: int = 0
    scalars: dict[str, int] = {}
    scoring_cpu: int = 0
    scoring_memory: int = 0


def amounts(texts: dict[str, str] | None) -> dict[str, int]:
    """A resource list as numbers: cpu in thousandths, everything else in units."""
    return {name: _milli(text) if name == "cpu" else _value(text) for name, text in (texts or {}).items()}


def _is_infeasible(pod: Pod) -> bool:
    """Whether the kubelet cannot ever grant the wished size."""
    return any(row.type == "PodResizePending" and row.reason == "Infeasible" for row in pod.status.conditions or ())


class Held(msgspec.Struct, frozen=True):
    """What the status says of sizes that are others than the spec's: by container, of the pod as a whole, and whether
    the spec's count at all."""

    containers: dict[str, tuple[dict[str, str], dict[str, str]]]
    whole: tuple[dict[str, str], dict[str, str]] | None
    only: bool


def held_by(pod: Pod) -> Held | None:
    """The sizes in the status that matter; None when the spec alone counts, which is the rule."""
    status, spec = pod.status, pod.spec
    containers: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    if status.container_statuses or status.init_container_statuses:
        wanted = {
            one.name: (one.resources.requests or {}) if one.resources is not None else {}
            for one in (
                *(spec.containers or ()),
                *(one for one in spec.init_containers or () if one.restart_policy == "Always"),
            )
        }
        for row in (*(status.container_statuses or ()), *(status.init_container_statuses or ())):
            if row.resources is None or row.name not in wanted:
                continue
            has, promised = row.resources.requests or {}, row.allocated_resources or {}
            if has != wanted[row.name] or (promised and promised != wanted[row.name]):
                containers[row.name] = (has, promised)
    whole = None
    if status.resources is not None and spec.resources is not None:
        has, promised = status.resources.requests or {}, status.allocated_resources or {}
        asked = spec.resources.requests or {}
        if has != asked or (promised and promised != asked):
            whole = (has, promised)
    if not containers and whole is None:
        return None
    return Held(containers, whole, _is_infeasible(pod))


def _largest(wanted: dict[str, int], held: tuple[dict[str, str], dict[str, str]] | None, only: bool) -> dict[str, int]:
    """Of each resource the most."""
    if held is None:
        return wanted
    found = {} if only else dict(wanted)
    for texts in held:
        _raise_to(found, amounts(texts))
    return found


def _container_amounts(container: Container, held: Held | None) -> dict[str, int]:
    requests = container.resources.requests if container.resources is not None else None
    wanted = amounts(requests) if requests else {}
    if held is None:
        return wanted
    return _largest(wanted, held.containers.get(container.name), held.only)


def _with_defaults(found: dict[str, int]) -> dict[str, int]:
    return {"cpu": DEFAULT_MILLI_CPU, "memory": DEFAULT_MEMORY_BYTES} | found


def _add(total: dict[str, int], more: dict[str, int]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _raise_to(total: dict[str, int], least: dict[str, int]) -> None:
    for name, amount in least.items():
        if amount > total.get(name, 0):
            total[name] = amount


def _total(pod: Pod, defaults: bool) -> dict[str, int]:
    """The pod's effective requests: containers and sidecars together, but at least what any init container needs beside
    the sidecars started before it (KEP-753); pod-level requests override (KEP-2837); overhead is added (KEP-688)."""
    spec, held = pod.spec, held_by(pod)
    total: dict[str, int] = {}
    for container in spec.containers or ():
        found = _container_amounts(container, held)
        _add(total, _with_defaults(found) if defaults else found)
    started: dict[str, int] = {}
    least: dict[str, int] = {}
    for container in spec.init_containers or ():
        found = _container_amounts(container, held)
        if defaults:
            found = _with_defaults(found)
        if container.restart_policy == "Always":
            _add(total, found)
            _add(started, found)
            _raise_to(least, started)
        else:
            needed = dict(started)
            _add(needed, found)
            _raise_to(least, needed)
    _raise_to(total, least)
    if spec.resources is not None and spec.resources.requests:
        whole = held.whole if held is not None else None
        total.update(_largest(amounts(spec.resources.requests), whole, held is not None and held.only))
    if spec.overhead:
        _add(total, amounts(spec.overhead))
    return total


def requests_of(pod: Pod) -> Requests:
    """The pod's effective requests."""
    exact = _total(pod, defaults=False)
    scoring = exact if "cpu" in exact and "memory" in exact and _all_request(pod) else _total(pod, defaults=True)
    scalars = {name: amount for name, amount in exact.items() if name not in _FIXED and amount}
    return Requests(
        exact.get("cpu", 0),
        exact.get("memory", 0),
        exact.get("ephemeral-storage", 0),
        scalars,
        scoring.get("cpu", 0),
        scoring.get("memory", 0),
    )


_FIXED = ("cpu", "memory", "ephemeral-storage", "pods")


def _all_request(pod: Pod) -> bool:
    """Whether no container relies on the defaults."""
    for container in (*(pod.spec.containers or ()), *(pod.spec.init_containers or ())):
        requests = container.resources.requests if container.resources is not None else None
        if not requests or "cpu" not in requests or "memory" not in requests:
            return False
    return True
