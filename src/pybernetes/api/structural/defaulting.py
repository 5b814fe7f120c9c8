"""Defaults of structural schemas (apiextensions `schema/defaulting`).

A default stands in for a field that is missing, or null where the field is not nullable.
"""

from typing import Any

import orjson

from .schema import Structural


def apply_defaults(value: Any, schema: Structural | None) -> None:
    """Fill in defaults in place."""
    if schema is None:
        return
    if isinstance(value, dict):
        for key, child in schema.properties.items():
            if child.has_default and (key not in value or (value[key] is None and not child.nullable)):
                value[key] = _copy(child.default)
        for key, inner in value.items():
            node = schema.child(key)
            if node is None:
                continue
            if inner is None:
                if key not in schema.properties and node.has_default and not node.nullable:
                    value[key] = _copy(node.default)
            elif isinstance(inner, dict | list):
                apply_defaults(inner, node)
    elif isinstance(value, list) and schema.items is not None:
        items = schema.items
        for at, inner in enumerate(value):
            if inner is None:
                if items.has_default and not items.nullable:
                    value[at] = _copy(items.default)
            elif isinstance(inner, dict | list):
                apply_defaults(inner, items)


def _copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value)) if isinstance(value, dict | list) else value
