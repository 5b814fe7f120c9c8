"""What `-v` tells of requests, on standard error: 6 the answers' status, 7 the requests' headers, 8 all headers and
bodies up to a length, 9 each request as a curl command and longer bodies. Lines are klog's, as client-go writes them.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN = {8: 1024, 9: 10240}
"""How much of a body a level shows; above, all of it."""


def request(level: int, method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> None:
    """Before a request is sent; nothing below level 7."""
    if level >= 8:
        _body(level, "Request Body", body)
    shown = sorted((_canonical(name), _masked(name, value)) for name, value in headers)
    if level >= 9:
        words = "".join(f' -H "{name}: {value}"' for name, value in shown)
        _line("round_trippers.go:527", f"\"Request\" curlCommand=<\n\tcurl -v -X{method} {words} '{url}'\n >")
    elif level >= 7:
        _line("round_trippers.go:527", f'"Request" verb="{method}" url="{url}" headers={_headers(shown)}')


def response(
    level: int, method: str, url: str, status: str, headers: Sequence[tuple[str, str]], started: float
) -> None:
    """When the head of an answer is there; `started` is of time.monotonic."""
    parts = ['"Response"']
    if level == 6 or level >= 9:
        parts += [f'verb="{method}"', f'url="{url}"']
    parts.append(f'status="{status}"')
    if level >= 8:
        parts.append(f"headers={_headers(sorted((_canonical(name), value) for name, value in headers))}")
    parts.append(f"milliseconds={int((time.monotonic() - started) * 1000)}")
    _line("round_trippers.go:632", " ".join(parts))


def answered(level: int, body: bytes) -> None:
    """When all of an answer is there."""
    if level >= 8:
        _body(level, "Response Body", body)


def _body(level: int, title: str, body: bytes) -> None:
    text = body.decode("utf-8", "replace")
    shown = _SHOWN.get(level, len(text))
    if len(text) > shown:
        text = f"{text[:shown]} [truncated {len(text) - shown} chars]"
    if "\n" in text:
        lines = text.replace("\n", "\n\t")
        _line("helper.go:105", f'"{title}" body=<\n\t{lines}\n >')
    else:
        from .errors import quoted

        _line("helper.go:105", f'"{title}" body={quoted(text)}')


def _headers(shown: Sequence[tuple[str, str]]) -> str:
    return "<\n" + "".join(f"\t{name}: {value}\n" for name, value in shown) + " >"


def _canonical(name: str) -> str:
    """`content-type` as Go writes it: Content-Type."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def _masked(name: str, value: str) -> str:
    return f"{value.split(' ', 1)[0]} <masked>" if name.lower() == "authorization" else value


def line(source: str, text: str, level: str = "I") -> str:
    """A line of a log as the stock client writes it."""
    now = time.time()
    stamp = time.strftime("%m%d %H:%M:%S", time.localtime(now)) + f".{int(now % 1 * 1e6):06d}"
    return f"{level}{stamp} {os.getpid():7d} {source}] {text}"


def _line(source: str, text: str) -> None:
    sys.stderr.write(line(source, text) + "\n")
