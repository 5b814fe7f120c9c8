"""DaemonSets (apps/v1)."""

from .. import field
from . import selectors
from .deployment import is_zero, not_decremented
from .internal import DAEMON_SET_STRATEGY, as_internal
from .pod_template import pod_template, unselected
from .values import Errors, Object, at_most_100_percent, immutable, nonnegative, number_or_percent

_COUNTS = (
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "collisionCount",
)


def validate_create(daemon_set: Object) -> Errors:
    spec = daemon_set.get("spec") or {}
    selector, template = spec.get("selector"), spec.get("template") or {}
    errors = selectors.label_selector(selector, "spec.selector")
    if selector is None:
        errors.append(field.required("spec.selector"))
    if not errors:
        errors += unselected(template, selector, "spec.template")
    if selector is not None and selectors.is_empty(selector):
        errors.append(field.invalid("spec.selector", selector, "empty selector is invalid for daemonset"))
    errors += pod_template(template, "spec.template")
    pod = template.get("spec") or {}
    if pod.get("restartPolicy") != "Always":
        where = "spec.template.spec.restartPolicy"
        errors.append(field.not_supported(where, pod.get("restartPolicy") or "", ("Always",)))
    if pod.get("activeDeadlineSeconds") is not None:
        where = "spec.template.spec.activeDeadlineSeconds"
        errors.append(field.invalid(where, pod["activeDeadlineSeconds"], "must not be specified"))
    errors += nonnegative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    errors += _update_strategy(spec.get("updateStrategy") or {}, "spec.updateStrategy")
    return errors + nonnegative(spec.get("revisionHistoryLimit"), "spec.revisionHistoryLimit")


def _update_strategy(strategy: Object, path: str) -> Errors:
    kind, rolling = strategy.get("type") or "", strategy.get("rollingUpdate")
    if kind == "OnDelete":
        return []
    if kind != "RollingUpdate":
        return [field.not_supported(path, as_internal(strategy, DAEMON_SET_STRATEGY), ("RollingUpdate", "OnDelete"))]
    if rolling is None:
        return [field.required(f"{path}.rollingUpdate")]
    path = f"{path}.rollingUpdate"
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    errors = number_or_percent(unavailable, f"{path}.maxUnavailable")
    errors += number_or_percent(surge, f"{path}.maxSurge")
    errors += at_most_100_percent(unavailable, f"{path}.maxUnavailable")
    errors += at_most_100_percent(surge, f"{path}.maxSurge")
    if not is_zero(unavailable) and not is_zero(surge):
        words = "may not be set when maxUnavailable is non-zero"
        errors.append(field.invalid(f"{path}.maxSurge", surge, words))
    elif is_zero(unavailable) and is_zero(surge):
        errors.append(field.required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    selector, before = (new.get("spec") or {}).get("selector"), (old.get("spec") or {}).get("selector")
    return validate_create(new) + immutable(selector, before, "spec.selector")


def validate_status_update(new: Object, old: Object) -> Errors:
    status = new.get("status") or {}
    errors: Errors = []
    for key in _COUNTS:
        errors += nonnegative(status.get(key), f"status.{key}")
    return errors + not_decremented(status, old.get("status") or {}, "collisionCount")
