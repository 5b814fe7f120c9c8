"""Addresses of simulated nodes and their pods."""

import pytest

from pybernetes.kubelet.hollow_addresses import PodAddresses, made_up_ranges, node_addresses


@pytest.mark.parametrize(
    ("families", "node", "made_up"),
    [
        ((4,), ("10.250.1.0",), ("100.64.255.0/24",)),
        ((6,), ("fd00:10:250::100",), ("fd00:100:64:ff::/64",)),
        ((6, 4), ("fd00:10:250::100", "10.250.1.0"), ("fd00:100:64:ff::/64", "100.64.255.0/24")),
    ],
)
def test_a_node_has_an_address_of_each_family(
    families: tuple[int, ...], node: tuple[str, ...], made_up: tuple[str, ...]
) -> None:
    assert node_addresses(255, families) == node
    assert made_up_ranges(255, families) == made_up


def test_pods_have_an_address_in_each_range_and_keep_it() -> None:
    addresses = PodAddresses()
    addresses.ranges = ("10.244.1.0/24", "fd00:10:244:1::/64")
    first = addresses.of("a")
    assert (first, addresses.of("b")) == (
        ("10.244.1.4", "fd00:10:244:1::4"),
        ("10.244.1.5", "fd00:10:244:1::5"),
    )
    assert addresses.of("a") == first
    addresses.release("a")
    found = {addresses.of(str(number)) for number in range(250)}
    assert len(found) == 250
    assert addresses.of("b") not in found


def test_a_range_of_ipv6_alone_is_not_searched_through() -> None:
    addresses = PodAddresses()
    addresses.ranges = ("fd00:10:244::/64",)
    assert addresses.of("a") == ("fd00:10:244::4",)
