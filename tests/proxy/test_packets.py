"""Real packets through the rules: pods, a node and an outside host as network namespaces."""

import contextlib
import errno
import os
import select
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.proxy.builders import Table, endpoints, port
from tests.support.machine import ADDRESS, OUTSIDE_ADDRESS
from tests.support.network import Namespace, Network, Pod, Reply, ask, network

from pybernetes.proxy.model import Endpoint, ServicePort

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("nft", "ip", "unshare", "catatonit"))), reason="needs root and nft"
)

VIP = "10.96.0.20"
A, B, C = "10.244.0.10", "10.244.0.11", "10.244.0.12"
UDP = socket.SOCK_DGRAM


class World:
    """Three pods that serve on 8080 as a, b and c, a node, and the world outside."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.a, self.b, self.c = net.pod("a", A), net.pod("b", B), net.pod("c", C)
        for pod in (self.a, self.b, self.c):
            net.serve(pod, 8080, pod.name)
        net.serve(net.outside, 9000, "outside")
        self.node, self.outside = net.node, net.outside
        net.machine.run("ip", "-n", "outside", "route", "add", "10.96.0.0/16", "via", ADDRESS)
        net.machine.run("ip", "-n", "outside", "route", "add", "203.0.113.0/24", "via", ADDRESS)
        self.table = Table()

    def have(self, *ports: ServicePort) -> None:
        """A fresh table with one service per given port."""
        self.net.machine.run("conntrack", "-F")
        self.table = Table()
        for number, one in enumerate(ports):
            self.table.put(one, owner=f"default/{number}")
        self.net.nft(self.table.step())

    def change(self, one: ServicePort) -> None:
        """Bring the first service up to date, incrementally."""
        self.table.put(one, owner="default/0")
        self.net.nft(self.table.step())


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with network() as net:
        yield World(net)


def answering(place: Namespace | Pod, to: tuple[str, int], times: int = 24, **options: Any) -> Counter[str]:
    return Counter(ask(place, to, **options).name for _ in range(times))


def refused_at_once(place: Namespace | Pod, to: tuple[str, int]) -> None:
    """A reset ends the attempt. After an ICMP error alone the kernel would go on and ask again a second later."""
    with place.socket(ipv6=":" in to[0]) as client:
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.connect(to)
        select.select([], [client], [], 60)
        assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
        assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _TCP_CLOSE


_TCP_CLOSE = 7
"""A state of the kernel's, the first byte of `struct tcp_info`; a socket that still asks is in TCP_SYN_SENT."""


def dropped(place: Namespace | Pod, to: tuple[str, int], **options: Any) -> None:
    with pytest.raises(TimeoutError):
        ask(place, to, timeout=0.3, **options)


def test_a_cluster_address_reaches_every_endpoint_from_a_pod_with_the_pods_address(world: World) -> None:
    world.have(port(B, C))
    assert set(answering(world.a, (VIP, 80))) == {"b", "c"}
    assert ask(world.a, (VIP, 80)).peer == A


def test_connections_are_spread_evenly(world: World) -> None:
    world.have(port(A, B, C))
    found = answering(world.node, (VIP, 80), 300)
    assert min(found.values()) > 60


def test_a_cluster_address_is_reached_from_the_node(world: World) -> None:
    world.have(port(A, B))
    assert set(answering(world.node, (VIP, 80))) == {"a", "b"}


def test_a_pod_reaches_itself_through_its_service(world: World) -> None:
    world.have(port(A))
    found = ask(world.a, (VIP, 80))
    assert found.name == "a" and found.peer != A


def test_an_endpoint_of_which_no_node_is_known_reaches_itself_too(world: World) -> None:
    world.have(port(internal=(Endpoint(A, 8080, unplaced=True),)))
    found = ask(world.a, (VIP, 80))
    assert found.name == "a" and found.peer != A


def test_udp(world: World) -> None:
    world.have(port(B, protocol="udp"))
    assert ask(world.a, (VIP, 80), kind=UDP) == Reply("b", A)
    assert ask(world.node, (VIP, 80), kind=UDP).name == "b"


@pytest.mark.parametrize("place", ["outside", "node", "a"])
def test_a_node_port_is_reached_from(world: World, place: str) -> None:
    world.have(port(A, B, node_port=30080))
    assert set(answering(getattr(world, place), (ADDRESS, 30080))) == {"a", "b"}


