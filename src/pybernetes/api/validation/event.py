"""Events: the old form is taken as it comes, the new one (with `eventTime`) names who did what."""

from .. import field
from .values import Errors, Object, each, qualified_name

_LIMITS = {"reportingInstance": 128, "action": 128, "reason": 128}
_MESSAGE_LIMIT = 1024


def validate_create(event: Object) -> Errors:
    about = event.get("involvedObject") or event.get("regarding") or {}
    namespace, other = event["metadata"].get("namespace") or "", about.get("namespace") or ""
    where = "involvedObject.namespace"
    mismatch = field.invalid(where, other, "does not match event.namespace")
    if not event.get("eventTime"):
        if other != namespace and not (not other and namespace in ("", "default")):
            return [mismatch]
        return []
    errors: Errors = []
    if not other and namespace not in ("default", "kube-system"):
        errors.append(mismatch)
    controller = event.get("reportingComponent") or event.get("reportingController") or ""
    if not controller:
        errors.append(field.required("reportingController"))
    errors += each("reportingController", controller, qualified_name(controller))
    for key, limit in _LIMITS.items():
        value = event.get(key) or ""
        if not value:
            errors.append(field.required(key))
        if len(value) > limit:
            errors.append(field.invalid(key, "", f"can have at most {limit} characters"))
    if len(event.get("message") or event.get("note") or "") > _MESSAGE_LIMIT:
        errors.append(field.invalid("message", "", f"can have at most {_MESSAGE_LIMIT} characters"))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)
