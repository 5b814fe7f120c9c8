"""ReplicationControllers (core/v1): the selector is a plain map of labels."""

from .. import field
from . import replica_set
from .pod_template import selected_template
from .values import Errors, Object, nonnegative


def validate_create(controller: Object) -> Errors:
    spec = controller.get("spec") or {}
    errors = nonnegative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    selector = spec.get("selector")
    if not selector:
        errors.append(field.required("spec.selector"))
    if spec.get("replicas") is None:
        errors.append(field.required("spec.replicas"))
    errors += nonnegative(spec.get("replicas"), "spec.replicas")
    template = spec.get("template")
    if template is None:
        return [*errors, field.required("spec.template")]
    selects = {"matchLabels": selector} if selector else None
    return errors + selected_template(template, selects, "spec.template", "ReplicationController")


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)


validate_status_update = replica_set.validate_status_update
