"""int-or-string values (apimachinery `util/intstr`): a number, or a percentage of a total."""

import re

_PERCENT = re.compile(r"([0-9]+)%").fullmatch


def is_percent(value: int | str) -> bool:
    return isinstance(value, str) and _PERCENT(value) is not None


def scaled(value: int | str | None, total: int, *, round_up: bool) -> int:
    """`3` -> 3, `"25%"` of 10 -> 3 (up) or 2 (down). ValueError when the text is no percentage; None counts as 0."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    found = _PERCENT(value)
    if found is None:
        raise ValueError(f"invalid value for IntOrString: invalid type: string is not a percentage: {value}")
    parts = int(found[1]) * total
    return -(-parts // 100) if round_up else parts // 100
