"""Kinds without rules of their own: what the type table says of each field.

Required fields must be there, members of closed sets must be known, limits and formats of the declarative tags must
hold, and fields tagged immutable stay. One check is compiled per type and kept.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from .. import field
from ..schema.table import element, is_struct, resolved, table
from .values import Errors, Object, each, immutable, label, qualified_name, subdomain

Check = Callable[[Any, str], Errors]

_LATER = ("metadata", "status")
_TAG = re.compile(r"(?:(?:alpha|beta)?[0-9.]*:)?([A-Za-z]+)(?:=(.*))?").fullmatch
_FORMATS: dict[str, Callable[[str], list[str]]] = {
    "k8s-short-name": label,
    "k8s-long-name": subdomain,
    "k8s-long-name-caseless": lambda value: subdomain(value.lower()),
    "k8s-label-key": qualified_name,
    "k8s-resource-pool-name": lambda value: [message for part in value.split("/") for message in subdomain(part)],
}


class SchemaRules:
    """The rules of one kind by its type (`storage/v1.CSIDriver`); none for types that the table does not know."""

    def __init__(self, type_name: str) -> None:
        self._type = type_name if type_name and is_struct(type_name) else ""

    def validate_create(self, obj: Object) -> Errors:
        if not self._type:
            return []
        return _struct(self._type)({key: obj[key] for key in obj if key not in _LATER}, "")

    def validate_update(self, new: Object, old: Object) -> Errors:
        if not self._type:
            return []
        return self.validate_create(new) + _unchanged(self._type, new, old, "")


def _tags(row: Object) -> dict[str, str]:
    """The declarative tags of a field by name, whatever their stage."""
    found: dict[str, str] = {}
    for text in row.get("dv") or ():
        tag = _TAG(text)
        if tag is not None:
            found.setdefault(tag[1], tag[2] or "")
    return found


@cache
def _struct(type_name: str) -> Check:
    """The check of a struct type; fields that nothing is known of cost nothing."""
    checks: list[tuple[str, Check]] = []
    needed: list[str] = []
    inlined: list[Check] = []
    for row in table()[type_name]["f"]:
        if row.get("inl"):
            inlined.append(_later(row["t"]))
            continue
        name = row["n"]
        if name in _LATER or name in ("kind", "apiVersion"):
            continue
        if row.get("req") and _can_be_missing(row):
            needed.append(name)
        check = _value(row)
        if check is not None:
            checks.append((name, check))

    def run(value: Object, path: str) -> Errors:
        errors: Errors = []
        for name in needed:
            if value.get(name) in (None, "", [], {}):
                errors.append(field.required(f"{path}.{name}" if path else name))
        for name, check in checks:
            inner = value.get(name)
            if inner is not None and inner != "":
                errors += check(inner, f"{path}.{name}" if path else name)
        for check in inlined:
            errors += check(value, path)
        return errors

    return run


def _can_be_missing(row: Object) -> bool:
    """Numbers and booleans are zero when absent, and structs are empty: only these can be told to be missing."""
    kind = resolved(row["t"])
    return bool(row.get("ptr")) or kind in ("string", "bytes") or kind.startswith("[]")


def _later(type_name: str) -> Check:
    """A struct's check, found when it is needed, since types may hold themselves."""

    def run(value: Any, path: str) -> Errors:
        return _struct(type_name)(value, path) if isinstance(value, dict) else []

    return run


def _value(row: Object) -> Check | None:
    kind = resolved(row["t"])
    inner = element(kind)
    parts: list[Check] = []
    if row.get("enum"):
        parts.append(_members(tuple(sorted(row["enum"]))))
    parts += _limits(_tags(row))
    if is_struct(inner) and not inner.startswith("meta/v1."):
        parts.append(_each_of(_later(inner), kind))
    if not parts:
        return None

    def run(value: Any, path: str) -> Errors:
        errors: Errors = []
        for part in parts:
            errors += part(value, path)
        return errors

    return run


def _members(values: tuple[str, ...]) -> Check:
    def run(value: Any, path: str) -> Errors:
        if isinstance(value, list):
            pairs = enumerate(value)
            return [field.not_supported(f"{path}[{at}]", one, values) for at, one in pairs if one not in values]
        return [] if value in values else [field.not_supported(path, value, values)]

    return run


def _limits(tags: dict[str, str]) -> list[Check]:
    found: list[Check] = []
    if tags.get("maxItems", "").isdigit():
        most = int(tags["maxItems"])
        found.append(lambda value, path: [field.too_many(path, len(value), most)] if len(value) > most else [])
    if tags.get("maxLength", "").isdigit():
        longest = int(tags["maxLength"])
        found.append(lambda value, path: [field.too_long(path, longest)] if len(value) > longest else [])
    if tags.get("minimum", "").isdigit():
        least = int(tags["minimum"])
        words = f"must be greater than or equal to {least}"
        found.append(lambda value, path: [field.invalid(path, value, words)] if value < least else [])
    if tags.get("maximum", "").isdigit():
        greatest = int(tags["maximum"])
        too_much = f"must be less than or equal to {greatest}"
        found.append(lambda value, path: [field.invalid(path, value, too_much)] if value > greatest else [])
    rule = _FORMATS.get(tags.get("format", ""))
    if rule is not None:
        checked = rule
        found.append(lambda value, path: each(path, value, checked(value)) if isinstance(value, str) else [])
    return found


def _each_of(check: Check, kind: str) -> Check:
    if kind.startswith("[]"):

        def of_list(value: Any, path: str) -> Errors:
            errors: Errors = []
            for at, one in enumerate(value):
                errors += check(one, f"{path}[{at}]")
            return errors

        return of_list
    if kind != element(kind):

        def of_map(value: Any, path: str) -> Errors:
            errors: Errors = []
            for key, one in value.items():
                errors += check(one, f"{path}[{key}]")
            return errors

        return of_map
    return check


def _unchanged(type_name: str, new: Object, old: Object, path: str) -> Errors:
    """Fields tagged immutable, at any depth that is reached by structs alone."""
    errors: Errors = []
    for row in table()[type_name]["f"]:
        name = row.get("n", "")
        if row.get("inl") or name in _LATER:
            continue
        where = f"{path}.{name}" if path else name
        if row.get("imm") or "immutable" in _tags(row):
            errors += immutable(new.get(name), old.get(name), where)
        elif is_struct(row["t"]) and isinstance(new.get(name), dict) and isinstance(old.get(name), dict):
            errors += _unchanged(row["t"], new[name], old[name], where)
    return errors
