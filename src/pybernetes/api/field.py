"""Field errors: what validation returns, with upstream's types and wording (apimachinery `field.Error`).

A path is plain text built by the validators: `spec.containers[0].ports[1].name`, `metadata.labels[app]`.
"""

import json
from collections.abc import Sequence
from typing import Any

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One broken rule. `type` is the CauseType of the Status cause (FieldValueRequired, ...)."""

    type: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def _shown(value: Any) -> str:
    """A value as upstream prints it inside messages: text quoted, the rest as JSON."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if value is None:
        return '"null"'
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _joined(head: str, detail: str) -> str:
    return f"{head}: {detail}" if detail else head


def required(field: str, detail: str = "") -> FieldError:
    return FieldError("FieldValueRequired", field, _joined("Required value", detail))


def invalid(field: str, value: Any, detail: str = "") -> FieldError:
    return FieldError("FieldValueInvalid", field, _joined(f"Invalid value: {_shown(value)}", detail))


def type_invalid(field: str, value: Any, detail: str = "") -> FieldError:
    return FieldError("FieldValueTypeInvalid", field, _joined(f"Invalid value: {_shown(value)}", detail))


def invalid_as_a_whole(field: str, detail: str) -> FieldError:
    """A rule about several fields together: the message shows no value."""
    return FieldError("FieldValueInvalid", field, _joined("Invalid value", detail))


def not_supported(field: str, value: Any, supported: Sequence[str]) -> FieldError:
    """`supported` is listed as given, as upstream does."""
    values = ", ".join(f'"{v}"' for v in supported)
    return FieldError(
        "FieldValueNotSupported", field, f"Unsupported value: {_shown(value)}: supported values: {values}"
    )


def duplicate(field: str, value: Any, detail: str = "") -> FieldError:
    return FieldError("FieldValueDuplicate", field, _joined(f"Duplicate value: {_shown(value)}", detail))


def forbidden(field: str, detail: str) -> FieldError:
    return FieldError("FieldValueForbidden", field, _joined("Forbidden", detail))


def not_found(field: str, value: Any, detail: str = "") -> FieldError:
    return FieldError("FieldValueNotFound", field, _joined(f"Not found: {_shown(value)}", detail))


def too_long(field: str, limit: int) -> FieldError:
    return FieldError("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")


def too_many(field: str, actual: int, limit: int) -> FieldError:
    return FieldError("FieldValueTooMany", field, f"Too many: {actual}: must have at most {limit} items")


def internal(field: str, detail: str) -> FieldError:
    return FieldError("InternalError", field, _joined("Internal error", detail))
