"""What a load balancer is told at a service's health-check node port."""

import asyncio
import json
import socket
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.proxy.builders import StillClock, port
from tests.support.clock import LoopClock
from tests.support.ports import free_port

from pybernetes.api.core import Node, NodeSpec, Taint
from pybernetes.api.meta import ObjectMeta
from pybernetes.base.http.message import Request
from pybernetes.client.client import read_body
from pybernetes.proxy.health import HealthCheckPorts, ProxyHealth
from pybernetes.proxy.model import ServicePort


async def ask(number: int) -> tuple[int, dict[str, str], Any]:
    """Status, headers and body, as soon as somebody listens."""
    while True:
        with suppress(ConnectionError):
            reader, writer = await asyncio.open_connection("127.0.0.1", number)
            writer.write(b"GET / HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            head, _, body = answer.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            return int(first.split()[1]), headers, json.loads(body)
        await asyncio.sleep(0.01)


def checked(number: int, *ips: str, name: str = "web", port_name: str = "http") -> ServicePort:
    return port(*ips, name=name, port_name=port_name, health_check_port=number, health_check_ips=ips)


async def test_the_answer_tells_how_many_local_endpoints_there_are() -> None:
    number = free_port()
    checks = HealthCheckPorts("127.0.0.1", ProxyHealth(LoopClock()))
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        checks.update(
            [checked(number, "10.244.0.1"), checked(number, "10.244.0.1", "10.244.0.2", port_name="b")], group
        )
        status, headers, body = await ask(number)
        assert (status, headers["content-type"], headers["x-content-type-options"]) == (
            200, "application/json", "nosniff",
        )  # fmt: skip
        assert headers["x-load-balancing-endpoint-weight"] == "2"
        assert body == {
            "service": {"namespace": "default", "name": "web"}, "localEndpoints": 2, "serviceProxyHealthy": True,
        }  # fmt: skip
        checks.update([checked(number)], group)
        status, headers, body = await ask(number)
        assert (status, headers["x-load-balancing-endpoint-weight"], body["localEndpoints"]) == (503, "0", 0)
        checks.update([], group)


async def test_a_port_is_closed_with_its_service() -> None:
    number = free_port()
    checks = HealthCheckPorts("127.0.0.1", ProxyHealth(LoopClock()))
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        checks.update([checked(number, "10.244.0.1")], group)
        assert checks.ports == {number}
        await ask(number)
        checks.update([port("10.244.0.1")], group)
        assert checks.ports == set()
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", number)) != 0


async def test_a_stuck_proxy_is_unhealthy_whatever_endpoints_there_are() -> None:
    number = free_port()
    health = ProxyHealth(LoopClock(), deadline_seconds=0.0)
    checks = HealthCheckPorts("127.0.0.1", health)
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        checks.update([checked(number, "10.244.0.1")], group)
        health.pending()
        status, _, body = await ask(number)
        assert (status, body["localEndpoints"], body["serviceProxyHealthy"]) == (503, 1, False)
        health.done()
        assert (await ask(number))[0] == 200
        checks.update([], group)


async def told(health: ProxyHealth, path: str) -> tuple[int, Any]:
    answer = await health(Request("GET", path))
    return answer.status, json.loads(await read_body(answer))


async def test_the_proxys_own_health() -> None:
    clock = StillClock()
    health = ProxyHealth(clock, families=("IPv4", "IPv6"))
    times = {"lastUpdated": "2026-01-01T00:00:00Z", "currentTime": "2026-01-01T00:00:00Z"}
    assert await told(health, "/livez") == (200, {**times, "healthy": True})
    assert await told(health, "/healthz") == (200, {**times, "nodeEligible": True, "healthy": True})
    assert (await told(health, "/metrics"))[0] == 404
    health.done()
    clock.seconds = 10.0
    times = dict.fromkeys(times, "2026-01-01T00:00:10Z")
    family = {"lastUpdated": "2026-01-01T00:00:00Z", "healthy": True}
    body = {**times, "healthy": True, "status": {"IPv4": family, "IPv6": family}}
    assert await told(health, "/livez") == (200, body)


async def test_changes_that_do_not_reach_the_kernel_in_time_are_ill_health() -> None:
    clock = StillClock()
    health = ProxyHealth(clock, deadline_seconds=120.0)
    health.pending()
    assert (await told(health, "/livez"))[1]["healthy"] is True
    clock.seconds = 120.0
    status, body = await told(health, "/healthz")
    assert (status, body["healthy"], body["lastUpdated"]) == (503, False, "0001-01-01T00:00:00Z")
    health.done()
    assert (await told(health, "/healthz"))[0] == 200
    health.pending()
    clock.seconds = 300.0
    assert await told(health, "/livez") == (
        503,
        {
            "lastUpdated": "2026-01-01T00:02:00Z",
            "currentTime": "2026-01-01T00:05:00Z",
            "healthy": False,
            "status": {"IPv4": {"lastUpdated": "2026-01-01T00:02:00Z", "healthy": False}},
        },
    )


@pytest.mark.parametrize(
    "node",
    [
        None,
        Node(metadata=ObjectMeta(deletion_timestamp=datetime(2026, 1, 1, tzinfo=UTC))),
        Node(spec=NodeSpec(taints=[Taint(key="ToBeDeletedByClusterAutoscaler", effect="NoSchedule")])),
    ],
    ids=["gone", "being deleted", "to be deleted by the autoscaler"],
)
async def test_a_load_balancer_learns_that_the_node_goes_while_the_proxy_is_well(node: Node | None) -> None:
    health = ProxyHealth(LoopClock())
    health.node_is(node)
    status, body = await told(health, "/healthz")
    assert (status, body["nodeEligible"], body["healthy"]) == (503, False, True)
    assert (await told(health, "/livez"))[0] == 200
    health.node_is(Node(spec=NodeSpec(taints=[Taint(key="other", effect="NoSchedule")])))
    assert (await told(health, "/healthz"))[0] == 200
