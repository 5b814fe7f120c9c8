"""What a whole pod requests and is limited to (component-helpers `resource`; KEP-753 sidecars, KEP-1287 resize,
KEP-2837 resources of the pod).

The containers run together, so their amounts add up; init containers run before them one at a time, so the greatest
counts; a sidecar (an init container with `restartPolicy: Always`) runs beside everything that starts after it. While a
resize is under way the greater of what is asked for and what the kubelet has granted counts.
"""

from typing import Any

from .amounts import Amounts, add, amounts, largest

Object = dict[str, Any]


def pod_requests(pod: Object) -> Amounts:
    """Requests of the pod, overhead included."""
    spec = pod.get("spec") or {}
    found = {**_containers(pod, "requests"), **_pod_level(spec, "requests")}
    return add(found, amounts(spec.get("overhead")))


def pod_limits(pod: Object) -> Amounts:
    """Limits of the pod; overhead is added to the resources that are limited."""
    spec = pod.get("spec") or {}
    found = {**_containers(pod, "limits"), **_pod_level(spec, "limits")}
    overhead = amounts(spec.get("overhead"))
    return {name: amount + overhead[name] if amount and name in overhead else amount for name, amount in found.items()}


def has_pod_level_requests(pod: Object) -> bool:
    """Whether the pod as a whole requests something, so that its containers need not."""
    return bool(_pod_level(pod.get("spec") or {}, "requests"))


def is_best_effort(pod: Object) -> bool:
    """Whether the quality of service is BestEffort: neither CPU nor memory is asked for anywhere."""
    known = (pod.get("status") or {}).get("qosClass")
    if known:
        return bool(known == "BestEffort")
    spec = pod.get("spec") or {}
    parts = [spec, *(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    for part in parts:
        resources = part.get("resources") or {}
        for kind in ("requests", "limits"):
            wanted = amounts(resources.get(kind))
            if any(wanted.get(name) for name in ("cpu", "memory")):
                return False
    return True


def _pod_level(spec: Object, kind: str) -> Amounts:
    found = amounts((spec.get("resources") or {}).get(kind))
    return {n: a for n, a in found.items() if n in ("cpu", "memory") or n.startswith("hugepages-")}


def _containers(pod: Object, kind: str) -> Amounts:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    granted = {
        row.get("name"): row
        for key in ("containerStatuses", "initContainerStatuses")
        for row in status.get(key) or ()
        if row.get("resources") is not None
    }
    infeasible = any(
        row.get("type") == "PodResizePending" and row.get("reason") == "Infeasible"
        for row in status.get("conditions") or ()
    )
    total: Amounts = {}
    for container in spec.get("containers") or ():
        total = add(total, _container(container, kind, granted.get(container.get("name")), infeasible))
    sidecars: Amounts = {}
    before: Amounts = {}
    for container in spec.get("initContainers") or ():
        wanted = _container(container, kind, granted.get(container.get("name")), infeasible)
        if container.get("restartPolicy") == "Always":
            total = add(total, wanted)
            sidecars = add(sidecars, wanted)
            wanted = sidecars
        else:
            wanted = add(wanted, sidecars)
        before = largest(before, wanted)
    return largest(total, before)


def _container(container: Object, kind: str, granted: Object | None, infeasible: bool) -> Amounts:
    wanted = amounts((container.get("resources") or {}).get(kind))
    if granted is None:
        return wanted
    present = amounts(granted["resources"].get(kind))
    if kind == "requests":
        present = largest(present, amounts(granted.get("allocatedResources")))
    return present if infeasible else largest(wanted, present)
