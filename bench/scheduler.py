"""How many pods per second does the scheduler place? Decisions only: queue, filters, scores, assume.

    .venv/bin/python bench/scheduler.py [--nodes 100 1000] [--pods 3000] [--rounds 3] [--api]

Cases: plain requests; pods of services (built-in spreading); a maxSkew over zones; anti-affinity by host name.
With --api the whole way is measured instead: waiting pods in an API server in memory in the same process, until all
are bound (watch, decision, binding, event).
"""

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path
from random import Random

import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.api.core import (
    Affinity,
    Pod,
    PodAffinityTerm,
    PodAntiAffinity,
    Service,
    ServiceSpec,
    TopologySpreadConstraint,
)
from pybernetes.api.meta import LabelSelector, ObjectMeta
from pybernetes.api.user import AUTHENTICATED, UserInfo
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.informers import Informers
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.testing import ADMIN, api_server


def make_pod(case: str, number: int, pods_per_group: int) -> Pod:
    """The number-th pod of a case, in groups that share their labels."""
    group = f"g{number // pods_per_group}"
    spec: dict[str, object] = {}
    if case == "spread":
        spec["topology_spread_constraints"] = [
            TopologySpreadConstraint(
                max_skew=1,
                topology_key="topology.kubernetes.io/zone",
                when_unsatisfiable="DoNotSchedule",
                label_selector=LabelSelector(match_labels={"app": group}),
            )
        ]
    if case == "anti-affinity":
        term = PodAffinityTerm(
            topology_key="kubernetes.io/hostname", label_selector=LabelSelector(match_labels={"app": group})
        )
        spec["affinity"] = Affinity(
            pod_anti_affinity=PodAntiAffinity(required_during_scheduling_ignored_during_execution=[term])
        )
    return pod(f"p{number}", cpu="50m", memory="50Mi", labels={"app": group}, **spec)


async def place(case: str, nodes: int, pods: int) -> float:
    """Placements per second."""
    api = FakeApi()
    api.put(
        *(
            node(f"n{i}", cpu="32", memory="64Gi", labels={"topology.kubernetes.io/zone": f"z{i % 3}"})
            for i in range(nodes)
        )
    )
    per_group = min(50, nodes)
    if case == "service":
        api.put(
            *(
                Service(
                    metadata=ObjectMeta(name=f"g{i}", namespace="default", uid=f"s{i}"),
                    spec=ServiceSpec(selector={"app": f"g{i}"}),
                )
                for i in range(pods // per_group + 1)
            )
        )
    scheduler = Scheduler(api, api.informers, recorder=Recorder(), random=Random(1))  # type: ignore[arg-type]
    api.informers.of(type(node("x"))).add_handler(scheduler.intake.node_changed)
    made = [make_pod(case, i, per_group) for i in range(pods)]
    began = time.process_time()
    for one in made:
        scheduler.queue.add(PodInfo(one))
    for _ in range(pods):
        queued = await scheduler.queue.pop()
        decision = scheduler._cycle.decide(queued.pod)
        assert decision.node_name, decision.diagnosis.message()
        scheduler.snapshot.assume(queued.pod, decision.node_name)
        scheduler.queue.done(queued.pod.uid)
    return pods / (time.process_time() - began)


async def bind(nodes: int, pods: int) -> float:
    """Bindings per second with the API server in this process."""
    off = ("ServiceAccount", "TaintNodesByCondition")
    async with api_server(disable_admission=off, authorization_modes=("Node", "RBAC")) as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        for i in range(nodes):
            one = node(f"n{i}", cpu="32", memory="64Gi")
            one.metadata.uid = None
            await client.create(one)
            await client.update_status(one)
        for i in range(pods):
            waiting = make_pod("plain", i, 50)
            waiting.metadata.uid = None
            await client.create(waiting)
        own = Client(InProcessTransport(server.app, UserInfo("system:kube-scheduler", groups=(AUTHENTICATED,))))
        informers = Informers(own)
        async with running("informers", informers.serve):
            scheduler = Scheduler(own, informers)
            await informers.synced()
            began = time.perf_counter()
            async with running("scheduler", scheduler.serve):
                while len(scheduler.queue):  # noqa: ASYNC110 - coarse on purpose: an event per binding would be measured too
                    await asyncio.sleep(0.005)
                return pods / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--pods", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--api", action="store_true")
    options = parser.parse_args()
    for nodes in options.nodes:
        if options.api:
            rates = [uvloop.run(bind(nodes, options.pods)) for _ in range(options.rounds)]
            print(
                f"{nodes:6} nodes  {statistics.median(rates):8,.0f} bindings/s  ({min(rates):,.0f} - {max(rates):,.0f})"
            )
            continue
        for case in ("plain", "service", "spread", "anti-affinity"):
            rates = [asyncio.run(place(case, nodes, options.pods)) for _ in range(options.rounds)]
            print(
                f"{nodes:6} nodes  {case:14} {statistics.median(rates):8,.0f} placements/s"
                f"  ({min(rates):,.0f} - {max(rates):,.0f})"
            )


if __name__ == "__main__":
    main()
