"""RuntimeClasses (node.k8s.io/v1)."""

from . import scheduling
from .object_meta import validate_labels
from .resources import requirements
from .values import Errors, Object, each, immutable, label


def validate_create(runtime_class: Object) -> Errors:
    handler = runtime_class.get("handler") or ""
    errors = each("handler", handler, label(handler))
    overhead = runtime_class.get("overhead")
    if overhead is not None:
        errors += requirements({"limits": overhead.get("podFixed") or {}}, "overhead")
    rules = runtime_class.get("scheduling") or {}
    errors += validate_labels(rules.get("nodeSelector"), "scheduling.nodeSelector")
    return errors + scheduling.tolerations(rules.get("tolerations") or [], "scheduling.tolerations")


def validate_update(new: Object, old: Object) -> Errors:
    return immutable(new.get("handler"), old.get("handler"), "handler")
