"""Real packets of IPv6 through the rules: what differs from IPv4 is the family's own table, so each kind once."""

import os
import shutil
import socket
from collections.abc import Iterator

import pytest
from tests.proxy.builders import Table, endpoints, port
from tests.proxy.network_policy.builders import NAMESPACES, NODE, app, place, policy
from tests.proxy.test_packets import answering, dropped, refused_at_once
from tests.support.machine import ADDRESS6, HAS_IPV6, OUTSIDE_ADDRESS, OUTSIDE_ADDRESS6
from tests.support.network import Network, Reply, ask, network

from pybernetes.proxy.backend import LinuxBackend
from pybernetes.proxy.families import IPV6
from pybernetes.proxy.model import ServicePort
from pybernetes.proxy.network_policy.compiling import compile_rules
from pybernetes.proxy.network_policy.table import difference, from_nothing, removal

pytestmark = pytest.mark.skipif(
    not HAS_IPV6 or os.geteuid() != 0 or not all(map(shutil.which, ("nft", "ip", "unshare", "catatonit"))),
    reason="needs root, nft and IPv6",
)

VIP, BALANCER, EXTERNAL = "fd00:10:96::20", "2001:db8:1::1", "2001:db8:1::7"
A, B = "fd00:10:244::10", "fd00:10:244::11"
UDP = socket.SOCK_DGRAM


