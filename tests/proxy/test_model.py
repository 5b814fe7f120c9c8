"""What the ports of a service mean on one node."""

from typing import Any

import pytest
from tests.proxy.builders import endpoint_slice, service

from pybernetes.api.core import Service
from pybernetes.api.discovery import EndpointSlice
from pybernetes.proxy.model import ServicePort, service_ports

READY = {"ready": True, "serving": True, "terminating": False}
LEAVING = {"ready": False, "serving": True, "terminating": True}
DOWN = {"ready": False, "serving": False, "terminating": False}


def only(one: Service, *slices: EndpointSlice, node: str = "n1") -> ServicePort:
    (found,) = service_ports(one, slices, node)
    return found


def ips(endpoints: Any) -> list[str]:
    return [e.ip for e in endpoints]


@pytest.mark.parametrize(
    "one",
    [
        service(ip="None"),
        service(ip=""),
        service(ip="fd00::1"),
        service(type="ExternalName", externalName="example.org"),
        service(labels={"service.kubernetes.io/service-proxy-name": "other"}),
    ],
    ids=["headless", "no address", "IPv6", "ExternalName", "other proxy"],
)
def test_services_that_are_not_ours(one: Service) -> None:
    assert service_ports(one, [endpoint_slice("10.244.0.1")], "n1") == []


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        ([], []),
        ([endpoint_slice("10.244.0.2", "10.244.0.1", **READY)], ["10.244.0.1", "10.244.0.2"]),
        ([endpoint_slice("10.244.0.1")], ["10.244.0.1"]),
        ([endpoint_slice("10.244.0.1", **DOWN)], []),
        ([endpoint_slice("10.244.0.1", **READY), endpoint_slice("10.244.0.2", **LEAVING)], ["10.244.0.1"]),
        ([endpoint_slice("10.244.0.1", **DOWN), endpoint_slice("10.244.0.2", **LEAVING)], ["10.244.0.2"]),
        ([endpoint_slice("10.244.0.1", port=None)], []),
        ([endpoint_slice("10.244.0.1", name="other")], []),
    ],
    ids=[
        "none",
        "ready, in order",
        "unknown is ready",
        "not ready",
        "ready before terminating",
        "terminating when none is ready",
        "no port",
        "port of another name",
    ],
)
def test_which_endpoints_serve(slices: list[EndpointSlice], expected: list[str]) -> None:
    found = only(service(), *slices)
    assert ips(found.internal) == ips(found.external) == ips(found.everywhere) == expected


def test_an_endpoint_without_a_node_is_not_local_but_may_be_here() -> None:
    slices = [endpoint_slice("10.244.0.1", node=""), endpoint_slice("10.244.1.1", node="n2")]
    found = only(service(externalTrafficPolicy="Local"), *slices)
    assert found.external == ()
    assert [(e.local, e.unplaced) for e in found.everywhere] == [(False, True), (False, False)]


def test_internal_traffic_policy_local() -> None:
    slices = [endpoint_slice("10.244.0.1", node="n1"), endpoint_slice("10.244.1.1", node="n2")]
    found = only(service(internalTrafficPolicy="Local"), *slices)
    assert ips(found.internal) == ["10.244.0.1"]
    assert ips(found.external) == ips(found.everywhere) == ["10.244.0.1", "10.244.1.1"]


def test_external_traffic_policy_local() -> None:
    slices = [endpoint_slice("10.244.0.1", node="n1"), endpoint_slice("10.244.1.1", node="n2")]
    one = service(type="LoadBalancer", externalTrafficPolicy="Local", healthCheckNodePort=32000)
    found = only(one, *slices)
    assert found.external_local
    assert ips(found.external) == ["10.244.0.1"]
    assert ips(found.internal) == ["10.244.0.1", "10.244.1.1"]
    assert (found.health_check_port, found.health_check_ips) == (32000, ("10.244.0.1",))


def test_terminating_endpoints_help_out_but_do_not_count_as_healthy() -> None:
    one = service(type="LoadBalancer", externalTrafficPolicy="Local", healthCheckNodePort=32000)
    found = only(one, endpoint_slice("10.244.0.1", **LEAVING))
    assert ips(found.external) == ["10.244.0.1"]
    assert found.health_check_ips == ()


@pytest.mark.parametrize(
    ("spec", "seconds"),
    [
        ({}, 0),
        ({"sessionAffinity": "None"}, 0),
        ({"sessionAffinity": "ClientIP"}, 10800),
        ({"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 30}}}, 30),
    ],
)
def test_affinity(spec: dict[str, Any], seconds: int) -> None:
    assert only(service(**spec)).affinity_seconds == seconds


def test_load_balancer_addresses_without_names_proxies_and_ipv6() -> None:
    points = [
        {"ip": "203.0.113.1"},
        {"hostname": "lb.example.org"},
        {"ip": "203.0.113.2", "ipMode": "Proxy"},
        {"ip": "2001:db8::1"},
    ]
    assert only(service(status={"loadBalancer": {"ingress": points}})).load_balancer_ips == ("203.0.113.1",)


def test_one_name_with_two_protocols_takes_each_its_own_port() -> None:
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    found = service_ports(service(ports=ports), [endpoint_slice("10.244.0.1", name="dns-tcp")], "n1")
    assert [(p.protocol, ips(p.internal)) for p in found] == [("udp", []), ("tcp", ["10.244.0.1"])]
