"""What becomes of an object a patch or a configuration was merged into: a private copy, and the schema it goes by.

Merging shares with the object before whatever it leaves alone. A spec that is the very same need not be checked and
completed again, nor copied (see `Strategy.leaves_spec`) nor compared member by member later on: a sixth of a status
patch and a fifth of an apply of labels.
"""

from copy import deepcopy

import orjson

from ..kind_schema import BuiltinKind, KindSchema, SettledKind
from ..registry import Endpoint
from ..resources.strategy import Object, Write


def settle(
    endpoint: Endpoint, before: Object, merged: Object, write: Write, *, share: bool = False
) -> tuple[Object, KindSchema]:
    """(a copy of `merged` that may be changed in place, the schema for it). `before` is what it was merged into, as
    stored; only kinds of the type table in their stored version have their spec in its final shape. `share`: what lies
    in an untouched spec stays that of the object before, which nobody may change."""
    schema = endpoint.kind
    if endpoint.to_served is not None or not isinstance(schema, BuiltinKind) or not same_kind(before, merged):
        return _copied(merged), schema
    spec = merged.get("spec")
    if spec is not before.get("spec") or not isinstance(spec, dict):
        return _copied(merged), schema
    if share or write.subresource == "status":
        copy = _copied({**merged, "spec": None})
        copy["spec"] = {**spec}
    else:
        copy = _copied(merged)
    return copy, SettledKind(endpoint.info.group_version, endpoint.info.kind, ("spec",))


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
