"""Addresses that traffic can be sent to."""

import pytest

from pybernetes.api.validation.addresses import endpoint_ip, ip

LOOPBACK = "may not be in the loopback range (127.0.0.0/8, ::1/128)"


@pytest.mark.parametrize(
    ("value", "as_address", "as_endpoint"),
    [
        ("10.0.0.1", "", ""),
        ("010.0.0.1", "must not have leading 0s", ""),
        ("0127.0.0.1", "must not have leading 0s", LOOPBACK),
        ("127.0.0.1", "", LOOPBACK),
        ("::1", "", LOOPBACK),
        ("0.0.0.0", "", "may not be unspecified (0.0.0.0)"),
        ("169.254.1.1", "", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
        ("10.0.0", "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", "must be a valid IP address"),
    ],
)
def test_an_address_and_where_traffic_can_go(value: str, as_address: str, as_endpoint: str) -> None:
    for found, words in ((ip(value, "f"), as_address), (endpoint_ip(value, "f"), as_endpoint)):
        assert [str(error) for error in found] == ([f'f: Invalid value: "{value}": {words}'] if words else [])
