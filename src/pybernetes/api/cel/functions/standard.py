"""CEL's own operators and conversions.

The compiler writes the common cases of operators inline; what is here serves the rest, where types are only known
when the values are.
"""

import math
from collections.abc import Callable
from typing import Any

from .. import regex
from ..errors import NO_OVERLOAD, EvaluationError
from ..values import (
    INT_MAX,
    INT_MIN,
    UINT_MAX,
    Duration,
    Timestamp,
    TypeValue,
    UInt,
    checked_int,
    checked_uint,
    element,
    equal,
    less,
    less_equal,
    optional_index,
    type_name,
)

_NUMERIC = ("int", "uint", "double")
_COMPARED = ("bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration")


def _comparisons() -> str:
    lines = []
    for name in ("_<_", "_<=_", "_>_", "_>=_"):
        lines += [f"{name}({kind}, {kind}) -> bool" for kind in _COMPARED]
        lines += [f"{name}({a}, {b}) -> bool" for a in _NUMERIC for b in _NUMERIC if a != b]
    return "\n".join(lines)


DECLARATIONS = """
!_(bool) -> bool
_&&_(bool, bool) -> bool
_||_(bool, bool) -> bool
_?_:_(bool, A, A) -> A
_==_(A, A) -> bool
_!=_(A, A) -> bool
@in(A, list(A)) -> bool
@in(A, map(A, B)) -> bool
_[_](list(A), int) -> A
_[_](map(A, B), A) -> B
_[_](optional_type(list(A)), int) -> optional_type(A)
_[_](optional_type(map(A, B)), A) -> optional_type(B)
_[?_](list(A), int) -> optional_type(A)
_[?_](map(A, B), A) -> optional_type(B)
_[?_](optional_type(list(A)), int) -> optional_type(A)
_[?_](optional_type(map(A, B)), A) -> optional_type(B)
-_(int) -> int
-_(double) -> double
-_(duration) -> duration
_+_(int, int) -> int
_+_(uint, uint) -> uint
_+_(double, double) -> double
_+_(string, string) -> string
_+_(bytes, bytes) -> bytes
_+_(list(A), list(A)) -> list(A)
_+_(timestamp, duration) -> timestamp
_+_(duration, timestamp) -> timestamp
_+_(duration, duration) -> duration
_-_(int, int) -> int
_-_(uint, uint) -> uint
_-_(double, double) -> double
_-_(timestamp, timestamp) -> duration
_-_(timestamp, duration) -> timestamp
_-_(duration, duration) -> duration
_*_(int, int) -> int
_*_(uint, uint) -> uint
_*_(double, double) -> double
_/_(int, int) -> int
_/_(uint, uint) -> uint
_/_(double, double) -> double
_%_(int, int) -> int
_%_(uint, uint) -> uint
size(string) -> int
size(bytes) -> int
size(list(A)) -> int
size(map(A, B)) -> int
string::size() -> int
bytes::size() -> int
list(A)::size() -> int
map(A, B)::size() -> int
dyn(A) -> dyn
type(A) -> type(A)
bool(bool) -> bool
bool(string) -> bool
bytes(bytes) -> bytes
bytes(string) -> bytes
double(double) -> double
double(int) -> double
double(uint) -> double
double(string) -> double
int(int) -> int
int(uint) -> int
int(double) -> int
int(string) -> int
int(timestamp) -> int
int(duration) -> int
uint(uint) -> uint
uint(int) -> uint
uint(double) -> uint
uint(string) -> uint
string(string) -> string
string(bool) -> string
string(int) -> string
string(uint) -> string
string(double) -> string
string(bytes) -> string
string(timestamp) -> string
string(duration) -> string
string(net.IP) -> string
string(net.CIDR) -> string
string::contains(string) -> bool
string::startsWith(string) -> bool
string::endsWith(string) -> bool
string::matches(string) -> bool
matches(string, string) -> bool
string::find(string) -> string
string::findAll(string) -> list(string)
string::findAll(string, int) -> list(string)
""" + _comparisons()


def add(a: Any, b: Any) -> Any:
    kind, other = type(a), type(b)
    if kind is other:
        if kind is int:
            return checked_int(a + b)
        if kind is str or kind is float or kind is bytes or kind is list:
            return a + b
        if kind is UInt:
            return checked_uint(int(a) + int(b))
        if kind is Duration:
            return Duration(a.nanos + b.nanos)
    if (kind is Timestamp and other is Duration) or (kind is Duration and other is Timestamp):
        return Timestamp(a.nanos + b.nanos)
    if isinstance(a, list) and isinstance(b, list):
        return [*a, *b]
    raise EvaluationError(NO_OVERLOAD)


def subtract(a: Any, b: Any) -> Any:
    kind, other = type(a), type(b)
    if kind is other:
        if kind is int:
            return checked_int(a - b)
        if kind is float:
            return a - b
        if kind is UInt:
            return checked_uint(int(a) - int(b))
        if kind is Duration or kind is Timestamp:
            return Duration(a.nanos - b.nanos)
    if kind is Timestamp and other is Duration:
        return Timestamp(a.nanos - b.nanos)
    raise EvaluationError(NO_OVERLOAD)


def multiply(a: Any, b: Any) -> Any:
    kind = type(a)
    if kind is type(b):
        if kind is int:
            return checked_int(a * b)
        if kind is float:
            return a * b
        if kind is UInt:
            return checked_uint(int(a) * int(b))
    raise EvaluationError(NO_OVERLOAD)


def divide(a: Any, b: Any) -> Any:
    kind = type(a)
    if kind is type(b):
        if kind is float:
            if b == 0:
                return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)
            return a / b
        if kind is int or kind is UInt:
            if b == 0:
                raise EvaluationError("division by zero")
            result = abs(int(a)) // abs(int(b))
            if kind is UInt:
                return UInt(result)
            return checked_int(-result if (a < 0) != (b < 0) else result)
    raise EvaluationError(NO_OVERLOAD)


