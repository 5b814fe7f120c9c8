"""What a schema must keep to be accepted in a CustomResourceDefinition (apiextensions `schema.ValidateStructural` and
`ValidateCustomResourceDefinitionOpenAPISchema`): OpenAPI v3 without the parts that JSON Schema allows beyond it, every
field with a type, and nothing in the junctors that the structural part does not have.
"""

import json
from collections.abc import Mapping
from typing import Any

from .. import field
from ..cel.regex import PatternError, compiled
from ..field import FieldError
from .defaulting import apply_defaults
from .pruning import prune
from .schema import Structural
from .validation import validate

Raw = Mapping[str, Any]
Errors = list[FieldError]

_UNSUPPORTED = (
    "id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref",
)  # fmt: skip
_JUNCTORS = ("allOf", "anyOf", "oneOf")
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
_TYPES = ("array", "boolean", "integer", "number", "object", "string")


def validate_schema(raw: Raw, path: str) -> Errors:
    """Everything wrong with the root schema of one version but its CEL rules."""
    errors: Errors = []
    _openapi(raw, path, errors)
    _invariants(raw, path, "root", errors)
    _complete(raw, raw, path, errors)
    if not errors:
        _defaults(Structural(raw, root=True), path, errors, root=True)
    return errors


# -- OpenAPI


def _openapi(raw: Raw, path: str, errors: Errors) -> None:
    for key in _UNSUPPORTED:
        if raw.get(key):
            errors.append(field.forbidden(f"{path}.{key}", f"{key} is not supported"))
    if raw.get("type") == "null":
        errors.append(field.forbidden(f"{path}.type", "type cannot be set to null, use nullable as an alternative"))
    elif raw.get("type") and raw["type"] not in _TYPES:
        errors.append(field.not_supported(f"{path}.type", raw["type"], _TYPES))
    if isinstance(raw.get("items"), list):
        errors.append(field.forbidden(f"{path}.items", "items must be a schema object and not an array"))
    if raw.get("uniqueItems"):
        words = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        errors.append(field.forbidden(f"{path}.uniqueItems", words))
    additional = raw.get("additionalProperties")
    if raw.get("properties") and (additional is False or isinstance(additional, Mapping)):
        words = "additionalProperties and properties are mutual exclusive"
        errors.append(field.forbidden(f"{path}.additionalProperties", words))
    elif additional is False:
        errors.append(field.forbidden(f"{path}.additionalProperties", "must not be false"))
    if raw.get("x-kubernetes-preserve-unknown-fields") is False:
        words = "must be true or undefined"
        errors.append(field.invalid(f"{path}.x-kubernetes-preserve-unknown-fields", False, words))
    _list_type(raw, path, errors)
    _map_type(raw, path, errors)
    for where, inner in below(raw, path):
        _openapi(inner, where, errors)


def below(raw: Raw, path: str) -> list[tuple[str, Raw]]:
    """The schemas directly inside a schema, with their paths."""
    found: list[tuple[str, Raw]] = []
    for key in ("items", "additionalProperties", "not"):
        if isinstance(raw.get(key), Mapping):
            found.append((f"{path}.{key}", raw[key]))
    for name, inner in (raw.get("properties") or {}).items():
        found.append((f"{path}.properties[{name}]", inner))
    for key in _JUNCTORS:
        found += [(f"{path}.{key}[{at}]", inner) for at, inner in enumerate(raw.get(key) or ())]
    return found


