"""Links that must stay inside the proxy: `Location` headers and the URLs in HTML pages (upstream's `proxy.Transport`).

A page served under `/api/v1/namespaces/default/services/web/proxy/` that links to `/login` gets
`/api/v1/namespaces/default/services/web/proxy/login`. Relative links and other hosts are left alone.
"""

import html
import re
from collections.abc import AsyncIterator
from posixpath import normpath
from urllib.parse import urlsplit, urlunsplit

_ATTRIBUTES: dict[str, frozenset[str]] = {
    tag: frozenset(names.split())
    for tag, names in {
        "a": "href",
        "applet": "codebase",
        "area": "href",
        "audio": "src",
        "base": "href",
        "blockquote": "cite",
        "body": "background",
        "button": "formaction",
        "command": "icon",
        "del": "cite",
        "embed": "src",
        "form": "action",
        "frame": "longdesc src",
        "head": "profile",
        "html": "manifest",
        "iframe": "longdesc src",
        "img": "longdesc src usemap",
        "input": "formaction src usemap",
        "ins": "cite",
        "link": "href",
        "object": "classid codebase data usemap",
        "q": "cite",
        "script": "src",
        "source": "src",
        "video": "poster src",
    }.items()
}
_TAG = re.compile(rb"<([a-zA-Z][a-zA-Z0-9]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)""")
_LONGEST_TAG = 64 * 1024


def rewrite_url(url: str, prefix: str, target_host: str, request_host: str) -> str:
    """An absolute path of the target moved under `prefix`; everything else as it is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if parts.scheme not in ("", "http", "https"):
        return url
    if parts.netloc and parts.netloc not in (target_host, request_host):
        return url
    if not parts.path.startswith("/"):
        return url
    path = parts.path
    if not path.startswith(prefix):
        joined = normpath(prefix + path)
        path = joined + "/" if path.endswith("/") and not joined.endswith("/") else joined
    return urlunsplit(("", "", path, parts.query, parts.fragment))


def rewrite_html(page: bytes, prefix: str, target_host: str, request_host: str) -> bytes:
    """Complete tags of a piece of HTML with their links rewritten; all other bytes untouched."""

    def tag(match: re.Match[bytes]) -> bytes:
        names = _ATTRIBUTES.get(match[1].decode().lower())
        if names is None:
            return match[0]

        def attribute(found: re.Match[str]) -> str:
            if found[1].lower() not in names:
                return found[0]
            quote = found[3][0] if found[3][0] in "\"'" else ""
            value = html.unescape(found[3][1:-1] if quote else found[3])
            rewritten = rewrite_url(value, prefix, target_host, request_host)
            if rewritten == value:
                return found[0]
            return f'{found[1]}{found[2]}"{html.escape(rewritten)}"'

        text = match[2].decode("utf-8", "surrogateescape")
        return b"<" + match[1] + _ATTRIBUTE.sub(attribute, text).encode("utf-8", "surrogateescape") + b">"

    return _TAG.sub(tag, page)


class HtmlRewriter:
    """A page that passes through: pieces are held back only from an unfinished tag on."""

    def __init__(self, body: AsyncIterator[bytes], prefix: str, target_host: str, request_host: str) -> None:
        self._body = body
        self._arguments = (prefix, target_host, request_host)
        self._held = b""
        self._over = False

    def __aiter__(self) -> "HtmlRewriter":
        return self

    async def __anext__(self) -> bytes:
        while not self._over:
            try:
                self._held += await anext(self._body)
            except StopAsyncIteration:
                self._over = True
                break
            cut = self._held.rfind(b"<")
            if cut < 0 or b">" in self._held[cut:] or len(self._held) - cut > _LONGEST_TAG:
                cut = len(self._held)
            piece, self._held = self._held[:cut], self._held[cut:]
            if piece:
                return rewrite_html(piece, *self._arguments)
        rest, self._held = self._held, b""
        if not rest:
            raise StopAsyncIteration
        return rewrite_html(rest, *self._arguments)

    async def aclose(self) -> None:
        """End the source early."""
        close = getattr(self._body, "aclose", None)
        if close is not None:
            await close()
