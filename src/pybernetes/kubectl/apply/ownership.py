"""Ownership of an earlier client-side apply, handed to server-side apply (KEP-555, upgrade of field managers).

What a client-side apply owns by `Update` would stay when the manifest no longer has it; so it becomes the server-side
manager's, and the next apply may remove it. Who applied from the client is told by the last-applied annotation: the
manager that owns it. Pure: an object in, a JSON patch out.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LAST_APPLIED = "f:kubectl.kubernetes.io/last-applied-configuration"


def migration(obj: dict[str, Any], manager: str) -> list[dict[str, Any]] | None:
    """The JSON patch that gives `manager` the fields of the client-side manager; None when nothing is to be done.

    It tests the resource version: a change meanwhile makes the server answer with a conflict.
    """
    metadata = obj.get("metadata") or {}
    before: list[dict[str, Any]] = metadata.get("managedFields") or []
    names = {str(entry.get("manager")) for entry in before if entry.get("operation") == "Update" and _wrote(entry)}
    moved = [i for i, entry in enumerate(before) if _matches(entry, names, "Update")]
    if not moved:
        return None
    target = next((i for i, entry in enumerate(before) if _matches(entry, {manager}, "Apply")), -1)
    after = [dict(entry) for entry in before]
    if target < 0:
        target = moved[0]
        after[target] = {**before[target], "manager": manager, "operation": "Apply"}
    for i in moved:
        after[target]["fieldsV1"] = union(after[target].get("fieldsV1") or {}, before[i].get("fieldsV1") or {})
    kept = [entry for i, entry in enumerate(after) if i == target or i not in moved]
    version = metadata.get("resourceVersion") or ""
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": kept},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
    ]


def _wrote(entry: dict[str, Any]) -> bool:
    metadata = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
    return _LAST_APPLIED in (metadata.get("f:annotations") or {})


def _matches(entry: dict[str, Any], managers: set[str], operation: str) -> bool:
    return entry.get("manager") in managers and entry.get("operation") == operation and not entry.get("subresource")


def union(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Every field that either set has."""
    merged = dict(left)
    for key, below in right.items():
        merged[key] = union(merged[key], below) if key in merged else below
    return merged
