"""JSON with the duplicate keys told, which ordinary parsers drop silently.

The document is parsed by the fast parser and written again: most clients send what comes out. Otherwise what ends a
key (`":`) is counted in both texts, and only when the numbers differ, or white space or escapes hide the count, is the
document read by the slow parser, which sees every key.
"""

import json
from typing import Any

import msgspec

from .objects import joined

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_SPACED_COLONS = (b" :", b"\n:", b"\t:", b"\r:")


def load(data: bytes) -> tuple[Any, list[str]]:
    """The document and one `duplicate field "spec.x"` per key given twice. msgspec.DecodeError on malformed JSON."""
    document = _decode(data)
    again = _encode(document)
    if data == again:
        return document, []
    hidden = b"\\u" in data or any(colon in data for colon in _SPACED_COLONS)
    if not hidden and data.count(b'":') == again.count(b'":'):
        return document, []
    return document, _duplicates(data)


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
