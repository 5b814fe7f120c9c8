"""Durations in Go's text form (`1h30m0.5s`)."""

import re

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)", re.ASCII)


def parse_nanoseconds(text: str) -> int:
    """`"1m30s"` -> 90_000_000_000. ValueError with Go's wording when it is no duration."""
    rest = text
    negative = rest.startswith("-")
    rest = rest[1:] if rest[:1] in ("+", "-") else rest
    if rest == "0":
        return 0
    if not rest:
        raise ValueError(f'time: invalid duration "{text}"')
    total = 0
    while rest:
        part = _PART.match(rest)
        if part is None or not (part[1] or part[2]):
            raise ValueError(_why(text, rest))
        unit = _UNITS[part[3]]
        fraction = part[2] or ""
        total += int(part[1] or 0) * unit + int(fraction or 0) * unit // 10 ** len(fraction)
        rest = rest[part.end() :]
    if total > 2**63 - 1:
        raise ValueError(f'time: invalid duration "{text}"')
    return -total if negative else total


def _why(text: str, rest: str) -> str:
    number = re.match(r"\d+(\.\d*)?|\.\d+", rest)
    if number is None:
        return f'time: invalid duration "{text}"'
    unit = re.match(r"[^\d.]*", rest[number.end() :])
    if unit is None or not unit[0]:
        return f'time: missing unit in duration "{text}"'
    return f'time: unknown unit "{unit[0]}" in duration "{text}"'


def parse_seconds(text: str) -> float:
    """`"1m30s"` -> 90.0."""
    return parse_nanoseconds(text) / 1e9


def format_nanoseconds(nanoseconds: int) -> str:
    """90_000_000_000 -> `"1m30s"`, as Go's Duration.String does."""
    sign, left = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if not left:
        return "0s"
    for unit, size in (("ns", 1), ("\u00b5s", 1_000), ("ms", 1_000_000)):
        if left < 1_000_000_000 and left < size * 1_000:
            return f"{sign}{_decimal(left, size)}{unit}"
    minutes, seconds = divmod(left, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(seconds, _UNITS['s'])}s"
    if hours:
        text = f"{hours}h{minutes}m{text}"
    elif minutes:
        text = f"{minutes}m{text}"
    return sign + text


def format_seconds(seconds: float) -> str:
    """90.0 -> `"1m30s"`."""
    return format_nanoseconds(round(seconds * 1e9))


def _decimal(amount: int, size: int) -> str:
    whole, fraction = divmod(amount, size)
    if not fraction:
        return str(whole)
    digits = len(str(size)) - 1
    return f"{whole}.{fraction:0{digits}}".rstrip("0")
