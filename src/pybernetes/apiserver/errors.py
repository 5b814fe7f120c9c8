"""The one place where failures become `Status` answers.

StatusError              as it is
StoreError               by kind: a full or closed store is 503, one that does not answer 504, a value too large 413
BodyTooLarge             413
an endless number        400, found when it is written
nested too deeply        400, wherever it is found: only what a client sends can be that
ExceptionGroup           its first StatusError, for handlers that fan out
anything else            500, logged with its traceback
"""

import asyncio

import orjson

from ..api.protobuf import encode
from ..api.status import StatusError, bad_request, internal_error, service_unavailable, timeout, too_large
from ..base.http.message import BodyTooLarge, Headers, Response
from ..base.log import logger
from ..store.store import Compacted, StoreError, TimedOut, TooLarge, Unavailable
from .negotiation import PLAIN, PROTOBUF, YAML, Representation, indented, render_yaml

log = logger(__name__)

_TOO_BIG = "Integer exceeds 64-bit range"
"""What the JSON writer says of a number in a free-form field that only Python's integers can hold."""
_TOO_DEEP = "Recursion limit reached"
"""What it says of more than 254 levels."""


class ExpiredContinue(StatusError):
    """410 for a continue token whose revision is compacted; `token` goes on from there without consistency."""

    def __init__(self, message: str, token: str) -> None:
        super().__init__(410, "Expired", message)
        self.token = token

    def status(self) -> dict[str, object]:
        body = super().status()
        body["metadata"] = {"continue": self.token}
        return body


def to_status_error(error: BaseException) -> StatusError:
    """The API's view of any failure; unexpected ones are logged here."""
    if isinstance(error, StatusError):
        return error
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            found = to_status_error(inner)
            if isinstance(inner, StatusError):
                return found
        return to_status_error(error.exceptions[0])
    if isinstance(error, BodyTooLarge):
        return too_large("Request entity too large")
    if isinstance(error, TooLarge):
        return too_large(f"Request entity too large: {error}")
    if isinstance(error, TimedOut):
        return timeout("request did not complete within the allotted timeout")
    if isinstance(error, Unavailable):
        return service_unavailable(str(error))
    if isinstance(error, Compacted):
        return StatusError(410, "Expired", "The resourceVersion for the provided list is too old.")
    if isinstance(error, StoreError | asyncio.TimeoutError):
        return internal_error(str(error) or type(error).__name__)
    if isinstance(error, RecursionError) or (isinstance(error, TypeError) and str(error) == _TOO_DEEP):
        return bad_request("exceeded max depth")
    if isinstance(error, TypeError) and str(error) == _TOO_BIG:
        return bad_request("json: cannot unmarshal number into Go value of type int64")
    log.exception("Request handler failed", err=repr(error))
    return internal_error(f"{type(error).__name__}: {error}")


def error_response(error: StatusError, want: Representation = PLAIN) -> Response:
    """The Status body with its code, in the form the client wants; Retry-After where the error says so."""
    data = orjson.dumps(error.status())
    if want.media == PROTOBUF:
        data = encode(error.status())
    elif want.media == YAML:
        data = render_yaml(data)
    elif want.pretty:
        data = indented(data)
    headers: Headers = [("content-type", want.media)]
    if error.retry_after_seconds:
        headers.append(("retry-after", str(error.retry_after_seconds)))
    return Response(error.code, headers, data)