def _list_type(raw: Raw, path: str, errors: Errors) -> None:
    kind, keys = raw.get("x-kubernetes-list-type"), raw.get("x-kubernetes-list-map-keys") or []
    where = f"{path}.x-kubernetes-list-type"
    if kind is None:
        if keys:
            words = "must be map if x-kubernetes-list-map-keys is non-empty"
            errors.append(field.required(where, words))
        return
    if kind not in ("atomic", "map", "set"):
        errors.append(field.not_supported(where, kind, ("atomic", "map", "set")))
        return
    if raw.get("type") != "array":
        words = "must be array if x-kubernetes-list-type is specified"
        given = raw.get("type") or ""
        errors.append(field.invalid(f"{path}.type", given, words) if given else field.required(f"{path}.type", words))
    items = raw.get("items") if isinstance(raw.get("items"), Mapping) else {}
    assert isinstance(items, Mapping)
    if kind != "map":
        if keys:
            errors.append(field.invalid(where, kind, "must be map if x-kubernetes-list-map-keys is non-empty"))
        if kind == "set":
            _set_items(items, path, errors)
        return
    if not keys:
        words = "must not be empty if x-kubernetes-list-type is map"
        errors.append(field.required(f"{path}.x-kubernetes-list-map-keys", words))
    if items.get("type") != "object":
        words = "must only have items of type object if parent array's x-kubernetes-list-type is map"
        errors.append(field.invalid(f"{path}.items.type", items.get("type") or "", words))
    if items.get("nullable"):
        words = "cannot be nullable when x-kubernetes-list-type is map"
        errors.append(field.forbidden(f"{path}.items.nullable", words))
    seen: set[str] = set()
    for at, key in enumerate(keys):
        place = f"{path}.x-kubernetes-list-map-keys[{at}]"
        if key in seen:
            errors.append(field.duplicate(place, key))
        seen.add(key)
        node = (items.get("properties") or {}).get(key)
        if node is None:
            words = "entries must all be names of item properties"
            errors.append(field.invalid(f"{path}.x-kubernetes-list-map-keys", keys, words))
            continue
        if node.get("type") in ("array", "object"):
            words = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            errors.append(field.invalid(f"{path}.items.properties[{key}].type", node["type"], words))
        if key not in (items.get("required") or ()) and node.get("default") is None:
            words = (
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            )
            errors.append(field.required(f"{path}.items.properties[{key}].default", words))


def _set_items(items: Raw, path: str, errors: Errors) -> None:
    if items.get("nullable"):
        words = "cannot be nullable when x-kubernetes-list-type is set"
        errors.append(field.forbidden(f"{path}.items.nullable", words))
    kind = items.get("type")
    if kind == "object" and items.get("x-kubernetes-map-type") != "atomic":
        words = "must be atomic as item of a list with x-kubernetes-list-type=set"
        errors.append(field.required(f"{path}.items.x-kubernetes-map-type", words))
    if kind == "array" and items.get("x-kubernetes-list-type") not in (None, "atomic"):
        words = "must be atomic as item of a list with x-kubernetes-list-type=set"
        place = f"{path}.items.x-kubernetes-list-type"
        errors.append(field.invalid(place, items["x-kubernetes-list-type"], words))


def _map_type(raw: Raw, path: str, errors: Errors) -> None:
    kind = raw.get("x-kubernetes-map-type")
    if kind is None:
        return
    if raw.get("type") != "object":
        words = "must be object if x-kubernetes-map-type is specified"
        given = raw.get("type") or ""
        errors.append(field.invalid(f"{path}.type", given, words) if given else field.required(f"{path}.type", words))
    if kind not in ("atomic", "granular"):
        errors.append(field.not_supported(f"{path}.x-kubernetes-map-type", kind, ("atomic", "granular")))


# -- structural


