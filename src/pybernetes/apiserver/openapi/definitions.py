"""Types of the schema table as OpenAPI schemas, for both OpenAPI versions.

The two differ in how a reference stands beside a default (`$ref` alone in v2, `allOf` in v3) and in unions of scalars
(`oneOf` exists in v3 only). `x-kubernetes-*` extensions carry list types, map keys and patch strategies, which clients
use for merging.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ...api.schema.table import table as types
from .descriptions import of_field, of_type

_PACKAGES = {
    "meta": "io.k8s.apimachinery.pkg.apis.meta.",
    "apiextensions": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.",
    "apiregistration": "io.k8s.kube-aggregator.pkg.apis.apiregistration.",
    "metrics": "io.k8s.metrics.pkg.apis.metrics.",
}
_SPECIAL = {
    "Time": "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
    "MicroTime": "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
    "Duration": "io.k8s.apimachinery.pkg.apis.meta.v1.Duration",
    "FieldsV1": "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    "Quantity": "io.k8s.apimachinery.pkg.api.resource.Quantity",
    "IntOrString": "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    "RawExtension": "io.k8s.apimachinery.pkg.runtime.RawExtension",
    "JSON": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
}
_SCALARS: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "double": {"type": "number", "format": "double"},
    "bytes": {"type": "string", "format": "byte"},
    "any": {},
}
_ZERO = {"string": "", "bool": False, "int32": 0, "int64": 0, "double": 0}


def schema_name(type_name: str) -> str:
    """`core/v1.Pod` -> `io.k8s.api.core.v1.Pod`."""
    if type_name in _SPECIAL:
        return _SPECIAL[type_name]
    package, _, name = type_name.rpartition(".")
    group, _, version = package.partition("/")
    return _PACKAGES.get(group, f"io.k8s.api.{group}.") + f"{version}.{name}"


def _element(type_name: str) -> str:
    """The innermost element type of lists and maps."""
    while True:
        if type_name.startswith("[]"):
            type_name = type_name[2:]
        elif type_name.startswith("map[string]"):
            type_name = type_name[len("map[string]") :]
        else:
            return type_name


def _fields(type_name: str) -> Iterator[dict[str, Any]]:
    """The fields of a struct as they stand in JSON, inlined structs opened."""
    for field in types()[type_name].get("f", ()):
        if field.get("inl"):
            yield from _fields(field["t"])
        else:
            yield field


def references(type_name: str) -> Iterator[str]:
    """The types that a struct's schema refers to."""
    for field in _fields(type_name):
        element = _element(field["t"])
        if element not in _SCALARS:
            yield element


def closure(roots: Iterator[str] | list[str]) -> list[str]:
    """The roots and all they refer to, each once, sorted."""
    found: set[str] = set()
    todo = list(roots)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        if name not in _SPECIAL:
            todo += references(name)
    return sorted(found, key=schema_name)


def _described(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"description": text, **schema} if text else schema


class Schemas:
    """Builds schemas for OpenAPI 2 (`#/definitions/`) or 3 (`#/components/schemas/`). `models` names the types that are
    not in the type table (custom resources)."""

    def __init__(self, version: int, models: Mapping[str, str] | None = None, *, enums: bool = True) -> None:
        self.version = version
        self._enums = enums
        self._models = models or {}
        self._prefix = "#/definitions/" if version == 2 else "#/components/schemas/"

    def reference(self, type_name: str) -> dict[str, Any]:
        return {"$ref": self._prefix + (self._models.get(type_name) or schema_name(type_name))}

    def definition(self, type_name: str) -> dict[str, Any]:
        """The schema of a named type."""
        if type_name in _SPECIAL:
            return self._special(type_name)
        row = types()[type_name]
        if type_name.startswith("apiextensions/v1.JSONSchemaPropsOr"):
            return {}
        body: dict[str, Any] = {"type": "object"}
        properties = {field["n"]: self._property(field) for field in _fields(type_name)}
        required = sorted(field["n"] for field in _fields(type_name) if field.get("req"))
        if row.get("root"):
            properties["apiVersion"] = properties["kind"] = {"type": "string"}
            package = type_name.rpartition(".")[0]
            group, _, version = types()["_gv"][package].rpartition("/")
            kind = {"group": group, "version": version, "kind": type_name.rpartition(".")[2]}
            body["x-kubernetes-group-version-kind"] = [kind]
        if properties:
            is_list = "items" in properties and type_name.endswith("List")
            body["properties"] = {
                name: _described(schema, of_field(type_name, name, is_object=bool(row.get("root")), is_list=is_list))
                for name, schema in sorted(properties.items())
            }
        if required:
            body["required"] = required
        if row.get("mt") or row.get("st"):
            body["x-kubernetes-map-type"] = row.get("mt") or row["st"]
        return _described(body, of_type(type_name))

    def _special(self, name: str) -> dict[str, Any]:
        both = {
            "Time": {"type": "string", "format": "date-time"},
            "MicroTime": {"type": "string", "format": "date-time"},
            "Duration": {"type": "string"},
            "FieldsV1": {"type": "object"},
            "RawExtension": {"type": "object"},
            "JSON": {},
        }
        if name in both:
            return both[name]
        if name == "Quantity":
            return {"type": "string"} if self.version == 2 else {"oneOf": [{"type": "string"}, {"type": "number"}]}
        if self.version == 2:
            return {"type": "string", "format": "int-or-string"}
        return {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"}

    def _property(self, field: dict[str, Any]) -> dict[str, Any]:
        type_name = field["t"]
        schema = self._of(type_name)
        if type_name in _ZERO and field.get("req"):
            schema = schema | {"default": _ZERO[type_name]}
        if self._enums and field.get("enum") and type_name == "string":
            schema = schema | {"enum": sorted(field["enum"])}
        for key, extension in (
            ("lt", "x-kubernetes-list-type"),
            ("lmk", "x-kubernetes-list-map-keys"),
            ("mt", "x-kubernetes-map-type"),
            ("pmk", "x-kubernetes-patch-merge-key"),
            ("ps", "x-kubernetes-patch-strategy"),
        ):
            if field.get(key):
                schema = schema | {extension: field[key]}
        return schema

    def _of(self, type_name: str) -> dict[str, Any]:
        if type_name in _SCALARS:
            return dict(_SCALARS[type_name])
        if type_name.startswith("[]"):
            return {"type": "array", "items": self._item(type_name[2:])}
        if type_name.startswith("map[string]"):
            return {"type": "object", "additionalProperties": self._item(type_name[len("map[string]") :])}
        reference = self.reference(type_name)
        return reference if self.version == 2 else {"allOf": [reference]}

    def _item(self, type_name: str) -> dict[str, Any]:
        """An element of a list or map; v3 keeps a bare reference behind `allOf` with a default, as upstream does."""
        schema = self._of(type_name)
        if self.version == 3:
            if type_name in _ZERO:
                return schema | {"default": _ZERO[type_name]}
            if "allOf" in schema:
                return schema | {"default": {}}
        return schema
