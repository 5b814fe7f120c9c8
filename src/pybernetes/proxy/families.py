"""The two address families, as packet rules and the API name them."""

from collections.abc import Iterable

import msgspec


class Family(msgspec.Struct, frozen=True):
    """`ip` names the family in packet rules and as part of a table's name, `address` is nft's type of an address,
    `type` what the API calls it. Then ranges with a meaning of their own, and the `switches` of the kernel that have to
    be on."""

    ip: str
    type: str
    address: str
    everything: str
    multicast: str
    loopback: str
    switches: tuple[str, ...]

    def has(self, address: str) -> bool:
        """Whether an address (or a range of them) is of this family."""
        return (":" in address) == (self.ip == "ip6")

    def of(self, addresses: Iterable[str]) -> list[str]:
        """Those of this family."""
        return [address for address in addresses if self.has(address)]

    def first(self, addresses: Iterable[str]) -> str:
        """The first one of this family, "" without any."""
        return next((address for address in addresses if self.has(address)), "")

    def table(self, name: str) -> str:
        """An nftables table of this family: `ip NAME`."""
        return f"{self.ip} {name}"


IPV4 = Family(
    ip="ip",
    type="IPv4",
    address="ipv4_addr",
    everything="0.0.0.0-255.255.255.255",
    multicast="224.0.0.0/4",
    loopback="127.0.0.0/8",
    switches=("net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet"),
)
IPV6 = Family(
    ip="ip6",
    type="IPv6",
    address="ipv6_addr",
    everything="::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    multicast="ff00::/8",
    loopback="::1",
    switches=("net/ipv6/conf/all/forwarding",),
)


def families_of(ranges: str) -> tuple[Family, ...]:
    """The families of ranges with commas between, in their order."""
    found = (IPV6 if IPV6.has(text) else IPV4 for text in ranges.split(","))
    return tuple(dict.fromkeys(found))
