"""The proxy follows its own node's zone: services with hints are served anew when it changes."""

import asyncio
from typing import Any

from tests.proxy.builders import endpoint_slice
from tests.support.clock import eventually

from pybernetes.api.core import Node
from pybernetes.api.discovery import EndpointHints, ForZone
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.proxy import Proxy, ProxyConfig
from pybernetes.proxy.backend import RecordingBackend
from pybernetes.testing import ADMIN, api_server


def node(name: str, zone: str) -> dict[str, Any]:
    labels = {"topology.kubernetes.io/zone": zone} if zone else {}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


async def test_a_node_that_learns_its_zone_keeps_traffic_there() -> None:
    async with asyncio.timeout(60), api_server() as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        spec = {"clusterIP": "10.96.0.20", "ports": [{"name": "http", "port": 80}]}
        meta = {"name": "web", "namespace": "default"}
        await client.create({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
        for address, zone, name in (("10.244.0.1", "a", "n1"), ("10.244.1.1", "b", "n2")):
            one = endpoint_slice(address, node=name)
            one.endpoints[0].hints = EndpointHints(for_zones=[ForZone(name=zone)])  # type: ignore[index]
            await client.create(one)
        await client.create(node("n1", ""))
        backend = RecordingBackend()
        proxy = Proxy(ProxyConfig(node_name="n1", health_port=0, metrics_port=0), client, backend)
        async with running("proxy", proxy.serve):
            first = backend.transactions[0]
            assert "10.244.0.1 . 8080" in first and "10.244.1.1 . 8080" in first
            before = len(backend.transactions)
            await client.patch(Node, "n1", body=node("n1", "a"))
            await eventually(lambda: len(backend.transactions) > before)
            change = backend.transactions[-1]
            assert "delete element ip pybernetes endpoints" in change and "10.244.1.1" not in change
            assert "goto lb_1_1" in change
            await client.patch(Node, "n1", body=node("n1", "c"))
            await eventually(lambda: "10.244.1.1 . 8080" in backend.transactions[-1])
