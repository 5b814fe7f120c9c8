"""Events: the old form is taken as it comes, the new one (with `eventTime`) names who did what.

Events are stored as core/v1; who speaks events.k8s.io/v1 is held to more: `validate_new` and `validate_new_update`.
"""

from .. import field
from .values import Errors, Object, each, immutable, qualified_name

_LIMITS = {"reportingInstance": 128, "action": 128, "reason": 128}
_MESSAGE_LIMIT = 1024
_OF_THE_OLD_FORM = ("firstTimestamp", "lastTimestamp", "count", "source")
_IMMUTABLE = (
    "involvedObject",
    "reason",
    "message",
    "source",
    "firstTimestamp",
    "lastTimestamp",
    "count",
    "type",
    "eventTime",
    "action",
    "related",
    "reportingComponent",
    "reportingInstance",
)


def validate_create(event: Object) -> Errors:
    return _event(event, "reportingComponent")


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)


def validate_new(event: Object) -> Errors:
    """A new event that came by events.k8s.io/v1."""
    errors = _event(event, "reportingController") + _series(event)
    if not event.get("eventTime"):
        errors.append(field.required("eventTime"))
    kind = event.get("type") or ""
    if kind not in ("Normal", "Warning"):
        errors.append(field.invalid("type", "", f"has invalid value: {kind}"))
    return errors + [field.invalid(key, "", "needs to be unset") for key in _OF_THE_OLD_FORM if event.get(key)]


def validate_new_update(new: Object, old: Object) -> Errors:
    """A change that came by events.k8s.io/v1: nothing but the series moves on."""
    errors = _event(new, "reportingController")
    if new.get("series") != old.get("series"):
        errors += _series(new)
    for key in _IMMUTABLE:
        path = "reportingController" if key == "reportingComponent" else key
        errors += immutable(new.get(key) or None, old.get(key) or None, path)
    return errors


def _series(event: Object) -> Errors:
    series = event.get("series")
    errors: Errors = []
    if series is not None:
        if (series.get("count") or 0) < 2:
            errors.append(field.invalid("series.count", "", "should be at least 2"))
        if not series.get("lastObservedTime"):
            errors.append(field.required("series.lastObservedTime"))
    return errors


def _event(event: Object, controller_path: str) -> Errors:
    """What holds in both groups, which call the controller that reports by different names."""
    namespace = event["metadata"].get("namespace") or ""
    other = (event.get("involvedObject") or {}).get("namespace") or ""
    mismatch = field.invalid("involvedObject.namespace", other, "does not match event.namespace")
    if not event.get("eventTime"):
        if other != namespace and not (not other and namespace in ("", "default")):
            return [mismatch]
        return []
    errors: Errors = []
    if not other and namespace not in ("default", "kube-system"):
        errors.append(mismatch)
    controller = event.get("reportingComponent") or ""
    if not controller:
        errors.append(field.required(controller_path))
    errors += each(controller_path, controller, qualified_name(controller))
    for key, limit in _LIMITS.items():
        value = event.get(key) or ""
        if not value:
            errors.append(field.required(key))
        if len(value) > limit:
            errors.append(field.invalid(key, "", f"can have at most {limit} characters"))
    if len(event.get("message") or "") > _MESSAGE_LIMIT:
        errors.append(field.invalid("message", "", f"can have at most {_MESSAGE_LIMIT} characters"))
    return errors
