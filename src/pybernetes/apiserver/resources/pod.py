"""Pods: pending at first, deleted with grace, one subresource per part of the spec that may change later."""

from ...api.quality_of_service import qos_class
from .pod_completion import complete
from .strategy import Object, Strategy, Write

_EPHEMERAL = "ephemeralContainers"


class PodStrategy(Strategy):
    """What the kubelet and the scheduler rely on; the rest is the generic way."""

    def prepare_create(self, obj: Object, write: Write) -> None:
        super().prepare_create(obj, write)
        _at_least_a_second(obj)
        obj["status"] = {"phase": "Pending", "qosClass": qos_class(obj.get("spec") or {})}
        write.warnings += complete(obj, self.enabled)

    def prepare_update(self, new: Object, old: Object, write: Write) -> None:
        _at_least_a_second(new)
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
    """With other containers, or in another order, those that were given: validation tells what is wrong with them."""
    found = dict(old)
    for key in ("containers", "initContainers"):
        before, after = old.get(key) or [], new.get(key) or []
        if [container.get("name") for container in before] != [container.get("name") for container in after]:
            found[key] = after
        elif before:
            found[key] = [_resized(one, other) for one, other in zip(before, after, strict=True)]
    if "resources" in new:
        found["resources"] = new["resources"]
    return found


def _resized(old: Object, new: Object) -> Object:
    found = {**old}
    for key in ("resources", "resizePolicy"):
        if key in new:
            found[key] = new[key]
    return found


def _at_least_a_second(pod: Object) -> None:
    """A pod, unlike a template of one, has no negative grace period."""
    spec = pod.get("spec") or {}
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