class World:
    """Two pods that serve on 8080 as a and b, a node, and the world outside."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.a, self.b = net.pod("a", A), net.pod("b", B)
        for pod in (self.a, self.b):
            net.serve(pod, 8080, pod.name, ipv6=True)
        net.serve(net.outside, 9000, "outside", ipv6=True)
        self.node, self.outside = net.node, net.outside
        for cidr in ("fd00:10:96::/112", "2001:db8:1::/64"):
            net.machine.run("ip", "-n", "outside", "route", "add", cidr, "via", ADDRESS6)
        self.table = Table(IPV6)

    def have(self, *ports: ServicePort) -> None:
        """A fresh table with one service per given port."""
        self.net.machine.run("conntrack", "-F", "-f", "ipv6")
        self.table = Table(IPV6)
        for number, one in enumerate(ports):
            self.table.put(one, owner=f"default/{number}")
        self.net.nft(self.table.step())


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with network() as net:
        yield World(net)


def test_a_cluster_address_is_reached_from_pods_and_the_node(world: World) -> None:
    world.have(port(A, B, cluster_ip=VIP))
    assert set(answering(world.a, (VIP, 80))) == {"a", "b"}
    assert set(answering(world.node, (VIP, 80))) == {"a", "b"}
    refused_at_once(world.b, (VIP, 81))


def test_pods_keep_their_addresses_inside_and_have_the_nodes_outside(world: World) -> None:
    world.have(port(B, cluster_ip=VIP))
    assert ask(world.a, (VIP, 80)) == Reply("b", A)
    assert ask(world.a, (B, 8080)) == Reply("b", A)
    assert ask(world.a, (OUTSIDE_ADDRESS6, 9000)).peer == ADDRESS6
    hairpin = ask(world.b, (VIP, 80))
    assert hairpin.name == "b" and hairpin.peer != B


def test_node_ports_balancers_and_external_addresses(world: World) -> None:
    more = {"node_port": 30080, "load_balancer_ips": (BALANCER,), "external_ips": (EXTERNAL,)}
    world.have(port(A, B, cluster_ip=VIP, **more))
    for to in ((ADDRESS6, 30080), (BALANCER, 80), (EXTERNAL, 80)):
        for client in (world.outside, world.b, world.node):
            assert ask(client, to).name in ("a", "b")
    assert ask(world.outside, (ADDRESS6, 30080)).peer != OUTSIDE_ADDRESS6


def test_the_local_policy_keeps_the_clients_address(world: World) -> None:
    here, there = endpoints(A), endpoints(B, local=False)
    both = (*here, *there)
    more = {"internal": both, "everywhere": both, "external_local": True, "node_port": 30080}
    world.have(port(cluster_ip=VIP, external=here, **more))
    assert answering(world.outside, (ADDRESS6, 30080), 8) == {"a": 8}
    assert ask(world.outside, (ADDRESS6, 30080)).peer == OUTSIDE_ADDRESS6
    world.have(port(cluster_ip=VIP, external=(), **more))
    dropped(world.outside, (ADDRESS6, 30080))
    assert ask(world.a, (ADDRESS6, 30080)).name in ("a", "b")


def test_affinity_and_udp(world: World) -> None:
    world.have(port(A, B, cluster_ip=VIP, affinity_seconds=100))
    assert len(answering(world.node, (VIP, 80))) == 1
    world.have(port(B, cluster_ip=VIP, protocol="udp"))
    assert ask(world.a, (VIP, 80), kind=UDP) == Reply("b", A)


def test_source_ranges_guard_a_balancers_address(world: World) -> None:
    ranges = ("fd00:10:244::/56", "fd00:10:244::/64")
    world.have(port(A, cluster_ip=VIP, load_balancer_ips=(BALANCER,), source_ranges=ranges))
    assert ask(world.b, (BALANCER, 80)).name == "a"
    dropped(world.outside, (BALANCER, 80))
    world.have(port(A, cluster_ip=VIP, load_balancer_ips=(BALANCER,), source_ranges=("::/0",)))
    assert ask(world.outside, (BALANCER, 80)).name == "a"


def test_without_endpoints_connections_are_refused_at_once(world: World) -> None:
    world.have(port(cluster_ip=VIP, node_port=30080))
    for client in (world.a, world.node):
        refused_at_once(client, (VIP, 80))
    refused_at_once(world.outside, (ADDRESS6, 30080))


def test_policies_hold(world: World) -> None:
    world.have(port(B, cluster_ip=VIP))
    places = [place(A, "a"), place(B, "b", http=8080)]
    table = "ip6 pybernetes-policies"
    only_named = policy(pods={"app": "b"}, ingress=[{"from": [app("a")], "ports": [{"port": "http"}]}])
    rules = compile_rules([only_named], places, NAMESPACES, NODE, IPV6)
    world.net.nft(from_nothing(table, rules))
    assert ask(world.a, (VIP, 80)).name == "b"
    assert ask(world.node, (B, 8080)).name == "b"
    dropped(world.a, (B, 8080), kind=UDP)
    nobody = compile_rules([policy(pods={"app": "b"})], places, NAMESPACES, NODE, IPV6)
    world.net.nft(difference(table, rules, nobody))
    dropped(world.a, (VIP, 80))
    world.net.nft(removal(table))


async def test_routes_and_udp_flows_of_the_family(world: World) -> None:
    backend = LinuxBackend(tuple(world.net.machine.command([])))
    wanted = {"fd00:10:244:1::/64": OUTSIDE_ADDRESS6}
    await backend.routes({**wanted, "10.244.1.0/24": OUTSIDE_ADDRESS}, set())
    assert await backend.known_routes("IPv6") == wanted
    assert await backend.known_routes("IPv4") == {"10.244.1.0/24": OUTSIDE_ADDRESS}
    await backend.routes({}, {"fd00:10:244:1::/64", "10.244.1.0/24"})
    assert await backend.known_routes("IPv6") == {} == await backend.known_routes("IPv4")

    def flows() -> str:
        return world.net.machine.run("conntrack", "-L", "-f", "ipv6", "-p", "udp", check=False).stdout

    world.have(port(B, cluster_ip=VIP, protocol="udp"))
    ask(world.a, (VIP, 80), kind=UDP)
    assert VIP in flows()
    await backend.forget_udp(VIP, 80, B, family="IPv6")
    assert VIP not in flows()
