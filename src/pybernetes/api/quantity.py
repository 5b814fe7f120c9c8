"""Quantities: amounts of resources such as `250m`, `1.5Gi`, `1e3` (apimachinery `resource.Quantity`).

A text is parsed into an exact integer of billionths (upstream rounds finer fractions up to one billionth) and the
format it was written in. The format decides how the amount is written again: `DecimalSI` (m, k, M …), `BinarySI`
(Ki, Mi …) or `DecimalExponent` (e3). Parsed texts are remembered, since a cluster uses few different ones.
"""

from enum import Enum
from functools import lru_cache, total_ordering

NANO = 10**9
_BINARY_LIMIT = (2**63 - 1) * NANO

FORMAT_WRONG = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
NUMERIC_WRONG = "unable to parse numeric part of quantity"
SUFFIX_WRONG = "unable to parse quantity's suffix"

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_NAMES = {exponent: name for name, exponent in _DECIMAL.items()}
_BINARY_NAMES = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_EXPONENT_LIMIT = 400


class Format(Enum):
    """How an amount is written."""

    DECIMAL_SI = "DecimalSI"
    BINARY_SI = "BinarySI"
    DECIMAL_EXPONENT = "DecimalExponent"


class QuantityError(ValueError):
    """The text is no quantity; the message is upstream's."""


@total_ordering
class Quantity:
    """An exact amount. Compares and adds with other quantities and with whole numbers; immutable."""

    __slots__ = ("format", "nanos")

    def __init__(self, nanos: int, format: Format = Format.DECIMAL_SI) -> None:
        self.nanos = nanos
        self.format = format

    @classmethod
    def of(cls, amount: int, format: Format = Format.DECIMAL_SI) -> "Quantity":
        """A whole number of units."""
        return cls(amount * NANO, format)

    @classmethod
    def of_milli(cls, amount: int, format: Format = Format.DECIMAL_SI) -> "Quantity":
        """A whole number of thousandths."""
        return cls(amount * 1_000_000, format)

    def value(self) -> int:
        """Whole units, rounded away from zero."""
        return _divided_up(self.nanos, NANO)

    def milli(self) -> int:
        """Thousandths, rounded away from zero."""
        return _divided_up(self.nanos, 1_000_000)

    def rounded_to_milli(self) -> "Quantity":
        return Quantity(self.milli() * 1_000_000, self.format)

    def __add__(self, other: "Quantity | int") -> "Quantity":
        other = _quantity(other)
        return Quantity(self.nanos + other.nanos, self.format if self.nanos else other.format)

    __radd__ = __add__

    def __sub__(self, other: "Quantity | int") -> "Quantity":
        other = _quantity(other)
        return Quantity(self.nanos - other.nanos, self.format if self.nanos else other.format)

    def __mul__(self, factor: int) -> "Quantity":
        return Quantity(self.nanos * factor, self.format)

    def __neg__(self) -> "Quantity":
        return Quantity(-self.nanos, self.format)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity | int) and self.nanos == _quantity(other).nanos

    def __lt__(self, other: "Quantity | int") -> bool:
        return self.nanos < _quantity(other).nanos

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __bool__(self) -> bool:
        return self.nanos != 0

    def __float__(self) -> float:
        return self.nanos / NANO

    def __str__(self) -> str:
        return _written(self.nanos, self.format)

    def __repr__(self) -> str:
        return f"Quantity({self!s})"


def _quantity(amount: "Quantity | int") -> Quantity:
    return amount if isinstance(amount, Quantity) else Quantity.of(amount)


@lru_cache(maxsize=4096)
def parse(text: str) -> Quantity:
    """The amount a text stands for. QuantityError when it is none."""
    number, suffix = _split(text)
    exponent = _DECIMAL.get(suffix)
    if exponent is not None:
        return Quantity(_scaled(number, exponent), Format.DECIMAL_SI)
    exponent = _BINARY.get(suffix)
    if exponent is not None:
        nanos = _scaled(number, 0, 1 << exponent)
        form = Format.DECIMAL_SI if 0 < abs(nanos) < NANO else Format.BINARY_SI
        return Quantity(max(min(nanos, _BINARY_LIMIT), -_BINARY_LIMIT), form)
    if len(suffix) > 1 and suffix[0] in "eE":
        try:
            exponent = int(suffix[1:])
        except ValueError:
            raise QuantityError(SUFFIX_WRONG) from None
        if abs(exponent) > _EXPONENT_LIMIT:
            raise QuantityError(NUMERIC_WRONG)
        return Quantity(_scaled(number, exponent), Format.DECIMAL_EXPONENT)
    raise QuantityError(SUFFIX_WRONG)


def milli(text: str) -> int:
    """Thousandths in a text, rounded away from zero: `"250m"` -> 250."""
    return parse(text).milli()


def value(text: str) -> int:
    """Whole units in a text, rounded away from zero: `"1Ki"` -> 1024, `"100m"` -> 1."""
    return parse(text).value()


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """The one way upstream writes this amount: `"1000m"` -> `"1"`, `"1.5Gi"` -> `"1536Mi"`."""
    return str(parse(text))


@lru_cache(maxsize=4096)
def canonical_milli(text: str) -> str:
    """As `canonical`, rounded up to thousandths first, as resource lists are when they are defaulted."""
    return str(parse(text).rounded_to_milli())


def _split(text: str) -> tuple[str, str]:
    """The number and the suffix, by upstream's hand-written scanner."""
    end = len(text)
    if not end:
        raise QuantityError(FORMAT_WRONG)
    at = 1 if text[0] in "+-" else 0
    while at < end and text[at] in "0123456789":
        at += 1
    if at < end and text[at] == ".":
        at += 1
        while at < end and text[at] in "0123456789":
            at += 1
    number = text[:at]
    suffix_start = at
    while at < end and text[at] in "eEinumkKMGTP":
        at += 1
    if at < end and text[at] in "+-":
        at += 1
    while at < end and text[at] in "0123456789":
        at += 1
    if at < end:
        raise QuantityError(FORMAT_WRONG)
    return number, text[suffix_start:]


def _scaled(number: str, exponent: int, factor: int = 1) -> int:
    """number x factor x 10^exponent in billionths, rounded away from zero."""
    negative = number.startswith("-")
    whole, _, fraction = number.lstrip("+-").partition(".")
    digits = whole + fraction
    if not digits:
        if number in ("", "+", "-", "."):
            raise QuantityError(NUMERIC_WRONG)
        digits = "0"
    amount = int(digits) * factor
    shift = exponent + 9 - len(fraction)
    power: int = 10 ** abs(shift)
    amount = amount * power if shift >= 0 else -(-amount // power)
    return -amount if negative else amount


def _divided_up(number: int, by: int) -> int:
    return -(-number // by) if number >= 0 else number // by


def _written(nanos: int, form: Format) -> str:
    if not nanos:
        return "0"
    if form is Format.BINARY_SI and abs(nanos) >= 1024 * NANO and not nanos % NANO:
        amount, power = nanos // NANO, 0
        while not amount % 1024 and power < 6:
            amount //= 1024
            power += 1
        return f"{amount}{_BINARY_NAMES[power]}"
    exponent = -9
    while not nanos % 1000:
        nanos //= 1000
        exponent += 3
    if form is not Format.DECIMAL_EXPONENT and exponent in _DECIMAL_NAMES:
        return f"{nanos}{_DECIMAL_NAMES[exponent]}"
    return f"{nanos}e{exponent}" if exponent else str(nanos)
