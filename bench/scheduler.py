"""How many pods per second does the scheduler place? Decisions only: queue, filters, scores, assume; no API.

    .venv/bin/python bench/scheduler.py [--nodes 5000] [--pods 5000] [--rounds 3] [--only NAME] [--profile] [--record]

The workloads are those of upstream's scheduler_perf with the thresholds that its 5,000-node runs must reach (pods per
second, on larger machines and through the API); `bench/scheduler_api.py` measures the way through the API.
Pods are made before the clock starts; what counts is CPU time of this process from the pod's arrival to its node.
`--record` appends to bench/results/scheduler.jsonl.
"""

import argparse
import asyncio
import cProfile
import gc
import pstats
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import msgspec
from recording import record

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.api.core import (
    Affinity,
    Namespace,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    PodAntiAffinity,
    TopologySpreadConstraint,
    WeightedPodAffinityTerm,
)
from pybernetes.api.meta import LabelSelector, ObjectMeta
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.scheduler.vector import cycle  # noqa: F401 - loaded once in the life of a scheduler: not on the clock

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
SMALL = {"cpu": "100m", "memory": "500Mi"}


def term(labels: dict[str, str], key: str, **more: object) -> PodAffinityTerm:
    return PodAffinityTerm(topology_key=key, label_selector=LabelSelector(match_labels=labels), **more)


def apart(color: str, **more: object) -> Affinity:
    terms = [term({"color": color}, HOST, **more)]
    return Affinity(pod_anti_affinity=PodAntiAffinity(required_during_scheduling_ignored_during_execution=terms))


def near(color: str) -> Affinity:
    terms = [term({"color": color}, ZONE)]
    return Affinity(pod_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=terms))


def rather_near(color: str) -> Affinity:
    weighted = [WeightedPodAffinityTerm(weight=1, pod_affinity_term=term({"color": color}, HOST))]
    return Affinity(pod_affinity=PodAffinity(preferred_during_scheduling_ignored_during_execution=weighted))


def in_zones(*zones: str) -> Affinity:
    requirement = NodeSelectorRequirement(key=ZONE, operator="In", values=list(zones))
    selector = NodeSelector(node_selector_terms=[NodeSelectorTerm(match_expressions=[requirement])])
    return Affinity(node_affinity=NodeAffinity(required_during_scheduling_ignored_during_execution=selector))


def on_node(name: str) -> Affinity:
    requirement = NodeSelectorRequirement(key="metadata.name", operator="In", values=[name])
    selector = NodeSelector(node_selector_terms=[NodeSelectorTerm(match_fields=[requirement])])
    return Affinity(node_affinity=NodeAffinity(required_during_scheduling_ignored_during_execution=selector))


def spread(when: str) -> list[TopologySpreadConstraint]:
    selector = LabelSelector(match_labels={"color": "blue"})
    return [TopologySpreadConstraint(max_skew=5, topology_key=ZONE, when_unsatisfiable=when, label_selector=selector)]


