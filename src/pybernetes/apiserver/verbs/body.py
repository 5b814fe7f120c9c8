"""From a request body to an object that follows the schema of its kind.

Syntax, apiVersion and kind, field types, unknown and duplicate fields (`fieldValidation`), defaults; every failure has
upstream's words. What comes out is in the version the client sent, complete but for admission.
"""

from typing import Any

import orjson

from ...api import status
from ...api.status import StatusError
from ...base.http.message import Request
from ..negotiation import JSON, media_type, parse, read_body
from ..resources.strategy import Object, Write

_SUMMARY_LENGTH = 30


async def read_object(request: Request, api_version: str, kind: str, write: Write) -> Object:
    """The body as an object of this kind. StatusError 400, 413, 415."""
    data = await read_body(request)
    media = media_type(request)
    obj = decode(data, media, api_version, kind)
    duplicates = duplicate_fields(data, obj) if media == JSON and write.field_validation != "Ignore" else []
    conform(obj, api_version, kind, write, duplicates)
    return obj


def decode(data: bytes, media: str, api_version: str, kind: str) -> Object:
    """Syntax, apiVersion and kind. An object may leave both out; then they are the expected ones."""
    try:
        obj: Any = parse(data, media)
    except StatusError:
        raise
    except ValueError as error:
        raise _unrecognized(kind, f"couldn't get version/kind; json parse error: {error}", data) from None
    if not isinstance(obj, dict):
        words = "couldn't get version/kind; json parse error: json: cannot unmarshal into Go value of type struct"
        raise _unrecognized(kind, words, data)
    found_version, found_kind = obj.get("apiVersion") or api_version, obj.get("kind") or kind
    if not isinstance(found_version, str) or not isinstance(found_kind, str):
        raise _unrecognized(kind, "couldn't get version/kind; json parse error", data)
    if found_kind != kind:
        version = found_version.rpartition("/")[2]
        why = _kind_mismatch(found_version, found_kind, api_version, kind)
        raise status.bad_request(f'{found_kind} in version "{version}" cannot be handled as a {kind}: {why}')
    if found_version != api_version:
        raise status.bad_request(
            f"the API version in the data ({found_version}) does not match the expected API version ({api_version})"
        )
    obj["apiVersion"], obj["kind"] = api_version, kind
    return obj


def _kind_mismatch(found_version: str, found_kind: str, api_version: str, kind: str) -> str:
    from ...api.resource import resource_for_kind

    try:
        resource_for_kind(found_version, found_kind)
    except KeyError:
        return f'no kind "{found_kind}" is registered for version "{found_version}"'
    return f"converting ({found_version}.{found_kind}) to ({api_version}.{kind}): unknown conversion"


def _unrecognized(kind: str, why: str, data: bytes) -> StatusError:
    return status.bad_request(f"the object provided is unrecognized (must be of type {kind}): {why} ({_summary(data)})")


def _summary(data: bytes) -> str:
    if not data:
        return "<empty>"
    shown = data[:_SUMMARY_LENGTH]
    text = shown.decode(errors="replace") if data.startswith(b"{") else shown.hex()
    return text + " ..." if len(data) > _SUMMARY_LENGTH else text


def conform(obj: Object, api_version: str, kind: str, write: Write, extra: list[str] | None = None) -> None:
    """Check against the schema and fill in defaults, in place. Unknown fields are pruned, and by `fieldValidation`
    ignored, warned of or refused; `extra` are more findings of the same sort."""
    unknown = check_schema(obj, api_version, kind, write.field_validation)
    found = [*(extra or ()), *unknown]
    if found:
        if write.field_validation == "Strict":
            words = f"strict decoding error: {', '.join(found)}"
            version = api_version.rpartition("/")[2]
            raise status.bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {words}')
        if write.field_validation == "Warn":
            write.warnings += found
    apply_defaults(obj, api_version, kind)


def check_schema(obj: Object, api_version: str, kind: str, field_validation: str) -> list[str]:
    """Types are enforced (StatusError 400), unknown fields removed; their messages are returned."""
    try:
        from ...api.schema import schema_for
    except ImportError:
        return []

    schema = schema_for(api_version, kind)
    if schema is None:
        return []
    found: list[str] = schema.decode(obj, unknown="ignore" if field_validation == "Ignore" else "warn")
    return found


def apply_defaults(obj: Object, api_version: str, kind: str) -> None:
    """Fill in the defaults of the kind, in place."""
    try:
        from ...api import defaulting
    except ImportError:
        return

    defaulting.apply_defaults(obj, api_version, kind)


def duplicate_fields(data: bytes, obj: Any) -> list[str]:
    """Messages for keys that occur twice in one JSON object.

    The parser keeps the last one silently. Counting `":` in the text and in the re-encoded value proves the usual body
    free of duplicates in microseconds; only when the counts differ is the text read again with a hook.
    """
    if data.count(b'":') == orjson.dumps(obj).count(b'":'):
        return []
    import json

    found: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                found.append(f'duplicate field "{key}"')
            seen[key] = value
        return seen

    json.loads(data, object_pairs_hook=collect)
    return list(dict.fromkeys(found))
