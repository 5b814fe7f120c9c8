"""Server-side tables (API concepts, "Receiving resources as Tables").

Asked for with `Accept: application/json;as=Table;g=meta.k8s.io;v=v1`.
Columns come from `api/data/printcolumns.json`. A row carries, by `includeObject`, nothing, the object's metadata (the
default: a PartialObjectMetadata) or the whole object.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol

import msgspec

from ..api.resource import ResourceInfo, load_data
from .printers.cells import CELLS
from .printers.columns import Cell, compile_key

Object = dict[str, Any]


class Column(msgspec.Struct, frozen=True):
    """One column of a table; priority above 0 is shown by `-o wide` only."""

    name: str
    type: str
    format: str
    priority: int
    cell: Cell


_DESCRIPTIONS = {
    "Name": (
        "Name must be unique within a namespace. Is required when creating resources, although some resources may "
        "allow a client to request the generation of an appropriate name automatically."
    ),
    "Age": "CreationTimestamp is a timestamp representing the server time when this object was created.",
}


@cache
def _table() -> dict[str, Any]:
    return dict(load_data("printcolumns"))


def _resolved(key: str) -> str:
    rows = _table().get(key, "_default")
    return rows if isinstance(rows, str) else key


@cache
def columns(key: str) -> tuple[Column, ...]:
    """The columns of a resource: `pods`, `apps/deployments`; unknown ones get Name and Created At."""
    source = _resolved(key)
    special = CELLS.get(source, {})
    found = []
    for name, kind, format_, priority, text in _table()[source]:
        cell = special.get(name) or compile_key(text)
        if cell is None:
            raise ValueError(f"column {name} of {source} has no cell function and its key is not simple: {text}")
        found.append(Column(name, kind, format_, priority, cell))
    return tuple(found)


def _key(resource: ResourceInfo, kind: str) -> str:
    if kind == "Scale":
        return "scale (autoscaling/v1 Scale)"
    if kind == "Status":
        return "status (meta/v1 Status)"
    return f"{resource.group}/{resource.plural}" if resource.group else resource.plural


def _row_conditions(resource: ResourceInfo, obj: Object) -> list[dict[str, str]]:
    phase = (obj.get("status") or {}).get("phase")
    if resource.plural == "pods" and not resource.group and phase in ("Succeeded", "Failed"):
        return [{"type": "Completed", "status": "True", "reason": phase}]
    return []


def partial_metadata(obj: Object, api_version: str = "meta.k8s.io/v1") -> Object:
    """An object cut down to its metadata (PartialObjectMetadata of a version of meta.k8s.io)."""
    return {"kind": "PartialObjectMetadata", "apiVersion": api_version, "metadata": obj.get("metadata") or {}}


class Included(msgspec.Struct, frozen=True):
    """What a row carries beside its cells: `includeObject` of the request, and the version of a table's metadata."""

    what: str = "Metadata"
    api_version: str = "meta.k8s.io/v1"

    def of(self, obj: Object) -> Object | None:
        """That of one object."""
        if self.what == "Object":
            return obj
        return None if self.what == "None" else partial_metadata(obj, self.api_version)


class Rows(Protocol):
    """The columns of a table and what is in them."""

    definitions: list[Object]

    def of(self, objects: Sequence[Object], now: datetime) -> list[Object]:
        """One row for each object."""


class ResourceRows:
    """Rows of a built-in resource (`kind` "") or of its Scale or Status."""

    def __init__(self, resource: ResourceInfo, included: Included, kind: str = "") -> None:
        self._resource = resource
        self._included = included
        self._shown = columns(_key(resource, kind))
        self.definitions: list[Object] = [
            {
                "name": column.name,
                "type": column.type,
                "format": column.format,
                "description": _DESCRIPTIONS.get(column.name, ""),
                "priority": column.priority,
            }
            for column in self._shown
        ]

    def of(self, objects: Sequence[Object], now: datetime) -> list[Object]:
        """See Rows."""
        return [self._row(obj, now) for obj in objects]

    def _row(self, obj: Object, now: datetime) -> Object:
        row: Object = {"cells": [column.cell(obj, now) for column in self._shown]}
        conditions = _row_conditions(self._resource, obj)
        if conditions:
            row["conditions"] = conditions
        row["object"] = self._included.of(obj)
        return row


def to_table(
    rows: Rows,
    objects: Sequence[Object],
    metadata: Object,
    api_version: str = "meta.k8s.io/v1",
    now: datetime | None = None,
) -> Object:
    """A Table of these objects; `metadata` is the list's (resourceVersion, continue, ...)."""
    return {
        "kind": "Table",
        "apiVersion": api_version,
        "metadata": metadata,
        "columnDefinitions": rows.definitions,
        "rows": rows.of(objects, now or datetime.now(UTC)),
    }