def test_a_node_port_is_reached_at_the_loopback_address(world: World) -> None:
    world.have(port(B, node_port=30080))
    assert ask(world.node, ("127.0.0.1", 30080)).name == "b"


def test_a_node_port_over_udp(world: World) -> None:
    world.have(port(B, protocol="udp", node_port=30053))
    assert ask(world.outside, (ADDRESS, 30053), kind=UDP).name == "b"


def test_clients_from_outside_are_masqueraded_under_the_cluster_policy(world: World) -> None:
    world.have(port(B, node_port=30080))
    assert ask(world.outside, (ADDRESS, 30080)).peer != OUTSIDE_ADDRESS


def local_policy(*local: str, remote: tuple[str, ...] = (), **more: Any) -> ServicePort:
    here, there = endpoints(*local), endpoints(*remote, local=False)
    return port(
        internal=(*here, *there),
        everywhere=(*here, *there),
        external=here,
        external_local=True,
        node_port=30080,
        **more,
    )


def test_external_traffic_policy_local_keeps_the_clients_address_and_stays_on_the_node(world: World) -> None:
    world.have(local_policy(A, remote=(B,)))
    assert answering(world.outside, (ADDRESS, 30080)) == {"a": 24}
    assert ask(world.outside, (ADDRESS, 30080)).peer == OUTSIDE_ADDRESS


def test_external_traffic_policy_local_concerns_outside_clients_only(world: World) -> None:
    world.have(local_policy(A, remote=(B,)))
    assert set(answering(world.c, (ADDRESS, 30080))) == {"a", "b"}
    assert ask(world.c, (ADDRESS, 30080)).peer == C
    assert set(answering(world.node, ("127.0.0.1", 30080))) == {"a", "b"}


def test_without_local_endpoints_outside_clients_are_dropped_and_others_served(world: World) -> None:
    world.have(local_policy(remote=(B,)))
    dropped(world.outside, (ADDRESS, 30080))
    assert ask(world.c, (ADDRESS, 30080)).name == "b"
    assert ask(world.node, (ADDRESS, 30080)).name == "b"


def test_a_local_policy_with_affinity(world: World) -> None:
    world.have(local_policy(A, remote=(B,), affinity_seconds=100))
    assert answering(world.outside, (ADDRESS, 30080)) == {"a": 24}
    assert ask(world.outside, (ADDRESS, 30080)).peer == OUTSIDE_ADDRESS
    assert len(answering(world.c, (ADDRESS, 30080))) == 1
    assert len(answering(world.node, ("127.0.0.1", 30080))) == 1


def test_internal_traffic_policy_local_drops_where_no_local_endpoint_is(world: World) -> None:
    world.have(port(A, internal=()))
    dropped(world.b, (VIP, 80))
    dropped(world.node, (VIP, 80))


def test_a_load_balancers_address_is_served_on_the_node_itself(world: World) -> None:
    world.have(port(A, load_balancer_ips=("203.0.113.1",)))
    for place in (world.outside, world.b, world.node):
        assert ask(place, ("203.0.113.1", 80)).name == "a"


def test_an_external_address(world: World) -> None:
    world.have(port(A, external_ips=("203.0.113.7",)))
    for place in (world.outside, world.b, world.node):
        assert ask(place, ("203.0.113.7", 80)).name == "a"


def test_source_ranges_guard_the_load_balancers_address_only(world: World) -> None:
    ranges = ("10.244.0.0/16", "10.244.0.0/24", "192.0.2.0/24")
    world.have(port(A, node_port=30080, load_balancer_ips=("203.0.113.1",), source_ranges=ranges))
    assert ask(world.b, ("203.0.113.1", 80)).name == "a"
    dropped(world.outside, ("203.0.113.1", 80))
    dropped(world.node, ("203.0.113.1", 80))
    assert ask(world.outside, (ADDRESS, 30080)).name == "a"
    assert ask(world.node, (VIP, 80)).name == "a"


def test_a_source_range_of_everything(world: World) -> None:
    world.have(port(A, load_balancer_ips=("203.0.113.1",), source_ranges=("0.0.0.0/0", "10.0.0.0/8")))
    assert ask(world.outside, ("203.0.113.1", 80)).name == "a"


