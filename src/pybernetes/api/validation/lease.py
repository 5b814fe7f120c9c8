"""Leases (coordination.k8s.io/v1)."""

from .. import field
from .values import Errors, Object, each, qualified_name

_STRATEGIES = ("OldestEmulationVersion",)


def validate_create(lease: Object) -> Errors:
    spec = lease.get("spec") or {}
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    errors: Errors = []
    if seconds is not None and seconds <= 0:
        errors.append(field.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        words = "must be greater than or equal to 0"
        errors.append(field.invalid("spec.leaseTransitions", transitions, words))
    strategy = spec.get("strategy")
    if strategy is not None:
        where = "spec.strategy.strategy"
        if "/" in strategy:
            errors += each(where, strategy, qualified_name(strategy))
        elif strategy not in _STRATEGIES:
            errors.append(field.not_supported(where, strategy, _STRATEGIES))
    if spec.get("preferredHolder") and not strategy:
        words = "may only be specified if `strategy` is defined"
        errors.append(field.forbidden("spec.preferredHolder", words))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)
