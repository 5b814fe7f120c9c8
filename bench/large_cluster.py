"""How long do 50,000 pods on 5,000 nodes take on one machine, and how much memory?

    .venv/bin/python bench/large_cluster.py [--nodes 5000] [--pods 50000] [--deployment 500] [--record]

Two processes: the control plane as `pybernetes server` has it (API server over SQLite with fsync, every controller, the
scheduler), and the hollow nodes, which speak to it over HTTPS. The clock runs from the first Deployment until every pod
is bound, and until every pod reports Running. `--record` appends to bench/results/large_cluster.jsonl.
"""

import argparse
import asyncio
import gc
import json
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from recording import record

from pybernetes.api.core import Node, Pod, ServiceAccount
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.informer import Informer
from pybernetes.cluster import clients, pki
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.control_plane import ControlPlane, open_store
from pybernetes.kubelet.hollow import HollowNodes


def _config(directory: Path, port: int) -> ClusterConfig:
    return ClusterConfig(
        data_dir=directory,
        api_port=port,
        node_name="bench",
        node_ip="127.0.0.1",
        pod_cidr="100.64.0.0/10",  # a /24 for every node
        node_monitor_grace_period=600.0,
    )


def _resident_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def serve(directory: Path, port: int) -> None:
    """The control plane's process; ends when its standard input does and then tells its peak of memory."""
    config = _config(directory, port)
    plane = ControlPlane(config, pki.ensure(config), open_store(config))
    gc.set_threshold(50_000, 20, 100)
    async with running("control plane", plane.serve):
        gc.freeze()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print(_resident_mib(), time.process_time(), flush=True)


class Progress:
    """How far the pods are."""

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.running: set[str] = set()
        self.changed = asyncio.Event()

    async def follow(self, client: Client, version: str) -> None:
        async for event in client.watch(Pod, "default", resource_version=version, timeout_seconds=3600):
            pod = event.object
            uid = pod.metadata.uid or ""
            if pod.spec.node_name:
                self.bound.add(uid)
            if pod.status.phase == "Running":
                self.running.add(uid)
            self.changed.set()

    async def until(self, number: int, which: set[str]) -> float:
        told = 0
        while len(which) < number:
            self.changed.clear()
            await self.changed.wait()
            if len(which) // 5000 > told:
                told = len(which) // 5000
                print(f"  {len(self.bound):,} bound, {len(self.running):,} running", file=sys.stderr, flush=True)
        return time.perf_counter()


async def measure(options: argparse.Namespace) -> dict[str, float]:
    gc.set_threshold(50_000, 20, 100)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = [sys.executable, __file__, "--serve", directory, "--port", str(port)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == "ready\n"
            admin = clients.from_kubeconfig(_config(Path(directory), port).admin_kubeconfig, "bench")
            began = time.perf_counter()
            hollow = HollowNodes(lambda name: admin, options.nodes, pods_client=admin, max_pods=110)
            nodes: Informer[Node] = Informer(admin, Node)
            async with running("hollow nodes", hollow.serve), running("nodes", nodes.serve):
                while sum(not node.spec.taints for node in nodes.list()) < options.nodes:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
                registered = time.perf_counter() - began
                print(f"  {options.nodes:,} nodes after {registered:.0f} s", file=sys.stderr, flush=True)
                if not (await admin.list(ServiceAccount, "default")).items:
                    await asyncio.sleep(1)
                progress = Progress()
                version = (await admin.list(Pod, "default")).resource_version
                following = asyncio.create_task(progress.follow(admin, version))
                began = time.perf_counter()
                for number in range(options.pods // options.deployment):
                    await _deploy(admin, f"d{number}", options.deployment)
                bound = await progress.until(options.pods, progress.bound) - began
                up = await progress.until(options.pods, progress.running) - began
                following.cancel()
                child.stdin.write("\n")
                child.stdin.flush()
                server_mib, server_cpu = map(float, child.stdout.readline().split())
            return {
                "nodes": options.nodes,
                "pods": options.pods,
                "nodes_ready_seconds": round(registered, 1),
                "all_bound_seconds": round(bound, 1),
                "all_running_seconds": round(up, 1),
                "control_plane_peak_mib": round(server_mib),
                "control_plane_cpu_seconds": round(server_cpu, 1),
                "hollow_nodes_peak_mib": round(_resident_mib()),
            }
        finally:
            child.stdin.close()
            child.wait()


async def _deploy(client: Client, name: str, replicas: int) -> None:
    labels = {"app": name}
    resources = {"requests": {"cpu": "100m", "memory": "64Mi"}}
    container = {"name": "app", "image": "registry.local/app:1", "resources": resources}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    await client.create(body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=5000)
    parser.add_argument("--pods", type=int, default=50_000)
    parser.add_argument("--deployment", type=int, default=500)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        uvloop.run(serve(Path(options.serve), options.port))
        return
    found = uvloop.run(measure(options))
    print(json.dumps(found))
    if options.record:
        record("large_cluster", found)


if __name__ == "__main__":
    main()
