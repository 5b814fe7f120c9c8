"""JSON with the duplicate keys told, which ordinary parsers drop silently.

The document is parsed by the fast parser. Keys are then counted in the text and in the result: only when the numbers
differ (or white space hides the count) is it read again by the slow parser, which sees every key.
"""

import json
from typing import Any

import msgspec

from .objects import joined

_decode = msgspec.json.Decoder().decode
_SPACED_COLONS = (b" :", b"\n:", b"\t:", b"\r:")


def load(data: bytes) -> tuple[Any, list[str]]:
    """The document and one `duplicate field "spec.x"` per key given twice. msgspec.DecodeError on malformed JSON."""
    document = _decode(data)
    if data.count(b'":') == _count(document) and not any(colon in data for colon in _SPACED_COLONS):
        return document, []
    return document, _duplicates(data)


def _count(value: Any) -> int:
    total = 0
    if type(value) is dict:
        total = len(value)
        for inner in value.values():
            if type(inner) is dict or type(inner) is list:
                total += _count(inner)
    elif type(value) is list:
        for inner in value:
            if type(inner) is dict or type(inner) is list:
                total += _count(inner)
    return total


class _Pairs(list[tuple[str, Any]]):
    """An object as the slow parser saw it."""


def _duplicates(data: bytes) -> list[str]:
    document = json.loads(data, object_pairs_hook=_Pairs)
    found: list[str] = []
    _walk(document, [], found)
    return list(dict.fromkeys(found))


def _walk(value: Any, path: list[str], found: list[str]) -> None:
    if isinstance(value, _Pairs):
        seen = set()
        for key, inner in value:
            if key in seen:
                found.append(f'duplicate field "{joined([*path, key])}"')
            seen.add(key)
            _walk(inner, [*path, key], found)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            _walk(inner, [*path, f"[{at}]"], found)
