"""Values of upstream's flags from text, as the tables kube_flags.py and kubelet_flags.py say."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .. import kube_flags
from .settings import CommandError

_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")


def values(given: Mapping[str, Sequence[str]], flags: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Flags by name from what was given for each, as the table `flags` says; those with nothing are left out.
    CommandError names the flag and what it should look like."""
    return {name: _value(name, flags[name][0], words) for name, words in given.items() if words}


def of_words(option: str, words: Sequence[str], flags: Mapping[str, tuple[str, str]], help_with: str) -> dict[str, Any]:
    """Flags by name from words NAME=VALUE that were given to `option`. CommandError, also for what is no flag."""
    given: dict[str, list[str]] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in flags:
            raise CommandError(f"{option} {word}: there is no such flag; {help_with}")
        given.setdefault(name, []).append(value or ("true" if flags[name][0] == kube_flags.BOOLEAN else ""))
    return values(given, flags)


def _value(name: str, kind: str, words: Sequence[str]) -> Any:
    last = words[-1]
    if kind == kube_flags.LIST:
        return tuple(part.strip() for word in words for part in word.split(",") if part.strip())
    if kind == kube_flags.MAP:
        pairs = [part.partition("=") for word in words for part in word.split(",") if part.strip()]
        return {key.strip(): value.strip() for key, _, value in pairs}
    if kind == kube_flags.PAIR:
        if wrong := next((word for word in words if "=" not in word), ""):
            raise CommandError(f"--{name} {wrong}: malformed pair, expect string=string")
        return {key.strip(): value.strip() for key, _, value in (word.partition("=") for word in words)}
    if kind == kube_flags.INTEGER:
        if not last.isdecimal():
            raise CommandError(f"--{name} {last} is not a number")
        return int(last)
    if kind == kube_flags.BOOLEAN:
        if last.lower() not in ("true", "false", "1", "0", "t", "f"):
            raise CommandError(f"--{name} {last} is neither true nor false")
        return last.lower() in ("true", "1", "t")
    if kind == kube_flags.DURATION:
        return duration_seconds(name, last)
    return last


def duration_seconds(name: str, text: str) -> float:
    """Go's notation of a duration, such as 1m30s, in seconds."""
    pieces = _DURATION.findall(text)
    if text != "0" and (not pieces or "".join(number + unit for number, unit in pieces) != text):
        raise CommandError(f"--{name} {text} is not a duration such as 1m30s")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in pieces)
