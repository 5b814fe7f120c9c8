"""Policies and real packets: what passes between pods, nodes and the outside, and what changes do."""

import os
import shutil
import socket
from collections.abc import Iterator

import pytest
from tests.proxy.builders import Table, port
from tests.proxy.network_policy.builders import NAMESPACES, NODE, app, place, policy
from tests.proxy.test_packets import dropped
from tests.support.machine import ADDRESS, OUTSIDE_ADDRESS
from tests.support.network import Network, ask, network

from pybernetes.api.networking import NetworkPolicy
from pybernetes.proxy.network_policy.compiling import Rules, compile_rules
from pybernetes.proxy.network_policy.seen import Place
from pybernetes.proxy.network_policy.table import difference, from_nothing, removal

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("nft", "ip", "unshare", "catatonit"))), reason="needs root and nft"
)

TABLE = "ip pybernetes-policies"
A, B, C = "10.244.0.10", "10.244.0.11", "10.244.0.12"
VIP = "10.96.0.20"
PLACES = [place(A, "a"), place(B, "b", http=8080), place(C, "c", "other")]
UDP = socket.SOCK_DGRAM


class World:
    """Pods a and b in default, c in other; each serves on 8080 and 8081, b and c behind a service address too."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.a, self.b, self.c = net.pod("a", A), net.pod("b", B), net.pod("c", C)
        for pod in (self.a, self.b, self.c):
            net.serve(pod, 8080, pod.name)
            net.serve(pod, 8081, pod.name)
        net.serve(net.outside, 9000, "outside")
        net.serve(net.node, 9001, "node")
        net.machine.run("ip", "-n", "outside", "route", "add", "10.244.0.0/24", "via", ADDRESS)
        services = Table()
        services.put(port(B, node_port=30080))
        net.nft(services.step())
        self._rules: Rules | None = None

    def have(self, *policies: NetworkPolicy, places: list[Place] | None = None, fresh: bool = True) -> None:
        """These policies are in force; `fresh` makes the table from nothing, otherwise what differs is sent."""
        rules = compile_rules(policies, PLACES if places is None else places, NAMESPACES, NODE)
        if fresh or self._rules is None:
            self.net.machine.run("conntrack", "-F")
            self.net.nft(from_nothing(TABLE, rules))
        elif commands := difference(TABLE, self._rules, rules):
            self.net.nft(commands)
        self._rules = rules


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with network() as net:
        yield World(net)


def test_ingress_lets_only_the_chosen_in(world: World) -> None:
    world.have(policy(pods={"app": "b"}, ingress=[{"from": [app("a")]}]))
    assert ask(world.a, (B, 8080)).name == "b"
    assert ask(world.a, (VIP, 80)).name == "b"
    assert ask(world.a, (B, 8080), kind=UDP).name == "b"
    dropped(world.c, (B, 8080))
    dropped(world.c, (VIP, 80))
    dropped(world.c, (B, 8080), kind=UDP)
    assert ask(world.b, (C, 8080)).name == "c"  # its own connections, and their answers
    assert ask(world.c, (A, 8080)).name == "a"


def test_the_node_and_the_pod_itself_are_always_let_in(world: World) -> None:
    world.have(policy(), policy("out", egress=[], policyTypes=["Egress"]))
    assert ask(world.net.node, (B, 8080)).name == "b"
    assert ask(world.b, (VIP, 80)).name == "b"
    assert ask(world.b, (ADDRESS, 9001)).name == "node"
    dropped(world.a, (B, 8080))


def test_ports(world: World) -> None:
    world.have(policy(pods={"app": "b"}, ingress=[{"ports": [{"protocol": "TCP", "port": "http"}]}]))
    assert ask(world.c, (B, 8080)).name == "b"
    dropped(world.c, (B, 8081))
    dropped(world.c, (B, 8080), kind=UDP)
    world.have(policy(pods={"app": "b"}, ingress=[{"ports": [{"protocol": "TCP", "port": 8081, "endPort": 9000}]}]))
    assert ask(world.c, (B, 8081)).name == "b"
    dropped(world.c, (B, 8080))


def test_egress_lets_only_to_the_chosen(world: World) -> None:
    to_b = {"to": [{"podSelector": {"matchLabels": {"app": "b"}}}], "ports": [{"protocol": "TCP", "port": "http"}]}
    world.have(policy(pods={"app": "a"}, egress=[to_b], policyTypes=["Egress"]))
    assert ask(world.a, (B, 8080)).name == "b"
    assert ask(world.a, (VIP, 80)).name == "b"  # by its service: the pod is what counts
    dropped(world.a, (B, 8081))
    dropped(world.a, (C, 8080))
    dropped(world.a, (OUTSIDE_ADDRESS, 9000))
    assert ask(world.c, (A, 8080)).name == "a"  # it may answer


def test_both_ends_must_agree(world: World) -> None:
    world.have(
        policy("in", pods={"app": "b"}, ingress=[{"from": [app("c")]}]),
        policy("out", pods={"app": "a"}, egress=[{"to": [app("b")]}], policyTypes=["Egress"]),
    )
    dropped(world.a, (B, 8080))
    world.have(
        policy("in", pods={"app": "b"}, ingress=[{"from": [app("a")]}]),
        policy("out", pods={"app": "a"}, egress=[{"to": [app("b")]}], policyTypes=["Egress"]),
    )
    assert ask(world.a, (B, 8080)).name == "b"


def test_blocks_are_about_the_outside_too(world: World) -> None:
    block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.244.0.0/16"]}}
    world.have(policy(pods={"app": "b"}, ingress=[{"from": [block]}]))
    assert ask(world.net.outside, (B, 8080)).name == "b"
    assert ask(world.net.outside, (ADDRESS, 30080)).name == "b"
    dropped(world.a, (B, 8080))
    world.have(policy(pods={"app": "b"}, ingress=[{"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]))
    dropped(world.net.outside, (B, 8080))


def test_changes_take_effect_by_what_differs(world: World) -> None:
    allowed = policy(pods={"app": "b"}, ingress=[{"from": [app("a")]}])
    world.have(allowed)
    dropped(world.c, (B, 8080))
    renamed = [place(A, "x"), PLACES[1], place(C, "a")]  # c takes the place of a
    world.have(allowed, places=renamed, fresh=False)
    assert ask(world.c, (B, 8080)).name == "b"
    dropped(world.a, (B, 8080))
    world.have(allowed, policy("all", ingress=[{}]), fresh=False)
    assert ask(world.c, (B, 8080)).name == "b"
    world.have(policy("all", ingress=[{"from": [{"ipBlock": {"cidr": f"{C}/32"}}]}]), fresh=False)
    dropped(world.a, (B, 8080))
    assert ask(world.c, (B, 8080)).name == "b"
    world.have(fresh=False)
    assert ask(world.a, (B, 8080)).name == "b"
    shown = world.net.machine.run("nft", "list", "table", "ip", "pybernetes-policies").stdout
    assert "goto" not in shown and "pods_" not in shown
    world.net.nft(removal(TABLE))


def test_a_connection_in_use_goes_on(world: World) -> None:
    world.have()
    with world.a.socket() as client:
        client.connect((B, 8080))
        client.settimeout(60)
        world.have(policy(pods={"app": "b"}), fresh=False)
        assert client.recv(100).startswith(b"b ")
