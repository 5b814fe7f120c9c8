"""Table columns of custom resources: `additionalPrinterColumns`, by JSONPath (KEP "additional printer columns")."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson

from ...api.age import human
from ...api.instants import parse_time
from ...api.json_path import JsonPathError, compile_path
from ..table import Column, Included, columns

Object = dict[str, Any]
Find = Callable[[Any], list[Any]]

_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


class CustomRows:
    """The Name column and those of the definition, Age when it names none (`Rows` of table.py)."""

    def __init__(self, declared: list[Object], included: Included) -> None:
        self._included = included
        self._shown = [_Column(raw) for raw in declared or [{**_AGE, "description": _AGE_TEXT}]]
        self.definitions: list[Object] = [_name_definition(), *(column.definition for column in self._shown)]

    def of(self, objects: Sequence[Object], now: datetime) -> list[Object]:
        """See Rows."""
        return [{"cells": self._cells(obj, now), "object": self._included.of(obj)} for obj in objects]

    def _cells(self, obj: Object, now: datetime) -> list[Any]:
        return [obj["metadata"].get("name") or "", *(column.cell(obj, now) for column in self._shown)]


_AGE_TEXT = (
    "CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed "
    "to be set in happens-before order across separate operations. Clients may not set this value. It is represented "
    "in RFC3339 form and is in UTC."
)


def _name_definition() -> Object:
    name: Column = columns("configmaps")[0]
    return {
        "name": "Name",
        "type": name.type,
        "format": "name",
        "description": (
            "Name must be unique within a namespace. Is required when creating resources, although some resources may "
            "allow a client to request the generation of an appropriate name automatically."
        ),
        "priority": 0,
    }


class _Column:
    def __init__(self, raw: Object) -> None:
        self.type = raw.get("type") or "string"
        path = raw.get("jsonPath") or ""
        self.definition: Object = {
            "name": raw.get("name") or "",
            "type": self.type,
            "format": raw.get("format") or "",
            "description": raw.get("description") or f"Custom resource definition column (in JSONPath format): {path}",
            "priority": raw.get("priority") or 0,
        }
        try:
            self._find: Find = compile_path(path)
        except JsonPathError:
            self._find = lambda obj: []

    def cell(self, obj: Object, now: datetime) -> Any:
        found = self._find(obj)
        if not found:
            return None
        if self.type == "string" and len(found) > 1:
            return " ".join(map(_text, found))
        return _cell(found[0], self.type, now)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _cell(value: Any, kind: str, now: datetime) -> Any:
    """A value as a column of this type shows it; None when it cannot."""
    match kind:
        case "integer":
            if isinstance(value, bool):
                return None
            if isinstance(value, int | float):
                return int(value)
            return None
        case "number":
            return value if isinstance(value, int | float) and not isinstance(value, bool) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "string":
            return _text(value)
        case "date":
            if not isinstance(value, str):
                return None
            try:
                return human((now - parse_time(value)).total_seconds())
            except ValueError:
                return "<invalid>"
    return None
