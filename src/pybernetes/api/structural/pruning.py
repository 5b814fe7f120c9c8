"""Pruning: fields that the schema does not know are removed (apiextensions `schema/pruning`), and nulls of fields that
are not nullable with them.
"""

from collections.abc import Callable
from typing import Any

from .schema import META_FIELDS, Object, Structural

Paths = list[str]
Metadata = Callable[[Object], list[str]]


class _Unknown(Paths):
    """The paths found so far, and what is done with the metadata of whole objects."""

    def __init__(self, metadata: Metadata | None) -> None:
        super().__init__()
        self.metadata = metadata


def prune(obj: Object, schema: Structural, metadata: Metadata | None = None) -> Paths:
    """Remove unknown fields in place; their paths (`spec.list[0].foo`) in the order met.

    `metadata` is called with the metadata of the object and of those embedded in it, and names what it removed."""
    unknown = _Unknown(metadata)
    _prune(obj, schema, "", unknown)
    return list(unknown)


def _prune(value: Any, schema: Structural | None, path: str, unknown: _Unknown) -> None:
    if isinstance(value, dict):
        if schema is None:
            unknown.extend(_join(path, key) for key in value)
            value.clear()
            return
        gone = [key for key, inner in value.items() if not _field(key, inner, schema, path, unknown)]
        for key in gone:
            del value[key]
    elif isinstance(value, list):
        items = schema.items if schema is not None else None
        if schema is not None and schema.preserve and items is None:
            return
        for at, inner in enumerate(value):
            if isinstance(inner, dict | list):
                _prune(inner, items, f"{path}[{at}]", unknown)


def _field(key: str, value: Any, schema: Structural, path: str, unknown: _Unknown) -> bool:
    """Whether one field stays."""
    if schema.embedded and key in META_FIELDS:
        if key == "metadata" and unknown.metadata is not None and isinstance(value, dict):
            where = _join(path, key)
            unknown.extend(f"{where}.{name}" for name in unknown.metadata(value))
        return True
    found = schema.properties.get(key)
    if found is None:
        if schema.additional is None:
            if schema.preserve:
                return True
            unknown.append(_join(path, key))
            return False
        found = schema.additional if isinstance(schema.additional, Structural) else None
    if isinstance(value, dict | list):
        _prune(value, found, _join(path, key), unknown)
    return True


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def prune_nulls(value: Any, schema: Structural | None) -> None:
    """Remove nulls, in place, where the schema neither allows them nor has a default to put there."""
    if schema is None:
        return
    if isinstance(value, dict):
        for key in list(value):
            child = schema.child(key)
            if child is None:
                continue
            inner = value[key]
            if inner is None:
                if not child.nullable and not child.has_default:
                    del value[key]
            elif isinstance(inner, dict | list):
                prune_nulls(inner, child)
    elif isinstance(value, list) and schema.items is not None:
        for inner in value:
            if isinstance(inner, dict | list):
                prune_nulls(inner, schema.items)
