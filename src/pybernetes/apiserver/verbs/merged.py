"""What becomes of an object a patch or a configuration was merged into: a private copy, and the schema it goes by.

Merging shares with the object before whatever it leaves alone. A spec or status that is the very same need not be
checked and completed again, nor copied (see `Strategy.leaves_spec`) nor compared member by member later on: a sixth of
a status patch and a quarter of an apply of labels.
"""

from copy import deepcopy

import orjson

from ..kind_schema import BuiltinKind, KindSchema, SettledKind
from ..registry import Endpoint
from ..resources.strategy import Object, Write

_LARGE = ("spec", "status")


def settle(
    endpoint: Endpoint, before: Object, merged: Object, write: Write, *, share: bool = False
) -> tuple[Object, KindSchema]:
    """(a copy of `merged` that may be changed in place, the schema for it). `before` is what it was merged into, as
    stored; only kinds of the type table in their stored version have their members in their final shape. `share`: what
    lies in an untouched spec or status stays that of the object before, which nobody may change."""
    schema = endpoint.kind
    if endpoint.to_served is not None or not isinstance(schema, BuiltinKind) or not same_kind(before, merged):
        return _copied(merged), schema
    settled = tuple(name for name in _LARGE if type(merged.get(name)) is dict and merged[name] is before.get(name))
    if not settled:
        return _copied(merged), schema
    if share or write.subresource == "status":
        copy = _copied({**merged, **dict.fromkeys(settled)})
        for name in settled:
            copy[name] = {**merged[name]}
    else:
        copy = _copied(merged)
    return copy, SettledKind(endpoint.info.group_version, endpoint.info.kind, settled)


def same_kind(before: Object, merged: Object) -> bool:
    """Whether a merge left apiVersion and kind alone."""
    return all(merged.get(name) == before.get(name) for name in ("apiVersion", "kind"))


def _copied(obj: Object) -> Object:
    """By way of its text, which is the fastest; a patch may bring what has none there (numbers beyond 64 bits)."""
    try:
        text = orjson.dumps(obj)
    except orjson.JSONEncodeError:
        return deepcopy(obj)
    copy: Object = orjson.loads(text)
    return copy
