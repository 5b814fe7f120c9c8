"""The OpenAPI schemas of custom resources, as clients (kubectl explain, client-side validation) see them.

OpenAPI v2 cannot say all that a structural schema says: junctors and nullable go, and where unknown fields are
preserved the whole node becomes free, so that old clients do not refuse what the server takes.
"""

import hashlib
from typing import Any

import orjson

from .definition import Definition, Version

Schema = dict[str, Any]

_API_VERSION = (
    "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized "
    "schemas to the latest internal value, and may reject unrecognized values. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources"
)
_KIND = (
    "Kind is a string value representing the REST resource this object represents. Servers may infer this from the "
    "endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds"
)
_METADATA = (
    "Standard object's metadata. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
)
_LIST_METADATA = (
    "Standard list metadata. More info: "
    "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds"
)
_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_LIST_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"
_LOST_IN_V2 = ("allOf", "anyOf", "oneOf", "not", "nullable")
_PRESERVE = "x-kubernetes-preserve-unknown-fields"


def model_name(group: str, version: str, kind: str) -> str:
    """`stable.example.com`, `v1`, `CronTab` -> `com.example.stable.v1.CronTab`."""
    return ".".join([*reversed(group.split(".")), version, kind])


class PublishedVersion:
    """The schemas of one served version: of the kind and of its list."""

    def __init__(self, definition: Definition, version: Version) -> None:
        names = definition.names
        self._version = version
        self._kind: str = names["kind"]
        self._list_kind: str = names.get("listKind") or f"{self._kind}List"
        self._plural: str = names["plural"]
        self._group, self._name = definition.group, version.name
        self.model = model_name(self._group, self._name, self._kind)
        self.list_model = model_name(self._group, self._name, self._list_kind)

        self.digest = hashlib.sha256(orjson.dumps(version.raw)).hexdigest()

    def schemas(self, openapi: int) -> dict[str, Schema]:
        """Model name -> schema, for OpenAPI 2 or 3."""
        return {self.model: self._object(openapi), self.list_model: self._list(openapi)}

    def _object(self, openapi: int) -> Schema:
        raw = self._version.raw.get("schema") or {}
        schema: Schema = raw.get("openAPIV3Schema") or {}
        if not schema or (openapi == 2 and schema.get(_PRESERVE)):
            found: Schema = {"type": "object"}
            if schema.get("description"):
                found["description"] = schema["description"]
        else:
            found = dict(_for_v2(schema, root=True) if openapi == 2 else schema)
            _whole_objects(found, openapi, root=True)
        found["x-kubernetes-group-version-kind"] = [self._gvk(self._kind)]
        return found

    def _list(self, openapi: int) -> Schema:
        properties = _type_meta()
        properties["metadata"] = _reference(_LIST_META, openapi, _LIST_METADATA)
        more = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
        properties["items"] = {
            "description": f"List of {self._plural}. More info: {more}",
            "type": "array",
            "items": _reference(self.model, openapi),
        }
        return {
            "description": f"{self._list_kind} is a list of {self._kind}",
            "type": "object",
            "required": ["items"],
            "properties": properties,
            "x-kubernetes-group-version-kind": [self._gvk(self._list_kind)],
        }

    def _gvk(self, kind: str) -> Schema:
        return {"group": self._group, "kind": kind, "version": self._name}


def _type_meta() -> Schema:
    return {
        "apiVersion": {"description": _API_VERSION, "type": "string"},
        "kind": {"description": _KIND, "type": "string"},
    }


def _reference(model: str, openapi: int, description: str = "") -> Schema:
    if openapi == 2:
        reference: Schema = {"$ref": f"#/definitions/{model}"}
        return {"description": description, **reference} if description else reference
    reference = {"$ref": f"#/components/schemas/{model}"}
    return {"description": description, "allOf": [reference]} if description else reference


def _whole_objects(schema: Schema, openapi: int, *, root: bool = False) -> None:
    """Give the object, and those embedded in it, their apiVersion, kind and metadata; in place, on copies."""
    properties = {name: dict(inner) for name, inner in (schema.get("properties") or {}).items()}
    for inner in properties.values():
        _whole_objects(inner, openapi)
    embedded = schema.get("x-kubernetes-embedded-resource") and not (openapi == 2 and schema.get(_PRESERVE))
    if root or embedded:
        properties.update(_type_meta())
        properties["metadata"] = _reference(_OBJECT_META, openapi, _METADATA)
    if properties:
        schema["properties"] = properties
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = dict(schema[key])
            _whole_objects(schema[key], openapi)


def _for_v2(schema: Schema, *, root: bool = False) -> Schema:
    """What OpenAPI v2 can say of a schema, so that kubectl copes with it (apiextensions `ToStructuralOpenAPIV2`)."""
    preserve = bool(schema.get(_PRESERVE)) and not root
    found = {key: value for key, value in schema.items() if key not in _LOST_IN_V2}
    if schema.get("nullable") or preserve:
        found.pop("items", None)
        found.pop("properties", None)
    kind = found.get("type")
    if schema.get("nullable") or (kind == "array" and "items" not in found) or (preserve and kind == "object"):
        found.pop("type", None)
    if isinstance(found.get("properties"), dict):
        nullable = {name for name, inner in found["properties"].items() if inner.get("nullable")}
        required = [name for name in found.get("required") or () if name not in nullable]
        if required:
            found["required"] = required
        else:
            found.pop("required", None)
        found["properties"] = {name: _for_v2(inner) for name, inner in found["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _for_v2(found[key])
    return found
