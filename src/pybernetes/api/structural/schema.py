"""An OpenAPI v3 schema as a tree of `Structural` nodes.

The structural part of a schema says which fields there are and of which type; everything else (`values`) restricts
values and may stand in `allOf`, `anyOf`, `oneOf` and `not` as well. Nodes are made once per version of a definition and
shared by all requests.
"""

from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]
META_FIELDS = frozenset({"apiVersion", "kind", "metadata"})
_MISSING = object()


class Structural:
    """One node. `additional` is the schema of other fields, True for any, None when there are none.

    `raw` is the schema as written, for value validation; `root` marks whole objects, which have apiVersion, kind and
    metadata whatever the schema says.
    """

    __slots__ = (
        "additional", "default", "embedded", "has_default", "int_or_string", "items", "list_keys", "list_type",
        "map_type", "nullable", "preserve", "properties", "raw", "root", "rules", "type",
    )  # fmt: skip

    def __init__(self, raw: Mapping[str, Any], *, root: bool = False) -> None:
        self.raw = raw
        self.root = root
        self.type: str = raw.get("type") or ""
        self.nullable = bool(raw.get("nullable"))
        self.preserve = bool(raw.get("x-kubernetes-preserve-unknown-fields"))
        self.embedded = root or bool(raw.get("x-kubernetes-embedded-resource"))
        self.int_or_string = bool(raw.get("x-kubernetes-int-or-string"))
        self.list_type: str = raw.get("x-kubernetes-list-type") or ""
        self.list_keys: tuple[str, ...] = tuple(raw.get("x-kubernetes-list-map-keys") or ())
        self.map_type: str = raw.get("x-kubernetes-map-type") or ""
        self.default: Any = raw.get("default", _MISSING)
        self.has_default = self.default is not _MISSING and self.default is not None
        self.rules: list[Object] = list(raw.get("x-kubernetes-validations") or ())
        properties = raw.get("properties") or {}
        self.properties = {name: Structural(inner) for name, inner in properties.items()}
        items = raw.get("items")
        self.items = Structural(items) if isinstance(items, Mapping) else None
        additional = raw.get("additionalProperties")
        self.additional: Structural | bool | None = None
        if isinstance(additional, Mapping):
            self.additional = Structural(additional)
        elif additional:
            self.additional = True

    def child(self, key: str) -> "Structural | None":
        """The node of one field; None for unknown ones."""
        found = self.properties.get(key)
        if found is not None:
            return found
        return self.additional if isinstance(self.additional, Structural) else None

    def nodes(self) -> "list[Structural]":
        """The nodes directly below."""
        found = list(self.properties.values())
        if self.items is not None:
            found.append(self.items)
        if isinstance(self.additional, Structural):
            found.append(self.additional)
        return found


def has_defaults(node: Structural) -> bool:
    """Whether any node has a default."""
    return node.has_default or any(map(has_defaults, node.nodes()))


def has_rules(node: Structural) -> bool:
    """Whether any node has CEL rules."""
    return bool(node.rules) or any(map(has_rules, node.nodes()))
