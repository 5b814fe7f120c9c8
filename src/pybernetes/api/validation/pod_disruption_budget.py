"""PodDisruptionBudgets (policy/v1): either bound, not both."""

from .. import field
from .internal import DISRUPTION_BUDGET_SPEC, as_internal
from .selectors import label_selector
from .values import Errors, Object, at_most_100_percent, nonnegative, number_or_percent, one_of_if_set

_COUNTS = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")


def validate_create(budget: Object) -> Errors:
    spec = budget.get("spec") or {}
    errors: Errors = []
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        words = "minAvailable and maxUnavailable cannot be both set"
        errors.append(field.invalid("spec", as_internal(spec, DISRUPTION_BUDGET_SPEC), words))
    for key in ("minAvailable", "maxUnavailable"):
        if (value := spec.get(key)) is not None:
            errors += number_or_percent(value, f"spec.{key}")
            errors += at_most_100_percent(value, f"spec.{key}")
    errors += label_selector(spec.get("selector"), "spec.selector")
    policies = ("AlwaysAllow", "IfHealthyBudget")
    return errors + one_of_if_set(spec.get("unhealthyPodEvictionPolicy"), policies, "spec.unhealthyPodEvictionPolicy")


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)


def validate_status_update(new: Object, old: Object) -> Errors:
    errors: Errors = []
    for key in _COUNTS:
        errors += nonnegative((new.get("status") or {}).get(key), f"status.{key}")
    return errors
