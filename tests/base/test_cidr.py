"""Ranges of both families: parsing, membership, positions, splitting; compared with the standard library."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.base import cidr

VALID = {
    "10.244.0.0/16": "10.244.0.0/16",
    "10.244.3.7/16": "10.244.0.0/16",
    "0.0.0.0/0": "0.0.0.0/0",
    "192.0.2.1/32": "192.0.2.1/32",
    "FD00:0::/48": "fd00::/48",
    "::/0": "::/0",
}


@pytest.mark.parametrize("text", VALID)
def test_parse_gives_the_canonical_range(text: str) -> None:
    assert str(cidr.parse(text)) == VALID[text]


@pytest.mark.parametrize(
    "text",
    ["", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "010.0.0.0/8", "10.0.0.0/08", "::/129", "a/b", "é/1"],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(cidr.InvalidCIDR, match="invalid CIDR address"):
        cidr.parse(text)


def test_strict_parsing_refuses_host_bits() -> None:
    with pytest.raises(cidr.InvalidCIDR):
        cidr.parse("10.0.0.1/8", strict=True)


def test_membership_is_by_family_and_position() -> None:
    pods = cidr.parse("10.244.0.0/16")
    assert pods.contains("10.244.255.255")
    assert not pods.contains("10.245.0.0")
    assert not pods.contains("::1")
    assert not pods.contains("nonsense")


def test_positions_count_from_both_ends() -> None:
    services = cidr.parse("10.96.0.0/12")
    assert services.address(1) == "10.96.0.1"
    assert services.address(-1) == "10.111.255.255"
    assert services.index("10.96.1.0") == 256
    with pytest.raises(IndexError):
        cidr.parse("10.0.0.0/30").address(4)


def test_node_ranges_are_the_even_split() -> None:
    pods = cidr.parse("10.244.0.0/16")
    assert pods.block_count(24) == 256
    assert str(pods.block(24, 3)) == "10.244.3.0/24"
    assert pods.block_index(cidr.parse("10.244.3.0/24")) == 3
    assert [str(block) for block in cidr.parse("10.0.0.0/30").blocks(31)] == ["10.0.0.0/31", "10.0.0.2/31"]
    with pytest.raises(IndexError):
        pods.block(24, 256)
    with pytest.raises(ValueError, match="does not fit"):
        pods.block(8, 0)


def test_a_huge_split_is_not_materialised() -> None:
    assert str(cidr.parse("fd00::/16").block(64, 2**40)) == str(ipaddress.ip_network(("fd00:100::", 64)))


@given(st.ip_addresses(), st.integers(0, 128), st.ip_addresses())
def test_agrees_with_the_standard_library(address, prefix: int, other) -> None:
    prefix = min(prefix, address.max_prefixlen)
    expected = ipaddress.ip_network((address, prefix), strict=False)
    ours = cidr.parse(f"{address}/{prefix}")
    assert ipaddress.ip_network(str(ours)) == expected
    assert ours.contains(str(other)) == (other in expected)
    assert ours.address(-1) == str(cidr.parse(f"{expected[-1]}/{expected.max_prefixlen}").address(0))


@given(st.ip_addresses(v=4, network="10.0.0.0/8"), st.integers(8, 32), st.ip_addresses(v=4), st.integers(0, 32))
def test_overlap_agrees_with_the_standard_library(a, a_prefix: int, b, b_prefix: int) -> None:
    first = ipaddress.ip_network((a, a_prefix), strict=False)
    second = ipaddress.ip_network((b, b_prefix), strict=False)
    assert cidr.parse(str(first)).overlaps(cidr.parse(str(second))) == first.overlaps(second)
