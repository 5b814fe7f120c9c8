"""PATCH: JSON patch, JSON merge patch and strategic merge patch on the object as the client's version shows it; apply
patches go to `apply.py`.

The patch is applied again to the newer object when another write came first, unless it names a resourceVersion.
"""

import re

from ...api import field, status
from ...api.managed_fields.manager import without_entries
from ...api.patch import JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, apply_patch
from ...api.schema import duplicates
from ...api.schema.loading import read
from ...api.status import StatusError
from ...base.http.message import Response
from ..call import Call
from ..kind_schema import KindSchema
from ..negotiation import media_type, read_body
from ..resources.strategy import Object, Write
from .apply import APPLY_PATCH, apply
from .body import REDACTED, SECRET_KINDS, warn
from .merged import settle
from .owner_references import deduplicate
from .update import check_name
from .write_options import write_options

_OPERATION = frozenset({"op", "from", "path", "value"})
_OF_OPERATION = re.compile(r'"\[\d+\]\.[a-z]+"$')
ACCEPTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH)


async def patch(call: Call) -> Response:
    """Change parts: 200 and the object."""
    if media_type(call.request) == APPLY_PATCH:
        return await apply(call)
    write = write_options(call, "PatchOptions")
    media, text = await read_patch(call)
    schema = call.endpoint.kind.strategic
    endpoint, served = call.endpoint, call.served

    # A patch that does not speak of managedFields is spared their copying and checking (a tenth of a status patch).
    unseen = b"managedFields" not in text

    def make(current: Object) -> Object:
        before = endpoint.served(current)
        seen = without_entries(before) if unseen else before
        patched = apply_patch(media, seen, text, schema, shared=True)
        patched, shape = settle(endpoint, seen, patched, write, share=call.resource.strategy.leaves_spec)
        conform_patched(patched, served.group_version, served.kind, write, text, shape)
        check_name(patched, call.name, call.namespace)
        deduplicate(patched, write)
        endpoint.tracking.updated(before, patched, write)
        return endpoint.stored(patched)

    written = await call.resource.update(call.namespace, call.name, make, write, reads_only=True)
    return call.respond(written.data)


async def read_patch(call: Call) -> tuple[str, bytes]:
    """(media type, text). StatusError 413, 415."""
    media, accepted = media_type(call.request), call.endpoint.kind.patches
    if media not in accepted or media == APPLY_PATCH:
        raise status.unsupported_media_type(accepted)
    return media, await read_body(call.request)


def conform_patched(
    patched: Object, api_version: str, kind: str, write: Write, text: bytes, schema: KindSchema | None = None
) -> None:
    """Schema and defaults of a patched object, in place; unknown fields as `fieldValidation` says. `schema`: another
    than that of the kind."""
    if not patched.get("apiVersion") or not patched.get("kind"):
        patched["apiVersion"], patched["kind"] = patched.get("apiVersion") or api_version, patched.get("kind") or kind
    if patched["apiVersion"] != api_version or patched["kind"] != kind:
        found = f"{patched['apiVersion']}, Kind={patched['kind']}"
        raise status.bad_request(f"the patch changes apiVersion or kind ({found}); expected {api_version}, Kind={kind}")
    schema = schema or write.schema_for(api_version, kind)
    ignore = write.field_validation == "Ignore"
    twice = [] if ignore else patch_problems(text)
    try:
        unknown = schema.decode(patched, unknown="ignore" if ignore else "warn", duplicates=twice, by_path=True)
    except StatusError as error:
        raise _refused(kind, text, error.message) from None
    if unknown and write.field_validation == "Strict":
        raise _refused(kind, text, f"strict decoding error: {', '.join(unknown)}")
    warn(write, unknown)
    schema.defaults(patched)


def patch_problems(text: bytes) -> list[str]:
    """Keys a patch gives twice, and what a JSON patch's operations do not have."""
    found = duplicates(text)
    if not text.lstrip().startswith(b"["):
        return found
    problems = [f"json patch {message}" for message in found if _OF_OPERATION.search(message)]
    operations = read(text)
    for at, operation in enumerate(operations if isinstance(operations, list) else ()):
        if isinstance(operation, dict):
            problems += [f'json patch unknown field "[{at}].{name}"' for name in operation if name not in _OPERATION]
    return sorted(problems, key=lambda message: int(message.partition("[")[2].partition("]")[0]))


def _refused(kind: str, text: bytes, why: str) -> StatusError:
    shown = REDACTED if kind in SECRET_KINDS else text.decode(errors="replace")
    return status.invalid("", "", "", [field.invalid("patch", shown, why)])
