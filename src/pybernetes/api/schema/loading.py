"""JSON with the duplicate keys told, which ordinary parsers drop silently.

The document is parsed by the fast parser and written again: most clients send what comes out. Otherwise the colons of
both texts are counted. A key that was dropped takes at least its own colon along, white space adds none, and what is in
strings stays, unless it is escaped; so only when the numbers differ, or `\\u` may hide one, is the document read by the
slow parser, which sees every key. (Counting takes 3 us of 19 for a pod with white space; it was 13.)
"""

import json
from typing import Any

import msgspec
import orjson

from .joining import joined

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Duplicates(list[str]):
    """One `duplicate field "spec.x"` per key given twice, in the order of the document; `order` has every key's path
    and place in it."""

    def __init__(self, document: Any = None) -> None:
        super().__init__()
        self.order: dict[str, int] = {}
        self._paths: list[str] = []
        _walk(document, [], self.order, self._paths)
        self._paths = list(dict.fromkeys(self._paths))
        self += [f'duplicate field "{path}"' for path in self._paths]

    def with_unknown(self, unknown: list[str]) -> list[str]:
        """The messages on these unknown fields and on duplicate ones, in the order of the document; what is unknown is
        only that, and nothing below it is looked at."""
        known = [path for path in self._paths if not any(_is_below(path, above) for above in unknown)]
        found = [(path, f'unknown field "{path}"') for path in unknown]
        found += [(path, f'duplicate field "{path}"') for path in known]
        return [text for _, text in sorted(found, key=lambda item: self.order.get(item[0], len(self.order)))]


def _is_below(path: str, above: str) -> bool:
    return path == above or path.startswith((above + ".", above + "["))


def read(data: bytes) -> Any:
    """The document, its text as Go reads it. msgspec.DecodeError on malformed JSON."""
    return _read(data)[1]


def load(data: bytes) -> tuple[Any, list[str]]:
    """The document and `Duplicates`, or nothing when there are none. msgspec.DecodeError on malformed JSON."""
    data, document = _read(data)
    if not may_repeat(data, document):
        return document, []
    return document, Duplicates(json.loads(data, object_pairs_hook=_Pairs))


def _read(data: bytes) -> tuple[bytes, Any]:
    """The text that was read in the end, and the document."""
    try:
        document = _decode(data)
        if b"\\u" in data:
            _encode(document)  # an escape may be half of a surrogate pair, which nobody could write again
        return data, document
    except (UnicodeError, msgspec.DecodeError) as error:
        if isinstance(error, msgspec.DecodeError) and b"\\u" not in data:
            raise
        from .replaced import replaced

        data = replaced(data)
        return data, _decode(data)


def may_repeat(data: bytes, document: Any) -> bool:
    """Whether the JSON text of a document may give a key twice."""
    again = _written(document)
    if data == again:
        return False
    if b"\\" in data and b"\\u" in data:
        return True
    return data.count(b":") != again.count(b":")


def _written(document: Any) -> bytes:
    """The document as compact JSON. The other writer is three times as fast, but knows no number beyond 64 bits."""
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:
        return msgspec.json.encode(document)


def duplicates(data: bytes) -> list[str]:
    """The messages on keys that a JSON text gives twice; nothing for what is no JSON."""
    try:
        return load(data)[1]
    except msgspec.DecodeError:
        return []


class _Pairs(list[tuple[str, Any]]):
    """An object as the slow parser saw it."""


def _walk(value: Any, path: list[str], order: dict[str, int], found: list[str]) -> None:
    if isinstance(value, _Pairs):
        seen = set()
        for key, inner in value:
            place = joined([*path, key])
            if key in seen:
                found.append(place)
                order[place] = len(order)
            seen.add(key)
            order.setdefault(place, len(order))
            _walk(inner, [*path, key], order, found)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            _walk(inner, [*path, f"[{at}]"], order, found)
