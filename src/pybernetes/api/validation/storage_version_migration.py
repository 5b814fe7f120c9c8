"""Migrations of stored objects (storagemigration.k8s.io StorageVersionMigration; KEP-4192)."""

import re

from .. import field
from .values import Errors, Object, each, qualified_name

_STATUSES = ("False", "True", "Unknown")
_REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?\Z")
_REASON_RULE = (
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric "
    "characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or "
    "'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is "
    "'[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')"
)
_MAX_REASON, _MAX_MESSAGE = 1024, 32 * 1024


def validate_create(migration: Object) -> Errors:
    return (
        []
        if _resource(migration).get("resource")
        else [field.required("spec.resource.resource", "resource is required")]
    )


def validate_update(new: Object, old: Object) -> Errors:
    errors = validate_create(new)
    after, before = _resource(new), _resource(old)
    for key in ("group", "resource"):
        if (after.get(key) or "") != (before.get(key) or ""):
            errors.append(field.invalid(key, after.get(key) or "", "field is immutable"))
    return errors


def validate_status_update(new: Object, old: Object) -> Errors:
    status, before = new.get("status") or {}, old.get("status") or {}
    conditions = status.get("conditions") or []
    errors = _version(status.get("resourceVersion") or "", before.get("resourceVersion") or "")
    errors += _conditions(conditions)
    now, then = _true(conditions), _true(before.get("conditions") or [])
    path = "status.conditions"
    if {"Succeeded", "Failed"} <= now:
        words = "Both success and failed conditions cannot be true at the same time"
        errors.append(field.invalid(path, conditions, words))
    for kind, name in (("Succeeded", "success"), ("Failed", "failed")):
        if {kind, "Running"} <= now:
            words = f"Running condition cannot be true when {name} condition is true"
            errors.append(field.invalid(path, conditions, words))
    for kind, name in (("Succeeded", "Success"), ("Failed", "Failed")):
        if kind in then - now:
            errors.append(field.invalid(path, conditions, f"{name} condition cannot be set to false once it is true"))
    return errors


def _resource(migration: Object) -> Object:
    return (migration.get("spec") or {}).get("resource") or {}


def _true(conditions: list[Object]) -> set[str]:
    return {one.get("type") or "" for one in conditions if one.get("status") == "True"}


def _version(version: str, before: str) -> Errors:
    path, errors = "status.resourceVersion", []
    if version and not re.fullmatch(r"[+-]?[0-9]{1,19}", version):
        why = f'failed to parse resource version "{version}": strconv.ParseInt: parsing "{version}": invalid syntax'
        errors.append(field.invalid(path, version, why))
    elif version.startswith("-"):
        errors.append(field.invalid(path, int(version), "must be greater than or equal to 0"))
    if before and before != version:
        errors.append(field.invalid(path, version, "cannot be updated"))
    return errors


def _conditions(conditions: list[Object]) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for at, one in enumerate(conditions):
        path, kind, reason = f"status.conditions[{at}]", one.get("type") or "", one.get("reason") or ""
        if kind in seen:
            errors.append(field.duplicate(f"{path}.type", kind))
        seen.add(kind)
        errors += each(f"{path}.type", kind, qualified_name(kind))
        if one.get("status") not in _STATUSES:
            errors.append(field.not_supported(f"{path}.status", one.get("status") or "", _STATUSES))
        if not one.get("lastTransitionTime"):
            errors.append(field.required(f"{path}.lastTransitionTime"))
        if not reason:
            errors.append(field.required(f"{path}.reason"))
        elif not _REASON.match(reason):
            errors.append(field.invalid(f"{path}.reason", reason, _REASON_RULE))
        if len(reason) > _MAX_REASON:
            errors.append(field.too_long(f"{path}.reason", _MAX_REASON))
        if len(one.get("message") or "") > _MAX_MESSAGE:
            errors.append(field.too_long(f"{path}.message", _MAX_MESSAGE))
    return errors
