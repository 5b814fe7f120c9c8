"""Addresses and ranges that are understood, and yet not written as they should be (KEP-4858)."""

import ipaddress


def ip(value: str, path: str) -> list[str]:
    """An address in a field that was validated."""
    if ":" not in value:
        return _legacy_ip(value, path) if any(len(part) > 1 and part[0] == "0" for part in value.split(".")) else []
    try:
        parsed = ipaddress.IPv6Address(value)
    except ValueError:
        return []
    if parsed.ipv4_mapped is not None:
        return [_legacy(path, "IP address", value, str(parsed.ipv4_mapped))]
    if str(parsed) != value:
        return [f'{path}: IPv6 address "{value}" should be in RFC 5952 canonical format ("{parsed}")']
    return []


def _legacy_ip(value: str, path: str) -> list[str]:
    parts = value.split(".")
    if len(parts) != 4 or not all(part.isdecimal() and int(part) < 256 for part in parts):
        return []
    return [_legacy(path, "IP address", value, ".".join(str(int(part)) for part in parts))]


def _legacy(path: str, what: str, value: str, better: str) -> str:
    return (
        f'{path}: non-standard {what} "{value}" will be considered invalid in a future Kubernetes release: '
        f'use "{better}"'
    )


def ip_range(value: str, path: str) -> list[str]:
    """A range in CIDR form in a field that was validated."""
    address, _, length = value.partition("/")
    if not length.isdecimal():
        return []
    try:
        parsed = ipaddress.ip_network(value, strict=False)
        exact = str(ipaddress.ip_address(address))
    except ValueError:
        return []
    if str(parsed.network_address) != exact:
        return [
            f'{path}: CIDR value "{value}" is ambiguous in this context (should be "{parsed}" or '
            f'"{exact}/{parsed.max_prefixlen}"?)'
        ]
    if parsed.version == 6 and f"{exact}/{int(length)}" != value:
        return [f'{path}: IPv6 CIDR value "{value}" should be in RFC 5952 canonical format ("{parsed}")']
    return []
