"""PATCH: JSON patch, JSON merge patch and strategic merge patch on the object as the client's version shows it.

The patch is applied again to the newer object when another write came first, unless it names a resourceVersion.
"""

from typing import Any

import orjson

from ...api import field, status
from ...api.status import StatusError
from ...base.http.message import Response
from ..call import Call
from ..negotiation import media_type, read_body
from ..resources.strategy import Object, Write
from .body import apply_defaults, check_schema
from .update import check_name
from .write_options import write_options

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
ACCEPTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH)


async def patch(call: Call) -> Response:
    """Change parts: 200 and the object."""
    write = write_options(call, "PatchOptions")
    document, media, text = await read_patch(call)
    endpoint, served = call.endpoint, call.served

    def make(current: Object) -> Object:
        before = endpoint.served(current)
        patched = apply_patch(before, document, media, served.group_version, served.kind)
        conform_patched(patched, served.group_version, served.kind, write, text)
        check_name(patched, call.name, call.namespace)
        return endpoint.stored(patched)

    written = await call.resource.update(call.namespace, call.name, make, write)
    return call.respond(written.data)


async def read_patch(call: Call) -> tuple[Any, str, bytes]:
    """(document, media type, text). StatusError 400, 413, 415."""
    media = media_type(call.request)
    if media not in ACCEPTED:
        raise status.unsupported_media_type(ACCEPTED)
    data = await read_body(call.request)
    try:
        document = orjson.loads(data)
    except ValueError as error:
        raise status.bad_request(f"error decoding patch: {error}") from None
    if media == JSON_PATCH:
        if not isinstance(document, list):
            raise status.bad_request("error decoding patch: json: cannot unmarshal object into a list of operations")
    elif not isinstance(document, dict):
        raise status.bad_request("error decoding patch: json: cannot unmarshal into Go value of type map")
    return document, media, data


def apply_patch(current: Object, document: Any, media: str, api_version: str, kind: str) -> Object:
    """The patched object; current is private and may be used up. StatusError 400, 415, 422."""
    from ...api import patch as patches

    if media == JSON_PATCH:
        return patches.json_patch(current, document)
    if media == MERGE_PATCH:
        merged: Object = patches.merge_patch(current, document)
        return merged
    return patches.strategic_merge_patch(current, document, api_version, kind)


def conform_patched(patched: Any, api_version: str, kind: str, write: Write, text: bytes) -> None:
    """Schema and defaults of a patched object, in place; unknown fields as `fieldValidation` says."""
    if not isinstance(patched, dict):
        raise _refused(text, "the patched object is no object")
    if patched.get("apiVersion") != api_version or patched.get("kind") != kind:
        found = f"{patched.get('apiVersion')}, Kind={patched.get('kind')}"
        raise status.bad_request(f"the patch changes apiVersion or kind ({found}); expected {api_version}, Kind={kind}")
    try:
        unknown = check_schema(patched, api_version, kind, write.field_validation)
    except StatusError as error:
        raise _refused(text, error.message) from None
    if unknown:
        if write.field_validation == "Strict":
            raise _refused(text, f"strict decoding error: {', '.join(unknown)}")
        if write.field_validation == "Warn":
            write.warnings += [message for message in unknown if message not in write.warnings]
    apply_defaults(patched, api_version, kind)


def _refused(text: bytes, why: str) -> StatusError:
    return status.invalid("", "", "", [field.invalid("patch", text.decode(errors="replace"), why)])