def _invariants(raw: Raw, path: str, level: str, errors: Errors) -> None:
    """The structural part: types, metadata, int-or-string, embedded objects."""
    kind = raw.get("type") or ""
    int_or_string = bool(raw.get("x-kubernetes-int-or-string"))
    preserve = bool(raw.get("x-kubernetes-preserve-unknown-fields"))
    embedded = bool(raw.get("x-kubernetes-embedded-resource"))
    if kind == "array" and not isinstance(raw.get("items"), Mapping):
        errors.append(field.required(f"{path}.items", "must be specified"))
    if int_or_string:
        if preserve:
            words = "must be false if x-kubernetes-int-or-string is true"
            errors.append(field.invalid(f"{path}.x-kubernetes-preserve-unknown-fields", True, words))
        if embedded:
            words = "must be false if x-kubernetes-int-or-string is true"
            errors.append(field.invalid(f"{path}.x-kubernetes-embedded-resource", True, words))
        if kind:
            words = "must be empty if x-kubernetes-int-or-string is true"
            errors.append(field.invalid(f"{path}.type", kind, words))
    elif embedded and kind != "object":
        words = "must be object if x-kubernetes-embedded-resource is true"
        errors.append(field.invalid(f"{path}.type", kind, words) if kind else field.required(f"{path}.type", words))
    elif not kind and not preserve:
        errors.append(field.required(f"{path}.type", _EMPTY[level]))
    if level == "root":
        if kind and kind != "object":
            errors.append(field.invalid(f"{path}.type", kind, "must be object at the root"))
        if isinstance(raw.get("additionalProperties"), Mapping):
            errors.append(field.forbidden(f"{path}.additionalProperties", "must not be used at the root"))
    if embedded:
        _embedded(raw, path, preserve, errors)
    if level == "root" or embedded:
        _meta_fields(raw, path, level, errors)
    _values(raw, path, errors, structural=True)
    if isinstance(raw.get("items"), Mapping):
        _invariants(raw["items"], f"{path}.items", "item", errors)
    for name, inner in (raw.get("properties") or {}).items():
        if not (level == "root" and name == "metadata"):
            _invariants(inner, f"{path}.properties[{name}]", "field", errors)
    if isinstance(raw.get("additionalProperties"), Mapping):
        _invariants(raw["additionalProperties"], f"{path}.additionalProperties", "field", errors)


_EMPTY = {
    "root": "must not be empty at the root",
    "item": "must not be empty for specified array items",
    "field": "must not be empty for specified object fields",
}


def _embedded(raw: Raw, path: str, preserve: bool, errors: Errors) -> None:
    if raw.get("additionalProperties"):
        words = "must not be used if x-kubernetes-embedded-resource is set"
        errors.append(field.forbidden(f"{path}.additionalProperties", words))
    if not preserve and not raw.get("properties"):
        words = (
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
        )
        errors.append(field.required(f"{path}.properties", words))


def _meta_fields(raw: Raw, path: str, level: str, errors: Errors) -> None:
    properties = raw.get("properties") or {}
    for name in ("kind", "apiVersion"):
        given = properties.get(name)
        if given is not None and given.get("type") != "string":
            place = f"{path}.properties[{name}].type"
            errors.append(field.invalid(place, given.get("type") or "", "must be string"))
    metadata = properties.get("metadata")
    if metadata is None:
        return
    place = f"{path}.properties[metadata]"
    if metadata.get("type") != "object":
        errors.append(field.invalid(f"{place}.type", metadata.get("type") or "", "must be object"))
    names = set(metadata.get("properties") or {})
    others = {key for key, value in metadata.items() if value and key not in ("type", "properties", "description")}
    if level == "root" and (names - {"name", "generateName"} or others):
        words = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        errors.append(field.forbidden(place, words))


_FORBIDDEN = {
    "additionalProperties": "must be undefined to be structural",
    "default": "must be undefined to be structural",
    "title": "must be empty to be structural",
    "description": "must be empty to be structural",
    "nullable": "must be false to be structural",
    "externalDocs": "must be undefined to be structural",
    "x-kubernetes-preserve-unknown-fields": "must be false to be structural",
    "x-kubernetes-embedded-resource": "must be false to be structural",
    "x-kubernetes-int-or-string": "must be false to be structural",
    "x-kubernetes-list-map-keys": "must be empty to be structural",
    "x-kubernetes-list-type": "must be undefined to be structural",
    "x-kubernetes-map-type": "must be undefined to be structural",
    "x-kubernetes-validations": "must be empty to be structural",
}


def _values(raw: Raw, path: str, errors: Errors, *, structural: bool = False, exempt: bool = False) -> None:
    """Junctors and patterns. The two accepted spellings of int-or-string may name types (`exempt`)."""
    pattern = raw.get("pattern")
    if pattern:
        try:
            compiled(pattern)
        except PatternError as error:
            words = f"must be a valid regular expression, but isn't: {error}"
            errors.append(field.invalid(f"{path}.pattern", pattern, words))
    either = structural and bool(raw.get("x-kubernetes-int-or-string"))
    for key in _JUNCTORS:
        options = raw.get(key) or []
        if key == "anyOf" and options == _INT_OR_STRING and (either or exempt):
            continue
        for at, inner in enumerate(options):
            _nested(inner, f"{path}.{key}[{at}]", errors, exempt=either and key == "allOf" and at == 0)
    if isinstance(raw.get("not"), Mapping):
        _nested(raw["not"], f"{path}.not", errors)


