"""Which UDP flows are forgotten after a change."""

import pytest
from tests.proxy.builders import port

from pybernetes.proxy.model import ServicePort
from pybernetes.proxy.udp_flows import Flow, stale_flows


def udp(*ips: str, **more: object) -> ServicePort:
    return port(*ips, protocol="udp", **more)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([udp("10.0.0.1", "10.0.0.2")], [udp("10.0.0.2")], [("10.96.0.20", 80, "10.0.0.1")]),
        ([udp("10.0.0.1")], [udp("10.0.0.1", "10.0.0.2")], []),
        ([udp("10.0.0.1")], [], [("10.96.0.20", 80, "10.0.0.1")]),
        ([], [udp("10.0.0.1")], [("10.96.0.20", 80, "")]),
        ([udp()], [udp("10.0.0.1")], [("10.96.0.20", 80, "")]),
        ([port("10.0.0.1")], [], []),
        (
            [udp("10.0.0.1", node_port=30053, external_ips=("203.0.113.1",))],
            [],
            [("10.96.0.20", 80, "10.0.0.1"), ("203.0.113.1", 80, "10.0.0.1"), ("", 30053, "10.0.0.1")],
        ),
    ],
    ids=[
        "endpoint gone",
        "endpoint added",
        "service gone",
        "new service",
        "first endpoint",
        "TCP",
        "every address it had",
    ],
)
def test_stale_flows(before: list[ServicePort], after: list[ServicePort], expected: list[Flow]) -> None:
    assert stale_flows({"default/web": before}, {"default/web": after}) == expected


def test_services_that_did_not_change_are_left_alone() -> None:
    assert stale_flows({}, {"default/web": [udp("10.0.0.1")]}) == []
