"""From the headers of an HTTP/2 stream to method, path, query and headers as the application expects them.

The rules of RFC 9113 section 8: pseudo-headers first, once, and only the known ones; lower-case names; nothing that
concerns a connection. `:authority` becomes `host`, cookie crumbs are joined.
"""

import re
from typing import NamedTuple

from pybernetes.base.http.message import Headers

_CONNECTION_HEADERS = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
_PSEUDO = frozenset({":method", ":scheme", ":path", ":authority"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_MAX_LENGTH_DIGITS = 18


class RequestHead(NamedTuple):
    """A checked head. `length` is the announced content length or None."""

    method: str
    path: str
    query: str
    headers: Headers
    length: int | None


def request_head(fields: Headers) -> RequestHead | None:
    """The head, or None if the request is malformed."""
    pseudo: dict[str, str] = {}
    headers: Headers = []
    cookies: list[str] = []
    length: int | None = None
    for name, value in fields:
        if name.startswith(":"):
            if headers or cookies or name in pseudo or name not in _PSEUDO:
                return None
            pseudo[name] = value
            continue
        if _NAME.fullmatch(name) is None or name in _CONNECTION_HEADERS:
            return None
        if any(c in value for c in "\r\n\0"):
            return None
        if name == "te" and value != "trailers":
            return None
        if name == "cookie":
            cookies.append(value)
            continue
        if name == "content-length":
            if not value.isascii() or not value.isdigit() or len(value) > _MAX_LENGTH_DIGITS:
                return None
            if length is not None and length != int(value):
                return None
            length = int(value)
        headers.append((name, value))
    if cookies:
        headers.append(("cookie", "; ".join(cookies)))
    method, target = pseudo.get(":method", ""), pseudo.get(":path", "")
    if not method or not target or not pseudo.get(":scheme"):
        return None
    if not target.startswith("/") and not (target == "*" and method == "OPTIONS"):
        return None
    if any(c in target or c in method for c in " \r\n\0"):
        return None
    authority = pseudo.get(":authority")
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) > 1 or (hosts and authority not in (None, hosts[0])):
        return None
    if authority is not None and not hosts:
        headers.insert(0, ("host", authority))
    path, _, query = target.partition("?")
    return RequestHead(method, path, query, headers, length)
