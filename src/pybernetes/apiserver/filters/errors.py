"""The outermost filter: whatever goes wrong leaves as a Status, whatever was warned of as Warning headers, and nothing
is kept on the way.

Headers that belong to every answer of a request, whatever it is, are gathered in `context["response_headers"]`.
"""

from ...api.status import StatusError
from ...base.http.message import App, Request, Response
from ..errors import error_response, to_status_error
from ..negotiation import NO_FORMS, PLAIN, Representation, representation

_NOT_KEPT = ("cache-control", "no-cache, private")
"""No proxy keeps what the API answers, but for what says itself that it may be kept."""
_WARNINGS_LIMIT_BYTES = 4096


def failures(next: App) -> App:
    """See the module docstring."""

    async def answered(request: Request) -> Response:
        try:
            response = await next(request)
        except Exception as error:
            response = error_response(to_status_error(error), _wanted(request))
        if len(response.headers) < 2 or response.header("cache-control") is None:
            response.headers.append(_NOT_KEPT)
        headers = request.context.get("response_headers")
        if headers:
            response.headers += headers
        warnings = request.context.get("warnings")
        if warnings:
            _add_warnings(response, warnings)
        return response

    return answered


def _wanted(request: Request) -> Representation:
    """How the client reads a Status: as it is, whatever form it wants of objects."""
    try:
        return representation(request, forms=NO_FORMS, protobuf=True)
    except StatusError:
        return PLAIN


def _add_warnings(response: Response, warnings: list[str]) -> None:
    size = 0
    for text in dict.fromkeys(warnings):
        header = warning_header(text)
        size += len(header)
        if size > _WARNINGS_LIMIT_BYTES:
            return
        response.headers.append(("warning", header))


def warning_header(text: str) -> str:
    """RFC 7234 Warning with code 299; control characters cannot travel in a header."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{escaped}"'