@pytest.mark.parametrize("place", ["outside", "b", "node"])
def test_the_nodes_own_address_serves_as_a_load_balancers(world: World, place: str) -> None:
    world.have(port(A, load_balancer_ips=(ADDRESS,)))
    assert ask(getattr(world, place), (ADDRESS, 80)).name == "a"
    refused_at_once(getattr(world, place), (ADDRESS, 81))


def test_source_ranges_guard_the_nodes_own_address(world: World) -> None:
    world.have(port(A, load_balancer_ips=(ADDRESS,), source_ranges=("10.244.0.0/16", f"{ADDRESS}/32")))
    assert ask(world.b, (ADDRESS, 80)).name == "a"
    assert ask(world.node, (ADDRESS, 80)).name == "a"
    dropped(world.outside, (ADDRESS, 80))
    world.change(port(A, load_balancer_ips=(ADDRESS,), source_ranges=(f"{OUTSIDE_ADDRESS}/32",)))
    assert ask(world.outside, (ADDRESS, 80)).name == "a"
    dropped(world.b, (ADDRESS, 80))


def test_the_local_policy_at_a_load_balancers_address_keeps_the_clients_address(world: World) -> None:
    world.have(local_policy(A, remote=(B,), load_balancer_ips=(ADDRESS, "203.0.113.1")))
    for address in (ADDRESS, "203.0.113.1"):
        assert answering(world.outside, (address, 80)) == {"a": 24}
        assert ask(world.outside, (address, 80)).peer == OUTSIDE_ADDRESS
        assert set(answering(world.c, (address, 80))) == {"a", "b"}
    world.change(local_policy(remote=(B,), load_balancer_ips=(ADDRESS,)))
    dropped(world.outside, (ADDRESS, 80))
    assert ask(world.c, (ADDRESS, 80)).name == "b"


def test_internal_traffic_policy_leaves_a_load_balancers_address_alone(world: World) -> None:
    world.have(port(A, internal=(), load_balancer_ips=(ADDRESS,), external_ips=("203.0.113.7",)))
    dropped(world.b, (VIP, 80))
    for address in (ADDRESS, "203.0.113.7"):
        assert ask(world.outside, (address, 80)).name == "a"


def test_an_address_that_is_given_back_is_the_nodes_again(world: World) -> None:
    world.have(port(A, load_balancer_ips=(ADDRESS,), affinity_seconds=100))
    assert ask(world.outside, (ADDRESS, 80)).name == "a"
    world.change(port(A))
    refused_at_once(world.outside, (ADDRESS, 80))


@pytest.mark.parametrize("place", ["a", "node"])
def test_without_endpoints_connections_are_refused_at_once(world: World, place: str) -> None:
    world.have(port(node_port=30080))
    refused_at_once(getattr(world, place), (VIP, 80))
    refused_at_once(getattr(world, place), (ADDRESS, 30080))


def test_without_endpoints_datagrams_are_refused_at_once(world: World) -> None:
    world.have(port(protocol="udp"))
    with pytest.raises(ConnectionRefusedError):
        ask(world.a, (VIP, 80), kind=UDP)
    with pytest.raises(PermissionError):  # what the kernel tells the sender on the same machine
        ask(world.node, (VIP, 80), kind=UDP)


def test_without_endpoints_outside_clients_are_refused_at_once(world: World) -> None:
    world.have(port(node_port=30080, load_balancer_ips=("203.0.113.1",)))
    refused_at_once(world.outside, (ADDRESS, 30080))
    refused_at_once(world.outside, ("203.0.113.1", 80))
    refused_at_once(world.node, ("127.0.0.1", 30080))


def test_other_ports_of_a_cluster_address_are_refused(world: World) -> None:
    world.have(port(A))
    refused_at_once(world.b, (VIP, 81))
    refused_at_once(world.node, (VIP, 81))


@pytest.mark.parametrize("place", ["a", "node"])
def test_a_client_faster_than_the_proxy_reaches_its_new_service_with_the_next_try(world: World, place: str) -> None:
    world.have(port(A, cluster_ip="10.96.0.99"))
    with getattr(world, place).socket() as client:
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.connect((VIP, 80))
        world.change(port(B))
        # The first packet is repeated by the kernel, on the same connection.
        client.settimeout(10)
        assert client.recv(100).startswith(b"b ")


def test_affinity_holds_a_client_to_its_endpoint(world: World) -> None:
    world.have(port(A, B, C, affinity_seconds=100))
    assert len(answering(world.node, (VIP, 80))) == 1


