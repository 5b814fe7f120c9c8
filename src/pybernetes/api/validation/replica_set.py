"""ReplicaSets (apps/v1). The texts say deployment where upstream's do."""

from .deployment import not_above, required_selector
from .pod_template import selected_template
from .values import Errors, Object, immutable, nonnegative

_COUNTS = ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")


def validate_create(replica_set: Object) -> Errors:
    spec = replica_set.get("spec") or {}
    errors = nonnegative(spec.get("replicas"), "spec.replicas")
    errors += nonnegative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    errors += required_selector(spec.get("selector"), "empty selector is invalid for deployment")
    return errors + selected_template(spec.get("template") or {}, spec.get("selector"), "spec.template", "ReplicaSet")


def validate_update(new: Object, old: Object) -> Errors:
    selector, before = (new.get("spec") or {}).get("selector"), (old.get("spec") or {}).get("selector")
    return validate_create(new) + immutable(selector, before, "spec.selector")


def validate_status_update(new: Object, old: Object) -> Errors:
    status = new.get("status") or {}
    errors: Errors = []
    for key in ("replicas", *_COUNTS, "observedGeneration", "terminatingReplicas"):
        errors += nonnegative(status.get(key), f"status.{key}")
    errors += not_above(status, "replicas", _COUNTS)
    return errors + not_above(status, "readyReplicas", ("availableReplicas",), shown="readyReplicas")
