"""Queueing hints lose nobody: a change after which a waiting pod fits has woken it, whatever kept it waiting.

The converse is a matter of cost, not of truth; a few plain cases show that changes that cannot help wake nobody.
"""

import asyncio
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.contract.store import FakeClock
from tests.scheduler.vector.test_equals_plain import clusters_nodes, templates
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.api.core import (
    Namespace,
    Node,
    PodResourceClaim,
    PodResourceClaimStatus,
    Service,
    ServiceSpec,
    Taint,
    TopologySpreadConstraint,
)
from pybernetes.api.dynamic_resource import ResourceClaim
from pybernetes.api.meta import LabelSelector, ObjectMeta
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.queue import Place
from pybernetes.scheduler.scheduler import Scheduler


def scheduler_of(api):
    found = Scheduler(
        api,  # type: ignore[arg-type]
        api.informers,
        clock=FakeClock(),
        recorder=Recorder(),  # type: ignore[arg-type]
        random=Random(1),
    )
    for informer, handler in (
        (found._namespaces, found._namespace_changed),
        (found._nodes, found.intake.node_changed),
        (found._pods, found.intake.pod_changed),
    ):
        informer.add_handler(handler)
    return found


async def reject(scheduler, api, wanted):
    """The pod as it waits; None when it fits somewhere."""
    api.put(wanted)
    queued = await scheduler.queue.pop()
    decision = scheduler.cycle_of(queued.pod).decide(queued.pod)
    if decision.node_name:
        return None
    scheduler.queue.rejected(queued, decision.diagnosis.plugins)
    return queued


@st.composite
def histories(draw):
    """(objects, the pod, changes of every kind that can be made of what is there)."""
    names = [f"n{i}" for i in range(draw(st.integers(1, 4)))]
    nodes = [draw(clusters_nodes(name)) for name in names]
    make = draw(st.lists(templates(), min_size=2, max_size=3))
    placed = [
        draw(st.sampled_from(make))(f"r{i}", on=draw(st.sampled_from(names))) for i in range(draw(st.integers(0, 5)))
    ]
    changes = {
        "node changes": draw(clusters_nodes(draw(st.sampled_from(names)))),
        "node comes": draw(clusters_nodes("new")),
        "node goes": draw(st.sampled_from(nodes)),
        "pod comes": draw(st.sampled_from(make))("late", on=draw(st.sampled_from(names))),
    }
    if placed:
        changes["pod goes"] = one = draw(st.sampled_from(placed))
        labels = {"app": draw(st.sampled_from("abc"))}
        changes["pod changes"] = replace(one, metadata=replace(one.metadata, labels=labels, generation=2))
    return [*nodes, *placed], make[0]("wanted"), changes


@settings(max_examples=100, deadline=None, phases=set(Phase) - {Phase.explain})
@given(histories(), st.booleans())
def test_a_change_after_which_a_waiting_pod_fits_has_woken_it(history, service):
    objects, wanted, changes = history

    async def follow(kind, change):
        api = FakeApi()
        for name in ("default", "other"):
            api.put(Namespace(metadata=ObjectMeta(name=name, uid=name, labels={"team": "x"})))
        if service:
            metadata = ObjectMeta(name="s", namespace="default", uid="s")
            api.put(Service(metadata=metadata, spec=ServiceSpec(selector={"app": "a"})))
        api.put(*objects)
        scheduler = scheduler_of(api)
        queued = await reject(scheduler, api, wanted)
        if queued is None:
            return False
        if kind.endswith("goes"):
            api.remove(api.informers.of(type(change)).get(change.metadata.name, change.metadata.namespace or ""))
        else:
            api.put(change)
        decision = scheduler.cycle_of(queued.pod).plain.decide(PodInfo(wanted))
        if decision.node_name:
            assert queued.place is not Place.WAITING, f"{kind}: fits on {decision.node_name} now"
        return True

    async def run():
        for kind, change in changes.items():
            if not await follow(kind, change):
                return

    asyncio.run(run())


SMALL = node("a", cpu="1")
TAINTED, LOCKED = Taint(key="k", effect="NoSchedule"), Taint(key="l", effect="NoSchedule")
QUIET = {
    "a node that is too small": ([SMALL], pod("p", cpu="2"), node("b", cpu="1")),
    "a node that repels it": (
        [SMALL],
        pod("p", cpu="2"),
        node("b", cpu="1", taints=[TAINTED]),
    ),
    "a heartbeat": ([SMALL], pod("p", cpu="2"), SMALL),
    "another label": ([node("a")], pod("p", node_selector={"x": "1"}), node("a", labels={"y": "1"})),
    "a pod elsewhere": ([SMALL], pod("p", cpu="2"), pod("r", on="a")),
    "a taint besides": (
        [node("a", taints=[TAINTED])],
        pod("p"),
        node("a", taints=[TAINTED, LOCKED]),
    ),
}


