"""JSON whose text is not quite right: what is no UTF-8, and halves of surrogate pairs, are read as U+FFFD, as Go does.

Only who failed to read a document comes here; all else in it, white space and keys given twice among it, stays.
"""

import re

_ESCAPE = re.compile(
    r"\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.S
)
"""A pair, a half, or any other escape: an escaped backslash before a `u` is none of the two."""
_HALF = 6


def replaced(data: bytes) -> bytes:
    """The same document in readable text."""

    def whole(escape: re.Match[str]) -> str:
        return "\\ufffd" if len(escape[0]) == _HALF else escape[0]

    return _ESCAPE.sub(whole, data.decode(errors="replace")).encode()
