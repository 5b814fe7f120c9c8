"""HorizontalPodAutoscalers (autoscaling/v2): bounds, target, metrics, behaviour."""

from .. import field, names
from .features import enabled
from .resources import quantity_of
from .selectors import label_selector
from .values import Errors, Object, each, named, nonnegative

_SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_TARGETS = ("Utilization", "Value", "AverageValue")
_SELECTIONS = ("Max", "Min", "Disabled")
_WINDOW_LIMIT_SECONDS, _PERIOD_LIMIT_SECONDS = 3600, 1800


def validate_create(autoscaler: Object) -> Errors:
    spec = autoscaler.get("spec") or {}
    low, high = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    errors: Errors = []
    least = 0 if enabled("HPAScaleToZero") else 1
    if low is not None and low < least:
        errors.append(field.invalid("spec.minReplicas", low, f"must be greater than or equal to {least}"))
    if high < 1:
        errors.append(field.invalid("spec.maxReplicas", high, "must be greater than 0"))
    if low is not None and high < low:
        words = "must be greater than or equal to `minReplicas`"
        errors.append(field.invalid("spec.maxReplicas", high, words))
    errors += _reference(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef")
    for index, metric in enumerate(spec.get("metrics") or ()):
        errors += _metric(metric, f"spec.metrics[{index}]")
    kinds = {metric.get("type") for metric in spec.get("metrics") or ()}
    if low == 0 and least == 0 and not kinds & {"Object", "External"}:
        words = "must specify at least one Object or External metric to support scaling to zero replicas"
        errors.append(field.forbidden("spec.metrics", words))
    for key in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(key)
        if rules is not None:
            errors += _rules(rules, f"spec.behavior.{key}")
    return errors


def _reference(reference: Object, path: str) -> Errors:
    errors = named(f"{path}.kind", reference.get("kind") or "", names.path_segment)
    return errors + named(f"{path}.name", reference.get("name") or "", names.path_segment)


def _metric(metric: Object, path: str) -> Errors:
    kind = metric.get("type") or ""
    errors: Errors = []
    if not kind:
        errors.append(field.required(f"{path}.type", "must specify a metric source type"))
    if kind not in _SOURCES:
        errors.append(field.not_supported(f"{path}.type", kind, tuple(_SOURCES)))
    present = [key for key in ("object", "external", "pods", "resource", "containerResource") if metric.get(key)]
    if present:
        errors += _source(metric[present[0]], present[0], f"{path}.{present[0]}")
    expected = _SOURCES.get(kind, kind.lower())
    if expected not in present:
        words = "must populate information for the given metric source"
        errors.append(field.required(f"{path}.{expected}", words))
    if len(present) != 1:
        for key in present:
            if key != expected:
                errors.append(field.forbidden(f"{path}.{key}", "must populate the given metric source only"))
    return errors


def _source(source: Object, key: str, path: str) -> Errors:
    target = source.get("target") or {}
    errors: Errors = []
    if key == "object":
        errors += _reference(source.get("describedObject") or {}, f"{path}.describedObject")
    if key in ("object", "external", "pods"):
        metric = source.get("metric") or {}
        if not metric.get("name"):
            errors.append(field.required(f"{path}.metric.name", "must specify a metric name"))
        else:
            errors += each(f"{path}.metric.name", metric["name"], names.path_segment(metric["name"]))
        errors += label_selector(metric.get("selector"), f"{path}.metric.selector")
    else:
        if not source.get("name"):
            errors.append(field.required(f"{path}.name", "must specify a resource name"))
        if key == "containerResource" and not source.get("container"):
            errors.append(field.required(f"{path}.container", "must specify a container"))
    errors += _target(target, f"{path}.target")
    has = {name for name in ("value", "averageValue", "averageUtilization") if target.get(name) is not None}
    if key in ("object", "external") and not has & {"value", "averageValue"}:
        words = "must set either a target value for metric or a per-pod target"
        errors.append(field.required(f"{path}.target.averageValue", words))
    if key == "external" and {"value", "averageValue"} <= has:
        words = "may not set both a target value for metric and a per-pod target"
        errors.append(field.forbidden(f"{path}.target.value", words))
    if key == "pods" and "averageValue" not in has:
        words = "must specify a positive target averageValue"
        errors.append(field.required(f"{path}.target.averageValue", words))
    if key in ("resource", "containerResource"):
        if not has & {"averageUtilization", "averageValue"}:
            words = "must set either a target raw value or a target utilization"
            errors.append(field.required(f"{path}.target.averageUtilization", words))
        if {"averageUtilization", "averageValue"} <= has:
            words = "may not set both a target raw value and a target utilization"
            errors.append(field.forbidden(f"{path}.target.averageValue", words))
    return errors


def _target(target: Object, path: str) -> Errors:
    kind = target.get("type") or ""
    errors: Errors = []
    if not kind:
        errors.append(field.required(f"{path}.type", "must specify a metric target type"))
    if kind not in _TARGETS:
        words = "must be either Utilization, Value, or AverageValue"
        errors.append(field.invalid(f"{path}.type", kind, words))
    for key in ("value", "averageValue"):
        text = target.get(key)
        if text is not None and quantity_of(text).nanos <= 0:
            errors.append(field.invalid(f"{path}.{key}", text, "must be positive"))
    share = target.get("averageUtilization")
    if share is not None and share < 1:
        errors.append(field.invalid(f"{path}.averageUtilization", share, "must be greater than 0"))
    return errors


def _rules(rules: Object, path: str) -> Errors:
    errors: Errors = []
    window = rules.get("stabilizationWindowSeconds")
    if window is not None:
        errors += nonnegative(window, f"{path}.stabilizationWindowSeconds")
        if window > _WINDOW_LIMIT_SECONDS:
            words = f"must be less than or equal to {_WINDOW_LIMIT_SECONDS}"
            errors.append(field.invalid(f"{path}.stabilizationWindowSeconds", window, words))
    selection = rules.get("selectPolicy")
    if selection is not None and selection not in _SELECTIONS:
        errors.append(field.not_supported(f"{path}.selectPolicy", selection, _SELECTIONS))
    policies = rules.get("policies") or []
    if not policies and rules.get("tolerance") is None:
        errors.append(field.required(f"{path}.policies", "must specify at least one Policy"))
    for index, policy in enumerate(policies):
        where = f"{path}.policies[{index}]"
        if policy.get("type") not in ("Pods", "Percent"):
            errors.append(field.not_supported(f"{where}.type", policy.get("type") or "", ("Pods", "Percent")))
        for key in ("value", "periodSeconds"):
            if (policy.get(key) or 0) <= 0:
                errors.append(field.invalid(f"{where}.{key}", policy.get(key) or 0, "must be greater than zero"))
        if (policy.get("periodSeconds") or 0) > _PERIOD_LIMIT_SECONDS:
            words = f"must be less than or equal to {_PERIOD_LIMIT_SECONDS}"
            errors.append(field.invalid(f"{where}.periodSeconds", policy["periodSeconds"], words))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)


def validate_status_update(new: Object, old: Object) -> Errors:
    status = new.get("status") or {}
    errors = nonnegative(status.get("currentReplicas"), "status.currentReplicas")
    return errors + nonnegative(status.get("desiredReplicas"), "status.desiredReplicas")
