"""Local files that `kubectl proxy --www` serves: files, indexes, listings of directories; nothing outside the root."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    Page = tuple[int, str, bytes, str, str]

HTML = "text/html; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
MISSING: Page = (404, "Not Found", b"404 page not found\n", PLAIN, "")


def moved(where: str) -> Page:
    """Where a path without its slash leads."""
    return 301, "Moved Permanently", f'<a href="{where}">Moved Permanently</a>.\n\n'.encode(), HTML, where


def page(root: str, name: str) -> Page:
    """(status, reason, body, content type, location) of a name below the root, as it stands in a URL."""
    from urllib.parse import unquote

    root = os.path.realpath(root)
    plain = unquote(name)
    path = os.path.realpath(os.path.join(root, plain.lstrip("/")))
    if path != root and not path.startswith(root.rstrip(os.sep) + os.sep):
        return MISSING
    if os.path.isdir(path):
        if plain and not plain.endswith("/"):
            return 301, "Moved Permanently", b"", "", os.path.basename(path) + "/"
        index = os.path.join(path, "index.html")
        if not os.path.isfile(index):
            return 200, "OK", _listing(path), HTML, ""
        path = index
    elif plain.endswith("/index.html"):
        return 301, "Moved Permanently", b"", "", "./"
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return MISSING
    return 200, "OK", data, _kind(path), ""


def _kind(path: str) -> str:
    import mimetypes

    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _listing(path: str) -> bytes:
    from html import escape
    from urllib.parse import quote

    lines = ["<!doctype html>", '<meta name="viewport" content="width=device-width">', "<pre>"]
    for name in sorted(os.listdir(path)):
        shown = f"{name}/" if os.path.isdir(os.path.join(path, name)) else name
        lines.append(f'<a href="{quote(shown)}">{escape(shown)}</a>')
    return "\n".join([*lines, "</pre>", ""]).encode()
