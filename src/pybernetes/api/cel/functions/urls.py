"""URLs: `url(s)`, `isURL(s)` and the parts (Go's `url.ParseRequestURI`)."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, unquote

from ..errors import EvaluationError

DECLARATIONS = """
url(string) -> kubernetes.URL
isURL(string) -> bool
kubernetes.URL::getScheme() -> string
kubernetes.URL::getHost() -> string
kubernetes.URL::getHostname() -> string
kubernetes.URL::getPort() -> string
kubernetes.URL::getEscapedPath() -> string
kubernetes.URL::getQuery() -> map(string, list(string))
"""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\s\[\]<>\"\\^`{|}:]*)(?::(\d*))?\Z")


class Url:
    """A parsed absolute URL or path."""

    cel_type = "kubernetes.URL"
    __slots__ = ("host", "path", "query", "scheme", "text")

    def __init__(self, text: str, scheme: str, host: str, path: str, query: str) -> None:
        self.text, self.scheme, self.host, self.path, self.query = text, scheme, host, path, query

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


def _parse(text: str) -> Url:
    if not text:
        raise ValueError("empty url")
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
        raise ValueError("net/url: invalid control character in URL")
    scheme, rest = "", text
    found = _SCHEME.match(text)
    if found is not None:
        scheme, rest = found[1].lower(), text[found.end() :]
    elif not text.startswith("/"):
        if ":" in text.partition("/")[0]:
            raise ValueError("first path segment in URL cannot contain colon")
        raise ValueError("invalid URI for request")
    rest, _, query = rest.partition("?")
    if scheme and not rest.startswith("/"):
        return Url(text, scheme, "", "", query)
    host, path = "", rest
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        host, slash, path = rest[2:].partition("/")
        path = slash + path
        host = host.rpartition("@")[2]
        if _HOST.match(host) is None:
            raise ValueError('invalid character " " in host name' if " " in host else "invalid port after host")
    if _BAD_ESCAPE.search(path):
        raise ValueError(f'invalid URL escape "{path[path.index("%") :][:3]}"')
    return Url(text, scheme, host, path, query)


def _url(text: str) -> Url:
    try:
        return _parse(text)
    except ValueError as error:
        raise EvaluationError(f'URL parse error during conversion from string: parse "{text}": {error}') from None


def _is_url(text: str) -> bool:
    try:
        _parse(text)
    except ValueError:
        return False
    return True


def _hostname(url: Url) -> str:
    host = url.host
    if host.startswith("["):
        return host[1 : host.index("]")]
    return host.partition(":")[0]


def _port(url: Url) -> str:
    tail = url.host.rpartition("]")[2]
    return tail.partition(":")[2]


def _escaped_path(url: Url) -> str:
    return quote(unquote(url.path), safe="/!$&'()*+,;=:@~._-") if "%" not in url.path else url.path


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "url": _url,
    "isURL": _is_url,
    "getScheme": lambda url: url.scheme,
    "getHost": lambda url: url.host,
    "getHostname": _hostname,
    "getPort": _port,
    "getEscapedPath": _escaped_path,
    "getQuery": lambda url: parse_qs(url.query, keep_blank_values=True),
}
