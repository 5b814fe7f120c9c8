"""What a load balancer is told at a service's health-check node port."""

import asyncio
import json
import socket
from contextlib import suppress
from typing import Any

from tests.proxy.builders import port
from tests.support.clock import LoopClock

from pybernetes.base.http.message import Request
from pybernetes.client.client import read_body
from pybernetes.proxy.health import HealthCheckPorts, ProxyHealth
from pybernetes.proxy.model import ServicePort


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
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
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
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
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        checks.update([checked(number, "10.244.0.1")], group)
        health.pending()
        status, _, body = await ask(number)
        assert (status, body["localEndpoints"], body["serviceProxyHealthy"]) == (503, 1, False)
        health.done()
        assert (await ask(number))[0] == 200
        checks.update([], group)


async def test_the_proxys_own_health() -> None:
    health = ProxyHealth(LoopClock(), deadline_seconds=0.0)
    for path in ("/healthz", "/livez"):
        answer = await health(Request("GET", path))
        assert answer.status == 200
        assert json.loads(await read_body(answer))["nodeEligible"] is True
    health.pending()
    assert (await health(Request("GET", "/healthz"))).status == 503
    assert (await health(Request("GET", "/metrics"))).status == 404
