"""The order in which field sets are written: of one level first itself, then fields, items by key, members of sets by
value, places (structured-merge-diff). Clients compare the bytes of `fieldsV1`.

Sets are gathered in the order of the objects they came from. Large ones of objects made alike are the same again and
again, so those put in order last are known by the text they had: 3 us instead of 24 for a pod with sixteen variables.
"""

from typing import Any

import orjson

from .field_set import SELF, FieldSet
from .known_sets import LARGE_BYTES, SETS, SMALL_BYTES

_KEPT = 256
_KINDS = {"f:": 1, "k:": 2, "v:": 3, "i:": 4}
_ordered: dict[bytes, FieldSet] = {}
"""By the text that a set had before."""


def in_order(fields: FieldSet) -> FieldSet:
    """The same set in order. What was decoded from the store is taken as it is."""
    if SETS.text_of(fields) is not None:
        return fields
    text = orjson.dumps(fields)
    if not SMALL_BYTES < len(text) < LARGE_BYTES:
        return _sorted(fields)
    found = _ordered.get(text)
    if found is None:
        if len(_ordered) >= _KEPT:
            _ordered.clear()
        found = _ordered[text] = SETS.decode(orjson.dumps(_sorted(fields)))
    return found


def _sorted(fields: FieldSet) -> FieldSet:
    elements = sorted(fields)
    if len(elements) > 1 and not elements[-2].startswith((SELF, "f:")):
        elements.sort(key=_rank)
    return {element: _sorted(node) if (node := fields[element]) else node for element in elements}


def _rank(element: str) -> tuple[Any, ...]:
    kind, value = element[:2], element[2:]
    if kind == "k:":
        return (2, [(name, *_value(found)) for name, found in sorted(orjson.loads(value).items())])
    if kind in ("v:", "i:"):
        return (_KINDS[kind], *_value(orjson.loads(value)))
    return (_KINDS.get(kind, 0), element)


def _value(found: Any) -> tuple[int, Any]:
    """Numbers by what they are, then texts, truth values and the rest."""
    if isinstance(found, bool):
        return 2, found
    if isinstance(found, int | float):
        return 0, found
    if isinstance(found, str):
        return 1, found
    return 3, orjson.dumps(found)
