"""Decisions by the default profile: who is rejected where and why, who is preferred."""

from random import Random

import pytest
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.api.core import (
    Affinity,
    Container,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PodAffinity,
    PodAffinityTerm,
    PodAntiAffinity,
    PreferredSchedulingTerm,
    Service,
    ServiceSpec,
    Taint,
    Toleration,
    TopologySpreadConstraint,
    WeightedPodAffinityTerm,
)
from pybernetes.api.meta import LabelSelector, ObjectMeta
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.cycle import Decision, nodes_to_find
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.scheduler import Scheduler

ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
WEB = LabelSelector(match_labels={"app": "web"})
TAINT = Taint(key="dedicated", value="db", effect="NoSchedule")


def decide(wanted, *objects, random=0, arrays_from_nodes=64) -> Decision:
    """The decision about a pod in a cluster of these nodes, pods, services and namespaces."""
    api = FakeApi()
    api.put(*objects)
    config = SchedulerConfig(arrays_from_nodes=arrays_from_nodes)
    scheduler = Scheduler(api, api.informers, config, recorder=Recorder(), random=Random(random))  # type: ignore[arg-type]
    for informer, handler in (
        (scheduler._nodes, scheduler.intake.node_changed),
        (scheduler._pods, scheduler.intake.pod_changed),
    ):
        informer.add_handler(handler)
    return scheduler._cycles["default-scheduler"].decide(PodInfo(wanted))


def required(key, operator, *values, field=False) -> Affinity:
    requirement = NodeSelectorRequirement(key=key, operator=operator, values=list(values) or None)
    term = NodeSelectorTerm(match_fields=[requirement]) if field else NodeSelectorTerm(match_expressions=[requirement])
    return Affinity(
        node_affinity=NodeAffinity(
            required_during_scheduling_ignored_during_execution=NodeSelector(node_selector_terms=[term])
        )
    )


def near(key=ZONE) -> Affinity:
    term = PodAffinityTerm(topology_key=key, label_selector=WEB)
    return Affinity(pod_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=[term]))


def apart(key=HOST, selector=WEB) -> Affinity:
    term = PodAffinityTerm(topology_key=key, label_selector=selector)
    return Affinity(pod_anti_affinity=PodAntiAffinity(required_during_scheduling_ignored_during_execution=[term]))


def spread(key=ZONE, max_skew=1, when="DoNotSchedule", **more) -> TopologySpreadConstraint:
    return TopologySpreadConstraint(
        max_skew=max_skew, topology_key=key, when_unsatisfiable=when, label_selector=WEB, **more
    )


def web(name, on="", **more):
    return pod(name, labels={"app": "web"}, on=on, **more)


def ended(one):
    one.status.phase = "Succeeded"
    return one


REJECTED = {
    "no nodes": (pod("p"), [], "no nodes available to schedule pods"),
    "too little cpu": (
        pod("p", cpu="3"),
        [node("a", cpu="2"), node("b"), pod("q", cpu="2", on="b")],
        "0/2 nodes are available: 2 Insufficient cpu.",
    ),
    "too little of several": (
        pod("p", cpu="3", memory="16Gi"),
        [node("a", cpu="2")],
        "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.",
    ),
    "no such resource": (
        pod("p", requests={"example.com/gpu": "1"}),
        [node("a")],
        "0/1 nodes are available: 1 Insufficient example.com/gpu.",
    ),
    "too many pods": (
        pod("p"),
        [node("a", pods="1"), pod("q", on="a")],
        "0/1 nodes are available: 1 Too many pods.",
    ),
    "cordoned": (
        pod("p"),
        [node("a", unschedulable=True)],
        "0/1 nodes are available: 1 node(s) were unschedulable.",
    ),
    "tainted and full": (
        pod("p", cpu="3"),
        [node("a", taints=[TAINT]), node("b", cpu="1"), node("c", cpu="1")],
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.",
    ),
    "node selector": (
        pod("p", node_selector={"disk": "ssd"}),
        [node("a"), node("b", labels={"disk": "hdd"})],
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
    ),
    "named node is full": (
        pod("p", cpu="3", affinity=required("metadata.name", "In", "a", field=True)),
        [node("a", cpu="1"), node("b"), node("c")],
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].",
    ),
    "host port taken": (
        pod("p", ports=[80]),
        [node("a"), pod("q", ports=[80], on="a")],
        "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
    ),
    "no neighbour": (
        pod("p", affinity=near()),
        [node("a", labels={ZONE: "1"})],
        "0/1 nodes are available: 1 node(s) didn't match pod affinity rules.",
    ),
    "unwanted neighbour": (
        pod("p", affinity=apart()),
        [node("a"), web("q", on="a")],
        "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules.",
    ),
    "unwelcome": (
        web("p"),
        [node("a"), pod("q", affinity=apart(), on="a")],
        "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
    ),
    "missing topology label": (
        web("p", topology_spread_constraints=[spread()]),
        [node("a")],
        "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label).",
    ),
}


