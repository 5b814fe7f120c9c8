"""A proxy of two families: each has a table, a transaction changes both, and routes lead to pods of either."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from tests.proxy.builders import endpoint_slice, service
from tests.proxy.network_policy.builders import NAMESPACES, NODE, app, place, policy
from tests.support.clock import eventually

from pybernetes.api.core import Node, Service
from pybernetes.api.discovery import EndpointSlice
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.proxy import Proxy, ProxyConfig
from pybernetes.proxy.backend import RecordingBackend
from pybernetes.proxy.families import IPV4, IPV6, Family, families_of
from pybernetes.proxy.model import ServicePort, service_ports
from pybernetes.proxy.network_policy.compiling import compile_rules
from pybernetes.proxy.network_policy.seen import SeenPod, places_of
from pybernetes.proxy.pod_network import pod_routes
from pybernetes.testing import ADMIN, api_server

PODS, SERVICES = "10.244.0.0/16,fd00:10:244::/56", "10.96.0.0/16,fd00:10:96::/112"
FOUR, SIX = "10.96.0.20", "fd00:10:96::20"


def slice_of(*addresses: str, node: str = "n1", service: str = "web") -> EndpointSlice:
    one = endpoint_slice(*addresses, node=node, service=service)
    one.address_type = "IPv6" if ":" in addresses[0] else "IPv4"
    one.metadata.name = f"{service}-{one.address_type.lower()}"
    return one


SLICES = [slice_of("10.244.0.1"), slice_of("fd00:10:244::1")]


def port_of(family: Family, one: Service) -> ServicePort | None:
    found = service_ports(one, SLICES, "n1", "", family)
    return found[0] if found else None


def test_a_service_is_served_in_the_families_that_it_has_an_address_of() -> None:
    both = service(
        ip=SIX,
        clusterIPs=[SIX, FOUR],
        type="LoadBalancer",
        externalIPs=["203.0.113.7", "2001:db8::7"],
        loadBalancerSourceRanges=["192.0.2.0/24", " 2001:db8::/32"],
        status={"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}, {"ip": "2001:db8::1"}]}},
    )
    expected = {
        IPV4: (FOUR, "203.0.113.7", "203.0.113.1", "192.0.2.0/24", "10.244.0.1"),
        IPV6: (SIX, "2001:db8::7", "2001:db8::1", "2001:db8::/32", "fd00:10:244::1"),
    }
    for family, (cluster, external, balancer, source, endpoint) in expected.items():
        found = port_of(family, both)
        assert found is not None
        assert (found.cluster_ip, found.external_ips, found.load_balancer_ips) == (cluster, (external,), (balancer,))
        assert found.source_ranges == (source,)
        assert [one.ip for one in found.internal] == [endpoint]
    for ip, has, lacks in ((FOUR, IPV4, IPV6), (SIX, IPV6, IPV4)):
        assert port_of(has, service(ip=ip)) and port_of(lacks, service(ip=ip, externalIPs=["2001:db8::7"])) is None


def test_families_follow_from_the_ranges() -> None:
    assert families_of("10.0.0.0/8") == (IPV4,)
    assert families_of("fd00::/48") == (IPV6,)
    assert families_of("fd00::/48,10.0.0.0/8") == (IPV6, IPV4)


def node(name: str, ips: list[str], cidrs: list[str]) -> Node:
    addresses = [{"type": "InternalIP", "address": ip} for ip in ips]
    spec = {"podCIDR": cidrs[0], "podCIDRs": cidrs} if cidrs else {}
    return msgspec.convert({"metadata": {"name": name}, "spec": spec, "status": {"addresses": addresses}}, Node)


def test_routes_of_each_family_lead_by_way_of_the_nodes_address_of_that_family() -> None:
    cidrs = ["10.244.1.0/24", "fd00:10:244:1::/64"]
    nodes = [
        node("n1", ["172.30.0.10", "fd30::10"], ["10.244.0.0/24", "fd00:10:244::/64"]),
        node("n2", ["172.30.0.11", "fd30::11"], cidrs),
        node("n3", ["172.30.0.12"], ["10.244.2.0/24", "fd00:10:244:2::/64"]),
    ]
    assert pod_routes(nodes, "n1", IPV4) == {"10.244.1.0/24": "172.30.0.11", "10.244.2.0/24": "172.30.0.12"}
    assert pod_routes(nodes, "n1", IPV6) == {"fd00:10:244:1::/64": "fd30::11"}


async def test_both_tables_change_in_one_transaction_and_routes_of_both_are_kept() -> None:
    async with asyncio.timeout(60), api_server(service_cidr=SERVICES) as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        await client.create(service(ip=FOUR, clusterIPs=[FOUR, SIX], ipFamilyPolicy="RequireDualStack"))
        for one in SLICES:
            await client.create(one)
        for name, number in (("n1", 0), ("n2", 1)):
            cidrs = [f"10.244.{number}.0/24", f"fd00:10:244:{number}::/64"]
            made = await client.create(node(name, [], cidrs))
            made.status = node(name, [f"172.30.0.1{number}", f"fd30::1{number}"], []).status
            await client.update_status(made)
        backend = RecordingBackend()
        backend.route_table = {"fd00:10:244:9::/64": "fd30::9", "10.244.9.0/24": "172.30.0.9"}
        config = ProxyConfig(
            node_name="n1", health_port=0, metrics_port=0, pod_cidr=PODS, service_cidr=SERVICES, table="t"
        )
        async with running("proxy", Proxy(config, client, backend).serve):
            first = backend.transactions[0]
            assert f"add element ip t endpoints {{ {FOUR} . tcp . 80 . 0x10000 : 10.244.0.1 . 8080 }}" in first
            assert f"add element ip6 t endpoints {{ {SIX} . tcp . 80 . 0x10000 : fd00:10:244::1 . 8080 }}" in first
            assert {"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"} <= backend.switches.keys()
            expected = {"10.244.1.0/24": "172.30.0.11", "fd00:10:244:1::/64": "fd30::11"}
            await eventually(lambda: backend.route_table == expected)
            before = len(backend.transactions)
            await client.delete(EndpointSlice, "web-ipv6", "default")
            await eventually(lambda: len(backend.transactions) > before)
            assert "unserved" in backend.transactions[-1] and " ip t " not in backend.transactions[-1]


def compiled(*peers: dict[str, Any]) -> Callable[[Family], list[str]]:
    places = [place(ip, name) for name, ip in (("web", "10.244.0.1"), ("web", "fd00::1"), ("client", "fd00::2"))]
    one = policy(pods={"app": "web"}, ingress=[{"from": list(peers)}])

    def chain(family: Family) -> list[str]:
        rules = compile_rules([one], places, NAMESPACES, NODE, family)
        ((ip, name),) = rules.isolated_in.items()
        assert family.has(ip)
        kinds = {kind for kind, _ in rules.sets.values()}
        assert kinds <= {family.address}
        names = {name: " ".join(sorted(elements)) for name, (_, elements) in rules.sets.items()}
        lines = list(rules.chains[name])
        for known, elements in names.items():
            lines = [line.replace(f"@{known}", f"<{elements}>") for line in lines]
        return lines

    return chain


def test_a_policy_is_compiled_for_each_family() -> None:
    chain = compiled(app("client"))
    assert chain(IPV4) == ["ip saddr <> accept", "drop"]
    assert chain(IPV6) == ["ip6 saddr <fd00::2> accept", "drop"]
    chain = compiled({"ipBlock": {"cidr": "fd00::/126", "except": ["fd00::/127", "10.0.0.0/8"]}})
    assert chain(IPV4) == ["drop"]
    assert chain(IPV6) == ["ip6 saddr { fd00::2/127 } accept", "drop"]
    chain = compiled({"ipBlock": {"cidr": "::/0"}})
    assert (chain(IPV4), chain(IPV6)) == (["drop"], ["accept", "drop"])


def test_a_pod_has_a_place_at_each_of_its_addresses() -> None:
    status = {"phase": "Running", "podIP": "10.244.0.9", "podIPs": [{"ip": "10.244.0.9"}, {"ip": "fd00::9"}]}
    pod = msgspec.convert({"metadata": {"name": "a", "namespace": "default"}, "status": status}, SeenPod)
    assert [one.ip for one in places_of(pod)] == ["10.244.0.9", "fd00::9"]
