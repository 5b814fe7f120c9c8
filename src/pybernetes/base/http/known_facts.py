"""What is known of requests with the same headers (`Request.facts`) on one HTTP/2 connection.

Requests of one client differ in their path more often than in anything else, and whose token it is depends on the
headers alone: a get saves 9 us of authentication for 1 us of looking this up. What is known goes with the connection,
since headers contain bearer tokens.
"""

from typing import Any

from pybernetes.base.http.message import Headers

_MOST = 16


class KnownFacts:
    """Of one connection; the last few kinds of requests."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}

    def of(self, headers: Headers, *, has_length: bool) -> dict[str, Any]:
        """The facts of these headers; how long the body is makes no difference."""
        if has_length:
            key = tuple([header if header[0] != "content-length" else ("content-length", "") for header in headers])
        else:
            key = tuple(headers)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[key] = {}
        return found
