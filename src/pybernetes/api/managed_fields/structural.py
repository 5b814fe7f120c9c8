"""The merge nodes of a custom resource, from its structural schema (OpenAPI v3 with the `x-kubernetes-*` extensions).

    schema = StructuralSchema("example.com/v1", "Gadget", version["schema"]["openAPIV3Schema"])

Without a schema a kind's values are deduced. `metadata` of a root (or of an embedded resource) is always ObjectMeta.
"""

from collections.abc import Callable
from typing import Any

from .builtin import struct_node
from .nodes import DEDUCED, Items, Leaf, Members, MergeSchema, Node, Object

Schema = dict[str, Any]
Other = Callable[[str], "tuple[MergeSchema, Callable[[Object], Object]] | None"]

_SCALARS: dict[str, Node] = {
    "string": Leaf("string"),
    "boolean": Leaf("boolean"),
    "integer": Leaf("numeric"),
    "number": Leaf("numeric"),
}
_ANY, _ATOMIC_LIST, _ATOMIC_MAP = Leaf(), Leaf("list"), Leaf("map")


def structural_root(schema: Schema | None) -> Node:
    """The node of whole objects of one version."""
    if not schema:
        return _with_metadata(Members(rest=DEDUCED))
    node = structural_node({**schema, "x-kubernetes-embedded-resource": True})
    return node if isinstance(node, Members) else _with_metadata(Members(rest=DEDUCED))


def structural_node(schema: Schema) -> Node:
    """The node of the values of a schema."""
    if schema.get("x-kubernetes-int-or-string"):
        return _ANY
    match schema.get("type"):
        case "object":
            return _object(schema)
        case "array":
            return _list(schema)
        case str(kind) if kind in _SCALARS:
            return _SCALARS[kind]
    return DEDUCED


def _object(schema: Schema) -> Node:
    if schema.get("x-kubernetes-map-type") == "atomic":
        return _ATOMIC_MAP
    fields = {name: structural_node(inner) for name, inner in (schema.get("properties") or {}).items()}
    rest: Node | None = None
    additional = schema.get("additionalProperties")
    if isinstance(additional, dict):
        rest = structural_node(additional)
    elif additional or schema.get("x-kubernetes-preserve-unknown-fields") or not fields:
        rest = DEDUCED
    node = Members(fields, rest)
    return _with_metadata(node) if schema.get("x-kubernetes-embedded-resource") else node


def _with_metadata(node: Members) -> Members:
    node.fields["apiVersion"] = node.fields["kind"] = _SCALARS["string"]
    node.fields["metadata"] = struct_node("meta/v1.ObjectMeta")
    return node


def _list(schema: Schema) -> Node:
    inner = schema.get("items") or {}
    match schema.get("x-kubernetes-list-type"):
        case "set":
            return Items(structural_node(inner))
        case "map":
            properties = inner.get("properties") or {}
            keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
            defaults = {key: properties[key]["default"] for key in keys if "default" in properties.get(key, {})}
            return Items(structural_node(inner), keys, defaults) if keys else _ATOMIC_LIST
    return _ATOMIC_LIST


class StructuralSchema:
    """A `MergeSchema` of one version of a custom resource; `schema` None: everything is deduced.

    `other` finds the other versions (see `MergeSchema.other`); without it there are none.
    """

    def __init__(self, api_version: str, kind: str, schema: Schema | None, other: Other | None = None) -> None:
        self.api_version = api_version
        self.kind = kind
        self.root: Node = structural_root(schema)
        self.zero: Object = {"apiVersion": api_version, "kind": kind, "metadata": {"creationTimestamp": None}}
        self._other = other

    def other(self, api_version: str) -> tuple[MergeSchema, Callable[[Object], Object]] | None:
        return self._other(api_version) if self._other is not None else None
