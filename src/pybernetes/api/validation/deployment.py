"""Deployments (apps/v1)."""

from .. import field
from . import selectors
from .pod_template import selected_template
from .values import (
    Errors,
    Object,
    at_most_100_percent,
    immutable,
    nonnegative,
    number_or_percent,
    percent_of,
)

_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")


def validate_create(deployment: Object) -> Errors:
    spec = deployment.get("spec") or {}
    errors = nonnegative(spec.get("replicas"), "spec.replicas")
    errors += required_selector(spec.get("selector"), "empty selector is invalid for deployment")
    errors += selected_template(spec.get("template") or {}, spec.get("selector"), "spec.template", "ReplicaSet")
    errors += _strategy(spec.get("strategy") or {}, "spec.strategy")
    ready = spec.get("minReadySeconds") or 0
    errors += nonnegative(ready, "spec.minReadySeconds")
    errors += nonnegative(spec.get("revisionHistoryLimit"), "spec.revisionHistoryLimit")
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None:
        errors += nonnegative(deadline, "spec.progressDeadlineSeconds")
        if deadline <= ready:
            words = "must be greater than minReadySeconds"
            errors.append(field.invalid("spec.progressDeadlineSeconds", deadline, words))
    return errors


def required_selector(selector: Object | None, when_empty: str) -> Errors:
    """A workload's selector: there, well-formed and not empty."""
    if selector is None:
        return [field.required("spec.selector")]
    errors = selectors.label_selector(selector, "spec.selector")
    if selectors.is_empty(selector):
        errors.append(field.invalid("spec.selector", selector, when_empty))
    return errors


def _strategy(strategy: Object, path: str) -> Errors:
    kind, rolling = strategy.get("type") or "", strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is None:
            return []
        words = "may not be specified when strategy `type` is 'Recreate'"
        return [field.forbidden(f"{path}.rollingUpdate", words)]
    if kind != "RollingUpdate":
        return [field.not_supported(path, strategy, ("Recreate", "RollingUpdate"))]
    if rolling is None:
        return [field.required(f"{path}.rollingUpdate", "this should be defaulted and never be nil")]
    return _rolling_update(rolling, f"{path}.rollingUpdate")


def _rolling_update(rolling: Object, path: str) -> Errors:
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    errors = number_or_percent(unavailable, f"{path}.maxUnavailable")
    errors += number_or_percent(surge, f"{path}.maxSurge")
    if is_zero(unavailable) and is_zero(surge):
        words = "may not be 0 when `maxSurge` is 0"
        errors.append(field.invalid(f"{path}.maxUnavailable", unavailable, words))
    return errors + at_most_100_percent(unavailable, f"{path}.maxUnavailable")


def is_zero(value: int | str) -> bool:
    percent = percent_of(value)
    return value == 0 if percent is None else percent == 0


def validate_update(new: Object, old: Object) -> Errors:
    selector, before = (new.get("spec") or {}).get("selector"), (old.get("spec") or {}).get("selector")
    return validate_create(new) + immutable(selector, before, "spec.selector")


def validate_status_update(new: Object, old: Object) -> Errors:
    """Counts fit together, and collisions are never forgotten."""
    status, before = new.get("status") or {}, old.get("status") or {}
    errors: Errors = []
    for key in ("observedGeneration", *_COUNTS, "terminatingReplicas", "collisionCount"):
        errors += nonnegative(status.get(key), f"status.{key}")
    errors += not_above(status, "replicas", ("updatedReplicas", "readyReplicas", "availableReplicas"))
    errors += not_above(status, "readyReplicas", ("availableReplicas",), shown="readyReplicas")
    return errors + not_decremented(status, before, "collisionCount")


def not_above(status: Object, limit: str, keys: tuple[str, ...], *, shown: str = "") -> Errors:
    """None of the counts is above another one."""
    top = status.get(limit) or 0
    words = f"cannot be greater than {shown or 'status.' + limit}"
    return [field.invalid(f"status.{key}", status.get(key) or 0, words) for key in keys if (status.get(key) or 0) > top]


def not_decremented(status: Object, before: Object, key: str) -> Errors:
    value = status.get(key)
    if before.get(key) is not None and (value is None or value < before[key]):
        return [field.invalid(f"status.{key}", value or 0, "cannot be decremented")]
    return []
