"""How fast is the control plane from a wish to pods that run?

    python bench/controllers.py [--replicas 500] [--nodes 10] [--rounds 5] [--idle-objects 5000] [--idle-seconds 20]
                                [--only scale replace silence idle] [--profile] [--record]

One process, as `pybernetes up` has it: API server over SQLite with fsync, Node and RBAC authorization, every controller
as its own service account, the scheduler, and hollow nodes that report pods as Running.

* scale     a Deployment of N replicas -> N pods exist -> N pods are Running and ready
* replace   a pod is deleted -> its replacement exists -> is Running
* silence   a node falls silent (grace period 25 s) -> is tainted -> its pods (tolerating that for 2 s) run elsewhere
* idle      CPU and resident memory with that many objects (Deployments, their ReplicaSets and Pods) and nothing to do

Reach: 500 created within 0.5 s and Running within 2 s. `--record` appends to bench/results/controllers.jsonl.
"""

import argparse
import asyncio
import cProfile
import gc
import os
import pstats
import resource
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from recording import record

from pybernetes.api.apps import Deployment
from pybernetes.api.coordination import Lease
from pybernetes.api.core import Node, Pod
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.informer import Informer
from pybernetes.cluster import clients, pki
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.control_plane import ControlPlane, open_store
from pybernetes.kubelet.hollow import HollowNodes
from pybernetes.reconcile.pods import is_ready

GRACE_SECONDS = 25
TOLERATION_SECONDS = 2


def deployment(name: str, replicas: int, **pod_spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    containers = [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers, **pod_spec}},
        },
    }


class Watched:
    """The objects of a kind as a watcher sees them, and a way to wait for something to be so."""

    def __init__(self, client: Client, kind: type[Any]) -> None:
        self.informer: Informer[Any] = Informer(client, kind)
        self._changed = asyncio.Event()
        self.informer.add_handler(lambda old, new: self._changed.set())

    async def until(self, holds: Callable[[list[Any]], bool]) -> float:
        """The instant it became so."""
        while not holds(self.informer.list()):
            self._changed.clear()
            await self._changed.wait()
        return time.perf_counter()


def alive(pods: list[Pod], app: str) -> list[Pod]:
    return [
        pod for pod in pods if (pod.metadata.labels or {}).get("app") == app and pod.metadata.deletion_timestamp is None
    ]


def up(pods: list[Pod], app: str) -> list[Pod]:
    return [pod for pod in alive(pods, app) if pod.status.phase == "Running" and is_ready(pod)]


class Cluster:
    """A whole cluster of hollow nodes."""

    def __init__(self, client: Client, hollow: HollowNodes, pods: Watched, nodes: Watched) -> None:
        self.client = client
        self.hollow = hollow
        self.pods = pods
        self.nodes = nodes


@asynccontextmanager
async def cluster(nodes: int) -> AsyncIterator[Cluster]:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory, socket.socket() as api, socket.socket() as dns:
        for free in (api, dns):
            free.bind(("127.0.0.1", 0))
        ports = [free.getsockname()[1] for free in (api, dns)]
        for free in (api, dns):
            free.close()
        config = ClusterConfig(
            data_dir=Path(directory),
            api_port=ports[0],
            dns_port=ports[1],
            node_name="bench",
            node_ip="127.0.0.1",
            node_monitor_grace_period=GRACE_SECONDS,
        )
        plane = ControlPlane(config, pki.ensure(config), open_store(config))
        async with running("control plane", plane.serve):
            client = plane.admin
            hollow = HollowNodes(
                lambda name: clients.in_process(plane.app, clients.node_user(name)), nodes, max_pods=1000
            )
            pods, seen = Watched(client, Pod), Watched(client, Node)
            async with (
                running("hollow nodes", hollow.serve),
                running("pods", pods.informer.serve),
                running("nodes", seen.informer.serve),
            ):
                await seen.until(lambda found: sum(not node.spec.taints for node in found) == nodes)
                yield Cluster(client, hollow, pods, seen)


async def drop(world: Cluster, name: str) -> None:
    await world.client.delete(Deployment, name, "default", propagation_policy="Background")
    await world.pods.until(lambda pods: not any((pod.metadata.labels or {}).get("app") == name for pod in pods))


async def scale(world: Cluster, replicas: int) -> dict[str, float]:
    began, cpu = time.perf_counter(), cpu_seconds()
    await world.client.create(deployment("web", replicas))
    created = await world.pods.until(lambda pods: len(alive(pods, "web")) >= replicas) - began
    ready = await world.pods.until(lambda pods: len(up(pods, "web")) >= replicas) - began
    used = cpu_seconds() - cpu
    await drop(world, "web")
    return {"created_s": created, "running_s": ready, "cpu_ms_per_pod": used / replicas * 1000}


