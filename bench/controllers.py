"""How fast the controllers are, against an API server in memory, in this process.

    python bench/controllers.py [--replicas 500] [--idle-objects 1000] [--idle-seconds 20]

* scale up: a Deployment of N replicas -> N pods exist (pods per second)
* replace: a pod is deleted -> its replacement exists (median and spread over 20)
* idle: CPU used and resident memory with that many objects and nothing to do
"""

import argparse
import asyncio
import os
import resource
import statistics
import sys
import time
from pathlib import Path

import uvloop

from pybernetes.api.core import Pod
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.informer import Informer
from pybernetes.controllers.manager import ControllerManager, ControllerManagerConfig
from pybernetes.testing import ADMIN, api_server


def deployment(name: str, replicas: int) -> dict[str, object]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}},
        },
    }


class Pods:
    """Waits for changes of the pods."""

    def __init__(self, informer: Informer[Pod]) -> None:
        self.informer = informer
        self._changed = asyncio.Event()
        informer.add_handler(lambda old, new: self._changed.set())

    async def count(self, wanted: int) -> None:
        while sum(pod.metadata.deletion_timestamp is None for pod in self.informer.list()) != wanted:
            self._changed.clear()
            await self._changed.wait()


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def main(replicas: int, idle_objects: int, idle_seconds: float) -> None:
    async with api_server() as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        manager = ControllerManager(lambda _: client, ControllerManagerConfig(leader_elect=False))
        began = time.perf_counter()
        async with running("controller manager", manager.serve):
            print(f"start              {(time.perf_counter() - began) * 1000:8.1f} ms")
            informer = Informer(client, Pod)
            async with running("pods", informer.serve):
                pods = Pods(informer)
                await scale_up(client, pods, replicas)
                await replace(client, pods, replicas)
                await client.delete_collection(Pod, "default", grace_period_seconds=0)
                await client.create(deployment("idle", idle_objects))
                await pods.count(replicas + idle_objects)
                await asyncio.sleep(3)
                await idle(idle_seconds, len(informer.list()))


async def scale_up(client: Client, pods: Pods, replicas: int) -> None:
    began, cpu = time.perf_counter(), cpu_seconds()
    await client.create(deployment("web", replicas))
    await pods.count(replicas)
    seconds = time.perf_counter() - began
    rate, used = replicas / seconds, cpu_seconds() - cpu
    print(f"scale up           {rate:8.0f} pods/s ({replicas} in {seconds:.2f} s, cpu {used:.2f} s)")


async def replace(client: Client, pods: Pods, replicas: int) -> None:
    latencies = []
    for _ in range(20):
        victim = pods.informer.list()[0]
        began = time.perf_counter()
        await client.delete(Pod, victim.metadata.name or "", "default", grace_period_seconds=0)
        await asyncio.sleep(0)
        await pods.count(replicas - 1) if len(pods.informer.list()) == replicas else None
        await pods.count(replicas)
        latencies.append((time.perf_counter() - began) * 1000)
    low, high = min(latencies), max(latencies)
    print(f"replace            {statistics.median(latencies):8.1f} ms ({low:.1f} to {high:.1f})")


async def idle(seconds: float, objects: int) -> None:
    before = cpu_seconds()
    await asyncio.sleep(seconds)
    share = (cpu_seconds() - before) / seconds * 100
    print(f"idle               {share:8.2f} % of a core with {objects} pods, {resident_mib():.0f} MiB resident")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=500)
    parser.add_argument("--idle-objects", type=int, default=1000)
    parser.add_argument("--idle-seconds", type=float, default=20.0)
    options = parser.parse_args()
    sys.exit(uvloop.run(main(options.replicas, options.idle_objects, options.idle_seconds)))
