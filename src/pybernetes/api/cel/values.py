"""Run-time values that Python has no type for, and the comparisons CEL defines over all of them.

null, bool, int, double, string, bytes, list and map are None, bool, int, float, str, bytes, list and dict, so that
objects from the wire are used as they are. uint is `UInt`, timestamp and duration count nanoseconds.
"""

import math
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ..duration import format_nanoseconds
from .errors import NO_OVERLOAD, EvaluationError

INT_MAX = 2**63 - 1
INT_MIN = -(2**63)
UINT_MAX = 2**64 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIN_SECONDS, _MAX_SECONDS = -62135596800, 253402300799
_NANO = 1_000_000_000


class UInt(int):
    """An unsigned number; compares with other numbers by value."""

    __slots__ = ()


class Duration:
    """A signed span in nanoseconds."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        self.nanos = checked_int(nanos)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.nanos == other.nanos

    def __lt__(self, other: "Duration") -> bool:
        return self.nanos < other.nanos

    def __le__(self, other: "Duration") -> bool:
        return self.nanos <= other.nanos

    def __hash__(self) -> int:
        return hash(("duration", self.nanos))

    def __str__(self) -> str:
        seconds, rest = divmod(abs(self.nanos), _NANO)
        sign = "-" if self.nanos < 0 else ""
        return f"{sign}{seconds}.{rest:09}".rstrip("0").rstrip(".") + "s"

    def __repr__(self) -> str:
        return f"Duration({format_nanoseconds(self.nanos)})"


class Timestamp:
    """An instant: nanoseconds since 1970, within the years 1 to 9999."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        if not _MIN_SECONDS * _NANO <= nanos < (_MAX_SECONDS + 1) * _NANO:
            raise EvaluationError("timestamp overflow")
        self.nanos = nanos

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and self.nanos == other.nanos

    def __lt__(self, other: "Timestamp") -> bool:
        return self.nanos < other.nanos

    def __le__(self, other: "Timestamp") -> bool:
        return self.nanos <= other.nanos

    def __hash__(self) -> int:
        return hash(("timestamp", self.nanos))

    def at(self) -> datetime:
        """As datetime in UTC, nanoseconds cut to microseconds."""
        return _EPOCH + timedelta(microseconds=self.nanos // 1000)

    def __str__(self) -> str:
        fraction = self.nanos % _NANO
        moment = self.at()
        text = f"{moment.year:04}" + moment.strftime("-%m-%dT%H:%M:%S")
        return text + (f".{fraction:09}".rstrip("0") if fraction else "") + "Z"

    def __repr__(self) -> str:
        return f"Timestamp({self!s})"


class TypeValue:
    """What `type(x)` gives."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypeValue) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name

    __repr__ = __str__


class Optional:
    """A value that may be missing. Selecting and indexing pass through it."""

    __slots__ = ("present", "value")

    def __init__(self, value: Any = None, present: bool = False) -> None:
        self.value = value
        self.present = present

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Optional) or self.present != other.present:
            return False
        return not self.present or equal(self.value, other.value)

    def __hash__(self) -> int:
        return hash(("optional", self.present))

    def __getitem__(self, key: Any) -> "Optional":
        return optional_index(self, key)

    def __repr__(self) -> str:
        return f"optional.of({self.value!r})" if self.present else "optional.none()"


NONE = Optional()


def some(value: Any) -> Optional:
    return Optional(value, True)


class Record(dict[str, Any]):
    """An object built in an expression (`Object{...}`): a map that remembers its type's name."""

    __slots__ = ("type_name",)

    def __init__(self, type_name: str, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.type_name = type_name


def checked_int(number: int) -> int:
    """The number itself, within 64 bits."""
    if INT_MIN <= number <= INT_MAX:
        return number
    raise EvaluationError("integer overflow")


def checked_uint(number: int) -> UInt:
    if 0 <= number <= UINT_MAX:
        return UInt(number)
    raise EvaluationError("unsigned integer overflow")


_KINDS: dict[type, str] = {
    type(None): "null_type",
    bool: "bool",
    int: "int",
    UInt: "uint",
    float: "double",
    str: "string",
    bytes: "bytes",
    list: "list",
    dict: "map",
    Duration: "google.protobuf.Duration",
    Timestamp: "google.protobuf.Timestamp",
    Optional: "optional_type",
    TypeValue: "type",
}


def type_name(value: Any) -> str:
    """The name `type(value)` shows."""
    found = _KINDS.get(type(value))
    if found is not None:
        return found
    if isinstance(value, Record):
        return value.type_name
    if isinstance(value, dict):
        return "map"
    return str(getattr(value, "cel_type", "unknown"))


_NUMBERS = frozenset({int, UInt, float})
_SCALARS = frozenset({str, bytes, bool, type(None)})


def equal(a: Any, b: Any) -> bool:
    """CEL's `==`: numbers by value across types, lists and maps by members, different types are unequal."""
    kind, other = type(a), type(b)
    if kind in _NUMBERS:
        return other in _NUMBERS and bool(a == b)
    if kind in _SCALARS or other in _SCALARS:
        return kind is other and bool(a == b)
    if isinstance(a, list):
        if not isinstance(b, list) or len(a) != len(b):
            return False
        return all(equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        if not isinstance(b, dict) or len(a) != len(b):
            return False
        return all(key in b and equal(value, b[key]) for key, value in a.items())
    return bool(a == b)


_ORDERED: tuple[type, ...] = (str, bytes, bool, Timestamp, Duration)


def comparable(a: Any, b: Any) -> None:
    """EvaluationError unless the two have an order."""
    kind, other = type(a), type(b)
    if kind in _NUMBERS and other in _NUMBERS:
        return
    if kind is other and (kind in _ORDERED or hasattr(a, "cel_ordered")):
        return
    raise EvaluationError(NO_OVERLOAD)


def less(a: Any, b: Any) -> bool:
    comparable(a, b)
    return bool(a < b)


def less_equal(a: Any, b: Any) -> bool:
    comparable(a, b)
    return bool(a <= b)


def element(container: Any, key: Any) -> Any:
    """`container[key]` for a list or map of any kind."""
    if isinstance(container, list):
        if isinstance(key, float) and key.is_integer():
            key = int(key)
        if not isinstance(key, int) or isinstance(key, bool):
            raise EvaluationError(f"unsupported index type '{type_name(key)}' in list")
        if not 0 <= key < len(container):
            raise EvaluationError(f"index out of bounds: {key}")
        return container[key]
    if isinstance(container, dict):
        if isinstance(key, float) and not math.isfinite(key):
            raise EvaluationError(f"no such key: {key}")
        if not isinstance(key, bool | int | float | str):
            raise EvaluationError(f"unsupported key type: {type_name(key)}")
        return container[key]
    if isinstance(container, Optional):
        return optional_index(container, key)
    raise EvaluationError(NO_OVERLOAD)


def optional_index(container: Any, key: Any) -> Optional:
    """`container[?key]` and `container.?key`."""
    if isinstance(container, Optional):
        if not container.present:
            return NONE
        container = container.value
    if isinstance(container, list):
        if not isinstance(key, int):
            raise EvaluationError(NO_OVERLOAD)
        return some(container[key]) if 0 <= key < len(container) else NONE
    if isinstance(container, dict):
        return some(container[key]) if key in container else NONE
    raise EvaluationError(NO_OVERLOAD)


def has_field(container: Any, name: str) -> bool:
    """`has(container.name)`."""
    if isinstance(container, dict):
        return name in container
    if isinstance(container, Optional):
        return container.present and has_field(container.value, name)
    raise EvaluationError(NO_OVERLOAD)


def is_zero(value: Any) -> bool:
    """Whether this is the zero value of its type (`optional.ofNonZeroValue`)."""
    if isinstance(value, Duration):
        return value.nanos == 0
    if isinstance(value, Timestamp):
        return value.nanos == 0
    if isinstance(value, Optional):
        return not value.present
    return value is None or (isinstance(value, bool | int | float | str | bytes | list | dict) and not value)


def data_bytes(value: Any) -> bytes:
    """A `format: byte` field: base64 text in objects, bytes in expressions."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise EvaluationError(NO_OVERLOAD)
    return b64decode(value)


def equal_sets(a: Any, b: Any) -> bool:
    """Lists of `x-kubernetes-list-type: set`: order does not count."""
    if not isinstance(a, list) or not isinstance(b, list) or len(a) != len(b):
        return False
    return all(any(equal(x, y) for y in b) for x in a)


def equal_maps(keys: tuple[str, ...]) -> Callable[[Any, Any], bool]:
    """Lists of `x-kubernetes-list-type: map`: members are compared by key."""

    def key(member: Any) -> tuple[Any, ...]:
        return tuple(member.get(name) for name in keys)

    def call(a: Any, b: Any) -> bool:
        if not isinstance(a, list) or not isinstance(b, list) or len(a) != len(b):
            return False
        others = {key(member): member for member in b}
        return all(key(member) in others and equal(member, others[key(member)]) for member in a)

    return call


def union_sets(a: list[Any], b: list[Any]) -> list[Any]:
    """`+` of sets: what is new comes last."""
    return [*a, *(value for value in b if not any(equal(value, other) for other in a))]


def union_maps(keys: tuple[str, ...]) -> Callable[[list[Any], list[Any]], list[Any]]:
    """`+` of map lists: members with the same key are replaced in place."""

    def call(a: list[Any], b: list[Any]) -> list[Any]:
        merged = {tuple(member.get(name) for name in keys): member for member in a}
        merged.update({tuple(member.get(name) for name in keys): member for member in b})
        return list(merged.values())

    return call