class Bench:
    """A cluster and the loop that places pods in it."""

    def __init__(self, nodes: int, zones: int = 3, **shape: str) -> None:
        self.api = FakeApi()
        self.nodes = nodes
        self.api.put(*(self._node(i, zones, shape) for i in range(nodes)))
        self.scheduler = Scheduler(self.api, self.api.informers, recorder=Recorder(), random=Random(1))  # type: ignore[arg-type]
        for informer, handler in (
            (self.scheduler._namespaces, self.scheduler._namespace_changed),
            (self.scheduler._nodes, self.scheduler.intake.node_changed),
        ):
            informer.add_handler(handler)

    @staticmethod
    def _node(number: int, zones: int, shape: dict[str, str]) -> Node:
        settings = {"cpu": "4", "memory": "32Gi", **shape}
        return node(f"n{number}", labels={ZONE: f"zone{number % zones + 1}"}, **settings)

    def fill(self, pods: Iterable[Pod]) -> None:
        """Pods that are there before the clock starts, one per node and round again."""
        for number, one in enumerate(pods):
            self.scheduler.snapshot.set_pod(PodInfo(one), f"n{number % self.nodes}")

    async def place(self, pods: list[Pod], *, expect: bool = True) -> None:
        """Every pod from its arrival to its node; those that fit nowhere end in the queue, with their reasons."""
        scheduler = self.scheduler
        for one in pods:
            scheduler.queue.add(PodInfo(one))
        for _ in pods:
            queued = await scheduler.queue.pop()
            decision = scheduler.cycle_of(queued.pod).decide(queued.pod)
            if decision.node_name:
                scheduler.snapshot.assume(queued.pod, decision.node_name)
                scheduler.queue.done(queued.pod.uid)
                continue
            assert not expect, decision.diagnosis.message()
            plan = scheduler.room.plan(queued.pod, decision.diagnosis)
            scheduler.queue.rejected(queued, decision.diagnosis.plugins)
            assert isinstance(plan, str), plan
            decision.diagnosis.message(plan)

    async def preempt(self, pods: list[Pod]) -> None:
        """Every pod needs others to go: decision, victims, their removal, decision."""
        scheduler, intake = self.scheduler, self.scheduler.intake
        for one in pods:
            scheduler.queue.add(PodInfo(one))
        for _ in pods:
            queued = await scheduler.queue.pop()
            decision = scheduler.cycle_of(queued.pod).decide(queued.pod)
            plan = scheduler.room.plan(queued.pod, decision.diagnosis)
            assert not isinstance(plan, str), plan
            decision.diagnosis.message()
            scheduler.queue.rejected(queued, decision.diagnosis.plugins)
            scheduler.nominations.set(queued.pod, plan.node_name)
            for victim in plan.victims:
                intake.pod_changed(victim.pod, None)
            decision = scheduler.cycle_of(queued.pod).decide(queued.pod)
            assert decision.node_name == plan.node_name, decision.diagnosis.message()
            scheduler.nominations.remove(queued.pod.uid)
            scheduler.snapshot.assume(queued.pod, decision.node_name)
            scheduler.queue.done(queued.pod.uid)


def pods(number: int, prefix: str = "p", **settings: object) -> list[Pod]:
    """Pods from one template."""
    one = pod("template", **{**SMALL, **settings})  # type: ignore[arg-type]
    return [
        msgspec.structs.replace(
            one, metadata=msgspec.structs.replace(one.metadata, name=f"{prefix}{i}", uid=f"{prefix}-{i}")
        )
        for i in range(number)
    ]


Work = tuple[Bench, Callable[[], "asyncio.Future[None]"], int]


