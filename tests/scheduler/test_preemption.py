"""Whom the default preemption sends away, and when it does not."""

from datetime import UTC, datetime
from random import Random

import pytest
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.api.core import PodCondition, Taint
from pybernetes.api.meta import LabelSelector, ObjectMeta
from pybernetes.api.policy import PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus
from pybernetes.scheduler import preemption
from pybernetes.scheduler.configuration.types import DefaultPreemptionArgs
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.scheduler import Scheduler


def planned(wanted, *objects, nominated="", args=None):
    """The plan (node, victims) for a pod that fits nowhere, or the message."""
    api = FakeApi()
    api.put(*objects)
    scheduler = Scheduler(api, api.informers, recorder=Recorder(), random=Random(0))  # type: ignore[arg-type]
    for informer, handler in (
        (scheduler._nodes, scheduler.intake.node_changed),
        (scheduler._pods, scheduler.intake.pod_changed),
    ):
        informer.add_handler(handler)
    info = PodInfo(wanted)
    if nominated:
        scheduler.nominations.set(info, nominated)
    decision = scheduler._cycles["default-scheduler"].plain.decide(info)
    assert not decision.node_name
    outcome = preemption.plan(
        scheduler._cycles["default-scheduler"].plain,
        scheduler.snapshot,
        scheduler.nominations,
        info,
        decision.diagnosis,
        api.informers.of(PodDisruptionBudget).list(),
        Random(0),
        args or DefaultPreemptionArgs(),
    )
    if isinstance(outcome, str):
        return outcome
    return outcome.node_name, [victim.name for victim in outcome.victims]


def started(one, minute):
    one.status.start_time = datetime(2026, 1, 1, 0, minute, tzinfo=UTC)
    return one


def leaving(one, *, preempted=False):
    one.metadata.deletion_timestamp = datetime(2026, 1, 1, tzinfo=UTC)
    if preempted:
        one.status.conditions = [PodCondition(type="DisruptionTarget", status="True", reason="PreemptionByScheduler")]
    return one


def budget(allowed, **labels):
    return PodDisruptionBudget(
        metadata=ObjectMeta(name="b", namespace="default"),
        spec=PodDisruptionBudgetSpec(selector=LabelSelector(match_labels=labels)),
        status=PodDisruptionBudgetStatus(disruptions_allowed=allowed),
    )


IMPORTANT = pod("p", cpu="2", priority=100)

CASES = {
    "a less important pod leaves": (IMPORTANT, [node("a"), pod("q", cpu="3", on="a")], ("a", ["q"])),
    "no more than needed leave": (
        IMPORTANT,
        [node("a"), *(pod(f"q{i}", cpu="1", on="a", priority=i) for i in range(4))],
        ("a", ["q1", "q0"]),
    ),
    "the least important node": (
        IMPORTANT,
        [node("a"), node("b"), pod("q", cpu="3", on="a", priority=5), pod("r", cpu="3", on="b", priority=4)],
        ("b", ["r"]),
    ),
    "fewer victims": (
        IMPORTANT,
        [
            node("a"),
            node("b"),
            *(pod(f"q{i}", cpu="1", on="a") for i in range(4)),
            *(pod(f"r{i}", cpu="2", on="b") for i in range(2)),
        ],
        ("b", ["r1"]),
    ),
    "the one that started last": (
        IMPORTANT,
        [node("a"), node("b"), started(pod("q", cpu="3", on="a"), 1), started(pod("r", cpu="3", on="b"), 2)],
        ("b", ["r"]),
    ),
    "a protected pod stays if another can go": (
        IMPORTANT,
        [
            node("a"),
            pod("q", cpu="2", on="a", labels={"app": "db"}),
            pod("r", cpu="2", on="a", priority=1),
            budget(0, app="db"),
        ],
        ("a", ["r"]),
    ),
    "a budget that allows one": (
        IMPORTANT,
        [node("a"), pod("q", cpu="3", on="a", labels={"app": "db"}), budget(1, app="db")],
        ("a", ["q"]),
    ),
    "equally important pods stay": (
        IMPORTANT,
        [node("a"), pod("q", cpu="3", on="a", priority=100)],
        "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
    ),
    "what preemption cannot solve": (
        IMPORTANT,
        [
            node("a", taints=[Taint(key="k", effect="NoSchedule")]),
            node("b", cpu="1"),
            node("c"),
            pod("q", cpu="3", on="c", priority=100),
        ],
        "preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, "
        "2 Preemption is not helpful for scheduling.",
    ),
    "too little even when empty of less important pods": (
        IMPORTANT,
        [node("a"), pod("q", cpu="3", on="a", priority=100), pod("r", cpu="1", on="a")],
        "preemption: 0/1 nodes are available: 1 Insufficient cpu.",
    ),
    "pods that must not preempt": (
        pod("p", cpu="2", priority=100, preemption_policy="Never"),
        [node("a"), pod("q", cpu="3", on="a")],
        "preemption: not eligible due to preemptionPolicy=Never.",
    ),
    "a port is freed": (
        pod("p", ports=[80], priority=100),
        [node("a"), pod("q", ports=[80], on="a")],
        ("a", ["q"]),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_preemption(case):
    wanted, objects, outcome = CASES[case]
    assert planned(wanted, *objects) == outcome


def test_nobody_else_is_sent_away_while_a_victim_still_ends():
    victim = leaving(pod("q", cpu="3", on="a"), preempted=True)
    assert planned(IMPORTANT, node("a"), victim, nominated="a") == (
        "preemption: not eligible due to a terminating pod on the nominated node."
    )


def test_a_pod_that_ends_by_itself_on_the_nominated_node_holds_nobody_up():
    assert planned(IMPORTANT, node("a"), leaving(pod("q", cpu="3", on="a")), nominated="a") == ("a", ["q"])


def test_the_search_goes_on_until_a_node_without_protected_victims_is_found():
    protected = [pod(f"q{i}", cpu="3", on=f"n{i}", labels={"app": "db"}) for i in range(8)]
    nodes = [node(f"n{i}") for i in range(9)]
    least = DefaultPreemptionArgs(min_candidate_nodes_percentage=0, min_candidate_nodes_absolute=1)
    found = planned(IMPORTANT, *nodes, *protected, pod("r", cpu="3", on="n8"), budget(0, app="db"), args=least)
    assert found == ("n8", ["r"])


def test_a_budget_protects_from_the_disruption_after_the_last_allowed():
    pods = [PodInfo(pod(f"p{i}", labels={"app": "db"})) for i in range(3)]
    protected, free = preemption.split_by_budgets(pods, [budget(2, app="db")])
    assert [found.name for found in free] == ["p0", "p1"]
    assert [found.name for found in protected] == ["p2"]
