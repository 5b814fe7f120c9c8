"""Values as Go prints them, for pages that show a component's flags and settings."""

from typing import Any


def go_text(value: Any) -> str:
    """`true`, `[a,b]`, `a=1,b=2`, `1m0s` (a float is a duration in seconds), and text as it is."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return f"[{','.join(map(str, value))}]"
    if isinstance(value, dict):
        return ",".join(f"{key}={go_text(part)}" for key, part in sorted(value.items()))
    if isinstance(value, float):
        return duration_text(value)
    return str(value)


_SMALL = ((1e3, "ms"), (1e6, "µs"), (1e9, "ns"), (float("inf"), "s"))


def duration_text(seconds: float) -> str:
    """As Go prints a duration: 1m0s, 1h30m0s, 0s, 1.5s, 300ms."""
    if 0 < seconds < 1:
        return next(f"{seconds * scale:g}{unit}" for scale, unit in _SMALL if seconds * scale >= 1)
    whole, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(whole), 60)
    text = f"{rest:g}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
