"""IP addresses, address ranges and named formats."""

import ipaddress
from collections.abc import Callable
from typing import Any

from ... import names
from ..errors import NO_OVERLOAD, EvaluationError
from ..values import NONE, Optional, some

_FORMATS = (
    "dns1123Label", "dns1123Subdomain", "dns1035Label", "qualifiedName", "dns1123LabelPrefix",
    "dns1123SubdomainPrefix", "dns1035LabelPrefix", "labelValue", "uri", "uuid", "byte", "date", "datetime",
)  # fmt: skip

DECLARATIONS = """
ip(string) -> net.IP
isIP(string) -> bool
ip.isCanonical(string) -> bool
net.IP::family() -> int
net.IP::isUnspecified() -> bool
net.IP::isLoopback() -> bool
net.IP::isLinkLocalMulticast() -> bool
net.IP::isLinkLocalUnicast() -> bool
net.IP::isGlobalUnicast() -> bool
cidr(string) -> net.CIDR
isCIDR(string) -> bool
net.CIDR::containsIP(string) -> bool
net.CIDR::containsIP(net.IP) -> bool
net.CIDR::containsCIDR(string) -> bool
net.CIDR::containsCIDR(net.CIDR) -> bool
net.CIDR::ip() -> net.IP
net.CIDR::masked() -> net.CIDR
net.CIDR::prefixLength() -> int
format.named(string) -> optional_type(kubernetes.NamedFormat)
kubernetes.NamedFormat::validate(string) -> optional_type(list(string))
""" + "\n".join(f"format.{name}() -> kubernetes.NamedFormat" for name in _FORMATS)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Interface | ipaddress.IPv6Interface


class Ip:
    cel_type = "net.IP"
    cel_text = True
    __slots__ = ("address",)

    def __init__(self, address: Address) -> None:
        self.address = address

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ip) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)

    def __str__(self) -> str:
        return str(self.address)


class Cidr:
    cel_type = "net.CIDR"
    cel_text = True
    __slots__ = ("interface",)

    def __init__(self, interface: Network) -> None:
        self.interface = interface

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cidr) and self.interface == other.interface

    def __hash__(self) -> int:
        return hash(self.interface)

    def __str__(self) -> str:
        return str(self.interface)


def parse_ip(text: str) -> Ip:
    """EvaluationError for what Go's `netip.ParseAddr` refuses, zones and IPv4 in IPv6 as well."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        words = (
            f'IP Address "{text}" parse error during conversion from string: ParseAddr("{text}"): unable to parse IP'
        )
        raise EvaluationError(words) from None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            raise EvaluationError(f'IP address "{text}" with zone value is not allowed')
        if address.ipv4_mapped is not None:
            raise EvaluationError(f'IPv4-mapped IPv6 address "{text}" is not allowed')
    return Ip(address)


def parse_cidr(text: str) -> Cidr:
    head, slash, bits = text.partition("/")
    try:
        if not slash or not (bits.isascii() and bits.isdecimal()) or (len(bits) > 1 and bits[0] == "0"):
            raise ValueError
        interface = ipaddress.ip_interface(text)
    except ValueError:
        words = f"network address parse error during conversion from string: netip.ParsePrefix({_quoted(text)}): "
        raise EvaluationError(
            words + ("no '/'" if not slash else f"ParseAddr({_quoted(head)}): unable to parse IP")
        ) from None
    if isinstance(interface, ipaddress.IPv6Interface) and interface.ip.ipv4_mapped is not None:
        raise EvaluationError(f'IPv4-mapped IPv6 address "{head}" is not allowed')
    return Cidr(interface)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _possible(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def call(text: str) -> bool:
        try:
            parse(text)
        except EvaluationError:
            return False
        return True

    return call


def _ip(value: Any) -> Ip:
    if isinstance(value, Cidr):
        return Ip(value.interface.ip)
    if type(value) is not str:
        raise EvaluationError(NO_OVERLOAD)
    return parse_ip(value)


def _contains_ip(cidr: Cidr, other: Any) -> bool:
    ip = parse_ip(other) if isinstance(other, str) else other
    return ip.address.version == cidr.interface.version and ip.address in cidr.interface.network


def _contains_cidr(cidr: Cidr, other: Any) -> bool:
    inner = parse_cidr(other) if isinstance(other, str) else other
    outer = cidr.interface.network
    if inner.interface.version != cidr.interface.version:
        return False
    return bool(inner.interface.ip in outer and inner.interface.network.prefixlen >= outer.prefixlen)


def _masked(cidr: Cidr) -> Cidr:
    return Cidr(ipaddress.ip_interface(str(cidr.interface.network)))


def _link_local_multicast(ip: Ip) -> bool:
    if ip.address.version == 4:
        return ip.address in ipaddress.ip_network("224.0.0.0/24")
    packed = ip.address.packed
    return packed[0] == 0xFF and packed[1] & 0x0F == 0x02


def _global_unicast(ip: Ip) -> bool:
    address = ip.address
    if address.version == 4 and (int(address) in (0, 0xFFFFFFFF)):
        return False
    return not (address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local)


class NamedFormat:
    """A format by name; `validate` gives what is wrong."""

    cel_type = "kubernetes.NamedFormat"
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedFormat) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


def _prefix(rule: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    return lambda text: rule(names.without_trailing_dash(text))


def _validators() -> dict[str, Callable[[str], list[str]]]:
    from ...structural.formats import FORMATS
    from ...validation.values import label_value, qualified_name

    def checked(name: str, words: str) -> Callable[[str], list[str]]:
        return lambda text: [] if FORMATS[name](text) else [words]

    return {
        "dns1123Label": names.dns1123_label,
        "dns1123Subdomain": names.dns1123_subdomain,
        "dns1035Label": names.dns1035_label,
        "qualifiedName": qualified_name,
        "dns1123LabelPrefix": _prefix(names.dns1123_label),
        "dns1123SubdomainPrefix": _prefix(names.dns1123_subdomain),
        "dns1035LabelPrefix": _prefix(names.dns1035_label),
        "labelValue": label_value,
        "uri": checked("uri", "invalid URI"),
        "uuid": checked("uuid", "does not match the UUID format"),
        "byte": checked("byte", "invalid base64"),
        "date": checked("date", "invalid date"),
        "datetime": checked("date-time", "invalid datetime"),
    }


def _validate(format: NamedFormat, text: str) -> Optional:
    found = _validators()[format.name](text)
    return some(found) if found else NONE


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "ip": _ip,
    "isIP": _possible(parse_ip),
    "ip.isCanonical": lambda text: str(parse_ip(text)) == text,
    "family": lambda ip: ip.address.version,
    "isUnspecified": lambda ip: ip.address.is_unspecified,
    "isLoopback": lambda ip: ip.address.is_loopback,
    "isLinkLocalMulticast": _link_local_multicast,
    "isLinkLocalUnicast": lambda ip: ip.address.is_link_local,
    "isGlobalUnicast": _global_unicast,
    "cidr": parse_cidr,
    "isCIDR": _possible(parse_cidr),
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "masked": _masked,
    "prefixLength": lambda cidr: cidr.interface.network.prefixlen,
    "format.named": lambda name: some(NamedFormat(name)) if name in _FORMATS else NONE,
    "validate": _validate,
    **{f"format.{name}": (lambda name=name: NamedFormat(name)) for name in _FORMATS},
}
