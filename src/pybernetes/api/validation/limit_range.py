"""LimitRanges (core/v1): minimum, default and maximum in order, for known resources."""

from .. import field
from .resources import container_resource_name, may_overcommit, quantity_of, resource_name
from .values import Errors, Object, each, qualified_name

_TYPES = ("Pod", "Container", "PersistentVolumeClaim")
_PARTS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
_ORDER = (
    ("min", "max", "min", "min value {0} is greater than max value {1}"),
    ("min", "defaultRequest", "defaultRequest", "min value {0} is greater than default request value {1}"),
    ("defaultRequest", "max", "defaultRequest", "default request value {0} is greater than max value {1}"),
    (
        "defaultRequest",
        "default",
        "defaultRequest",
        "default request value {0} is greater than default limit value {1}",
    ),
    ("min", "default", "default", "min value {0} is greater than default value {1}"),
    ("default", "max", "default", "default value {0} is greater than max value {1}"),
)
"""What may not be above what, the field blamed for it, and upstream's words."""


def validate_create(limit_range: Object) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, limit in enumerate((limit_range.get("spec") or {}).get("limits") or ()):
        path, kind = f"spec.limits[{index}]", limit.get("type") or ""
        errors += each(f"{path}.type", kind, qualified_name(kind))
        if kind and "/" not in kind and kind not in _TYPES:
            words = "must be a standard limit type or fully qualified"
            errors.append(field.invalid(f"{path}.type", kind, words))
        if kind in seen:
            errors.append(field.duplicate(f"{path}.type", kind))
        seen.add(kind)
        errors += _limit(limit, kind, path)
    return errors


def _limit(limit: Object, kind: str, path: str) -> Errors:
    check = container_resource_name if kind in ("Pod", "Container") else resource_name
    errors: Errors = []
    for part in _PARTS:
        amounts = limit.get(part) or {}
        if kind == "Pod" and part.startswith("default"):
            if amounts:
                words = "may not be specified when `type` is 'Pod'"
                errors.append(field.forbidden(f"{path}.{part}", words))
            continue
        for name in amounts:
            errors += check(name, f"{path}.{part}[{name}]")
    if kind == "PersistentVolumeClaim" and not any("storage" in (limit.get(part) or {}) for part in ("min", "max")):
        words = "either minimum or maximum storage value is required, but neither was provided"
        errors.append(field.required(f"{path}.limits", words))
    names = sorted({name for part in _PARTS for name in limit.get(part) or ()})
    for name in names:
        errors += _one_resource(limit, name, kind, path)
    return errors


def _one_resource(limit: Object, name: str, kind: str, path: str) -> Errors:
    given = {
        part: quantity_of(limit[part][name])
        for part in _PARTS
        if name in (limit.get(part) or {}) and not (kind == "Pod" and part.startswith("default"))
    }
    errors: Errors = []
    for low, high, blamed, words in _ORDER:
        if low in given and high in given and given[low] > given[high]:
            shown = given["min"] if (low, high) == ("min", "default") else given[blamed]
            shown = given["max"] if (low, high) == ("default", "max") else shown
            text = words.format(given[low], given[high])
            errors.append(field.invalid(f"{path}.{blamed}[{name}]", str(shown), text))
    ratio = given.get("maxLimitRequestRatio")
    where = f"{path}.maxLimitRequestRatio[{name}]"
    if ratio is not None and ratio < 1:
        errors.append(field.invalid(where, str(ratio), f"ratio {ratio} is less than 1"))
    if ratio is not None and "min" in given and "max" in given and given["min"].nanos:
        highest = given["max"].nanos / given["min"].nanos
        if float(ratio) > highest:
            errors.append(field.invalid(where, str(ratio), f"ratio {ratio} is greater than max/min = {highest:f}"))
    most, least = given.get("default"), given.get("defaultRequest")
    if not may_overcommit(name) and most is not None and least is not None and most != least:
        words = f"default value {most} must equal to defaultRequest value {least} in {name}"
        errors.append(field.invalid(f"{path}.defaultRequest[{name}]", str(least), words))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)
