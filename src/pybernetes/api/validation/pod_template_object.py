"""PodTemplates (core/v1): a template stored by itself."""

from .pod_template import pod_template
from .values import Errors, Object


def validate_create(obj: Object) -> Errors:
    return pod_template(obj.get("template") or {}, "template")


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)
