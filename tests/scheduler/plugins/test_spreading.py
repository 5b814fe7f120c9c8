"""PodTopologySpread: every policy of a constraint, plainly and over arrays."""

import pytest
from tests.scheduler.test_cycle import HOST, TAINT, ZONE, decide, spread, web
from tests.scheduler.test_preemption import leaving
from tests.support.scheduling import node, pod

from pybernetes.api.core import Toleration

SKEWED = "node(s) didn't match pod topology spread constraints"


def zones(**others):
    """Node a in zone 1, b in zone 2; others: settings of b."""
    return [node("a", labels={ZONE: "1"}), node("b", labels={ZONE: "2", "disk": "ssd"}, **others)]


def versioned(name, version, on=""):
    return pod(name, labels={"app": "web", "version": version}, on=on)


def wanting(*constraints, **more):
    return web("p", topology_spread_constraints=list(constraints), **more)


TO_B = {"node_selector": {"disk": "ssd"}}
TOLERANT = {"tolerations": [Toleration(operator="Exists")]}

CASES = {
    # two web pods in zone 2; none in zone 1, which the pod may not go to
    "nodes that the pod's affinity leaves out do not count": (
        wanting(spread(), **TO_B),
        [*zones(), web("q", on="b"), web("r", on="b")],
        "b",
    ),
    "unless the constraint ignores affinity": (
        wanting(spread(node_affinity_policy="Ignore"), **TO_B),
        [*zones(), web("q", on="b"), web("r", on="b")],
        SKEWED,
    ),
    "tainted nodes count": (
        wanting(spread()),
        [*zones(taints=[TAINT]), web("q", on="a")],
        SKEWED,
    ),
    "unless the constraint honours taints": (
        wanting(spread(node_taints_policy="Honor")),
        [*zones(taints=[TAINT]), web("q", on="a")],
        "a",
    ),
    "honoured taints that are tolerated count": (
        wanting(spread(node_taints_policy="Honor"), **TOLERANT),
        [*zones(taints=[TAINT]), web("q", on="a")],
        "b",
    ),
    "fewer domains than wanted make the least number none": (
        wanting(spread(min_domains=3)),
        [*zones(), web("q", on="a"), web("r", on="b")],
        SKEWED,
    ),
    "as many domains as wanted": (
        wanting(spread(min_domains=2)),
        [*zones(cpu="8"), web("q", on="a"), web("r", on="b")],
        "b",
    ),
    "a greater skew": (wanting(spread(max_skew=2)), [*zones(cpu="1", memory="1Gi"), web("q", on="a")], "a"),
    "pods of another version do not count": (
        pod(
            "p",
            labels={"app": "web", "version": "2"},
            topology_spread_constraints=[spread(match_label_keys=["version"])],
        ),
        [*zones(cpu="1", memory="1Gi"), versioned("q", "1", on="a"), versioned("r", "2", on="b")],
        "a",
    ),
    "a label that the pod lacks selects nothing by itself": (
        wanting(spread(match_label_keys=["version"])),
        [*zones(), versioned("q", "1", on="a")],
        "b",
    ),
    "several constraints must all hold": (
        wanting(spread(), spread(key=HOST)),
        [*zones(), node("c", labels={ZONE: "2"}), web("q", on="b"), web("r", on="a")],
        "c",
    ),
    "pods that end do not count": (
        wanting(spread()),
        [*zones(cpu="1", memory="1Gi"), leaving(web("q", on="a")), web("r", on="b")],
        "a",
    ),
}


@pytest.mark.parametrize("many", [64, 0], ids=["plain", "arrays"])
@pytest.mark.parametrize("case", CASES)
def test_where_the_pod_goes(case, many):
    wanted, objects, expected = CASES[case]
    decision = decide(wanted, *objects, arrays_from_nodes=many)
    if expected == SKEWED:
        assert SKEWED in decision.diagnosis.message()
    else:
        assert decision.node_name == expected, decision.diagnosis.message()
