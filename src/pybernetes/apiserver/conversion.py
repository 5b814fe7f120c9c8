"""Served versions that differ from the stored one: Events (core/v1 is stored), autoscalers (autoscaling/v2 is), and
when switched on older versions of resource claims and slices.

Each pair of functions takes and returns a whole object in wire form; what an older version cannot express travels in
annotations, as upstream does (`pkg/apis/autoscaling/v1/conversion.go`), so that nothing is lost on the way round.
"""

from collections.abc import Callable
from typing import Any

import orjson

Object = dict[str, Any]
Convert = Callable[[Object], Object]

_EVENT_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_CORE_NAMES = {new: old for old, new in _EVENT_NAMES.items()}

METRICS_ANNOTATION = "autoscaling.alpha.kubernetes.io/metrics"
CURRENT_METRICS_ANNOTATION = "autoscaling.alpha.kubernetes.io/current-metrics"
CONDITIONS_ANNOTATION = "autoscaling.alpha.kubernetes.io/conditions"
BEHAVIOR_ANNOTATION = "autoscaling.alpha.kubernetes.io/behavior"


def event_to_v1(obj: Object) -> Object:
    """core/v1 Event as events.k8s.io/v1."""
    renamed = {_EVENT_NAMES.get(key, key): value for key, value in obj.items()}
    return {**renamed, "apiVersion": "events.k8s.io/v1"}


def event_from_v1(obj: Object) -> Object:
    """events.k8s.io/v1 Event as core/v1."""
    renamed = {_CORE_NAMES.get(key, key): value for key, value in obj.items()}
    renamed.setdefault("involvedObject", {})
    renamed.setdefault("source", {})
    return {**renamed, "apiVersion": "v1"}


def _is_cpu_utilization(metric: Object) -> bool:
    resource = metric.get("resource") or {}
    return metric.get("type") == "Resource" and resource.get("name") == "cpu"


def autoscaler_to_v1(obj: Object) -> Object:
    """autoscaling/v2 HorizontalPodAutoscaler as autoscaling/v1."""
    spec = dict(obj.get("spec") or {})
    status = dict(obj.get("status") or {})
    annotations = dict((obj.get("metadata") or {}).get("annotations") or {})
    others = []
    for metric in spec.pop("metrics", None) or ():
        average = ((metric.get("resource") or {}).get("target") or {}).get("averageUtilization")
        if _is_cpu_utilization(metric) and average is not None and "targetCPUUtilizationPercentage" not in spec:
            spec["targetCPUUtilizationPercentage"] = average
        else:
            others.append(metric)
    if others:
        annotations[METRICS_ANNOTATION] = _text(others)
    behavior = spec.pop("behavior", None)
    if behavior:
        annotations[BEHAVIOR_ANNOTATION] = _text(behavior)
    others = []
    for metric in status.pop("currentMetrics", None) or ():
        average = ((metric.get("resource") or {}).get("current") or {}).get("averageUtilization")
        if _is_cpu_utilization(metric) and average is not None:
            status["currentCPUUtilizationPercentage"] = average
        else:
            others.append(metric)
    if others:
        annotations[CURRENT_METRICS_ANNOTATION] = _text(others)
    conditions = status.pop("conditions", None)
    if conditions:
        annotations[CONDITIONS_ANNOTATION] = _text(conditions)
    status.setdefault("currentReplicas", 0)
    return _assembled(obj, "autoscaling/v1", annotations, spec, status)


def autoscaler_from_v1(obj: Object) -> Object:
    """autoscaling/v1 HorizontalPodAutoscaler as autoscaling/v2."""
    spec = dict(obj.get("spec") or {})
    status = dict(obj.get("status") or {})
    annotations = dict((obj.get("metadata") or {}).get("annotations") or {})
    metrics = _value(annotations.pop(METRICS_ANNOTATION, ""), [])
    target = spec.pop("targetCPUUtilizationPercentage", None)
    if target is not None:
        aim = {"type": "Utilization", "averageUtilization": target}
        metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": aim}}, *metrics]
    if metrics:
        spec["metrics"] = metrics
    behavior = _value(annotations.pop(BEHAVIOR_ANNOTATION, ""), None)
    if behavior:
        spec["behavior"] = behavior
    current = _value(annotations.pop(CURRENT_METRICS_ANNOTATION, ""), [])
    average = status.pop("currentCPUUtilizationPercentage", None)
    if average is not None:
        used = {"averageUtilization": average, "averageValue": "0"}
        current = [{"type": "Resource", "resource": {"name": "cpu", "current": used}}, *current]
    if current:
        status["currentMetrics"] = current
    conditions = _value(annotations.pop(CONDITIONS_ANNOTATION, ""), None)
    if conditions:
        status["conditions"] = conditions
    return _assembled(obj, "autoscaling/v2", annotations, spec, status)


