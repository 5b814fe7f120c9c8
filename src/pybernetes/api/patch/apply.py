"""Picks the patch by its content type and parses the body (apiserver `endpoints/handlers/patch.go`)."""

from typing import Any

import msgspec
import orjson

from .. import status
from ..schema import ObjectSchema
from ..schema.loading import read
from ..schema.syntax import syntax_error
from .json_patch import PatchError, apply_operations
from .merge_patch import merge
from .strategic import BadPatch, strategic_merge

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"

_OPERATION_LIMIT = 10_000


def apply_patch(
    content_type: str, original: dict[str, Any], patch: bytes, schema: ObjectSchema | None, *, shared: bool = False
) -> dict[str, Any]:
    """The object after the patch. `schema` is None for kinds that only custom resources define. `shared`: what the
    patch leaves alone may be the original's own, so that the caller sees what that is and copies the rest himself."""
    kind = content_type.partition(";")[0].strip().lower()
    if not shared or kind == JSON_PATCH:
        original = _copied(original)
    if kind == JSON_PATCH:
        return _json_patch(original, patch)
    if kind == MERGE_PATCH:
        document = _object(patch, "error decoding patch: ")
        merged: dict[str, Any] = merge(original, document)
        return merged
    if kind == STRATEGIC_MERGE_PATCH and schema is not None:
        document = _object(patch, "")
        try:
            return strategic_merge(original, document, schema.type)
        except BadPatch as error:
            raise status.bad_request(str(error)) from None
        except PatchError:
            raise _does_not_fit() from None
    accepted = [JSON_PATCH, MERGE_PATCH]
    if schema is not None:
        accepted.append(STRATEGIC_MERGE_PATCH)
    raise status.unsupported_media_type([*accepted, "application/apply-patch+yaml"])


def _copied(value: Any) -> Any:
    """A copy of a JSON value: by way of its text, a fifth of the time of any copy in Python."""
    return orjson.loads(orjson.dumps(value))


def _json_patch(original: dict[str, Any], patch: bytes) -> dict[str, Any]:
    try:
        operations = read(patch)
    except msgspec.DecodeError as error:
        raise status.bad_request(syntax_error(patch) or str(error)) from None
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        found = {dict: "object", str: "string", bool: "bool"}.get(type(operations), "array")
        found = "number" if isinstance(operations, int | float) and not isinstance(operations, bool) else found
        raise status.bad_request(f"json: cannot unmarshal {found} into Go value of type jsonpatch.Patch")
    if len(operations) > _OPERATION_LIMIT:
        raise status.too_large(
            f"The allowed maximum operations in a JSON patch is {_OPERATION_LIMIT}, got {len(operations)}"
        )
    try:
        patched = apply_operations(original, operations)
    except PatchError:
        raise _does_not_fit() from None
    if not isinstance(patched, dict):
        raise _does_not_fit()
    return patched


def _object(patch: bytes, prefix: str) -> dict[str, Any]:
    try:
        document = read(patch)
    except msgspec.DecodeError as error:
        raise status.bad_request(f"{prefix}{syntax_error(patch) or error}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        found = "array" if isinstance(document, list) else "string" if isinstance(document, str) else "number"
        raise status.bad_request(
            f"{prefix}json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
        )
    return document


def _does_not_fit() -> status.StatusError:
    """Upstream says no more than this when a well-formed patch cannot be applied."""
    return status.StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {})
