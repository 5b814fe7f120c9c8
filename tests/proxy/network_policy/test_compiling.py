"""What policies become: chains, sets, and which pods are isolated."""

from typing import Any

import pytest
from tests.proxy.network_policy.builders import NAMESPACES, NODE, app, place, policy

from pybernetes.api.networking import NetworkPolicy
from pybernetes.proxy.network_policy.compiling import Rules, compile_rules
from pybernetes.proxy.network_policy.seen import Place, SeenPod, places_of

WEB, CLIENT, FAR = place("10.244.0.1", http=8080), place("10.244.0.2", "client"), place("10.244.1.3", node="n2")
OTHER = place("10.244.0.4", "client", "other", http=9090)
PLACES = [WEB, CLIENT, FAR, OTHER]


def compiled(*policies: NetworkPolicy, places: list[Place] | None = None) -> Rules:
    return compile_rules(policies, PLACES if places is None else places, NAMESPACES, NODE)


def chain(rules: Rules, ip: str, direction: str = "in") -> list[str]:
    """The chain of a pod; sets are shown with their elements."""
    isolated = rules.isolated_in if direction == "in" else rules.isolated_out
    lines = []
    for line in rules.chains[isolated[ip]]:
        for name, (_, elements) in rules.sets.items():
            line = line.replace(f"@{name}", f"<{' '.join(sorted(elements))}>")
        lines.append(line)
    return lines


def test_without_policies_nobody_is_isolated() -> None:
    assert compiled() == Rules({}, {}, {}, {})


def test_only_selected_pods_of_this_node_are_isolated_and_only_in_the_policys_directions() -> None:
    rules = compiled(policy(pods={"app": "web"}))
    assert set(rules.isolated_in) == {WEB.ip} and not rules.isolated_out
    assert chain(rules, WEB.ip) == ["drop"]
    rules = compiled(policy(policyTypes=["Egress"]))
    assert set(rules.isolated_out) == {WEB.ip, CLIENT.ip} and not rules.isolated_in


@pytest.mark.parametrize(
    ("peers", "expected"),
    [
        ([app("client")], ["ip saddr <10.244.0.2> accept"]),
        ([{"namespaceSelector": {"matchLabels": {"team": "b"}}}], ["ip saddr <10.244.0.4> accept"]),
        (
            [{"namespaceSelector": {}, **app("client")}],
            ["ip saddr <10.244.0.2 10.244.0.4> accept"],
        ),
        ([{"podSelector": {}}], ["ip saddr <10.244.0.1 10.244.0.2 10.244.1.3> accept"]),
        ([{"ipBlock": {"cidr": "10.0.0.0/8"}}], ["ip saddr { 10.0.0.0/8 } accept"]),
        ([{"ipBlock": {"cidr": "0.0.0.0/0"}}], ["accept"]),
        (
            [{"ipBlock": {"cidr": "10.0.0.0/30", "except": ["10.0.0.1/32"]}}],
            ["ip saddr { 10.0.0.0/32, 10.0.0.2/31 } accept"],
        ),
        ([{"ipBlock": {"cidr": "10.0.0.0/30", "except": ["10.0.0.0/8"]}}], []),
        ([{"ipBlock": {"cidr": "fd00::/8"}}], []),
        ([app("client"), app("nobody")], ["ip saddr <10.244.0.2> accept", "ip saddr <> accept"]),
        ([], ["accept"]),
    ],
)
def test_peers(peers: list[Any], expected: list[str]) -> None:
    rules = compiled(policy(pods={"app": "web"}, ingress=[{"from": peers}]))
    assert chain(rules, WEB.ip) == [*expected, "drop"]


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ([{"protocol": "TCP", "port": 80}], ["tcp dport { 80 } accept"]),
        (
            [{"protocol": "TCP", "port": 80}, {"protocol": "TCP", "port": 70, "endPort": 79}, {"port": 443}],
            ["tcp dport { 70-80, 443 } accept"],
        ),
        (
            [{"protocol": "UDP", "port": 53}, {"protocol": "TCP"}],
            ["meta l4proto tcp accept", "udp dport { 53 } accept"],
        ),
        ([{"protocol": "SCTP", "port": 7}], ["sctp dport { 7 } accept"]),
        ([{"protocol": "TCP", "port": "http"}], ["tcp dport { 8080 } accept"]),
        ([{"protocol": "UDP", "port": "http"}], []),
        ([{"protocol": "TCP", "port": "none"}], []),
    ],
)
def test_ports_of_the_receiver(ports: list[Any], expected: list[str]) -> None:
    rules = compiled(policy(pods={"app": "web"}, ingress=[{"ports": ports}]))
    assert chain(rules, WEB.ip) == [*expected, "drop"]


def test_a_named_port_of_egress_is_each_receivers_own() -> None:
    peer = {"namespaceSelector": {}}
    rule = {"to": [peer], "ports": [{"protocol": "TCP", "port": "http"}, {"protocol": "TCP", "port": 22}]}
    rules = compiled(policy(pods={"app": "client"}, egress=[rule], policyTypes=["Egress"]))
    assert chain(rules, CLIENT.ip, "out") == [
        "ip daddr <10.244.0.1 10.244.0.2 10.244.0.4 10.244.1.3> tcp dport { 22 } accept",
        "ip daddr . meta l4proto . th dport <10.244.0.1 . tcp . 8080 10.244.0.4 . tcp . 9090> accept",
        "drop",
    ]
    anywhere = {"ports": [{"protocol": "TCP", "port": "http"}]}
    rules = compiled(policy(pods={"app": "client"}, egress=[anywhere], policyTypes=["Egress"]))
    assert "10.244.0.4 . tcp . 9090" in chain(rules, CLIENT.ip, "out")[0]


def test_policies_add_up() -> None:
    both = compiled(
        policy("a", pods={"app": "web"}, ingress=[{"from": [app("client")]}]),
        policy("b", ingress=[{"ports": [{"protocol": "TCP", "port": 80}]}]),
    )
    assert chain(both, WEB.ip) == ["ip saddr <10.244.0.2> accept", "tcp dport { 80 } accept", "drop"]
    assert chain(both, CLIENT.ip) == ["tcp dport { 80 } accept", "drop"]


def test_equal_pods_share_a_chain_and_equal_selectors_a_set() -> None:
    places = [place(f"10.244.0.{number}") for number in range(1, 50)]
    rules = compiled(
        policy("a", ingress=[{"from": [app("web")]}]),
        policy("b", ingress=[{"from": [app("web")], "ports": [{"protocol": "TCP", "port": 1}]}]),
        places=places,
    )
    assert len(rules.chains) == 1 and len(rules.sets) == 1 and len(rules.isolated_in) == 49


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({"nodeName": "n1"}, {"podIP": "10.244.0.9", "phase": "Running"}, True),
        ({"nodeName": "n1"}, {"phase": "Pending"}, False),
        ({"nodeName": "n1"}, {"podIP": "10.244.0.9", "phase": "Succeeded"}, False),
        ({"nodeName": "n1", "hostNetwork": True}, {"podIP": "10.0.0.1", "phase": "Running"}, False),
    ],
)
def test_who_has_a_place(spec: dict[str, Any], status: dict[str, Any], expected: bool) -> None:
    import msgspec

    pod = msgspec.convert({"metadata": {"name": "a", "namespace": "default"}, "spec": spec, "status": status}, SeenPod)
    assert bool(places_of(pod)) is expected