def test_affinity_is_per_client(world: World) -> None:
    world.have(port(A, B, C, affinity_seconds=100))
    aliases = [f"172.30.0.{n}" for n in range(100, 160)]
    script = "\n".join(f"addr replace {alias}/32 dev eth0" for alias in aliases)
    world.net.machine.run("ip", "-batch", "-", given=script + "\n")
    found = {alias: {ask(world.node, (VIP, 80), source=(alias, 0)).name for _ in range(3)} for alias in aliases}
    assert {len(names) for names in found.values()} == {1}
    assert set.union(*found.values()) == {"a", "b", "c"}


def test_affinity_survives_changes_of_other_endpoints(world: World) -> None:
    world.have(port(A, B, C, affinity_seconds=100))
    mine = ask(world.node, (VIP, 80)).name
    address = {"a": A, "b": B, "c": C}
    others = [ip for name, ip in address.items() if name != mine]
    world.change(port(address[mine], others[0], affinity_seconds=100))
    assert answering(world.node, (VIP, 80)) == {mine: 24}
    world.change(port(address[mine], *others, affinity_seconds=100))
    assert answering(world.node, (VIP, 80)) == {mine: 24}


def test_affinity_moves_when_its_endpoint_is_gone_and_does_not_come_back(world: World) -> None:
    world.have(port(A, B, C, affinity_seconds=100))
    mine = ask(world.node, (VIP, 80)).name
    address = {"a": A, "b": B, "c": C}
    world.change(port(*(ip for name, ip in address.items() if name != mine), affinity_seconds=100))
    moved = answering(world.node, (VIP, 80))
    assert len(moved) == 1 and mine not in moved
    world.change(port(A, B, C, affinity_seconds=100))
    assert answering(world.node, (VIP, 80)) == moved


def test_affinity_ends_after_its_time_without_connections(world: World) -> None:
    world.have(port(A, B, C, affinity_seconds=1))
    seen = set()
    for _ in range(16):
        seen.add(ask(world.node, (VIP, 80)).name)
        deadline = time.monotonic() + 30
        while "172.30.0.10" in world.net.machine.run("nft", "list", "map", "ip", "pybernetes", "affinity").stdout:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        if len(seen) > 1:
            return
    raise AssertionError("the same endpoint after every timeout")


def test_affinity_at_a_node_port(world: World) -> None:
    world.have(port(A, B, C, node_port=30080, affinity_seconds=100))
    assert len(answering(world.outside, (ADDRESS, 30080))) == 1
    assert len(answering(world.node, ("127.0.0.1", 30080))) == 1


def test_a_pod_with_affinity_to_itself(world: World) -> None:
    world.have(port(A, affinity_seconds=100))
    assert answering(world.a, (VIP, 80), 3) == {"a": 3}


def test_pods_leave_the_cluster_with_the_nodes_address(world: World) -> None:
    world.have(port(A))
    assert ask(world.a, (OUTSIDE_ADDRESS, 9000)).peer == ADDRESS


def test_pods_reach_each_other_with_their_own_addresses(world: World) -> None:
    world.have(port(A))
    assert ask(world.a, (B, 8080)) == Reply("b", A)


def test_what_listens_on_loopback_is_not_reached_from_outside(world: World) -> None:
    world.have(port(A, node_port=30080))
    world.net.serve(world.node, 7000, "node")
    script = (
        "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; ip addr del 127.0.0.1/8 dev lo; "
        f"ip route add 127.0.0.1 via {ADDRESS} src {OUTSIDE_ADDRESS}"
    )
    world.net.machine.run("sh", "-ec", script, outside=True)
    assert ask(world.outside, (ADDRESS, 7000)).name == "node"
    dropped(world.outside, ("127.0.0.1", 7000))
    dropped(world.outside, ("127.0.0.1", 30080))
    assert ask(world.node, ("127.0.0.1", 7000)).name == "node"


def test_the_first_owner_of_an_address_has_it_whole_and_the_other_takes_over(world: World) -> None:
    world.have(
        port(A, external_ips=("203.0.113.7",)), port(B, C, cluster_ip="10.96.0.21", external_ips=("203.0.113.7",))
    )
    assert answering(world.b, ("203.0.113.7", 80)) == {"a": 24}
    world.table.drop("default/0")
    world.net.nft(world.table.step())
    assert set(answering(world.a, ("203.0.113.7", 80))) == {"b", "c"}
