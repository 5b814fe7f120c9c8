"""Pods: pending at first, deleted with grace, one subresource per part of the spec that may change later."""

from functools import lru_cache

from .pod_completion import complete
from .strategy import Object, Strategy, Write

_EPHEMERAL = "ephemeralContainers"


class PodStrategy(Strategy):
    """What the kubelet and the scheduler rely on; the rest is the generic way."""

    def prepare_create(self, obj: Object, write: Write) -> None:
        super().prepare_create(obj, write)
        obj["status"] = {"phase": "Pending", "qosClass": qos_class(obj.get("spec") or {})}
        write.warnings += complete(obj, self.enabled)

    def prepare_update(self, new: Object, old: Object, write: Write) -> None:
        match write.subresource:
            case "ephemeralcontainers":
                _only(new, old, _with_ephemeral)
            case "resize":
                _only(new, old, _with_resources)
            case "binding":
                return
        super().prepare_update(new, old, write)
        if write.subresource == "status":
            qos = (old.get("status") or {}).get("qosClass")
            if qos:
                new.setdefault("status", {}).setdefault("qosClass", qos)
            metadata, before = new["metadata"], old["metadata"]
            for key in ("ownerReferences",):
                if key in before:
                    metadata[key] = before[key]
                else:
                    metadata.pop(key, None)

    def grace_period(self, obj: Object, asked: int | None) -> int | None:
        spec, phase = obj.get("spec") or {}, (obj.get("status") or {}).get("phase")
        period = asked if asked is not None else spec.get("terminationGracePeriodSeconds") or 0
        if not spec.get("nodeName") or phase in ("Succeeded", "Failed"):
            return 0
        return 1 if period < 0 else period


def _only(new: Object, old: Object, change: object) -> None:
    """Reduce new to old but for one change of the spec."""
    assert callable(change)
    spec = change(old.get("spec") or {}, new.get("spec") or {})
    metadata = {**old["metadata"], "resourceVersion": new["metadata"].get("resourceVersion", "")}
    new.clear()
    new.update({**old, "metadata": metadata, "spec": spec})


def _with_ephemeral(old: Object, new: Object) -> Object:
    found = {key: value for key, value in old.items() if key != _EPHEMERAL}
    if new.get(_EPHEMERAL):
        found[_EPHEMERAL] = new[_EPHEMERAL]
    return found


def _with_resources(old: Object, new: Object) -> Object:
    found = dict(old)
    for key in ("containers", "initContainers"):
        changed = {container.get("name"): container for container in new.get(key) or ()}
        if key in old:
            found[key] = [_resized(container, changed.get(container.get("name"))) for container in old[key]]
    if "resources" in new:
        found["resources"] = new["resources"]
    return found


def _resized(old: Object, new: Object | None) -> Object:
    if new is None:
        return old
    found = {**old}
    for key in ("resources", "resizePolicy"):
        if key in new:
            found[key] = new[key]
    return found


def qos_class(spec: Object) -> str:
    """Guaranteed, Burstable or BestEffort, by the cpu and memory of all containers (pod QoS, Kubernetes docs)."""
    requests: dict[str, set[str]] = {"cpu": set(), "memory": set()}
    guaranteed, anything = True, False
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        resources = container.get("resources") or {}
        for name in requests:
            request = (resources.get("requests") or {}).get(name)
            limit = (resources.get("limits") or {}).get(name)
            request = limit if request is None else request
            anything = anything or _positive(request) or _positive(limit)
            if not _positive(limit) or not _same(request, limit):
                guaranteed = False
    if not anything:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


@lru_cache(1024)
def _positive(quantity: str | int | float | None) -> bool:
    return quantity is not None and any(digit in "123456789" for digit in str(quantity))


def _same(one: object, other: object) -> bool:
    if one == other:
        return True
    from ...api.quantity import parse

    return parse(str(one)) == parse(str(other))
