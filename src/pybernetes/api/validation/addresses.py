"""Addresses and ranges as fields hold them: strict in new objects, what an object already holds stays good.

With StrictIPCIDRValidation off leading zeros, mapped addresses and bits beyond the prefix are taken as well (KEP-4858).
"""

from collections.abc import Iterable

from ...base import cidr
from .. import field
from .features import enabled
from .values import Errors

_NOT_AN_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def ip(value: str, path: str, known: Iterable[str] = ()) -> Errors:
    """An address without leading zeros, of either family. `known` values are taken as they are."""
    if value in known:
        return []
    try:
        version, number = cidr.address_number(value)
    except ValueError:
        zeros = _without_zeros(value)
        if zeros and not enabled("StrictIPCIDRValidation"):
            return []
        return [field.invalid(path, value, zeros or _NOT_AN_IP)]
    if version == 6 and number >> 32 == 0xFFFF and enabled("StrictIPCIDRValidation"):
        return [field.invalid(path, value, "must not be an IPv4-mapped IPv6 address")]
    return []


def _without_zeros(address: str) -> str:
    """What is wrong with an IPv4 address whose only fault is leading zeros."""
    parts = address.split(".")
    if len(parts) == 4 and all(part.isascii() and part.isdigit() and int(part) < 256 for part in parts):
        return "must not have leading 0s"
    return ""


def ip_range(value: str, path: str, known: Iterable[str] = ()) -> Errors:
    """A range in CIDR form whose address has no bits beyond the prefix."""
    if value in known:
        return []
    try:
        parsed = cidr.parse(value)
    except cidr.InvalidCIDR:
        return [field.invalid(path, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
    beyond = cidr.address_number(value.partition("/")[0])[1] != parsed.base
    if beyond and enabled("StrictIPCIDRValidation"):
        return [field.invalid(path, value, "must not have bits set beyond the prefix length")]
    return []


def family(value: str) -> int:
    """4 or 6; 0 when it is no address."""
    try:
        return cidr.address_number(value)[0]
    except ValueError:
        return 0


def endpoint_ip(value: str, path: str) -> Errors:
    """An address traffic can be sent to: not unspecified, loopback or link-local. Leading zeros are `ip`'s matter."""
    plain = ".".join(str(int(part)) for part in value.split(".")) if _without_zeros(value) else value
    try:
        version, number = cidr.address_number(plain)
    except ValueError:
        return [field.invalid(path, value, "must be a valid IP address")]
    errors: Errors = []
    if number == 0:
        errors.append(field.invalid(path, value, f"may not be unspecified ({value})"))
    if number >> 24 == 127 if version == 4 else number == 1:
        errors.append(field.invalid(path, value, "may not be in the loopback range (127.0.0.0/8, ::1/128)"))
    if number >> 16 == 0xA9FE if version == 4 else number >> 118 == 0x3FA:
        errors.append(field.invalid(path, value, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"))
    if number >> 8 == 0xE00000 if version == 4 else (number >> 112) & 0xFF0F == 0xFF02:
        words = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"
        errors.append(field.invalid(path, value, words))
    return errors


def one_per_family(values: list[str]) -> bool:
    """Whether there are at most two addresses, of different families."""
    families = [family(value) for value in values]
    return len(values) <= 2 and len(set(families)) == len(families)
