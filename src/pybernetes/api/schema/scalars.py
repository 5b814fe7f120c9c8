"""Rules for scalar values: each takes a JSON value and gives the value as Go would write it again.

A rule raises `WrongValue` for what Go's decoder refuses. `None` never reaches a rule: null means absent.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from .. import duration, quantity
from ..instants import format_micro_time, format_time, parse_time
from .wrong import WrongType, WrongValue, described, described_number

# Unknown fields met on the way: the dict that held one, and its name.
Found = list[tuple[dict[str, Any], str]]
Rule = Callable[[Any, Found], Any]

_TIME_LAYOUT = "2006-01-02T15:04:05Z07:00"
_MICRO_LAYOUT = "2006-01-02T15:04:05.000000Z07:00"
_WHOLE_SECONDS = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T[01]\d:[0-5]\d:[0-5]\dZ", re.ASCII
).fullmatch


def string_rule(go_type: str) -> Rule:
    def rule(value: Any, _found: Found) -> Any:
        if type(value) is not str:
            raise WrongType(described(value), go_type)
        return value

    return rule


def bool_rule(go_type: str) -> Rule:
    def rule(value: Any, _found: Found) -> Any:
        if type(value) is not bool:
            raise WrongType(described(value), go_type)
        return value

    return rule


def integer_rule(go_type: str, bits: int) -> Rule:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def rule(value: Any, _found: Found) -> Any:
        if type(value) is int and low <= value <= high:
            return value
        raise WrongType(described_number(value), go_type)

    return rule


def double_rule(go_type: str) -> Rule:
    def rule(value: Any, _found: Found) -> Any:
        kind = type(value)
        if kind is int:
            return value
        if kind is float:
            return int(value) if value.is_integer() and abs(value) < 1e21 else value
        raise WrongType(described(value), go_type)

    return rule


def quantity_rule(value: Any, _found: Found) -> Any:
    """Text or number, written canonically."""
    text = value.strip() if type(value) is str else _number_text(value)
    try:
        return quantity.canonical(text)
    except quantity.QuantityError as error:
        raise WrongValue(str(error)) from None


def _number_text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongValue(quantity.FORMAT_WRONG)
    return repr(value)


def time_rule(value: Any, _found: Found) -> Any:
    """RFC 3339, written as whole seconds in UTC."""
    if type(value) is not str:
        raise WrongType(described(value), "string")
    if _WHOLE_SECONDS(value):
        return value
    try:
        return format_time(parse_time(value))
    except ValueError:
        raise WrongValue(_time_error(value, _TIME_LAYOUT)) from None


def micro_time_rule(value: Any, _found: Found) -> Any:
    """RFC 3339, written with six digits in UTC."""
    if type(value) is not str:
        raise WrongType(described(value), "string")
    try:
        return format_micro_time(parse_time(value))
    except ValueError:
        raise WrongValue(_time_error(value, _MICRO_LAYOUT)) from None


_LAYOUT_PARTS = (
    ("2006", r"\d{4}"),
    ("-", "-"),
    ("01", "0[1-9]|1[0-2]"),
    ("-", "-"),
    ("02", r"\d\d"),
    ("T", "T"),
    ("15", r"\d\d?"),
    (":", ":"),
    ("04", r"\d\d"),
    (":", ":"),
    ("05", r"\d\d(?:[.,]\d+)?"),
    ("Z07:00", r"Z|[+-]\d\d:\d\d"),
)


def _time_error(value: str, layout: str) -> str:
    """Go's words for the first part of the layout that does not fit."""
    rest = value
    for part, pattern in _LAYOUT_PARTS:
        found = re.match(pattern, rest, re.ASCII)
        if found is None:
            return f'parsing time "{value}" as "{layout}": cannot parse "{rest}" as "{part}"'
        rest = rest[found.end() :]
    if rest:
        return f'parsing time "{value}": extra text: "{rest}"'
    return f'parsing time "{value}": day out of range'


def duration_rule(value: Any, _found: Found) -> Any:
    if type(value) is not str:
        raise WrongType(described(value), "string")
    try:
        return duration.format_nanoseconds(duration.parse_nanoseconds(value))
    except ValueError as error:
        raise WrongValue(str(error)) from None


def bytes_rule(value: Any, _found: Found) -> Any:
    """Standard base64; line breaks are dropped as Go drops them."""
    if type(value) is not str:
        raise WrongType(described(value), "[]uint8")
    try:
        if "\n" in value or "\r" in value:
            value = value.replace("\n", "").replace("\r", "")
        return b64encode(b64decode(value, validate=True)).decode()
    except ValueError:
        raise WrongValue(f"illegal base64 data at input byte {_base64_offset(value)}") from None


def _base64_offset(value: str) -> int:
    wrong = re.search(r"[^A-Za-z0-9+/]", value)
    at = wrong.start() if wrong else len(value)
    return at if at < len(value) and value[at] != "=" else max(at - at % 4, 0) if at % 4 == 1 else at


def int_or_string_rule(value: Any, _found: Found) -> Any:
    kind = type(value)
    if kind is str or (kind is int and -(2**31) <= value < 2**31):
        return value
    raise WrongType(described_number(value), "int32")


def any_rule(value: Any, _found: Found) -> Any:
    """Anything: kept as it came."""
    return value


def scalar_rule(type_name: str, go_type: str) -> Rule:
    """The rule of a scalar type of the table."""
    match type_name:
        case "string":
            return string_rule(go_type)
        case "bool":
            return bool_rule(go_type)
        case "int32":
            return integer_rule(go_type, 32)
        case "int64":
            return integer_rule(go_type, 64)
        case "double":
            return double_rule(go_type)
        case "Quantity":
            return quantity_rule
        case "Time":
            return time_rule
        case "MicroTime":
            return micro_time_rule
        case "Duration":
            return duration_rule
        case "bytes":
            return bytes_rule
        case "IntOrString":
            return int_or_string_rule
        case _:
            return any_rule


# What Go writes for a value that was never set, per scalar type; null for all others.
ZERO: dict[str, Any] = {
    "string": "",
    "bool": False,
    "int32": 0,
    "int64": 0,
    "double": 0,
    "Quantity": "0",
    "IntOrString": 0,
    "Duration": "0s",
}
# Types that are structs in Go: omitempty never leaves them out.
STRUCT_LIKE = {"Quantity", "IntOrString", "Time", "MicroTime", "Duration", "RawExtension", "FieldsV1", "JSON"}
