"""Any other kind: its metadata, then its fields one by one."""

from __future__ import annotations

import re

from ..output.table import plain_text
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item

_ACRONYMS = ("API", "URL", "UID", "GUID")
_TOLD_APART = {"managedFields", "name", "namespace", "labels", "annotations"}


def generic(context: Context, item: Item) -> None:
    context.head(item)
    metadata = {key: value for key, value in item.obj["metadata"].items() if key not in _TOLD_APART}
    _fields(context, {**item.obj, "metadata": metadata}, 0)
    context.events(item)


def _fields(context: Context, fields: dict[str, Any], level: int) -> None:
    for key, value in sorted(fields.items()):
        if isinstance(value, dict):
            context.line(level, f"{title(key)}:")
            _fields(context, value, level + 1)
        elif isinstance(value, list):
            context.line(level, f"{title(key)}:")
            for element in value:
                if isinstance(element, dict):
                    _fields(context, element, level + 1)
                else:
                    context.line(level + 1, plain_text(element))
        else:
            context.field(title(key), plain_text(value), level)


def title(key: str) -> str:
    """`creationTimestamp` as `Creation Timestamp`; a key with anything but letters and dashes as it is."""
    if not all(letter.isalpha() or letter == "-" for letter in key):
        return key
    # Humps: a run of capitals gives its last one to the small letters after it; dashes are words of their own.
    humps = re.findall(r"-+|[^\W\d_]+", key)
    words = _joined([word for hump in humps for word in (_split(hump) if hump[0] != "-" else [hump])])
    return " ".join(word.upper() if word.upper() in _ACRONYMS else word[0].upper() + word[1:] for word in words)


def _joined(words: list[str]) -> list[str]:
    """A word of two or more capitals together with the next one that begins with a capital: `UR Ls` as `URLs`."""
    found: list[str] = []
    place = 0
    while place < len(words):
        word = words[place]
        if len(word) > 1 and word.isupper() and words[place + 1 : place + 2] and words[place + 1][0].isupper():
            place += 1
            word += words[place]
        found.append(word)
        place += 1
    return found


def _split(hump: str) -> list[str]:
    starts = [
        position
        for position in range(1, len(hump))
        if hump[position].isupper()
        and (not hump[position - 1].isupper() or (position + 1 < len(hump) and hump[position + 1].islower()))
    ]
    return [hump[start:end] for start, end in zip([0, *starts], [*starts, len(hump)], strict=True)]
