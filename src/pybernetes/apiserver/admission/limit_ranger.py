"""LimitRanger: the defaults and bounds of a namespace's LimitRanges (Limit Ranges).

New pods get the default requests and limits of their containers; then every container, the pod as a whole and every
claim is measured against minimum, maximum and the ratio of limit to request.
"""

from typing import Any

from ...api import status
from ...api.quantity import Quantity, QuantityError, parse
from ...api.resource import ResourceInfo, resource
from ..reader import Object, ObjectReader
from .plugin import AdmissionRequest

_ANNOTATION = "kubernetes.io/limit-ranger"
_CLAIMS = "persistentvolumeclaims"
Amounts = dict[str, Quantity]


class LimitRanger:
    """Follows upstream's plugin of the same name."""

    name = "LimitRanger"

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._ranges = resource("limitranges")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        if subresource:
            return False
        if resource.group_resource == "pods":
            return operation == "CREATE"
        return resource.group_resource == _CLAIMS and operation in ("CREATE", "UPDATE")

    async def admit(self, request: AdmissionRequest) -> None:
        if request.resource.plural != "pods" or request.object is None:
            return
        for limit in self._limits(request.namespace):
            if limit.get("type") == "Container":
                _fill(request.object, limit.get("defaultRequest") or {}, limit.get("default") or {})

    async def validate(self, request: AdmissionRequest) -> None:
        obj = request.object
        if obj is None:
            return
        wrong: list[str] = []
        for limit in self._limits(request.namespace):
            wrong += _claim(obj, limit) if request.resource.plural == _CLAIMS else _pod(obj, limit)
        if wrong:
            unique = list(dict.fromkeys(wrong))
            why = unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"
            raise status.forbidden("", request.resource.plural, request.name, why)

    def _limits(self, namespace: str) -> list[Object]:
        ranges = sorted(self._reader.list(self._ranges, namespace), key=lambda found: str(found["metadata"]["name"]))
        return [limit for found in ranges for limit in (found.get("spec") or {}).get("limits") or ()]


def _containers(pod: Object) -> list[Object]:
    spec = pod.get("spec") or {}
    return [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]


def _fill(pod: Object, requests: dict[str, str], limits: dict[str, str]) -> None:
    """Give containers what they do not ask for themselves, and note it on the pod."""
    notes: list[str] = []
    for kind, prefix in (("containers", ""), ("initContainers", "init ")):
        for container in (pod.get("spec") or {}).get(kind) or ():
            resources: dict[str, Any] = container.setdefault("resources", {})
            for part, given, word in (("requests", requests, "request"), ("limits", limits, "limit")):
                present = resources.get(part) or {}
                added = {name: text for name, text in given.items() if name not in present}
                if added:
                    resources[part] = {**present, **added}
                    notes.append(f"{', '.join(sorted(added))} {word} for {prefix}container {container.get('name')}")
    if notes:
        annotations = pod["metadata"].get("annotations") or {}
        pod["metadata"]["annotations"] = {**annotations, _ANNOTATION: "LimitRanger plugin set: " + "; ".join(notes)}


def _amounts(texts: Any) -> Amounts:
    found: Amounts = {}
    for name, text in (texts or {}).items():
        try:
            found[name] = parse(str(text))
        except QuantityError:
            continue  # validation has told it by now
    return found


def _pod(pod: Object, limit: Object) -> list[str]:
    pairs = [
        (_amounts((c.get("resources") or {}).get("requests")), _amounts((c.get("resources") or {}).get("limits")))
        for c in _containers(pod)
    ]
    if limit.get("type") == "Container":
        return [words for requests, limits in pairs for words in measure(limit, requests, limits)]
    if limit.get("type") == "Pod":
        running = len((pod.get("spec") or {}).get("containers") or ())
        requests = _total([pair[0] for pair in pairs], running)
        return measure(limit, requests, _total([pair[1] for pair in pairs], running))
    return []


def _total(amounts: list[Amounts], running: int) -> Amounts:
    """What all containers take together; one init container alone may take more. Resources that a container leaves
    open count as open for the pod."""
    names = {name for found in amounts[:running] for name in found}
    total = {
        name: sum((found[name] for found in amounts[:running]), Quantity(0))
        for name in names
        if all(name in found for found in amounts[:running])
    }
    for found in amounts[running:]:
        for name, amount in found.items():
            if name in total and amount > total[name]:
                total[name] = amount
    return total


def _claim(claim: Object, limit: Object) -> list[str]:
    if limit.get("type") != "PersistentVolumeClaim":
        return []
    requests = _amounts(((claim.get("spec") or {}).get("resources") or {}).get("requests"))
    low, high = _amounts(limit.get("min")), _amounts(limit.get("max"))
    wrong = [words for name, bound in low.items() if (words := _below(name, limit["type"], bound, requests, {}))]
    return wrong + [
        words for name, bound in high.items() if (words := _above(name, limit["type"], bound, requests, requests))
    ]


def measure(limit: Object, requests: Amounts, limits: Amounts) -> list[str]:
    """What breaks one entry of a LimitRange, in upstream's words."""
    kind = str(limit.get("type"))
    wrong = [_below(name, kind, bound, requests, limits) for name, bound in _amounts(limit.get("min")).items()]
    wrong += [_above(name, kind, bound, requests, limits) for name, bound in _amounts(limit.get("max")).items()]
    ratios = _amounts(limit.get("maxLimitRequestRatio"))
    wrong += [_ratio(name, kind, bound, requests, limits) for name, bound in ratios.items()]
    return [words for words in wrong if words]


def _below(name: str, kind: str, bound: Quantity, requests: Amounts, limits: Amounts) -> str:
    start = f"minimum {name} usage per {kind} is {bound}"
    if name not in requests:
        return f"{start}.  No request is specified"
    if requests[name] < bound:
        return f"{start}, but request is {requests[name]}"
    if name in limits and limits[name] < bound:
        return f"{start}, but limit is {limits[name]}"
    return ""


def _above(name: str, kind: str, bound: Quantity, requests: Amounts, limits: Amounts) -> str:
    start = f"maximum {name} usage per {kind} is {bound}"
    if name not in limits:
        return f"{start}.  No limit is specified"
    if limits[name] > bound:
        word = "request" if limits is requests else "limit"
        return f"{start}, but {word} is {limits[name]}"
    if name in requests and requests[name] > bound:
        return f"{start}, but request is {requests[name]}"
    return ""


def _ratio(name: str, kind: str, bound: Quantity, requests: Amounts, limits: Amounts) -> str:
    start = f"{name} max limit to request ratio per {kind} is {bound}"
    if not requests.get(name):
        return f"{start}, but no request is specified or request is 0"
    if not limits.get(name):
        return f"{start}, but no limit is specified or limit is 0"
    ratio = limits[name].nanos / requests[name].nanos
    return f"{start}, but provided ratio is {ratio:f}" if ratio > float(bound) else ""
