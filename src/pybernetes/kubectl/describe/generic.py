"""Any other kind: its metadata, then its fields one by one."""

from __future__ import annotations

from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item

_ACRONYMS = ("API", "URL", "UID", "OSB", "GUID")


def generic(context: Context, item: Item) -> None:
    obj = item.obj
    metadata = obj["metadata"]
    context.field("Name", metadata["name"])
    context.field("Namespace", metadata.get("namespace", ""))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    skipped = {"managedFields", "name", "namespace", "labels", "annotations", "selfLink"}
    rest = {key: value for key, value in obj.items() if key != "metadata"}
    rest["metadata"] = {key: value for key, value in metadata.items() if key not in skipped}
    _map(context, rest, 0)
    context.events(item)


def title(key: str) -> str:
    """`creationTimestamp` as `Creation Timestamp`."""
    if not key:
        return key
    for acronym in _ACRONYMS:
        if key.lower() == acronym.lower():
            return acronym
    words: list[str] = []
    current = key[0].upper()
    for position in range(1, len(key)):
        letter = key[position]
        previous = key[position - 1]
        following = key[position + 1] if position + 1 < len(key) else ""
        starts = letter.isupper() and (previous.islower() or previous.isdigit() or following.islower())
        if starts:
            words.append(current)
            current = letter
        else:
            current += letter
    words.append(current)
    return " ".join(word.upper() if word.upper() in _ACRONYMS else word for word in words)


def _map(context: Context, value: dict[str, Any], level: int) -> None:
    for key in sorted(value, key=title):
        _entry(context, title(key), value[key], level)


def _entry(context: Context, name: str, value: Any, level: int) -> None:
    if isinstance(value, dict):
        context.line(level, f"{name}:")
        _map(context, value, level + 1)
    elif isinstance(value, list):
        context.line(level, f"{name}:")
        for item in value:
            if isinstance(item, dict):
                _map(context, item, level + 1)
            elif isinstance(item, list):
                _entry(context, "", item, level + 1)
            else:
                context.line(level + 1, _text(item))
    else:
        context.line(level, f"{name}:\t{_text(value)}")


def _text(value: Any) -> str:
    from ..output.table import plain_text

    return value if isinstance(value, str) else plain_text(value)
