"""How many pods per second are bound through the real API? An API server over SQLite with fsync, and a scheduler.

    .venv/bin/python bench/scheduler_api.py [--nodes 1000 5000] [--pods 5000] [--rounds 3] [--profile] [--record]

Two processes, as on two cores: the server (HTTPS, Node and RBAC authorization, every bind and every event stored
before it is answered) and the scheduler with its informers. Nodes and pods are made first; the clock runs from the
start of the scheduler, its informers synced, until every pod is bound in its own watch. The Scheduled events are all
written, too; the second rate is up to the last of them. `--record` appends to bench/results/scheduler_api.jsonl.
"""

import argparse
import asyncio
import cProfile
import gc
import pstats
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from recording import record

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support.scheduling import node, pod

from pybernetes.api.core import Event
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.events import EventRecorder
from pybernetes.client.informers import Informers
from pybernetes.cluster import clients, pki
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.control_plane import make_server, open_store
from pybernetes.scheduler.scheduler import Scheduler


def _config(directory: Path, port: int) -> ClusterConfig:
    return ClusterConfig(data_dir=directory, api_port=port, node_name="bench", node_ip="127.0.0.1")


async def serve(directory: Path, port: int, profile: bool) -> None:
    """The API server's process; ends when its standard input does."""
    config = _config(directory, port)
    keys = pki.ensure(config)
    store = open_store(config)
    server = make_server(config, keys, store)
    async with running("store", store.serve), running("apiserver", server.serve):
        _settle()
        print("ready", flush=True)
        recorded = cProfile.Profile()
        while True:
            line = await asyncio.to_thread(sys.stdin.readline)
            if not line:
                return
            if line == "clock\n" and profile:
                recorded.enable()
            if line == "stop\n" and profile:
                recorded.disable()
                pstats.Stats(recorded, stream=sys.stderr).sort_stats("tottime").print_stats(40)
            print(time.process_time(), flush=True)


def _settle() -> None:
    """As the components' own start does (cluster/commands/foreground.py)."""
    gc.set_threshold(50_000, 20, 100)
    gc.freeze()


async def _many(number: int, make: object) -> None:
    """Calls, a hundred at a time."""
    for start in range(0, number, 100):
        await asyncio.gather(*(make(i) for i in range(start, min(number, start + 100))))  # type: ignore[operator]


async def measure(nodes: int, pods: int, profile: bool) -> tuple[float, float, float, float]:
    """(bound pods/s, with events/s, server CPU us per pod, scheduler CPU us per pod)."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = [sys.executable, __file__, "--serve", directory, "--port", str(port)]
        child = subprocess.Popen(  # noqa: ASYNC220
            command + ["--profile"] * profile, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert child.stdin is not None
        assert child.stdout is not None

        def ask(line: str) -> float:
            child.stdin.write(line + "\n")  # type: ignore[union-attr]
            child.stdin.flush()  # type: ignore[union-attr]
            return float(child.stdout.readline())  # type: ignore[union-attr]

        try:
            assert child.stdout.readline() == "ready\n"
            config = _config(Path(directory), port)
            admin = clients.from_kubeconfig(config.admin_kubeconfig, "bench")
            await _prepare(admin, nodes, pods)
            own = clients.from_kubeconfig(config.data_dir / "scheduler.kubeconfig", "scheduler")
            informers = Informers(own)
            recorder = EventRecorder(own, "default-scheduler", writers=4, queue_size=100_000)
            async with running("informers", informers.serve), running("recorder", recorder.serve):
                scheduler = Scheduler(own, informers, recorder=recorder)
                await informers.synced()
                _settle()
                recorded = cProfile.Profile()
                server_cpu, cpu, began = ask("clock"), time.process_time(), time.perf_counter()
                if profile:
                    recorded.enable()
                async with running("scheduler", scheduler.serve):
                    while len(scheduler.queue):  # noqa: ASYNC110 - an event per binding would be measured too
                        await asyncio.sleep(0.01)
                    bound = time.perf_counter() - began
                    await recorder.flush()
                    told = time.perf_counter() - began
                if profile:
                    recorded.disable()
                    pstats.Stats(recorded).sort_stats("tottime").print_stats(40)
                cpu, server_cpu = time.process_time() - cpu, ask("stop") - server_cpu
            events = await admin.list(Event, "default")
            written = sum(event.reason == "Scheduled" for event in events.items)
            assert written == pods, f"{written} events of {pods} pods"
            return pods / bound, pods / told, server_cpu / pods * 1e6, cpu / pods * 1e6
        finally:
            child.stdin.close()
            child.wait()


async def _prepare(admin: Client, nodes: int, pods: int) -> None:
    from pybernetes.api.core import Namespace, ServiceAccount
    from pybernetes.api.meta import ObjectMeta

    async def make_node(number: int) -> None:
        one = node(f"n{number}", cpu="32", memory="64Gi")
        one.metadata.uid = None
        made = await admin.create(one)
        made.status.allocatable = made.status.capacity = one.status.allocatable
        made.spec.taints = None
        made = await admin.update(made)
        await admin.update_status(made)

    async def make_pod(number: int) -> None:
        one = pod(f"p{number}", cpu="50m", memory="50Mi", labels={"app": f"g{number // 50}"})
        one.metadata.uid = None
        await admin.create(one)

    try:
        await admin.create(Namespace(metadata=ObjectMeta(name="default")))
    except Exception:
        pass
    await admin.create(ServiceAccount(metadata=ObjectMeta(name="default", namespace="default")))
    await _many(nodes, make_node)
    await _many(pods, make_pod)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--pods", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        uvloop.run(serve(Path(options.serve), options.port, options.profile))
        return
    results: dict[str, dict[str, float]] = {}
    for nodes in options.nodes:
        found = [uvloop.run(measure(nodes, options.pods, options.profile)) for _ in range(options.rounds)]
        bound, told, server, own = (statistics.median(column) for column in zip(*found, strict=True))
        rates = [row[0] for row in found]
        print(
            f"{nodes:6} nodes  {bound:7,.0f} bound/s ({min(rates):,.0f} - {max(rates):,.0f})"
            f"  {told:7,.0f}/s with events  CPU per pod: server {server:,.0f} us, scheduler {own:,.0f} us",
            flush=True,
        )
        results[f"nodes_{nodes}"] = {
            "bound_per_second": round(bound),
            "min": round(min(rates)),
            "max": round(max(rates)),
            "with_events_per_second": round(told),
            "server_us_per_pod": round(server),
            "scheduler_us_per_pod": round(own),
        }
    if options.record:
        record("scheduler_api", results)


if __name__ == "__main__":
    main()
