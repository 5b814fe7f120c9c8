"""How values of a type merge, as a tree of nodes.

    Leaf       a scalar, or a list, map or struct that is taken or left as a whole (atomic)
    Items      a list that merges by item: a set of scalars, or structs told apart by `keys`
    Members    a struct or a map: declared `fields`, and `rest` for all other keys
    DEDUCED    nothing is known: maps merge, lists are atomic

`Members.fields` may be filled after the node was made, so that a type can hold itself.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import orjson

Object = dict[str, Any]

_KNOWN_KEYS = 1024
"""Path elements remembered of one list type: the names of containers, variables and volumes are few."""


class Leaf:
    """`kind`: what a configuration may hold here: "string", "numeric", "boolean", "list", "map" or "" (anything)."""

    __slots__ = ("kind",)

    def __init__(self, kind: str = "") -> None:
        self.kind = kind


class Deduced:
    """The node of a value nothing is known of: `of(value)` is the node its form suggests."""

    __slots__ = ()

    def of(self, value: Any) -> "Leaf | Members":
        return _DEDUCED_MAP if isinstance(value, dict) else _ANY


class Items:
    """`keys` empty: a set of scalars. `defaults` are the values of keys that an item may leave out."""

    __slots__ = ("_known", "_prefix", "defaults", "element", "keys")

    def __init__(self, element: "Node", keys: tuple[str, ...] = (), defaults: Object | None = None) -> None:
        self.element = element
        self.keys = keys
        self.defaults = defaults or {}
        self._known: dict[str, str] = {}
        self._prefix = f'k:{{"{keys[0]}":' if len(keys) == 1 else ""

    def key_of(self, item: Any) -> str:
        """The path element of one item. BadItem when it has none."""
        if not self.keys:
            if isinstance(item, dict):
                raise BadItem("associative list without keys has an element that's a map type")
            if isinstance(item, list):
                raise BadItem("not supported: associative list with lists as elements")
            if item is None:
                raise BadItem("associative list without keys has an element that's an explicit null")
            return "v:" + orjson.dumps(item).decode()
        if item is None:
            raise BadItem("associative list with keys may not have a null element")
        if not isinstance(item, dict):
            raise BadItem("associative list with keys may not have non-map elements")
        if self._prefix:
            value = item.get(self.keys[0])
            if type(value) is str:
                known = self._known.get(value)
                if known is None:
                    known = f"{self._prefix}{orjson.dumps(value).decode()}}}"
                    if len(self._known) < _KNOWN_KEYS:
                        self._known[value] = known
                return known
        found: Object = {}
        for name in self.keys:
            if name in item:
                found[name] = item[name]
            elif name in self.defaults:
                found[name] = self.defaults[name]
            else:
                why = f'associative list with keys has an element that omits key field "{name}"'
                raise BadItem(f"{why} (and doesn't have default value)")
        return "k:" + orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode()


class BadItem(ValueError):
    """A list's item that cannot be told from the others."""


class Members:
    """`rest` None: other keys are unknown fields. `shapes` remembers the sets of values without anything below, and
    `fitted` what `merging.fitting` found."""

    __slots__ = ("fields", "fitted", "rest", "shapes")

    def __init__(self, fields: "dict[str, Node] | None" = None, rest: "Node | None" = None) -> None:
        self.fields: dict[str, Node] = fields if fields is not None else {}
        self.rest = rest
        self.shapes: dict[tuple[str, ...], Object] = {}
        self.fitted: dict[bytes, Object] = {}

    def child(self, name: str) -> "Node":
        """The node of a member; unknown ones are taken as a whole."""
        return self.fields.get(name) or self.rest or _ANY


Node = Leaf | Items | Members | Deduced

_ANY = Leaf()
DEDUCED = Deduced()
_DEDUCED_MAP = Members(rest=DEDUCED)


class Unconverted(Exception):
    """An object has to be had in another version first, which takes asking somebody: await `convert`, then do again
    what raised this."""

    def __init__(self, convert: Callable[[], Awaitable[None]]) -> None:
        super().__init__("not converted yet")
        self.convert = convert


class MergeSchema(Protocol):
    """One served version of a kind, as field management sees it.

    `zero` is the object a create compares with: what an object of this kind holds before anybody set anything (shared,
    never changed). `other` leads to another version of the same kind: its schema, and the function that converts an
    object of this version to it (and may raise Unconverted); None when that version is not served (any more).
    """

    @property
    def api_version(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def root(self) -> Node: ...

    @property
    def zero(self) -> Object: ...

    def other(self, api_version: str) -> "tuple[MergeSchema, Callable[[Object], Object]] | None": ...
