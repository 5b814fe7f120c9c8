"""Address ranges as text: `10.244.0.0/16`, `fd00::/48`. Parsed once, asked often.

    pods = parse("10.244.0.0/16")
    pods.contains("10.244.3.7")          # True
    pods.address(10)                     # "10.244.0.10"
    pods.block(24, 3)                    # 10.244.3.0/24, the range of the fourth node

Unlike `ipaddress`, parsing of a single address is strict about one thing only, its validity, and looking one up in a
range is an integer comparison.
"""

import socket
from collections.abc import Iterator
from typing import Self


class InvalidCIDR(ValueError):
    """The text is not an address range. The message is upstream's: `invalid CIDR address: 10.0.0.0/33`."""


class CIDR:
    """A range of addresses. Immutable, hashable, ordered by family and position; `str()` gives the canonical text."""

    __slots__ = ("base", "bits", "prefix", "version")

    def __init__(self, version: int, base: int, prefix: int) -> None:
        """`base` is the lowest address as a number; bits below the prefix must be zero."""
        self.version = version
        self.bits = 32 if version == 4 else 128
        self.base = base
        self.prefix = prefix

    @property
    def size(self) -> int:
        """How many addresses there are."""
        return 1 << (self.bits - self.prefix)

    def contains(self, address: str) -> bool:
        """Whether an address lies within; False for one that is malformed or of the other family."""
        try:
            version, number = address_number(address)
        except ValueError:
            return False
        return version == self.version and self.base <= number < self.base + self.size

    def covers(self, other: "CIDR") -> bool:
        """Whether all of the other range lies within this one."""
        return self.version == other.version and self.prefix <= other.prefix and self._same_start(other)

    def overlaps(self, other: "CIDR") -> bool:
        """Whether the two have any address in common."""
        return self.covers(other) or other.covers(self)

    def _same_start(self, other: "CIDR") -> bool:
        shift = self.bits - self.prefix
        return other.base >> shift == self.base >> shift

    def address(self, index: int) -> str:
        """The address at a position; negative counts from the end (-1 is the last). IndexError beyond the range."""
        if index < 0:
            index += self.size
        if not 0 <= index < self.size:
            raise IndexError(f"{self} has no address {index}")
        return address_text(self.version, self.base + index)

    def index(self, address: str) -> int:
        """The position of an address. ValueError when it is not within."""
        version, number = address_number(address)
        if version != self.version or not self.base <= number < self.base + self.size:
            raise ValueError(f"{address} is not in {self}")
        return number - self.base

    def block_count(self, prefix: int) -> int:
        """How many ranges of the given prefix length fit. ValueError when not even one does."""
        if not self.prefix <= prefix <= self.bits:
            raise ValueError(f"a /{prefix} does not fit into {self}")
        return 1 << (prefix - self.prefix)

    def block(self, prefix: int, index: int) -> Self:
        """The range at a position when this one is split evenly, as node ranges are. IndexError, ValueError."""
        if not 0 <= index < self.block_count(prefix):
            raise IndexError(f"{self} has no block {index} of /{prefix}")
        return type(self)(self.version, self.base + (index << (self.bits - prefix)), prefix)

    def blocks(self, prefix: int) -> Iterator[Self]:
        """All of them in order, produced as they are asked for."""
        for index in range(self.block_count(prefix)):
            yield self.block(prefix, index)

    def block_index(self, other: "CIDR") -> int:
        """The position of a block within the even split by its own prefix length. ValueError when not within."""
        if not self.covers(other):
            raise ValueError(f"{other} is not in {self}")
        return (other.base - self.base) >> (self.bits - other.prefix)

    def __str__(self) -> str:
        return f"{address_text(self.version, self.base)}/{self.prefix}"

    def __repr__(self) -> str:
        return f"CIDR({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CIDR) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __lt__(self, other: "CIDR") -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[int, int, int]:
        return (self.version, self.base, self.prefix)


def parse(text: str, *, strict: bool = False) -> CIDR:
    """A range from its text. Bits below the prefix are dropped, or refused when `strict`. InvalidCIDR otherwise."""
    address, slash, length = text.partition("/")
    if not slash or not length.isascii() or not length.isdigit() or (len(length) > 1 and length[0] == "0"):
        raise InvalidCIDR(f"invalid CIDR address: {text}")
    try:
        version, number = address_number(address)
    except ValueError:
        raise InvalidCIDR(f"invalid CIDR address: {text}") from None
    bits, prefix = (32 if version == 4 else 128), int(length)
    if prefix > bits:
        raise InvalidCIDR(f"invalid CIDR address: {text}")
    base = number >> (bits - prefix) << (bits - prefix)
    if strict and base != number:
        raise InvalidCIDR(f"invalid CIDR address: {text}: bits beyond the prefix are set")
    return CIDR(version, base, prefix)


def parse_list(text: str) -> list[CIDR]:
    """Ranges separated by commas, such as one of each family. InvalidCIDR."""
    return [parse(part.strip()) for part in text.split(",") if part.strip()]


def address_number(text: str) -> tuple[int, int]:
    """Family (4 or 6) and numeric value of an address. ValueError when it is not one; leading zeros are refused."""
    try:
        if ":" in text:
            return 6, int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big")
        return 4, int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")
    except (OSError, UnicodeEncodeError, ValueError):
        raise ValueError(f"not an IP address: {text!r}") from None


def address_text(version: int, number: int) -> str:
    """The canonical text of an address."""
    if version == 4:
        return socket.inet_ntop(socket.AF_INET, number.to_bytes(4, "big"))
    return socket.inet_ntop(socket.AF_INET6, number.to_bytes(16, "big"))


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address."""
    try:
        address_number(text)
    except ValueError:
        return False
    return True
