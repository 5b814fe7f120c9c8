"""Named string formats of OpenAPI schemas (the ones the original checks; others are documentation)."""

import ipaddress
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from datetime import date
from uuid import UUID

from .. import duration, names
from ..instants import parse_time

_HOSTNAME = re.compile(
    r"([a-zA-Z0-9\u0080-\U0010ffff]([-a-zA-Z0-9\u0080-\U0010ffff]{0,62}[a-zA-Z0-9\u0080-\U0010ffff])?)"
    r"(\.[a-zA-Z0-9\u0080-\U0010ffff]([-a-zA-Z0-9\u0080-\U0010ffff]{0,62}[a-zA-Z0-9\u0080-\U0010ffff])?)*\.?\Z"
)
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+\Z")
_OBJECT_ID = re.compile(r"[0-9a-fA-F]{24}\Z", re.ASCII)
_UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}\Z", re.ASCII)
_MAC = re.compile(
    r"(?:[0-9a-fA-F]{2}([:-]))(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}\Z|(?:[0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}\Z"
)
_SSN = re.compile(r"\d{3}[- ]?\d{2}[- ]?\d{4}\Z", re.ASCII)
_HEX_COLOR = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})\Z", re.ASCII)
_PART = r"\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*"
_RGB = re.compile(rf"rgb\({_PART},{_PART},{_PART}\)\Z", re.ASCII)


def _possible(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def call(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return call


def _matching(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.match(text) is not None


def _byte(text: str) -> bool:
    try:
        b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return False
    return True


def _uuid(version: int = 0) -> Callable[[str], bool]:
    def call(text: str) -> bool:
        if _UUID_TEXT.match(text) is None:
            return False
        return not version or UUID(text).version == version

    return call


def _cidr(text: str) -> bool:
    return "/" in text and _possible(ipaddress.ip_interface)(text)


def _isbn(text: str, length: int) -> bool:
    digits = text.replace("-", "").replace(" ", "")
    if len(digits) != length or not digits[:-1].isdecimal():
        return False
    if length == 10:
        last = 10 if digits[-1] in "xX" else int(digits[-1]) if digits[-1].isdecimal() else -1
        return last >= 0 and (sum((10 - at) * int(d) for at, d in enumerate(digits[:9])) + last) % 11 == 0
    return digits.isdecimal() and sum(int(d) * (3 if at % 2 else 1) for at, d in enumerate(digits)) % 10 == 0


def _credit_card(text: str) -> bool:
    digits = re.sub(r"[^0-9]", "", text)
    if not 12 <= len(digits) <= 19:
        return False
    total = 0
    for at, char in enumerate(reversed(digits)):
        value = int(char) * (2 if at % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _duration(text: str) -> bool:
    if _possible(duration.parse_nanoseconds)(text):
        return True
    return (
        re.match(
            r"-?\d+(\.\d+)?\s*(ns|us|µs|ms|s|m|h|d|w|nanos?(econds?)?|micros?(econds?)?|millis?(econds?)?|secs?|seconds?|mins?|minutes?|hrs?|hours?|days?|weeks?)\Z",
            text,
        )
        is not None
    )


def _ip(version: int) -> Callable[[str], bool]:
    parse = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    return _possible(parse)


FORMATS: dict[str, Callable[[str], bool]] = {
    "bsonobjectid": _matching(_OBJECT_ID),
    "uri": lambda text: _SCHEME.match(text) is not None or text.startswith("/"),
    "email": _matching(_EMAIL),
    "hostname": lambda text: len(text) <= 255 and _HOSTNAME.match(text) is not None,
    "ipv4": _ip(4),
    "ipv6": lambda text: ":" in text and _ip(6)(text),
    "cidr": _cidr,
    "mac": _matching(_MAC),
    "uuid": _uuid(),
    "uuid3": _uuid(3),
    "uuid4": _uuid(4),
    "uuid5": _uuid(5),
    "isbn": lambda text: _isbn(text, 10) or _isbn(text, 13),
    "isbn10": lambda text: _isbn(text, 10),
    "isbn13": lambda text: _isbn(text, 13),
    "creditcard": _credit_card,
    "ssn": _matching(_SSN),
    "hexcolor": _matching(_HEX_COLOR),
    "rgbcolor": _matching(_RGB),
    "byte": _byte,
    "password": lambda text: True,
    "date": lambda text: len(text) == 10 and _possible(date.fromisoformat)(text),
    "date-time": _possible(parse_time),
    "datetime": _possible(parse_time),
    "duration": _duration,
    "k8s-short-name": lambda text: not names.dns1123_label(text),
    "k8s-long-name": lambda text: not names.dns1123_subdomain(text),
}
"""format -> whether a text follows it."""
