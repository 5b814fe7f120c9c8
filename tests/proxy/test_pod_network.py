import msgspec
import pytest

from pybernetes.api.core import Node
from pybernetes.proxy.pod_network import pod_routes


def node(name: str, ip: str = "", cidr: str = "") -> Node:
    addresses = [{"type": "Hostname", "address": name}, *([{"type": "InternalIP", "address": ip}] if ip else [])]
    spec = {"podCIDR": cidr, "podCIDRs": [cidr]} if cidr else {}
    return msgspec.convert({"metadata": {"name": name}, "spec": spec, "status": {"addresses": addresses}}, Node)


OWN = node("n1", "172.30.0.11", "10.244.1.0/24")


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([OWN], {}),
        ([OWN, node("n2", "172.30.0.12", "10.244.2.0/24")], {"10.244.2.0/24": "172.30.0.12"}),
        ([OWN, node("n2", "172.30.0.12")], {}),
        ([OWN, node("n2", "", "10.244.2.0/24")], {}),
        ([OWN, node("n2", "172.30.0.11", "10.244.2.0/24")], {}),
        ([OWN, node("n2", "fd00::2", "10.244.2.0/24")], {}),
    ],
    ids=["alone", "another", "no range yet", "no address yet", "same machine", "IPv6"],
)
def test_pod_routes(nodes: list[Node], expected: dict[str, str]) -> None:
    assert pod_routes(nodes, "n1") == expected
