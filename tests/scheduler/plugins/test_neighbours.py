"""InterPodAffinity: which pods a term is about, by labels, label keys and namespaces, plainly and over arrays."""

import pytest
from tests.scheduler.test_cycle import HOST, WEB, decide
from tests.support.scheduling import node, pod

from pybernetes.api.core import Affinity, Namespace, PodAffinity, PodAffinityTerm, PodAntiAffinity
from pybernetes.api.meta import LabelSelector, ObjectMeta

AFFINITY, ANTI_AFFINITY = "pod affinity rules", "pod anti-affinity rules"


def near(**term):
    terms = [PodAffinityTerm(topology_key=HOST, label_selector=WEB, **term)]
    return Affinity(pod_affinity=PodAffinity(required_during_scheduling_ignored_during_execution=terms))


def apart(**term):
    terms = [PodAffinityTerm(topology_key=HOST, label_selector=WEB, **term)]
    return Affinity(pod_anti_affinity=PodAntiAffinity(required_during_scheduling_ignored_during_execution=terms))


def web(name, version="1", on="", namespace="default", **more):
    return pod(name, labels={"app": "web", "version": version}, on=on, namespace=namespace, **more)


def namespace(name, **labels):
    return Namespace(metadata=ObjectMeta(name=name, uid=name, labels=labels))


NODES = [node("a"), node("b")]
TEAM = LabelSelector(match_labels={"team": "x"})
EVERYWHERE = LabelSelector()

CASES = {
    "the same version": (
        web("p", "2", affinity=near(match_label_keys=["version"])),
        [*NODES, web("q", "1", on="a"), web("r", "2", on="b")],
        "b",
    ),
    "another version": (
        web("p", "2", affinity=near(mismatch_label_keys=["version"])),
        [*NODES, web("q", "1", on="a"), web("r", "2", on="b")],
        "a",
    ),
    "not beside the same version": (
        web("p", "2", affinity=apart(match_label_keys=["version"])),
        [*NODES, web("q", "1", on="a"), web("r", "2", on="b")],
        "a",
    ),
    "not beside another version": (
        web("p", "2", affinity=apart(mismatch_label_keys=["version"])),
        [*NODES, web("q", "1", on="a"), web("r", "2", on="b")],
        "b",
    ),
    "a running pod keeps out its own version": (
        web("p", "2"),
        [*NODES, web("q", "2", on="a", affinity=apart(match_label_keys=["version"])), pod("big", cpu="3", on="b")],
        "b",
    ),
    "and lets in another": (
        web("p", "2", cpu="2"),
        [*NODES, web("q", "1", on="a", affinity=apart(match_label_keys=["version"])), pod("big", cpu="3", on="b")],
        "a",
    ),
    "its own namespace": (
        web("p", affinity=near()),
        [*NODES, web("q", on="a", namespace="other"), web("r", on="b")],
        "b",
    ),
    "namespaces by name": (
        web("p", affinity=near(namespaces=["other"])),
        [*NODES, web("q", on="a", namespace="other"), web("r", on="b")],
        "a",
    ),
    "namespaces by label": (
        web("p", affinity=near(namespace_selector=TEAM)),
        [
            *NODES,
            namespace("default"),
            namespace("other", team="x"),
            web("q", on="a", namespace="other"),
            web("r", on="b"),
        ],
        "a",
    ),
    "namespaces by name or label": (
        web("p", affinity=near(namespace_selector=TEAM, namespaces=["default"])),
        [node("a"), node("b"), namespace("other", team="x"), web("q", on="b")],
        "b",
    ),
    "every namespace": (
        web("p", affinity=apart(namespace_selector=EVERYWHERE)),
        [*NODES, web("q", on="a", namespace="other")],
        "b",
    ),
    "no namespace has the label": (
        pod("p", affinity=near(namespace_selector=TEAM)),
        [*NODES, namespace("default"), web("q", on="a")],
        AFFINITY,
    ),
    "a namespace everywhere is avoided": (
        web("p", affinity=apart(namespace_selector=TEAM)),
        [*NODES, namespace("other", team="x"), *(web(f"q-{at}", on=at, namespace="other") for at in "ab")],
        ANTI_AFFINITY,
    ),
}


@pytest.mark.parametrize("many", [64, 0], ids=["plain", "arrays"])
@pytest.mark.parametrize("case", CASES)
def test_where_the_pod_goes(case, many):
    wanted, objects, expected = CASES[case]
    decision = decide(wanted, *objects, arrays_from_nodes=many)
    if expected in (AFFINITY, ANTI_AFFINITY):
        assert expected in decision.diagnosis.message()
    else:
        assert decision.node_name == expected, decision.diagnosis.message()