def _assembled(obj: Object, api_version: str, annotations: Object, spec: Object, status: Object) -> Object:
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key != "annotations"}
    if annotations:
        metadata["annotations"] = annotations
    found = {"apiVersion": api_version, "kind": obj.get("kind", ""), "metadata": metadata, "spec": spec}
    if status:
        found["status"] = status
    return found


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


def _value(text: str, missing: Any) -> Any:
    try:
        return orjson.loads(text) if text else missing
    except ValueError:
        return missing


_EXACT = ("deviceClassName", "selectors", "allocationMode", "count", "adminAccess", "tolerations", "capacity")


def _spec_holder(obj: Object) -> Object:
    """What holds `devices`: the spec of a claim, or of a template's claim."""
    spec: Object = obj.get("spec") or {}
    return spec.get("spec") or {} if obj.get("kind") == "ResourceClaimTemplate" else spec


def _with_requests(obj: Object, api_version: str, change: Callable[[Object], Object]) -> Object:
    found: Object = orjson.loads(orjson.dumps(obj))
    devices = _spec_holder(found).get("devices") or {}
    if devices.get("requests"):
        devices["requests"] = [change(request) for request in devices["requests"]]
    return {**found, "apiVersion": api_version}


def claim_to_v1beta1(obj: Object) -> Object:
    """resource.k8s.io/v1 claims and their templates as v1beta1, where an exact request has no level of its own."""

    def flat(request: Object) -> Object:
        rest = {key: value for key, value in request.items() if key != "exactly"}
        return {**rest, **(request.get("exactly") or {})}

    return _with_requests(obj, "resource.k8s.io/v1beta1", flat)


def claim_from_v1beta1(obj: Object) -> Object:
    """resource.k8s.io/v1beta1 claims and their templates as v1."""

    def nested(request: Object) -> Object:
        exact = {key: request[key] for key in _EXACT if key in request}
        rest = {key: value for key, value in request.items() if key not in _EXACT}
        return {**rest, "exactly": exact} if exact else rest

    return _with_requests(obj, "resource.k8s.io/v1", nested)


def _with_devices(obj: Object, api_version: str, change: Callable[[Object], Object]) -> Object:
    spec = dict(obj.get("spec") or {})
    if spec.get("devices"):
        spec["devices"] = [change(device) for device in spec["devices"]]
    return {**obj, "apiVersion": api_version, "spec": spec}


def slice_to_v1beta1(obj: Object) -> Object:
    """A resource.k8s.io/v1 ResourceSlice as v1beta1, whose devices keep all but their name under `basic`."""

    def nested(device: Object) -> Object:
        return {"name": device.get("name", ""), "basic": {key: device[key] for key in device if key != "name"}}

    return _with_devices(obj, "resource.k8s.io/v1beta1", nested)


def slice_from_v1beta1(obj: Object) -> Object:
    """A resource.k8s.io/v1beta1 ResourceSlice as v1."""

    def flat(device: Object) -> Object:
        return {"name": device.get("name", ""), **(device.get("basic") or {})}

    return _with_devices(obj, "resource.k8s.io/v1", flat)


def conversion_pair(kind: str, served: str, stored: str) -> tuple[Convert, Convert]:
    """(from the stored version, to the stored version). Versions of one group without a conversion of their own have
    the same fields."""
    pair = CONVERSIONS.get((served, kind))
    if pair is not None:
        return pair
    return lambda obj: {**obj, "apiVersion": served}, lambda obj: {**obj, "apiVersion": stored}


def convert(obj: Object, kind: str, start: str, end: str) -> Object | None:
    """An object of one version as another. None when there is no way between them."""
    for api_version, step in ((start, 1), (end, 0)):
        pair = CONVERSIONS.get((api_version, kind))
        if pair is not None:
            obj = pair[step](obj)
    found = obj.get("apiVersion")
    if found == end:
        return obj
    same_group = isinstance(found, str) and found.rpartition("/")[0] == end.rpartition("/")[0]
    return {**obj, "apiVersion": end} if same_group else None


CONVERSIONS: dict[tuple[str, str], tuple[Convert, Convert]] = {
    ("events.k8s.io/v1", "Event"): (event_to_v1, event_from_v1),
    ("autoscaling/v1", "HorizontalPodAutoscaler"): (autoscaler_to_v1, autoscaler_from_v1),
    ("resource.k8s.io/v1beta1", "ResourceClaim"): (claim_to_v1beta1, claim_from_v1beta1),
    ("resource.k8s.io/v1beta1", "ResourceClaimTemplate"): (claim_to_v1beta1, claim_from_v1beta1),
    ("resource.k8s.io/v1beta1", "ResourceSlice"): (slice_to_v1beta1, slice_from_v1beta1),
}
"""(served apiVersion, kind) -> (from stored, to stored)."""
