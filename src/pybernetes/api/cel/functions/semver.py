"""Semantic versions: `semver("1.2.3")`, `isSemver`, comparison (Semantic Versioning 2.0)."""

import re
from collections.abc import Callable
from typing import Any

from ..errors import EvaluationError

DECLARATIONS = """
semver(string) -> kubernetes.Semver
semver(string, bool) -> kubernetes.Semver
isSemver(string) -> bool
isSemver(string, bool) -> bool
kubernetes.Semver::major() -> int
kubernetes.Semver::minor() -> int
kubernetes.Semver::patch() -> int
kubernetes.Semver::isGreaterThan(kubernetes.Semver) -> bool
kubernetes.Semver::isLessThan(kubernetes.Semver) -> bool
kubernetes.Semver::compareTo(kubernetes.Semver) -> int
"""

_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?\Z",
    re.ASCII,
)


class Semver:
    """One version; build metadata does not count in comparisons."""

    cel_type = "kubernetes.Semver"
    __slots__ = ("build", "numbers", "pre")

    def __init__(self, numbers: tuple[int, int, int], pre: tuple[str, ...], build: str) -> None:
        self.numbers = numbers
        self.pre = pre
        self.build = build

    def _key(self) -> tuple[Any, ...]:
        parts = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in self.pre)
        return (self.numbers, not self.pre, parts)

    def compare(self, other: "Semver") -> int:
        a, b = self._key(), other._key()
        return (a > b) - (a < b)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Semver) and self.compare(other) == 0

    def __hash__(self) -> int:
        return hash(self._key())


def _normalized(text: str) -> str:
    """`v1.02` as `1.2.0`."""
    text = text.removeprefix("v")
    head = re.split(r"[-+]", text, maxsplit=1)[0]
    tail = text[len(head) :]
    parts = [part.lstrip("0") or "0" if part else part for part in head.split(".")]
    while len(parts) < 3 and not tail:
        parts.append("0")
    return ".".join(parts) + tail


def parse_semver(text: str, normalize: bool = False) -> Semver:
    """ValueError when the text is no version."""
    match = _VERSION.match(_normalized(text) if normalize else text)
    if match is None:
        raise ValueError(_why(text))
    major, minor, patch, pre, build = match.groups()
    return Semver((int(major), int(minor), int(patch)), tuple(pre.split(".")) if pre else (), build or "")


def _why(text: str) -> str:
    if not text:
        return "Version string empty"
    if len(text.split(".", 2)) != 3:
        return "No Major.Minor.Patch elements found"
    part = next((part for part in text.split(".", 2) if not part.isdecimal()), text)
    return f'Invalid character(s) found in version "{part}"'


def _semver(text: str, normalize: bool = False) -> Semver:
    try:
        return parse_semver(text, normalize)
    except ValueError as error:
        raise EvaluationError(str(error)) from None


def _is_semver(text: str, normalize: bool = False) -> bool:
    try:
        parse_semver(text, normalize)
    except ValueError:
        return False
    return True


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "semver": _semver,
    "isSemver": _is_semver,
    "major": lambda version: version.numbers[0],
    "minor": lambda version: version.numbers[1],
    "patch": lambda version: version.numbers[2],
}
