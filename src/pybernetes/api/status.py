"""The one error that reaches clients: `StatusError`, carrying the API's `Status` (meta/v1).

Built by constructors named after reasons, tested by predicates, never by text. Codes, reasons and wording follow
apimachinery `api/errors`. `details.kind` carries the resource or kind exactly as upstream's constructor does.
"""

from collections.abc import Sequence
from typing import Any

from .field import FieldError


class StatusError(Exception):
    """An API failure: HTTP code, reason (CamelCase), message, details (a plain dict in wire form, or None)."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        *,
        retry_after_seconds: int = 0,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after_seconds = retry_after_seconds

    def status(self) -> dict[str, Any]:
        """The Status object as it goes over the wire."""
        body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        if self.message:
            body["message"] = self.message
        if self.reason:
            body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        body["code"] = self.code
        return body

    @classmethod
    def from_status(cls, body: dict[str, Any], code: int = 0) -> "StatusError":
        """The error a server's Status body describes."""
        details = body.get("details")
        return cls(
            int(body.get("code") or code or 500),
            str(body.get("reason") or ""),
            str(body.get("message") or ""),
            details,
            retry_after_seconds=int((details or {}).get("retryAfterSeconds") or 0),
        )


def _details(group: str, kind: str, name: str = "", uid: str = "") -> dict[str, Any]:
    found = {"name": name, "group": group, "kind": kind, "uid": uid}
    return {key: value for key, value in found.items() if value}


def _qualified(group: str, resource: str) -> str:
    return f"{resource}.{group}" if group else resource


def not_found(group: str, resource: str, name: str) -> StatusError:
    message = f'{_qualified(group, resource)} "{name}" not found'
    return StatusError(404, "NotFound", message, _details(group, resource, name))


def page_not_found() -> StatusError:
    """A path no handler serves: upstream answers a bare `404 page not found`."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(group: str, resource: str, name: str) -> StatusError:
    message = f'{_qualified(group, resource)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, _details(group, resource, name))


def conflict(group: str, resource: str, name: str, why: str = "") -> StatusError:
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {_qualified(group, resource)} "{name}": {why}'
    return StatusError(409, "Conflict", message, _details(group, resource, name))


def invalid(group: str, kind: str, name: str, errors: Sequence[FieldError]) -> StatusError:
    details = _details(group, kind, name)
    details["causes"] = [{"reason": e.type, "message": e.message, "field": e.field} for e in errors]
    unique = list(dict.fromkeys(str(e) for e in errors))
    text = unique[0] if len(unique) == 1 else "[" + ", ".join(unique) + "]"
    return StatusError(422, "Invalid", f'{_qualified(group, kind)} "{name}" is invalid: {text}', details)


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def unauthorized(message: str = "Unauthorized") -> StatusError:
    return StatusError(401, "Unauthorized", message)


def forbidden(group: str, resource: str, name: str, why: str) -> StatusError:
    message = f'{_qualified(group, resource)} "{name}" is forbidden: {why}'
    if not name:
        message = f"{_qualified(group, resource)} is forbidden: {why}"
    return StatusError(403, "Forbidden", message, _details(group, resource, name))


def method_not_supported(group: str, resource: str, action: str) -> StatusError:
    message = f"{action} is not supported on resources of kind {_qualified(group, resource)!r}".replace("'", '"')
    return StatusError(405, "MethodNotAllowed", message, _details(group, resource))


def not_acceptable(accepted: Sequence[str]) -> StatusError:
    message = "only the following media types are accepted: " + ", ".join(accepted)
    return StatusError(406, "NotAcceptable", message)


def unsupported_media_type(accepted: Sequence[str]) -> StatusError:
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    return StatusError(415, "UnsupportedMediaType", message)


def gone(message: str) -> StatusError:
    """The server has moved on (an old continue token)."""
    return StatusError(410, "Expired", message)


def expired(message: str) -> StatusError:
    """410 with reason Expired: the asked resourceVersion is compacted; list again."""
    return StatusError(410, "Expired", message)


def too_large(message: str) -> StatusError:
    return StatusError(413, "RequestEntityTooLarge", message)


def too_many_requests(message: str, retry_after_seconds: int = 1) -> StatusError:
    details = {"retryAfterSeconds": retry_after_seconds}
    return StatusError(429, "TooManyRequests", message, details, retry_after_seconds=retry_after_seconds)


def internal_error(message: str) -> StatusError:
    details = {"causes": [{"message": message}]}
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", details)


def service_unavailable(message: str) -> StatusError:
    return StatusError(503, "ServiceUnavailable", message)


def timeout(message: str) -> StatusError:
    return StatusError(504, "Timeout", f"Timeout: {message}")


def is_not_found(error: BaseException) -> bool:
    return isinstance(error, StatusError) and error.reason == "NotFound"


def is_already_exists(error: BaseException) -> bool:
    return isinstance(error, StatusError) and error.reason == "AlreadyExists"


def unmet_precondition(key: str, what: str, wanted: Any, found: Any) -> str:
    """Why an update conflicts whose UID or ResourceVersion is not that of the object below the key of the store."""
    why = f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"
    return f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: {why}"


def is_conflict(error: BaseException) -> bool:
    """Whether the object is not what the writer took it for: changed since, or another (patches with a uid)."""
    if not isinstance(error, StatusError):
        return False
    if error.reason == "Invalid":
        return any(cause.get("field") == "metadata.uid" for cause in (error.details or {}).get("causes") or ())
    return error.reason == "Conflict"


def is_invalid(error: BaseException) -> bool:
    return isinstance(error, StatusError) and error.reason == "Invalid"


def is_forbidden(error: BaseException) -> bool:
    return isinstance(error, StatusError) and error.reason == "Forbidden"


def is_gone(error: BaseException) -> bool:
    """The asked resourceVersion (or continue token) is too old: list again."""
    return isinstance(error, StatusError) and error.code == 410


def is_too_many_requests(error: BaseException) -> bool:
    return isinstance(error, StatusError) and error.code == 429