async def replace(world: Cluster) -> dict[str, float]:
    await world.client.create(deployment("one", 20))
    await world.pods.until(lambda pods: len(up(pods, "one")) == 20)
    await asyncio.sleep(0.2)
    victim = alive(world.pods.informer.list(), "one")[0]
    before = {pod.metadata.uid for pod in alive(world.pods.informer.list(), "one")}
    began = time.perf_counter()
    await world.client.delete(Pod, victim.metadata.name or "", "default")
    fresh = lambda found: [pod for pod in found if pod.metadata.uid not in before]  # noqa: E731
    created = await world.pods.until(lambda pods: bool(fresh(alive(pods, "one")))) - began
    ready = await world.pods.until(lambda pods: bool(fresh(up(pods, "one")))) - began
    await drop(world, "one")
    return {"created_ms": created * 1000, "running_ms": ready * 1000}


async def silence(world: Cluster) -> dict[str, float]:
    keys = ("node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready")
    tolerations = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": TOLERATION_SECONDS}
        for key in keys
    ]
    await world.client.create(deployment("ha", 40, tolerations=tolerations))
    await world.pods.until(lambda pods: len(up(pods, "ha")) == 40)
    name = up(world.pods.informer.list(), "ha")[0].spec.node_name or ""
    world.hollow.stop_node(name)

    def is_tainted(nodes: list[Node]) -> bool:
        found = next(node for node in nodes if node.metadata.name == name)
        return any(taint.effect == "NoExecute" for taint in found.spec.taints or ())

    tainted = await world.nodes.until(is_tainted)
    lease = await world.client.get(Lease, name, "kube-node-lease")
    assert lease.spec.renew_time is not None
    late = (datetime.now(UTC) - lease.spec.renew_time).total_seconds() - GRACE_SECONDS
    moved = await world.pods.until(
        lambda pods: len([pod for pod in up(pods, "ha") if pod.spec.node_name != name]) == 40
    )
    world.hollow.start_node(name)
    await world.nodes.until(lambda nodes: not is_tainted(nodes))
    await drop(world, "ha")
    return {"taint_after_grace_s": late, "moved_after_toleration_s": moved - tainted - TOLERATION_SECONDS}


async def idle(world: Cluster, objects: int, seconds: float) -> dict[str, float]:
    each = 10
    number = objects // (each + 2)
    for start in range(0, number, 20):
        names = [f"idle-{count}" for count in range(start, min(number, start + 20))]
        await asyncio.gather(*(world.client.create(deployment(name, each)) for name in names))
    await world.pods.until(lambda pods: sum(is_ready(pod) for pod in pods) >= number * each)
    await asyncio.sleep(10)
    before = cpu_seconds()
    await asyncio.sleep(seconds)
    share = (cpu_seconds() - before) / seconds * 100
    return {"objects": number * (each + 2), "core_percent": share, "resident_mib": resident_mib()}


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def medians(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Median, least and most of each figure."""
    return {
        key: {
            "median": round(statistics.median(row[key] for row in rows), 2),
            "min": round(min(row[key] for row in rows), 2),
            "max": round(max(row[key] for row in rows), 2),
        }
        for key in rows[0]
    }


async def main(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    gc.set_threshold(50_000, 20, 100)  # as `pybernetes up` has it
    async with cluster(options.nodes) as world:
        gc.freeze()
        await scale(world, 50)
        if "scale" in options.only:
            recorded = cProfile.Profile()
            if options.profile:
                recorded.enable()
            rows = [await scale(world, options.replicas) for _ in range(options.rounds)]
            if options.profile:
                recorded.disable()
                pstats.Stats(recorded).sort_stats("tottime").print_stats(45)
            found[f"scale_{options.replicas}"] = medians(rows)
        if "replace" in options.only:
            found["replace"] = medians([await replace(world) for _ in range(options.rounds)])
        if "silence" in options.only:
            found["silence"] = medians([await silence(world)])
        if "idle" in options.only:
            found["idle"] = medians([await idle(world, options.idle_objects, options.idle_seconds)])
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=500)
    parser.add_argument("--nodes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--idle-objects", type=int, default=5000)
    parser.add_argument("--idle-seconds", type=float, default=20.0)
    parser.add_argument("--only", nargs="+", default=["scale", "replace", "silence", "idle"])
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--record", action="store_true")
    chosen = parser.parse_args()
    measured = uvloop.run(main(chosen))
    for what, figures in measured.items():
        for figure, values in figures.items():
            print(f"{what:12} {figure:22} {values['median']:10.2f}   ({values['min']:.2f} to {values['max']:.2f})")
    if chosen.record:
        record("controllers", measured)
    sys.exit(0)
