"""Failed answers that are no Status: a proxy's page, an aggregated server's text. What client-go makes of them.

The reason and the words follow from the code alone, but for those codes where the server's own words are kept.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KNOWN = {
    400: ("BadRequest", "the server rejected our request for an unknown reason"),
    401: ("Unauthorized", "the server has asked for the client to provide credentials"),
    404: ("NotFound", "the server could not find the requested resource"),
    405: ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
    406: ("NotAcceptable", "the server was unable to respond with a content type that the client supports"),
    409: ("Conflict", "the server reported a conflict"),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
    429: (
        "TooManyRequests",
        "the server has received too many requests and has asked us to try again later",
    ),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: (
        "Timeout",
        "the server was unable to return a response in the time allotted, but may still be processing the request",
    ),
}
_OWN_WORDS = {403: "Forbidden", 406: "NotAcceptable", 415: "UnsupportedMediaType"}
_LONGEST = 2048


def status_of(code: int, data: bytes, content_type: str = "", method: str = "", path: str = "") -> dict[str, Any]:
    """A Status for an answer; a `path` that leads to resources is told of."""
    said = "unknown"
    if not content_type or content_type.startswith("text/"):
        said = data[:_LONGEST].decode("utf-8", "replace").strip()
    reason, message = _KNOWN.get(
        code, ("", f"the server responded with the status code {code} but did not return more information")
    )
    if code in _OWN_WORDS and (code != 406 or said not in ("", "unknown")):
        reason, message = _OWN_WORDS[code], said
    elif code == 409 and method == "POST":
        reason = "AlreadyExists"
    elif code >= 500 and not reason:
        from .errors import quoted

        reason = "InternalError"
        message = f"an error on the server ({quoted(said)}) has prevented the request from succeeding"
    where, name = _resource(path)
    details: dict[str, Any] = {"causes": [{"reason": "UnexpectedServerResponse", "message": said}]}
    if where:
        details |= {"kind": where.partition(".")[0], "name": name}
        where = f"{where} {name}" if name else where
        verb = {"GET": "get", "POST": "post", "PUT": "put", "PATCH": "patch", "DELETE": "delete"}.get(method, method)
        message = f"{message} ({verb} {where})"
    return {"message": message, "reason": reason, "code": code, "details": details}


def _resource(path: str) -> tuple[str, str]:
    """(`deployments.apps`, `web`) of a path to it; nothing for paths that lead elsewhere."""
    parts = path.partition("?")[0].strip("/").split("/")
    if parts[0] == "api":
        group, rest = "", parts[2:]
    elif parts[0] == "apis":
        group, rest = (parts[1] if len(parts) > 1 else ""), parts[3:]
    else:
        return "", ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    if not rest:
        return "", ""
    return f"{rest[0]}.{group}" if group else rest[0], (rest[1] if len(rest) > 1 else "")
