"""What pods cost: compute resources while they live, and their mere existence."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from .. import instants
from .amounts import ONE, Amounts, amounts
from .evaluator import COUNT_PREFIX
from .pod_resources import has_pod_level_requests, is_best_effort, pod_limits, pod_requests
from .scopes import Requirement

Object = dict[str, Any]

_COUNT = COUNT_PREFIX + "pods"
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_RESOURCES = frozenset(
    {_COUNT, "pods", *_COMPUTE, *(f"{kind}.{name}" for kind in ("requests", "limits") for name in _COMPUTE)}
)
_PREFIXES = ("hugepages-", "requests.hugepages-")
_EXPLICIT = frozenset({"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"})
"""Under a quota of these every container has to name its own amount."""


class Pods:
    """The evaluator of pods."""

    group_resource = "pods"

    def handles(self, operation: str, subresource: str) -> bool:
        return operation == "CREATE" if not subresource else subresource == "resize" and operation == "UPDATE"

    def matching(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in _RESOURCES or name.startswith(_PREFIXES) or _is_extended(name)]

    def in_scope(self, obj: Object, requirement: Requirement) -> bool:
        spec = obj.get("spec") or {}
        match requirement.scope:
            case "Terminating":
                return _is_terminating(spec)
            case "NotTerminating":
                return not _is_terminating(spec)
            case "BestEffort":
                return is_best_effort(obj)
            case "NotBestEffort":
                return not is_best_effort(obj)
            case "PriorityClass":
                return requirement.matches(spec.get("priorityClassName") or None)
            case "CrossNamespacePodAffinity":
                return _crosses_namespaces(spec)
        return False

    def constraint(self, names: Iterable[str], obj: Object) -> str:
        if has_pod_level_requests(obj):
            return ""
        required = _EXPLICIT.intersection(names)
        missing: dict[str, set[str]] = {}
        spec = obj.get("spec") or {}
        for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
            resources = container.get("resources") or {}
            named = _compute(amounts(resources.get("requests")), amounts(resources.get("limits")))
            for name in required - named.keys():
                missing.setdefault(name, set()).add(str(container.get("name")))
        if not missing:
            return ""
        parts = [f"{name} for: {','.join(sorted(containers))}" for name, containers in sorted(missing.items())]
        return f"must specify {'; '.join(parts)}"

    def usage(self, obj: Object, now: datetime) -> Amounts:
        if not is_counted(obj, now):
            return {_COUNT: ONE}
        return {_COUNT: ONE, **_compute(pod_requests(obj), pod_limits(obj))}


def is_counted(pod: Object, now: datetime) -> bool:
    """Whether a pod still takes compute resources: it is not over, nor stuck in its termination."""
    if (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
        return False
    metadata = pod.get("metadata") or {}
    deleted, grace = metadata.get("deletionTimestamp"), metadata.get("deletionGracePeriodSeconds")
    if deleted is None or grace is None:
        return True
    moment = deleted if isinstance(deleted, datetime) else instants.parse_time(str(deleted))
    return now <= moment + timedelta(seconds=int(grace))


def _compute(requests: Amounts, limits: Amounts) -> Amounts:
    found: Amounts = {"pods": ONE}
    for name in _COMPUTE:
        if name in requests:
            found[name] = found[f"requests.{name}"] = requests[name]
        if name in limits:
            found[f"limits.{name}"] = limits[name]
    for name, amount in requests.items():
        if name.startswith("hugepages-"):
            found[name] = found[f"requests.{name}"] = amount
        elif "/" in name and _is_extended(f"requests.{name}"):
            found[f"requests.{name}"] = amount
    return found


def _is_extended(name: str) -> bool:
    """`requests.example.com/gpu`: the name a quota has for an extended resource."""
    return name.startswith("requests.") and "/" in name and "kubernetes.io/" not in name


def _is_terminating(spec: Object) -> bool:
    seconds = spec.get("activeDeadlineSeconds")
    return seconds is not None and int(seconds) >= 0


def _crosses_namespaces(spec: Object) -> bool:
    affinity = spec.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        terms = list(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        weighted = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        terms += [row.get("podAffinityTerm") or {} for row in weighted]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms):
            return True
    return False
