"""`Warning` headers (RFC 7234, 5.5): `299 - "text"`, several with commas between them, each perhaps with a date.

Only code 299 is for people. What is wrong within a header ends it; what stood before counts.
"""

from __future__ import annotations


def texts(value: str) -> list[str]:
    """The warnings of one header's value."""
    found: list[str] = []
    rest = value.strip()
    while rest:
        code, _, rest = rest.partition(" ")
        agent, _, rest = rest.lstrip().partition(" ")
        text, rest = _quoted(rest.lstrip())
        if len(code) != 3 or not code.isdigit() or not agent or text is None:
            break
        rest = rest.lstrip()
        if rest.startswith('"'):
            date, rest = _quoted(rest)
            if date is None:
                break
            rest = rest.lstrip()
        if rest and not rest.startswith(","):
            break
        if code == "299" and text:
            found.append(text)
        rest = rest[1:].lstrip()
    return found


def _quoted(text: str) -> tuple[str | None, str]:
    """A quoted string at the beginning, without what controls a terminal, and what follows; None without one."""
    if not text.startswith('"'):
        return None, text
    letters: list[str] = []
    position = 1
    while position < len(text):
        letter = text[position]
        if letter == '"':
            return "".join(letters), text[position + 1 :]
        if letter == "\\":
            position += 1
            letter = text[position : position + 1]
        if letter >= " " and not "\x7f" <= letter < "\xa0":
            letters.append(letter)
        position += 1
    return None, text
