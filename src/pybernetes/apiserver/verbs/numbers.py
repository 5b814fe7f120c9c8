"""Whole numbers in query parameters, read and refused as Go's `strconv` does (Python's `int` takes `1_0` and ` 1`)."""

import re

from ...api import status

_DIGITS = re.compile(r"[+-]?[0-9]+", re.ASCII)
_INT64 = 1 << 63
_UINT64 = 1 << 64
_LONGEST = 40
"""More digits than any number that can be in range; longer ones are never converted."""


def signed(text: str) -> int:
    """An int64. StatusError 400 in the words of strconv.ParseInt."""
    if _DIGITS.fullmatch(text) is None:
        raise status.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    number = int(text) if len(text) <= _LONGEST else _UINT64
    if not -_INT64 <= number < _INT64:
        raise status.bad_request(f'strconv.ParseInt: parsing "{text}": value out of range')
    return number


def unsigned(text: str) -> int:
    """A uint64. ValueError in the words of strconv.ParseUint."""
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    number = int(text) if len(text) <= _LONGEST else _UINT64
    if number >= _UINT64:
        raise ValueError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return number
