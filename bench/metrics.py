"""What the metrics server costs: a look at kubelets with full nodes, and an answer, in processor time.

    .venv/bin/python bench/metrics.py [nodes]

Kubelets are texts in memory; reading their own cgroups, and TLS, cost besides. `look` parses what all nodes tell and
keeps it, `answer` is a list of one namespace's pods as JSON, `selected` one of a workload's ten pods.
"""

import asyncio
import statistics
import sys
import time
from typing import Any

from pybernetes.api.core import Node
from pybernetes.apiserver.filters.requests import with_request_info
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.http.message import Request, Response
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.informer import Informer
from pybernetes.metrics.collector import Collector
from pybernetes.metrics.endpoints import Endpoints
from pybernetes.metrics.numbers import ServerNumbers
from pybernetes.testing import ADMIN, api_server

PODS, ROUNDS = 110, 7


def text_of(node: str, at: float) -> str:
    """What a kubelet with 110 pods of one container tells."""
    stamp = int(at * 1000)
    lines = [f"node_cpu_usage_seconds_total {at:.6f} {stamp}", f"node_memory_working_set_bytes 2e9 {stamp}"]
    for number in range(PODS):
        labels = f'{{container="web",namespace="ns-{number % 10}",pod="{node}-{number}"}}'
        lines.append(f"container_cpu_usage_seconds_total{labels} {at / 10:.6f} {stamp}")
        lines.append(f"container_memory_working_set_bytes{labels} 5e7 {stamp}")
        lines.append(f"container_start_time_seconds{labels} 1000")
    return "\n".join(lines) + "\n"


class Texts:
    """A Source whose answers are made before they are needed."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    async def read(self, node: Node) -> str:
        return self.texts[node.metadata.name or ""]

    async def keep(self, nodes: list[Node]) -> None:
        return None


async def fill(client: Client, nodes: int) -> None:
    for number in range(10):
        await client.request("POST", "/api/v1/namespaces", body=b'{"metadata":{"name":"ns-%d"}}' % number)
    for node in range(nodes):
        await client.request("POST", "/api/v1/nodes", body=b'{"metadata":{"name":"n%d"}}' % node)
        for number in range(PODS):
            body = (
                f'{{"metadata":{{"name":"n{node}-{number}","labels":{{"app":"a{number // 10 % 11}"}}}},'
                f'"spec":{{"nodeName":"n{node}","containers":[{{"name":"web","image":"i"}}]}}}}'
            )
            await client.request("POST", f"/api/v1/namespaces/ns-{number % 10}/pods", body=body.encode())


async def main(nodes: int) -> None:
    async with api_server() as server:
        client = Client(InProcessTransport(server.app, ADMIN), headers=[("content-type", "application/json")])
        await fill(client, nodes)
        texts, informer = Texts(), Informer(client, Node)
        collector = Collector(informer, texts, SYSTEM_CLOCK, ServerNumbers())
        app = with_request_info(Endpoints(client, informer, collector, SYSTEM_CLOCK))

        async def ask(path: str, query: str = "") -> Response:
            return await app(Request("GET", f"/apis/metrics.k8s.io/v1beta1/{path}", query))

        found: dict[str, list[float]] = {"look": [], "answer": [], "selected": []}
        actions: dict[str, Any] = {
            "look": collector.look,
            "answer": lambda: ask("namespaces/ns-1/pods"),
            "selected": lambda: ask("namespaces/ns-1/pods", "labelSelector=app%3Da1"),
        }
        async with running("nodes", informer.serve):
            for round_number in range(ROUNDS):
                texts.texts = {f"n{node}": text_of(f"n{node}", 2000.0 + 15 * round_number) for node in range(nodes)}
                for name, action in actions.items():
                    began = time.process_time()
                    await action()
                    found[name].append((time.process_time() - began) * 1000)
        pods = nodes * PODS
        for name, times in found.items():
            median = statistics.median(times)
            print(f"{name:9} {median:8.2f} ms ({nodes} nodes, {pods} pods; {median / pods * 1000:.1f} us a pod)")


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
