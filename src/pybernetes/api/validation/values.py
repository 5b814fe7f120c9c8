"""The small checks that every kind is made of: numbers, names, ports, enumerations, immutability.

A check takes the value and its path and returns the errors, an empty list when there are none. Paths are plain text and
are only extended where an error is made, since most objects have none.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from .. import field, names
from ..digest import digest
from ..field import FieldError
from .features import by_defaults

Object = dict[str, Any]
Errors = list[FieldError]
Problem = TypeVar("Problem")

NEGATIVE = "must be greater than or equal to 0"
NOT_POSITIVE = "must be greater than zero"
NOT_AN_INTEGER = "must be an integer"
IMMUTABLE = "field is immutable"
PROTOCOLS = ("SCTP", "TCP", "UDP")

_GOOD_LIMIT = 8192
_PASSED_LIMIT = 1024
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"
_http_path = re.compile(_HTTP_PATH, re.ASCII).fullmatch


class Remembered:
    """A name rule that remembers good names, since a cluster uses the same few over and over."""

    def __init__(self, rule: Callable[[str], list[str]]) -> None:
        self._rule = rule
        self._good: set[str] = set()

    def __call__(self, value: str) -> list[str]:
        good = self._good
        if value in good:
            return []
        messages = self._rule(value)
        if not messages and len(good) < _GOOD_LIMIT and len(value) < 256:
            good.add(value)
        return messages


class Passed(Generic[Problem]):
    """A check that knows by digest what passed it lately. Pods of one template have the same variables, tolerations and
    volumes of tokens; knowing them halves the 28 us that the rules of a pod take. The check must go by nothing but the
    value, and the feature gates: only what is judged by the default ones is known."""

    def __init__(
        self, check: Callable[[Any, str], list[Problem]], told: Callable[[Any], bytes | None] = digest
    ) -> None:
        """told: what values are known by; None for one that is not to be known."""
        self._check = check
        self._told = told
        self._passed: set[bytes] = set()

    def __call__(self, value: Any, path: str) -> list[Problem]:
        key = self._told(value) if by_defaults() else None
        if key in self._passed:
            return []
        errors = self._check(value, path)
        if not errors and key is not None:
            if len(self._passed) >= _PASSED_LIMIT:
                self._passed.clear()
            self._passed.add(key)
        return errors


label = Remembered(names.dns1123_label)
subdomain = Remembered(names.dns1123_subdomain)
qualified_name = Remembered(names.qualified_name)
label_value = Remembered(names.label_value)
port_name = Remembered(names.port_name)
config_key = Remembered(names.config_key)


def each(path: str, value: Any, messages: Sequence[str]) -> Errors:
    """One error per message of a name rule."""
    return [field.invalid(path, value, message) for message in messages]


def named(path: str, value: str, rule: Callable[[str], list[str]]) -> Errors:
    """A name that must be there and keep a rule."""
    if not value:
        return [field.required(path)]
    return each(path, value, rule(value))


def nonnegative(value: int | None, path: str) -> Errors:
    return [field.invalid(path, value, NEGATIVE)] if value is not None and value < 0 else []


def positive(value: int, path: str) -> Errors:
    return [field.invalid(path, value, NOT_POSITIVE)] if value <= 0 else []


def in_range(value: int | None, low: int, high: int, path: str) -> Errors:
    if value is None or low <= value <= high:
        return []
    return [field.invalid(path, value, f"must be between {low} and {high}, inclusive")]


def one_of(value: str | None, supported: Sequence[str], path: str) -> Errors:
    """A required member of a closed set."""
    if not value:
        return [field.required(path)]
    return [] if value in supported else [field.not_supported(path, value, supported)]


def one_of_if_set(value: str | None, supported: Sequence[str], path: str) -> Errors:
    return [] if value is None or value in supported else [field.not_supported(path, value, supported)]


def immutable(new: Any, old: Any, path: str) -> Errors:
    return [] if same(new, old) else [field.invalid(path, new, IMMUTABLE)]


def same(one: Any, other: Any) -> bool:
    """Equality as the API means it: absent, null and empty are the same."""
    if one == other or (not one and not other and _hollow(one) and _hollow(other)):
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return all(same(one.get(key), other.get(key)) for key in one.keys() | other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return False


def _hollow(value: Any) -> bool:
    return value is None or value == {} or value == [] or value == ""


def port_number(value: int, path: str) -> Errors:
    return [] if 1 <= value <= 65535 else [field.invalid(path, value, "must be between 1 and 65535, inclusive")]


def port_number_or_name(value: int | str | None, path: str) -> Errors:
    if isinstance(value, str):
        return each(path, value, port_name(value))
    return port_number(value or 0, path)


def number_or_percent(value: int | str, path: str) -> Errors:
    """A number that is not negative, or a percentage."""
    if isinstance(value, str):
        return each(path, value, names.percent(value))
    return nonnegative(value, path)


def percent_of(value: int | str | None) -> int | None:
    """The number before the percent sign; None when it is no percentage."""
    if isinstance(value, str) and value.endswith("%") and value[:-1].isascii() and value[:-1].isdigit():
        return int(value[:-1])
    return None


def at_most_100_percent(value: int | str, path: str) -> Errors:
    percent = percent_of(value)
    return (
        [field.invalid(path, value, "must not be greater than 100%")] if percent is not None and percent > 100 else []
    )


def domain_prefixed_path(value: str, path: str) -> Errors:
    """`example.com/some/path`, as controller names are."""
    if not value:
        return [field.required(path)]
    domain, slash, rest = value.partition("/")
    if not slash or not domain or not rest:
        return [field.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
    errors = each(path, domain, subdomain(domain))
    if not errors and _http_path(rest) is None:
        errors.append(field.invalid(path, rest, f"Invalid path (regex used for validation is '{_HTTP_PATH}')"))
    return errors
