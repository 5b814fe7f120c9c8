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
        errors += strategy_name(strategy, "spec.strategy.strategy")
    if spec.get("preferredHolder") and not strategy:
        words = "may only be specified if `strategy` is defined"
        errors.append(field.forbidden("spec.preferredHolder", words))
    return errors


def strategy_name(strategy: str, path: str) -> Errors:
    """Who is to be the leader among candidates: one that Kubernetes knows, or a qualified name of somebody else's."""
    if "/" in strategy:
        return each(path, strategy, qualified_name(strategy))
    return [] if strategy in _STRATEGIES else [field.not_supported(path, strategy, _STRATEGIES)]


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)