def _nested(raw: Raw, path: str, errors: Errors, *, exempt: bool = False) -> None:
    _values(raw, path, errors, exempt=exempt)
    if raw.get("type"):
        errors.append(field.forbidden(f"{path}.type", "must be empty to be structural"))
    for key, words in _FORBIDDEN.items():
        if raw.get(key):
            errors.append(field.forbidden(f"{path}.{key}", words))
    if isinstance(raw.get("items"), Mapping):
        _nested(raw["items"], f"{path}.items", errors)
    for name, inner in (raw.get("properties") or {}).items():
        place = f"{path}.properties[{name}]"
        if name == "metadata":
            errors.append(field.forbidden(place, "must not be specified in a nested context"))
        _nested(inner, place, errors)


def _complete(raw: Raw, structural: Raw, path: str, errors: Errors) -> None:
    """Every field that a junctor speaks of is in the structural part too."""
    for key in _JUNCTORS:
        for at, inner in enumerate(raw.get(key) or ()):
            _covered(inner, structural, f"{path}.{key}[{at}]", path, errors)
    if isinstance(raw.get("not"), Mapping):
        _covered(raw["not"], structural, f"{path}.not", path, errors)
    if isinstance(raw.get("items"), Mapping):
        _complete(raw["items"], raw["items"], f"{path}.items", errors)
    for name, inner in (raw.get("properties") or {}).items():
        _complete(inner, inner, f"{path}.properties[{name}]", errors)
    if isinstance(raw.get("additionalProperties"), Mapping):
        _complete(raw["additionalProperties"], raw["additionalProperties"], f"{path}.additionalProperties", errors)


def _covered(raw: Raw, structural: Raw, path: str, spine: str, errors: Errors) -> None:
    words = f"because it is defined in {path}"
    for name, inner in (raw.get("properties") or {}).items():
        node = (structural.get("properties") or {}).get(name)
        place = f"{spine}.properties[{name}]"
        if node is None:
            errors.append(field.required(place, f"{words}.properties[{name}]"))
        else:
            _covered(inner, node, f"{path}.properties[{name}]", place, errors)
    if isinstance(raw.get("items"), Mapping):
        node = structural.get("items")
        if not isinstance(node, Mapping):
            errors.append(field.required(f"{spine}.items", f"{words}.items"))
        else:
            _covered(raw["items"], node, f"{path}.items", f"{spine}.items", errors)
    for key in _JUNCTORS:
        for at, inner in enumerate(raw.get(key) or ()):
            _covered(inner, structural, f"{path}.{key}[{at}]", spine, errors)
    if isinstance(raw.get("not"), Mapping):
        _covered(raw["not"], structural, f"{path}.not", spine, errors)


# -- defaults


def _defaults(schema: Structural, path: str, errors: Errors, *, root: bool = False) -> None:
    """Defaults follow the schema they stand in, with nothing to prune."""
    if schema.has_default:
        place = f"{path}.default"
        if root:
            errors.append(field.forbidden(place, "must not be set at the root"))
            return
        value = json.loads(json.dumps(schema.default))
        holder = {"value": value}
        inside = Structural({"type": "object", "properties": {"value": schema.raw}})
        apply_defaults(holder, inside)
        if prune(holder, inside):
            shown = json.dumps(schema.default, separators=(",", ":"))
            words = f"must not have unknown fields, but would be pruned to {json.dumps(holder['value'])}"
            errors.append(FieldError("FieldValueInvalid", place, f"Invalid value: {shown}: {words}"))
        for error in validate(holder, inside):
            where = error.field.removeprefix("value")
            message = error.message.replace("value" + where + " in body", f"{place}{where} in body")
            errors.append(FieldError(error.type, place + where, message))
    if isinstance(schema.items, Structural):
        _defaults(schema.items, f"{path}.items", errors)
    for name, child in schema.properties.items():
        _defaults(child, f"{path}.properties[{name}]", errors)
    if isinstance(schema.additional, Structural):
        _defaults(schema.additional, f"{path}.additionalProperties", errors)