@pytest.mark.parametrize("case", QUIET)
async def test_what_cannot_help_wakes_nobody(case):
    objects, wanted, change = QUIET[case]
    api = FakeApi()
    api.put(*objects)
    scheduler = scheduler_of(api)
    queued = await reject(scheduler, api, wanted)
    assert queued is not None
    api.put(change)
    assert queued.place is Place.WAITING


SPREAD = [
    TopologySpreadConstraint(
        max_skew=1,
        topology_key="zone",
        when_unsatisfiable="DoNotSchedule",
        node_taints_policy="Honor",
        label_selector=LabelSelector(match_labels={"app": "a"}),
    )
]
CROWDED = [
    node("a", labels={"zone": "1"}),
    node("c", labels={"zone": "3"}, cpu="0"),
    pod("r", on="a", labels={"app": "a"}),
]
"""A pod that has to keep an even spread cannot go to zone 1, as zone 3 has none of its kind and no room either."""
NODE_EVENTS = {
    "a node goes": (None, True),
    "its zone is taken off it": (node("c", cpu="0"), True),
    "it goes over to another zone": (node("c", labels={"zone": "1"}, cpu="0"), True),
    "it is tainted and no longer counts": (node("c", labels={"zone": "3"}, cpu="0", taints=[TAINTED]), True),
    "a zone comes": (node("d", labels={"zone": "4"}), True),
    "a node without a zone comes": (node("d", cpu="0"), False),
    "another label": (node("c", labels={"zone": "3", "other": "x"}, cpu="0"), False),
}


@pytest.mark.parametrize("case", NODE_EVENTS)
async def test_pods_that_spread_wake_for_nodes_that_change_the_domains(case):
    change, wakes = NODE_EVENTS[case]
    api = FakeApi()
    api.put(*CROWDED)
    scheduler = scheduler_of(api)
    labels = {"app": "a"}
    queued = await reject(scheduler, api, pod("p", cpu="1", labels=labels, topology_spread_constraints=SPREAD))
    assert queued is not None
    assert "PodTopologySpread" in queued.plugins
    if change is None:
        api.remove(api.informers.of(Node).get("c"))
    else:
        api.put(change)
    assert (queued.place is not Place.WAITING) is wakes


async def test_a_pod_waits_at_the_gate_for_the_claims_made_for_it():
    """Template first, claim second, the pod's status last or the claim's event last: both let it in."""
    api = FakeApi()
    api.put(node("a"))
    scheduler = scheduler_of(api)
    api.informers.of(ResourceClaim).add_handler(scheduler.intake.storage_handler("ResourceClaim"))
    template = [PodResourceClaim(name="gpu", resource_claim_template_name="t")]
    p, q = pod("p", resource_claims=template), pod("q", resource_claims=template)
    api.put(p, q)
    assert scheduler.queue.counts()["gated"] == 2

    def named(one):
        made = [PodResourceClaimStatus(name="gpu", resource_claim_name=f"{one.metadata.name}-gpu")]
        return replace(one, status=replace(one.status, resource_claim_statuses=made))

    def claim(name):
        return ResourceClaim(metadata=ObjectMeta(name=name, namespace="default", uid=name))

    api.put(claim("p-gpu"))
    assert scheduler.queue.counts()["gated"] == 2
    api.put(named(p))
    assert (scheduler.queue.counts()["gated"], scheduler.queue.counts()["active"]) == (1, 1)
    api.put(named(q))
    assert scheduler.queue.counts()["gated"] == 1
    api.put(claim("q-gpu"))
    assert (scheduler.queue.counts()["gated"], scheduler.queue.counts()["active"]) == (0, 2)


async def test_a_gate_that_is_taken_away_lets_just_its_pod_in():
    api = FakeApi()
    api.put(node("a"))
    scheduler = scheduler_of(api)
    api.put(pod("p", gates=["x", "y"]), pod("q", gates=["x"]))
    assert scheduler.queue.counts()["gated"] == 2
    changed = pod("p", gates=["y"])
    api.put(changed)
    assert scheduler.queue.counts()["gated"] == 2
    api.put(pod("p"))
    assert scheduler.queue.counts() | {"gated": 1, "active": 1} == scheduler.queue.counts()
    assert (await scheduler.queue.pop()).pod.name == "p"


async def test_a_node_that_leaves_between_decision_and_binding_takes_nobody_with_it():
    """The pod is bound there, as upstream binds it, and the pod collector has the last word; nothing is left behind."""
    api = FakeApi()
    api.put(node("a"))
    scheduler = scheduler_of(api)
    api.put(pod("p", cpu="1"))
    queued = await scheduler.queue.pop()
    decision = scheduler.cycle_of(queued.pod).decide(queued.pod)
    assert scheduler.reservations.take(decision.state, queued.pod, decision.node_name) is None
    api.remove(api.informers.of(Node).get("a"))
    await scheduler.binding.bind(queued, decision.state, decision.node_name)
    assert api.bound == {"p": "a"}
    assert len(scheduler.queue) == 0
    assert not scheduler.snapshot.rows
    api.put(node("a"))
    assert scheduler.snapshot.rows[0].cpu == 1000
    api.remove(api.pod("p"))
    assert scheduler.snapshot.rows[0].cpu == 0
