"""Conditional defaults of the kinds that keep pods running: strategies, selectors from templates, jobs, autoscalers."""

from copy import deepcopy
from typing import Any

Object = dict[str, Any]

_NO_LIMIT = 2**31 - 1
_METRICS_ANNOTATION = "autoscaling.alpha.kubernetes.io/metrics"
_SCALE_UP = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_SCALE_DOWN = {
    "selectPolicy": "Max",
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}
_CPU_METRIC = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


def _rolling(strategy: Object, max_unavailable: int | str, max_surge: int | str) -> None:
    """A strategy without a type rolls; the bounds of rolling are filled in."""
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] != "RollingUpdate":
        return
    rolling = strategy.setdefault("rollingUpdate", {})
    rolling.setdefault("maxUnavailable", max_unavailable)
    rolling.setdefault("maxSurge", max_surge)


def _deployment(deployment: Object) -> None:
    _rolling(_part(deployment, "spec", "strategy"), "25%", "25%")


def _daemon_set(daemon_set: Object) -> None:
    _rolling(_part(daemon_set, "spec", "updateStrategy"), 1, 0)


def _stateful_set(stateful_set: Object) -> None:
    strategy = _part(stateful_set, "spec", "updateStrategy")
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        strategy.setdefault("rollingUpdate", {})
    if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        strategy["rollingUpdate"].setdefault("partition", 0)


def _replication_controller(controller: Object) -> None:
    spec = _part(controller, "spec")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels:
        metadata = _part(controller, "metadata")
        if not spec.get("selector"):
            spec["selector"] = dict(labels)
        if not metadata.get("labels"):
            metadata["labels"] = dict(labels)


def _job(job: Object) -> None:
    spec = _part(job, "spec")
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    if spec.get("backoffLimit") is None:
        spec["backoffLimit"] = 6 if spec.get("backoffLimitPerIndex") is None else _NO_LIMIT
    if spec.get("podReplacementPolicy") is None:
        spec["podReplacementPolicy"] = "TerminatingOrFailed" if spec.get("podFailurePolicy") is None else "Failed"
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    metadata = _part(job, "metadata")
    if labels and not metadata.get("labels"):
        metadata["labels"] = dict(labels)


def _autoscaler(autoscaler: Object) -> None:
    spec = _part(autoscaler, "spec")
    if not spec.get("metrics"):
        spec["metrics"] = [deepcopy(_CPU_METRIC)]
    behavior = spec.get("behavior")
    if behavior is not None:
        for name, rules in (("scaleUp", _SCALE_UP), ("scaleDown", _SCALE_DOWN)):
            given = behavior.get(name) or {}
            behavior[name] = {**deepcopy(rules), **given}


def _autoscaler_v1(autoscaler: Object) -> None:
    spec = _part(autoscaler, "spec")
    annotations = (autoscaler.get("metadata") or {}).get("annotations") or {}
    if spec.get("targetCPUUtilizationPercentage") is None and _METRICS_ANNOTATION not in annotations:
        spec["targetCPUUtilizationPercentage"] = 80


def _part(obj: Object, *path: str) -> Object:
    """A struct inside an object, made where it is missing."""
    for name in path:
        inner = obj.get(name)
        if inner is None:
            inner = obj[name] = {}
        obj = inner
    return obj


CONDITIONAL = {
    "apps/v1.Deployment": _deployment,
    "apps/v1.DaemonSet": _daemon_set,
    "apps/v1.StatefulSet": _stateful_set,
    "core/v1.ReplicationController": _replication_controller,
    "batch/v1.Job": _job,
    "autoscaling/v2.HorizontalPodAutoscaler": _autoscaler,
    "autoscaling/v1.HorizontalPodAutoscaler": _autoscaler_v1,
}