@pytest.mark.parametrize("case", REJECTED)
def test_the_message_tells_what_is_wrong_with_how_many_nodes(case):
    wanted, objects, message = REJECTED[case]
    decision = decide(wanted, *objects)
    assert decision.node_name == ""
    assert decision.diagnosis.message() == message


ACCEPTED = {
    "the only node with room": (pod("p", cpu="3"), [node("a", cpu="2"), node("b")], "b"),
    "a taint is tolerated": (
        pod("p", tolerations=[Toleration(key="dedicated", operator="Equal", value="db", effect="NoSchedule")]),
        [node("a", taints=[TAINT])],
        "a",
    ),
    "every taint is tolerated": (
        pod("p", tolerations=[Toleration(operator="Exists")]),
        [node("a", taints=[TAINT])],
        "a",
    ),
    "a cordoned node is tolerated": (
        pod("p", tolerations=[Toleration(key="node.kubernetes.io/unschedulable", operator="Exists")]),
        [node("a", unschedulable=True)],
        "a",
    ),
    "a node selector": (pod("p", node_selector={"disk": "ssd"}), [node("a"), node("b", labels={"disk": "ssd"})], "b"),
    "an operator": (
        pod("p", affinity=required("cores", "Gt", "8")),
        [node("a", labels={"cores": "8"}), node("b", labels={"cores": "16"})],
        "b",
    ),
    "a label that must not be there": (
        pod("p", affinity=required("old", "DoesNotExist")),
        [node("a", labels={"old": "1"}), node("b")],
        "b",
    ),
    "a node by name": (
        pod("p", affinity=required("metadata.name", "In", "b", field=True)),
        [node("a"), node("b"), node("c")],
        "b",
    ),
    "a free host port": (pod("p", ports=[80]), [node("a"), node("b"), pod("q", ports=[80], on="a")], "b"),
    "near a neighbour in the zone": (
        pod("p", affinity=near()),
        [node("a", labels={ZONE: "1"}), node("b", labels={ZONE: "2"}), web("q", on="b")],
        "b",
    ),
    "the first of a group that wants to be together": (
        web("p", affinity=near()),
        [node("a", labels={ZONE: "1"})],
        "a",
    ),
    "apart": (web("p", affinity=apart()), [node("a"), node("b"), web("q", on="a")], "b"),
    "ended pods do not matter": (pod("p", cpu="3"), [node("a"), ended(pod("q", cpu="3", on="a"))], "a"),
    "the emptier zone": (
        web("p", topology_spread_constraints=[spread()]),
        [node("a", labels={ZONE: "1"}), node("b", labels={ZONE: "2"}), web("q", on="a")],
        "b",
    ),
    "other namespaces do not count for the skew": (
        web("p", topology_spread_constraints=[spread()]),
        [
            node("a", labels={ZONE: "1"}, cpu="64"),
            node("b", labels={ZONE: "2"}, cpu="1", memory="1Gi"),
            web("q", on="a", namespace="other"),
        ],
        "a",
    ),
    "too few domains count as an empty one": (
        web("p", topology_spread_constraints=[spread(min_domains=2, max_skew=2)]),
        [node("a", labels={ZONE: "1"}), web("q", on="a")],
        "a",
    ),
    # scores
    "the emptier node": (pod("p", cpu="1"), [node("a"), node("b"), pod("q", cpu="2", memory="4Gi", on="a")], "b"),
    "the balanced node": (
        pod("p", cpu="1", memory="1Gi"),
        [
            node("a", cpu="8", memory="8Gi"),
            node("b", cpu="8", memory="8Gi"),
            pod("q", cpu="4", on="a"),
            pod("r", cpu="2", memory="2Gi", on="b"),
        ],
        "b",
    ),
    "without an untolerated soft taint": (
        pod("p"),
        [node("a", cpu="16", taints=[Taint(key="k", effect="PreferNoSchedule")]), node("b")],
        "b",
    ),
    "the preferred label": (
        pod(
            "p",
            affinity=Affinity(
                node_affinity=NodeAffinity(
                    preferred_during_scheduling_ignored_during_execution=[
                        PreferredSchedulingTerm(
                            weight=10,
                            preference=NodeSelectorTerm(
                                match_expressions=[NodeSelectorRequirement(key="disk", operator="In", values=["ssd"])]
                            ),
                        )
                    ]
                )
            ),
        ),
        [node("a", cpu="8"), node("b", labels={"disk": "ssd"})],
        "b",
    ),
    "near a preferred neighbour": (
        pod(
            "p",
            affinity=Affinity(
                pod_affinity=PodAffinity(
                    preferred_during_scheduling_ignored_during_execution=[
                        WeightedPodAffinityTerm(
                            weight=1, pod_affinity_term=PodAffinityTerm(topology_key=HOST, label_selector=WEB)
                        )
                    ]
                )
            ),
        ),
        [node("a"), node("b"), web("q", on="b")],
        "b",
    ),
    "where the image is": (
        pod("p", image="big:1"),
        [node("a"), node("b", images={"big:1": 900 << 20})],
        "b",
    ),
    "where the images of all containers are, init containers too": (
        pod("p", image="big:1", init_containers=[Container(name="init", image="tool")]),
        [node("a", images={"big:1": 500 << 20}), node("b", images={"big:1": 500 << 20, "tool:latest": 500 << 20})],
        "b",
    ),
    "an image that few nodes have draws less": (
        pod("p", cpu="1", memory="2Gi", image="big:1"),
        [node("a", cpu="2", images={"big:1": 400 << 20}), *(node(f"n{i}", cpu="8") for i in range(1))],
        "n0",
    ),
    "spread when it can": (
        web("p", topology_spread_constraints=[spread(when="ScheduleAnyway")]),
        [
            node("a", labels={ZONE: "1"}, cpu="8"),
            node("b", labels={ZONE: "2"}),
            web("q", on="a"),
            web("r", on="a"),
        ],
        "b",
    ),
    "pods of a service are spread by default": (
        web("p"),
        [
            node("a", cpu="8"),
            node("b"),
            web("q", on="a"),
            web("r", on="a"),
            Service(metadata=ObjectMeta(name="web", namespace="default"), spec=ServiceSpec(selector={"app": "web"})),
        ],
        "b",
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_the_pod_goes_to(case):
    wanted, objects, name = ACCEPTED[case]
    for seed in range(3):
        decision = decide(wanted, *objects, random=seed)
        assert decision.node_name == name, decision.diagnosis.message()


def test_skew_rejects_the_fuller_zone_although_the_emptier_is_full():
    decision = decide(
        web("p", cpu="1", topology_spread_constraints=[spread()]),
        node("a", labels={ZONE: "1"}),
        node("b", labels={ZONE: "2"}, cpu="500m"),
        web("q", on="a"),
    )
    assert decision.diagnosis.message() == (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match pod topology spread constraints."
    )


def test_equal_nodes_are_chosen_by_chance():
    chosen = {decide(pod("p"), *(node(f"n{i}") for i in range(4)), random=seed).node_name for seed in range(40)}
    assert chosen == {"n0", "n1", "n2", "n3"}


@pytest.mark.parametrize(
    ("total", "percentage", "wanted"),
    [(10, 0, 10), (99, 50, 99), (100, 0, 100), (1000, 0, 420), (5000, 0, 500), (10000, 0, 500), (1000, 20, 200)],
)
def test_large_clusters_are_searched_in_part(total, percentage, wanted):
    assert nodes_to_find(total, percentage) == wanted


def test_the_search_in_a_large_cluster_goes_round():
    api = FakeApi()
    api.put(*(node(f"n{i}") for i in range(400)))
    scheduler = Scheduler(api, api.informers, recorder=Recorder(), random=Random(0))  # type: ignore[arg-type]
    scheduler._nodes.add_handler(scheduler.intake.node_changed)
    seen: set[str] = set()
    for i in range(40):
        decision = scheduler._cycles["default-scheduler"].plain.decide(PodInfo(pod(f"p{i}")))
        assert decision.evaluated == nodes_to_find(400, 0)
        seen.add(decision.node_name)
    assert len({int(name[1:]) // 100 for name in seen}) == 4
