"""Server-side tables (API concepts, "Receiving resources as Tables").

Asked for with `Accept: application/json;as=Table;g=meta.k8s.io;v=v1`.
Columns come from `api/data/printcolumns.json`. A row carries, by `includeObject`, nothing, the object's metadata (the
default: a PartialObjectMetadata) or the whole object.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from ..api.resource import ResourceInfo, load_data
from .printers.cells import CELLS
from .printers.columns import Cell, compile_key


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


def _row_conditions(resource: ResourceInfo, obj: dict[str, Any]) -> list[dict[str, str]]:
    phase = (obj.get("status") or {}).get("phase")
    if resource.plural == "pods" and not resource.group and phase in ("Succeeded", "Failed"):
        return [{"type": "Completed", "status": "True", "reason": phase}]
    return []


def partial_metadata(obj: dict[str, Any]) -> dict[str, Any]:
    """An object cut down to its metadata (meta/v1 PartialObjectMetadata)."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj.get("metadata") or {}}


def _row(
    resource: ResourceInfo, shown: tuple[Column, ...], obj: dict[str, Any], include_object: str, now: datetime
) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": [column.cell(obj, now) for column in shown]}
    conditions = _row_conditions(resource, obj)
    if conditions:
        row["conditions"] = conditions
    if include_object == "Object":
        row["object"] = obj
    elif include_object == "None":
        row["object"] = None
    else:
        row["object"] = partial_metadata(obj)
    return row


def to_table(
    resource: ResourceInfo,
    objects: list[dict[str, Any]],
    metadata: dict[str, Any],
    include_object: str = "Metadata",
    *,
    with_columns: bool = True,
    now: datetime | None = None,
) -> dict[str, Any]:
    """A meta/v1 Table of these objects (all of one resource or all Scale or Status).

    `metadata` is the list's (resourceVersion, continue, ...). In a watch only the first event carries the columns:
    `with_columns=False` for the others.
    """
    now = now or datetime.now(UTC)
    kind = str(objects[0].get("kind", "")) if objects else ""
    shown = columns(_key(resource, kind))
    definitions = [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": _DESCRIPTIONS.get(column.name, ""),
            "priority": column.priority,
        }
        for column in shown
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions if with_columns else [],
        "rows": [_row(resource, shown, obj, include_object, now) for obj in objects],
    }
