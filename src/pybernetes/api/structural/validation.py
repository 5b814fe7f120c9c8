"""Values against the keywords of their schema, with upstream's paths and words (kube-openapi `validate`).

With an old object the errors of unchanged values are left out (KEP-4008, "CRD Validation Ratcheting"): what is
already stored may stay. Members of list-type map lists are compared with the old member of the same key; other lists
only as a whole, and what stands inside allOf, anyOf, oneOf and not is never ratcheted.
"""

import json
import math
from typing import Any

from .. import field
from ..cel.regex import PatternError, compiled
from ..field import FieldError
from .formats import FORMATS
from .schema import META_FIELDS, Object, Structural

NOTHING = object()
"""Stands for an old value that cannot be told."""

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "integer": (int, float),
}


def validate(obj: Object, schema: Structural, old: Any = NOTHING) -> list[FieldError]:
    """What is wrong with an object; `old` is the stored one on updates."""
    errors: list[FieldError] = []
    _structural(obj, schema, "", old, errors)
    return errors


def same(a: Any, b: Any) -> bool:
    """Equality of JSON values, where true is not 1."""
    if type(a) is not type(b):
        return type(a) in (int, float) and type(b) in (int, float) and bool(a == b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _structural(value: Any, schema: Structural, path: str, old: Any, errors: list[FieldError]) -> None:
    if old is not NOTHING and path and same(value, old):
        return
    if not _type(value, schema.raw, path, errors, int_or_string=schema.int_or_string):
        return
    _keywords(value, schema.raw, path, errors)
    if isinstance(value, dict):
        before = old if isinstance(old, dict) and schema.map_type != "atomic" else {}
        for key, inner in value.items():
            child = schema.child(key)
            if child is not None and not (path == "" and key in META_FIELDS and key != "metadata"):
                _structural(inner, child, _join(path, key), before.get(key, NOTHING), errors)
    elif isinstance(value, list) and schema.items is not None:
        others = correlated(schema, old)
        for at, inner in enumerate(value):
            _structural(inner, schema.items, f"{path}[{at}]", others(inner), errors)


def correlated(schema: Structural, old: Any) -> Any:
    """member -> the old member of the same key, NOTHING where members have no keys."""
    if schema.list_type != "map" or not isinstance(old, list):
        return lambda member: NOTHING
    by_key: dict[str, Any] = {}
    for member in old:
        if isinstance(member, dict):
            by_key.setdefault(_key(schema, member), member)

    def find(member: Any) -> Any:
        return by_key.get(_key(schema, member), NOTHING) if isinstance(member, dict) else NOTHING

    return find


def _key(schema: Structural, member: Object) -> str:
    assert schema.items is not None
    properties = schema.items.properties
    values = []
    for name in schema.list_keys:
        node = properties.get(name)
        values.append(member.get(name, node.default if node is not None and node.has_default else None))
    return json.dumps(values)


# -- keywords


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _type(value: Any, raw: Any, path: str, errors: list[FieldError], *, int_or_string: bool = False) -> bool:
    """Whether the value is of the schema's type; keywords only count then."""
    expected = "integer,string" if int_or_string else raw.get("type") or ""
    if value is None:
        if raw.get("nullable") or not expected:
            return False
    elif not expected:
        return True
    else:
        found = _kind(value)
        if found in expected.split(",") or (expected == "number" and found == "integer"):
            return True
    words = f'{path} in body must be of type {expected}: "{_kind(value)}"'
    shown = value if isinstance(value, str | int | float | bool | list | dict) else "null"
    errors.append(field.type_invalid(path or "<nil>", shown, words))
    return False


def _keywords(value: Any, raw: Any, path: str, errors: list[FieldError]) -> None:
    """The keywords that look at one value, and the junctors."""
    if isinstance(value, str):
        _string(value, raw, path, errors)
    elif isinstance(value, bool):
        pass
    elif isinstance(value, int | float):
        _number(value, raw, path, errors)
    elif isinstance(value, list):
        _array(value, raw, path, errors)
    elif isinstance(value, dict):
        _object(value, raw, path, errors)
    enum = raw.get("enum")
    if enum is not None and not any(same(value, allowed) for allowed in enum):
        shown = [allowed if isinstance(allowed, str) else json.dumps(allowed) for allowed in enum]
        errors.append(field.not_supported(path, value, shown))
    _junctors(value, raw, path, errors)


def _wrong(path: str, value: Any, words: str, errors: list[FieldError]) -> None:
    errors.append(field.invalid(path, value, f"{path} in body {words}"))


def _string(value: str, raw: Any, path: str, errors: list[FieldError]) -> None:
    limit = raw.get("maxLength")
    if limit is not None and len(value) > limit:
        errors.append(FieldError("FieldValueTooLong", path, f"Too long: may not be more than {limit} bytes"))
    least = raw.get("minLength")
    if least is not None and len(value) < least:
        _wrong(path, value, f"should be at least {least} chars long", errors)
    pattern = raw.get("pattern")
    if pattern and not _matches(value, pattern):
        _wrong(path, value, f"should match '{pattern}'", errors)
    check = FORMATS.get(raw.get("format") or "")
    if check is not None and not check(value):
        words = f'{path} in body must be of type {raw["format"]}: "{value}"'
        errors.append(field.type_invalid(path, value, words))


def _matches(value: str, pattern: str) -> bool:
    try:
        return compiled(pattern).search(value) is not None
    except PatternError:
        return False


def _shown_number(number: float) -> str:
    return str(int(number)) if isinstance(number, float) and number.is_integer() and abs(number) < 1e21 else str(number)


def _number(value: float, raw: Any, path: str, errors: list[FieldError]) -> None:
    most, least = raw.get("maximum"), raw.get("minimum")
    if most is not None:
        if raw.get("exclusiveMaximum") and value >= most:
            _wrong(path, value, f"should be less than {_shown_number(most)}", errors)
        elif value > most:
            _wrong(path, value, f"should be less than or equal to {_shown_number(most)}", errors)
    if least is not None:
        if raw.get("exclusiveMinimum") and value <= least:
            _wrong(path, value, f"should be greater than {_shown_number(least)}", errors)
        elif value < least:
            _wrong(path, value, f"should be greater than or equal to {_shown_number(least)}", errors)
    step = raw.get("multipleOf")
    if step and not _is_multiple(value, step):
        _wrong(path, value, f"should be a multiple of {_shown_number(step)}", errors)


def _is_multiple(value: float, step: float) -> bool:
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    quotient = value / step
    return math.isclose(quotient, round(quotient), rel_tol=1e-9, abs_tol=1e-9)


def _array(value: list[Any], raw: Any, path: str, errors: list[FieldError]) -> None:
    most, least = raw.get("maxItems"), raw.get("minItems")
    if most is not None and len(value) > most:
        errors.append(field.too_many(path, len(value), most))
    if least is not None and len(value) < least:
        _wrong(path, len(value), f"should have at least {least} items", errors)
    if raw.get("uniqueItems") and any(same(a, b) for at, a in enumerate(value) for b in value[at + 1 :]):
        _wrong(path, value, "shouldn't contain duplicates", errors)


def _object(value: Object, raw: Any, path: str, errors: list[FieldError]) -> None:
    most, least = raw.get("maxProperties"), raw.get("minProperties")
    if most is not None and len(value) > most:
        errors.append(field.too_many(path, len(value), most))
    if least is not None and len(value) < least:
        _wrong(path, len(value), f"should have at least {least} properties", errors)
    for name in raw.get("required") or ():
        if name not in value:
            errors.append(field.required(_join(path, name)))


# -- junctors


def _junctors(value: Any, raw: Any, path: str, errors: list[FieldError]) -> None:
    for inner in raw.get("allOf") or ():
        _nested(value, inner, path, errors)
    options = raw.get("anyOf")
    if options:
        results: list[list[FieldError]] = [_results(value, option, path) for option in options]
        if all(results):
            _composite(f'"{path}" must validate at least one schema (anyOf)', errors)
            errors.extend(_best(results))
    options = raw.get("oneOf")
    if options:
        results = [_results(value, option, path) for option in options]
        valid = sum(not found for found in results)
        if valid != 1:
            words = "Found none valid" if not valid else f"Found {valid} valid alternatives"
            _composite(f'"{path}" must validate one and only one schema (oneOf). {words}', errors)
            if not valid:
                errors.extend(_best(results))
    refused = raw.get("not")
    if refused and not _results(value, refused, path):
        _composite(f'"{path}" must not validate the schema (not)', errors)


def _best(results: list[list[FieldError]]) -> list[FieldError]:
    """The errors of the alternative that fits best."""
    return sorted(results, key=len)[0]


def _composite(words: str, errors: list[FieldError]) -> None:
    errors.append(field.invalid("<nil>", "", words))


def _results(value: Any, raw: Any, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    _nested(value, raw, path, errors)
    return errors


def _nested(value: Any, raw: Any, path: str, errors: list[FieldError]) -> None:
    """A schema inside a junctor: values only."""
    if not _type(value, raw, path, errors):
        return
    _keywords(value, raw, path, errors)
    if isinstance(value, dict):
        properties = raw.get("properties") or {}
        additional = raw.get("additionalProperties")
        for key, inner in value.items():
            schema = properties.get(key)
            if schema is None and isinstance(additional, dict):
                schema = additional
            if schema is not None:
                _nested(inner, schema, _join(path, key), errors)
    elif isinstance(value, list) and isinstance(raw.get("items"), dict):
        for at, inner in enumerate(value):
            _nested(inner, raw["items"], f"{path}[{at}]", errors)
