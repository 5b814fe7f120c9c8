"""From a request body to an object that follows the schema of its kind.

Syntax, apiVersion and kind, field types, unknown and duplicate fields (`fieldValidation`), defaults; every failure has
upstream's words. What comes out is in the version the client sent, complete but for admission.
"""

import asyncio
from typing import Any, Literal

from msgspec import DecodeError

from ...api import status
from ...api.digest import digest
from ...api.schema import load
from ...api.schema.syntax import syntax_error
from ...api.status import StatusError
from ...base.http.message import Request
from ..kind_schema import TemplatedKind
from ..negotiation import JSON, YAML, media_type, parse, read_body
from ..resources.strategy import Object, Write

SECRET_KINDS = frozenset({"Secret", "TokenRequest", "TokenReview"})
"""Errors do not quote what was sent for these: they end up in audit logs and terminals."""
REDACTED = "<secret contents redacted>"
_SUMMARY_LENGTH = 30
LARGE_YAML_BYTES = 64 * 1024
"""Larger ones are parsed beside the event loop: a megabyte of YAML takes two seconds."""


async def read_object(request: Request, api_version: str, kind: str, write: Write) -> Object:
    """The body as an object of this kind. StatusError 400, 413, 415."""
    media = media_type(request)
    bodies = write.schema_for(api_version, kind).bodies
    if media not in bodies:
        raise status.unsupported_media_type(bodies)
    data = await read_body(request)
    if media == YAML and len(data) > LARGE_YAML_BYTES:
        obj, duplicates = await asyncio.to_thread(decode, data, media, api_version, kind)
    else:
        obj, duplicates = decode(data, media, api_version, kind)
    conform(obj, api_version, kind, write, duplicates, by_path=media == YAML)
    return obj


def decode(data: bytes, media: str, api_version: str, kind: str) -> tuple[Object, list[str]]:
    """Syntax, apiVersion and kind; the object and messages on duplicate fields. An object may leave apiVersion and
    kind out; then they are the expected ones."""
    obj: Any
    duplicates: list[str] = []
    try:
        if media == JSON:
            obj, duplicates = load(data)
        else:
            obj = parse(data, media)
            if media == YAML:
                duplicates = yaml_duplicates(data)
    except StatusError:
        raise
    except RecursionError:
        raise _unrecognized(kind, "couldn't get version/kind; json parse error: exceeded max depth", data) from None
    except (ValueError, DecodeError) as error:
        why = (media == JSON and syntax_error(data)) or str(error)
        raise _unrecognized(kind, f"couldn't get version/kind; json parse error: {why}", data) from None
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
    return obj, duplicates


def _kind_mismatch(found_version: str, found_kind: str, api_version: str, kind: str) -> str:
    from ...api.resource import resource_for_kind

    try:
        resource_for_kind(found_version, found_kind)
    except KeyError:
        return f'no kind "{found_kind}" is registered for version "{found_version}"'
    return f"converting ({found_version}.{found_kind}) to ({api_version}.{kind}): unknown conversion"


def _unrecognized(kind: str, why: str, data: bytes) -> StatusError:
    shown = REDACTED if kind in SECRET_KINDS else _summary(data)
    return status.bad_request(f"the object provided is unrecognized (must be of type {kind}): {why} ({shown})")


def _summary(data: bytes) -> str:
    if not data:
        return "<empty>"
    shown = data[:_SUMMARY_LENGTH]
    text = shown.decode(errors="replace") if data.startswith(b"{") else shown.hex()
    return text + " ..." if len(data) > _SUMMARY_LENGTH else text


def yaml_duplicates(data: bytes) -> list[str]:
    """The parser's words on all keys that a YAML document gives twice, as one text."""
    from ..yaml_body import duplicates

    found = duplicates(data)
    return [found] if found else []


def conform(
    obj: Object, api_version: str, kind: str, write: Write, duplicates: list[str], *, by_path: bool = False
) -> None:
    """Check against the schema and fill in defaults, in place. Unknown fields are pruned, and by `fieldValidation`
    ignored, warned of or refused (StatusError 400)."""
    schema = write.schema_for(api_version, kind)
    unknown = _UNKNOWN[write.field_validation]
    if isinstance(schema, TemplatedKind):
        write.told = digest(obj.get("spec"))
        found = schema.decode_sent(obj, write.told, unknown=unknown, duplicates=duplicates, by_path=by_path)
    else:
        found = schema.decode(obj, unknown=unknown, duplicates=duplicates, by_path=by_path)
    if found:
        warn(write, found)
    schema.defaults(obj)


def warn(write: Write, problems: list[str]) -> None:
    """Warn of problems, each once; the YAML parser's words line by line."""
    for problem in problems:
        head, _, lines = problem.partition("yaml: unmarshal errors:\n")
        texts = [line.strip() for line in lines.split("\n")] if lines else [head]
        write.warnings += [text for text in texts if text not in write.warnings]


_UNKNOWN: dict[str, Literal["ignore", "warn", "strict"]] = {"Ignore": "ignore", "Warn": "warn", "Strict": "strict"}