def modulo(a: Any, b: Any) -> Any:
    kind = type(a)
    if kind is type(b) and (kind is int or kind is UInt):
        if b == 0:
            raise EvaluationError("modulus by zero")
        result = abs(int(a)) % abs(int(b))
        if kind is UInt:
            return UInt(result)
        if a == INT_MIN and b == -1:
            raise EvaluationError("integer overflow")
        return -result if a < 0 else result
    raise EvaluationError(NO_OVERLOAD)


def negate(a: Any) -> Any:
    kind = type(a)
    if kind is int:
        return checked_int(-a)
    if kind is float:
        return -a
    if kind is Duration:
        return Duration(-a.nanos)
    raise EvaluationError(NO_OVERLOAD)


def invert(a: Any) -> bool:
    if a is True:
        return False
    if a is False:
        return True
    raise EvaluationError(NO_OVERLOAD)


def contained(value: Any, container: Any) -> bool:
    """`value in container`."""
    if isinstance(container, list):
        return any(equal(value, member) for member in container)
    if isinstance(container, dict):
        return isinstance(value, str | int | float) and value in container
    raise EvaluationError(NO_OVERLOAD)


def size(value: Any) -> int:
    if isinstance(value, str | bytes | list | dict):
        return len(value)
    raise EvaluationError(NO_OVERLOAD)


def to_int(value: Any) -> int:
    if type(value) is int or type(value) is UInt:
        if value > INT_MAX:
            raise EvaluationError("integer overflow")
        return int(value)
    if type(value) is float:
        if math.isnan(value) or not -9.223372036854775e18 < value < 9.223372036854775807e18:
            raise EvaluationError("integer overflow")
        return int(value)
    if type(value) is str:
        return _parsed(value, "int", INT_MIN, INT_MAX)
    if isinstance(value, Timestamp):
        return value.nanos // 1_000_000_000
    if isinstance(value, Duration):
        return value.nanos
    raise EvaluationError(NO_OVERLOAD)


def _parsed(text: str, kind: str, low: int, high: int) -> int:
    digits = text[1:] if text[:1] in ("-", "+") and low < 0 else text
    if not (digits.isascii() and digits.isdecimal()) or not low <= int(text) <= high:
        raise EvaluationError(f"type conversion error from 'string' to '{kind}'")
    return int(text)


def to_uint(value: Any) -> UInt:
    if type(value) is int or type(value) is UInt:
        return checked_uint(int(value))
    if type(value) is float:
        if math.isnan(value) or not 0 <= value < 1.8446744073709552e19:
            raise EvaluationError("unsigned integer overflow")
        return UInt(int(value))
    if type(value) is str:
        return UInt(_parsed(value, "uint", 0, UINT_MAX))
    raise EvaluationError(NO_OVERLOAD)


def to_double(value: Any) -> float:
    if type(value) in (int, UInt, float):
        return float(value)
    if type(value) is str:
        try:
            if "_" in value or value != value.strip():
                raise ValueError
            return float(value)
        except ValueError:
            raise EvaluationError("type conversion error from 'string' to 'double'") from None
    raise EvaluationError(NO_OVERLOAD)


def double_text(value: float) -> str:
    """A number as Go's shortest `%g`-like format writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if value == int(value) and abs(value) < 1e21:
        return str(int(value)) if not (value == 0 and math.copysign(1, value) < 0) else "-0"
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].zfill(2)}"
    return text


def to_string(value: Any) -> str:
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is UInt:
        return str(int(value))
    if kind is float:
        return double_text(value)
    if kind is bytes:
        try:
            return str(value.decode())
        except UnicodeDecodeError:
            raise EvaluationError("invalid UTF-8 in bytes, cannot convert to string") from None
    if kind is Timestamp or kind is Duration or hasattr(value, "cel_text"):
        return str(value)
    raise EvaluationError(NO_OVERLOAD)


def to_bytes(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    if type(value) is str:
        return value.encode()
    raise EvaluationError(NO_OVERLOAD)


_TRUE = frozenset({"1", "t", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "false", "FALSE", "False"})


def to_bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    if value in _TRUE and type(value) is str:
        return True
    if value in _FALSE and type(value) is str:
        return False
    if type(value) is str:
        raise EvaluationError("type conversion error from 'string' to 'bool'")
    raise EvaluationError(NO_OVERLOAD)


def _text(method: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def call(text: Any, part: Any) -> bool:
        if type(text) is not str or type(part) is not str:
            raise EvaluationError(NO_OVERLOAD)
        return method(text, part)

    return call


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    return regex.find_all(text, pattern, limit)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "_+_": add,
    "_-_": subtract,
    "_*_": multiply,
    "_/_": divide,
    "_%_": modulo,
    "-_": negate,
    "!_": invert,
    "_==_": equal,
    "_!=_": lambda a, b: not equal(a, b),
    "_<_": less,
    "_<=_": less_equal,
    "_>_": lambda a, b: less(b, a),
    "_>=_": lambda a, b: less_equal(b, a),
    "@in": contained,
    "_[_]": element,
    "_[?_]": optional_index,
    "size": size,
    "dyn": lambda value: value,
    "type": lambda value: TypeValue(type_name(value)),
    "bool": to_bool,
    "bytes": to_bytes,
    "double": to_double,
    "int": to_int,
    "uint": to_uint,
    "string": to_string,
    "contains": _text(lambda text, part: part in text),
    "startsWith": _text(str.startswith),
    "endsWith": _text(str.endswith),
    "matches": _text(regex.matches),
    "find": regex.find,
    "findAll": _find_all,
}