def workload(name: str, nodes: int, number: int) -> Work:
    """The prepared cluster, what to time, and how many placements that is."""
    if name == "daemon sets":
        bench = Bench(3 * nodes)
        made = [one for i in range(number) for one in pods(1, f"d{i}-", affinity=on_node(f"n{i % (3 * nodes)}"))]
        return bench, lambda: bench.place(made), number
    if name == "preemption":
        bench = Bench(nodes)
        low = pods(4 * nodes, "low", cpu="900m", priority=0)
        bench.fill(low)
        return bench, lambda: bench.preempt(pods(number, "high", cpu="3", priority=10)), number
    bench = Bench(nodes, zones=1 if name == "pod affinity" else 3)
    settings: dict[str, object] = {}
    anti = pods(1000, "init", labels={"color": "green"}, affinity=apart("green"))
    match name:
        case "basic":
            bench.fill(pods(1000, "init"))
        case "pod anti-affinity":
            number = min(number, nodes - 1000)
            bench.fill(anti)
            settings = {"labels": {"color": "green"}, "affinity": apart("green")}
        case "matching anti-affinity":
            bench.fill(anti)
            settings = {"labels": {"color": "green"}}
        case "pod affinity":
            bench.fill(pods(nodes, "init", labels={"color": "blue"}, affinity=near("blue")))
            settings = {"labels": {"color": "blue"}, "affinity": near("blue")}
        case "preferred affinity":
            bench.fill(pods(nodes, "init", labels={"color": "red"}, affinity=rather_near("red")))
            settings = {"labels": {"color": "red"}, "affinity": rather_near("red")}
        case "node affinity":
            bench.fill(pods(nodes, "init", affinity=in_zones("zone1", "zone2")))
            settings = {"affinity": in_zones("zone1", "zone2")}
        case "topology spreading" | "preferred spreading":
            bench.fill(pods(nodes, "init"))
            when = "DoNotSchedule" if name == "topology spreading" else "ScheduleAnyway"
            settings = {"labels": {"color": "blue"}, "topology_spread_constraints": spread(when)}
        case "mixed":
            bench.fill(pods(2000, "a"))
            bench.fill(pods(2000, "b", labels={"color": "blue"}, affinity=near("blue")))
            bench.fill(anti)
            bench.fill(pods(2000, "c", labels={"color": "red"}, affinity=rather_near("red")))
        case "namespace-selector anti-affinity":
            labels = {"team": "devops"}
            for i in range(100):
                bench.api.put(Namespace(metadata=ObjectMeta(name=f"ns{i}", uid=f"ns{i}", labels=labels)))
            number = min(number, nodes - 1000)
            rule = apart("green", namespace_selector=LabelSelector(match_labels=labels))
            spaced = [
                one
                for i in range(100)
                for one in pods(
                    10 + number // 100 + 1, f"s{i}-", namespace=f"ns{i}", labels={"color": "green"}, affinity=rule
                )
            ]
            Random(0).shuffle(spaced)
            bench.fill(spaced[:1000])
            return bench, lambda: bench.place(spaced[1000 : 1000 + number]), number
        case "unschedulable churn":
            mixed = pods(number)
            for position, one in enumerate(pods(number // 10, "x", cpu="9")):
                mixed.insert(11 * position, one)
            return bench, lambda: bench.place(mixed, expect=False), number
        case "gated":
            gated = pods(number, "g", gates=["later"])
            for one in gated:
                bench.scheduler.queue.add(PodInfo(one))
    made = pods(number, **settings)
    return bench, lambda: bench.place(made), number


THRESHOLDS = {
    "basic": 270,
    "pod anti-affinity": 60,
    "matching anti-affinity": 600,
    "pod affinity": 35,
    "preferred affinity": 90,
    "node affinity": 220,
    "topology spreading": 85,
    "preferred spreading": 125,
    "mixed": 140,
    "preemption": 160,
    "unschedulable churn": 140,
    "gated": 130,
    "namespace-selector anti-affinity": 24,
    "daemon sets": 390,
}


def measure(name: str, nodes: int, number: int) -> float:
    """Placements per second of CPU time."""
    _, run, placed = workload(name, nodes, number)
    gc.collect()  # what the workload before left behind is not this one's work

    async def timed() -> float:
        began = time.process_time()
        await run()
        return time.process_time() - began

    return placed / asyncio.run(timed())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=5000)
    parser.add_argument("--pods", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    gc.set_threshold(50_000, 20, 100)  # as cluster/commands/foreground.py has it
    print(f"{'workload':34}{'upstream asks':>14}{'ours':>10}{'ratio':>8}   (min - max), {options.nodes} nodes")
    found: dict[str, dict[str, float]] = {}
    for name, threshold in THRESHOLDS.items():
        if options.only not in name:
            continue
        if options.profile:
            _, run, _ = workload(name, options.nodes, options.pods)
            profile = cProfile.Profile()
            profile.runcall(asyncio.run, run())  # type: ignore[arg-type]
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
            continue
        rates = [measure(name, options.nodes, options.pods) for _ in range(options.rounds)]
        rate = statistics.median(rates)
        print(
            f"{name:34}{threshold:14,}{rate:10,.0f}{rate / threshold:8,.0f}   ({min(rates):,.0f} - {max(rates):,.0f})",
            flush=True,
        )
        found[name] = {"asked": threshold, "median": round(rate), "min": round(min(rates)), "max": round(max(rates))}
    if options.record:
        record("scheduler", {"nodes": options.nodes, "placements_per_cpu_second": found})


if __name__ == "__main__":
    main()
