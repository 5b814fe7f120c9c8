"""`x-kubernetes-list-type` set and map: members are unique (apiextensions `schema/listtype`)."""

import json
from typing import Any

from .. import field
from ..field import FieldError
from .schema import Object, Structural


def validate(obj: Object, schema: Structural) -> list[FieldError]:
    """One error for every member that was there before."""
    errors: list[FieldError] = []
    _walk(obj, schema, "", errors)
    return errors


def _walk(value: Any, schema: Structural, path: str, errors: list[FieldError]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            child = schema.properties.get(key)
            if child is not None:
                where = f"{path}.{key}" if path else key
            elif isinstance(schema.additional, Structural):
                child, where = schema.additional, f"{path}[{key}]"
            else:
                continue
            if isinstance(inner, dict | list):
                _walk(inner, child, where, errors)
    elif isinstance(value, list):
        if schema.list_type == "set":
            _unique(value, path, errors)
        elif schema.list_type == "map":
            _unique([_keys(member, schema) for member in value], path, errors)
        if schema.items is not None:
            for at, inner in enumerate(value):
                if isinstance(inner, dict | list):
                    _walk(inner, schema.items, f"{path}[{at}]", errors)


def _keys(member: Any, schema: Structural) -> Any:
    if not isinstance(member, dict):
        return None
    return {name: member[name] for name in schema.list_keys if name in member}


def _unique(members: list[Any], path: str, errors: list[FieldError]) -> None:
    seen: set[str] = set()
    told: set[str] = set()
    for at, member in enumerate(members):
        if member is None:
            continue
        text = json.dumps(member, sort_keys=True)
        if text in seen and text not in told:
            told.add(text)
            errors.append(field.duplicate(f"{path}[{at}]", member))
        seen.add(text)
