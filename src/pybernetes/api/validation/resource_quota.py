"""ResourceQuotas (core/v1): known resources, and scopes that fit them."""

from .. import field
from .resources import amounts, is_quota_name, quota_resource_name
from .values import IMMUTABLE, Errors, Object

SCOPES = (
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
)
_EXISTS_ONLY = frozenset(SCOPES[:4]) | {"CrossNamespacePodAffinity"}
_POD_RESOURCES = frozenset(
    {"pods", "cpu", "memory"}
    | {f"{part}.{name}" for part in ("requests", "limits") for name in ("cpu", "memory", "ephemeral-storage")}
    | {"ephemeral-storage"}
)
_CONFLICTS = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))


def validate_create(quota: Object) -> Errors:
    return _spec(quota.get("spec") or {}) + validate_status_update(quota, quota)


def _spec(spec: Object) -> Errors:
    errors = amounts(spec.get("hard"), "spec.hard", quota_resource_name)
    hard, scopes = sorted(spec.get("hard") or ()), spec.get("scopes") or []
    for scope in scopes:
        if scope not in SCOPES:
            errors.append(field.invalid("spec.scopes", scopes, "unsupported scope"))
        if any(is_quota_name(name) and not _fits(scope, name) for name in hard):
            errors.append(field.invalid("spec.scopes", scopes, "unsupported scope applied to resource"))
    errors += _conflicts(set(scopes), scopes, "spec.scopes")
    return errors + _selector(spec.get("scopeSelector"), hard, scopes)


def _fits(scope: str, name: str) -> bool:
    if scope == "BestEffort":
        return name == "pods"
    if scope == "VolumeAttributesClass":
        return name in ("persistentvolumeclaims", "requests.storage")
    return name in _POD_RESOURCES or name.startswith(("hugepages-", "requests.hugepages-"))


def _conflicts(chosen: set[str], shown: list[str], path: str) -> Errors:
    return [field.invalid(path, shown, "conflicting scopes") for pair in _CONFLICTS if chosen.issuperset(pair)]


def _selector(selector: Object | None, hard: list[str], scopes: list[str]) -> Errors:
    if selector is None:
        return []
    errors: Errors = []
    path = "spec.scopeSelector.matchExpressions"
    chosen: set[str] = set()
    for row in selector.get("matchExpressions") or ():
        scope, operator, values = row.get("scopeName") or "", row.get("operator") or "", row.get("values") or []
        chosen.add(scope)
        if scope not in SCOPES:
            errors.append(field.invalid(f"{path}.scopeName", scope, "unsupported scope"))
        if any(is_quota_name(name) and not _fits(scope, name) for name in hard):
            errors.append(field.invalid(path, selector, "unsupported scope applied to resource"))
        if scope in _EXISTS_ONLY and operator != "Exists":
            words = (
                "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
                "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
                "ResourceQuotaScopeCrossNamespacePodAffinity"
            )
            errors.append(field.invalid(f"{path}.operator", operator, words))
        if operator in ("In", "NotIn"):
            if not values:
                words = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                errors.append(field.required(f"{path}.values", words))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                words = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                errors.append(field.invalid(f"{path}.values", values, words))
        else:
            errors.append(field.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    return errors + _conflicts(chosen, scopes, path)


def validate_update(new: Object, old: Object) -> Errors:
    errors = _spec(new.get("spec") or {})
    scopes = (new.get("spec") or {}).get("scopes") or []
    if set(scopes) != set((old.get("spec") or {}).get("scopes") or ()):
        errors.append(field.invalid("spec.scopes", scopes, IMMUTABLE))
    return errors


def validate_status_update(new: Object, old: Object) -> Errors:
    status = new.get("status") or {}
    errors = amounts(status.get("hard"), "status.hard", quota_resource_name)
    return errors + amounts(status.get("used"), "status.used", quota_resource_name)
