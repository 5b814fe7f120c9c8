"""The cycle over arrays decides as the plain one does: the same verdict for every node, the same best nodes.

Random clusters and histories: nodes with labels, taints, images and little room; pods with every kind of demand, of a
few templates, so that classes are met again after other pods came and went and nodes changed.
"""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.api.core import (
    Affinity,
    Namespace,
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
from pybernetes.api.meta import LabelSelector, LabelSelectorRequirement, ObjectMeta
from pybernetes.scheduler.diagnosis import Diagnosis
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.scheduler import Scheduler

ZONE, HOST, RACK = "topology.kubernetes.io/zone", "kubernetes.io/hostname", "rack"
KEYS = st.sampled_from([ZONE, HOST, RACK])
APPS = st.sampled_from(["a", "b", "c"])
NAMESPACES = st.sampled_from(["default", "other"])

selectors = st.one_of(
    st.builds(lambda app: LabelSelector(match_labels={"app": app}), APPS),
    st.builds(
        lambda apps: LabelSelector(
            match_expressions=[LabelSelectorRequirement(key="app", operator="In", values=sorted(apps))]
        ),
        st.sets(APPS, min_size=1),
    ),
    st.just(LabelSelector()),
    st.none(),
)
taints = st.builds(
    lambda key, effect: Taint(key=key, value="x", effect=effect),
    st.sampled_from(["k", "l"]),
    st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
)
tolerations = st.builds(
    lambda key, operator, effect: Toleration(key=key, operator=operator, value="x", effect=effect),
    st.sampled_from(["k", "l", "node.kubernetes.io/unschedulable"]),
    st.sampled_from(["Exists", "Equal", None]),
    st.sampled_from(["NoSchedule", "PreferNoSchedule", None]),
)
requirements = st.one_of(
    st.builds(
        lambda key, operator, values: NodeSelectorRequirement(key=key, operator=operator, values=sorted(values)),
        st.sampled_from([ZONE, RACK]),
        st.sampled_from(["In", "NotIn"]),
        st.sets(st.sampled_from(["1", "2", "3"]), min_size=1),
    ),
    st.builds(
        lambda key, operator: NodeSelectorRequirement(key=key, operator=operator),
        st.sampled_from([ZONE, RACK]),
        st.sampled_from(["Exists", "DoesNotExist"]),
    ),
    st.builds(
        lambda operator, value: NodeSelectorRequirement(key=RACK, operator=operator, values=[value]),
        st.sampled_from(["Gt", "Lt"]),
        st.sampled_from(["1", "2"]),
    ),
)
node_terms = st.builds(
    lambda rows: NodeSelectorTerm(match_expressions=rows or None), st.lists(requirements, max_size=2)
)
node_affinities = st.builds(
    lambda required, preferred: NodeAffinity(
        required_during_scheduling_ignored_during_execution=NodeSelector(node_selector_terms=required)
        if required
        else None,
        preferred_during_scheduling_ignored_during_execution=[
            PreferredSchedulingTerm(weight=weight, preference=term) for weight, term in preferred
        ]
        or None,
    ),
    st.lists(node_terms, max_size=2),
    st.lists(st.tuples(st.integers(1, 100), node_terms), max_size=2),
)
pod_terms = st.builds(
    lambda key, selector, namespaces, everywhere, same, other: PodAffinityTerm(
        topology_key=key,
        label_selector=selector,
        namespaces=sorted(namespaces) or None,
        namespace_selector=everywhere,
        match_label_keys=same,
        mismatch_label_keys=other,
    ),
    KEYS,
    selectors,
    st.sets(NAMESPACES, max_size=1),
    st.sampled_from([None, None, LabelSelector(), LabelSelector(match_labels={"team": "x"})]),
    st.sampled_from([None, None, None, ["version"]]),
    st.sampled_from([None, None, None, ["version"]]),
)


def _pod_affinity(kind, required, preferred):
    weighted = [WeightedPodAffinityTerm(weight=weight, pod_affinity_term=term) for weight, term in preferred]
    return kind(
        required_during_scheduling_ignored_during_execution=required or None,
        preferred_during_scheduling_ignored_during_execution=weighted or None,
    )


def _pod_affinities(kind):
    return st.builds(
        lambda required, preferred: _pod_affinity(kind, required, preferred),
        st.lists(pod_terms, max_size=2),
        st.lists(st.tuples(st.integers(1, 100), pod_terms), max_size=2),
    )


affinities = st.builds(
    lambda nodes, near, apart: Affinity(node_affinity=nodes, pod_affinity=near, pod_anti_affinity=apart),
    st.none() | node_affinities,
    st.none() | _pod_affinities(PodAffinity),
    st.none() | _pod_affinities(PodAntiAffinity),
)
constraints = st.builds(
    lambda key, skew, when, selector, domains, affinity, taint, keys: TopologySpreadConstraint(
        topology_key=key,
        max_skew=skew,
        when_unsatisfiable=when,
        label_selector=selector,
        min_domains=domains if when == "DoNotSchedule" else None,
        node_affinity_policy=affinity,
        node_taints_policy=taint,
        match_label_keys=keys,
    ),
    KEYS,
    st.integers(1, 2),
    st.sampled_from(["DoNotSchedule", "ScheduleAnyway"]),
    selectors,
    st.sampled_from([None, 2, 5]),
    st.sampled_from([None, "Honor", "Ignore"]),
    st.sampled_from([None, "Honor", "Ignore"]),
    st.sampled_from([None, None, ["version"]]),
)


@st.composite
def templates(draw):
    """A function from a pod's name to a pod."""
    kind = draw(st.integers(0, 7))
    settings = {
        "namespace": draw(NAMESPACES),
        "labels": draw(st.sampled_from([None, {}])) or {"app": draw(APPS), "version": draw(st.sampled_from("12"))},
        "cpu": draw(st.sampled_from(["", "100m", "500m", "3", "9"])),
        "memory": draw(st.sampled_from(["", "200Mi", "5Gi"])),
        "priority": draw(st.sampled_from([None, 5])),
        "image": draw(st.sampled_from(["app:1", "big"])),
    }
    if draw(st.booleans()):
        settings["tolerations"] = draw(st.lists(tolerations, max_size=2))
    if kind == 0:
        settings["ports"] = [draw(st.sampled_from([80, 81]))]
    if kind == 1:
        settings["requests"] = {"example.com/gpu": "1", "ephemeral-storage": "1Gi"}
    if kind in (2, 3):
        settings["affinity"] = draw(affinities)
    if kind in (4, 5):
        settings["topology_spread_constraints"] = draw(st.lists(constraints, min_size=1, max_size=2))
    if kind == 5 or kind == 6:
        settings["node_selector"] = draw(st.sampled_from([{ZONE: "1"}, {RACK: "2"}, {"absent": ""}, None]))
    return lambda name, on="": pod(name, on=on, **settings)


@st.composite
def clusters_nodes(draw, name):
    labels = {}
    if draw(st.integers(0, 5)):
        labels[ZONE] = draw(st.sampled_from(["1", "2", "3"]))
    if draw(st.booleans()):
        labels[RACK] = draw(st.sampled_from(["1", "2", "x"]))
    return node(
        name,
        cpu=draw(st.sampled_from(["0", "1", "4"])),
        memory=draw(st.sampled_from(["0", "1Gi", "8Gi"])),
        pods=draw(st.sampled_from(["2", "110"])),
        labels=labels,
        taints=draw(st.lists(taints, max_size=2)) if draw(st.integers(0, 2)) == 0 else (),
        unschedulable=draw(st.integers(0, 9)) == 0,
        images=draw(st.sampled_from([None, {"app:1": 500 << 20}, {"big:latest": 900 << 20, "app:1": 90 << 20}])),
        **draw(st.sampled_from([{}, {"example.com/gpu": "2", "ephemeral-storage": "10Gi"}])),
    )


def _judge_plainly(scheduler, info):
    """({node: reasons}, {best nodes}) by the plain plugins, over all nodes."""
    cycle, snapshot = scheduler._cycles["default-scheduler"].plain, scheduler.snapshot
    state, diagnosis = CycleState(), Diagnosis(len(snapshot.rows))
    asked = cycle.pre_filter(state, info, diagnosis)
    assert asked is not None
    nodes = cycle._filter(state, info, snapshot.rows, asked[1], diagnosis)
    reasons = {name: (verdict.code, verdict.reasons) for name, verdict in diagnosis.rejected.items()}
    best = set()
    if nodes:
        totals = cycle.totals(state, info, nodes)
        best = {one.name for one, total in zip(nodes, totals, strict=True) if total == max(totals)}
    return reasons, best, diagnosis


def _compare(scheduler, one):
    info = PodInfo(one)
    reasons, best, diagnosis = _judge_plainly(scheduler, info)
    vector = scheduler._cycles["default-scheduler"].vector
    decision = vector.decide(info)
    if not best:
        assert decision.node_name == ""
        found = decision.diagnosis
        assert found.message() == diagnosis.message()
        assert found.plugins == diagnosis.plugins
        for row in scheduler.snapshot.rows:
            verdict = found.verdict(row.name)
            assert (verdict.code, verdict.reasons) == reasons[row.name]
        return None
    assert decision.node_name in best
    if not scheduler.nominations:
        kept = vector.class_of(info)
        rows = scheduler.snapshot.rows
        assert {rows[row].name for row in (kept.key == kept.key.max()).nonzero()[0]} == best
        codes, _ = kept.codes()
        assert {row.name for row in rows if not codes[row.row]} == {row.name for row in rows} - set(reasons)
    return decision.node_name


def _scheduler(api):
    scheduler = Scheduler(api, api.informers, recorder=Recorder(), random=Random(1))  # type: ignore[arg-type]
    scheduler._cycles["default-scheduler"]._many = 0
    for informer, handler in (
        (scheduler._namespaces, scheduler._namespace_changed),
        (scheduler._nodes, scheduler.intake.node_changed),
        (scheduler._pods, scheduler.intake.pod_changed),
    ):
        informer.add_handler(handler)
    return scheduler


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_verdicts_and_best_nodes_are_equal(data):
    draw = data.draw
    api = FakeApi()
    for name in ("default", "other"):
        api.put(
            Namespace(metadata=ObjectMeta(name=name, uid=name, labels=draw(st.sampled_from([None, {"team": "x"}]))))
        )
    names = [f"n{i}" for i in range(draw(st.integers(1, 8) | st.just(24)))]
    api.put(*(draw(clusters_nodes(name)) for name in names))
    if draw(st.booleans()):
        api.put(
            Service(
                metadata=ObjectMeta(name="s", namespace="default", uid="s"), spec=ServiceSpec(selector={"app": "a"})
            )
        )
    scheduler = _scheduler(api)
    made = draw(st.lists(templates(), min_size=1, max_size=4))
    placed = []
    for number in range(draw(st.integers(1, 14))):
        step = draw(st.integers(0, 9))
        if step == 0:
            api.put(draw(clusters_nodes(draw(st.sampled_from(names)))))
        elif step == 1 and len(names) > 1 and api.informers.of(type(node("x"))).get(names[-1]):
            api.remove(api.informers.of(type(node("x"))).get(names.pop()))
        elif step == 2 and placed:
            scheduler.snapshot.remove_pod(placed.pop(draw(st.integers(0, len(placed) - 1))))
        elif step == 3:
            info = PodInfo(draw(st.sampled_from(made))(f"f{number}"))
            scheduler.snapshot.assume(info, draw(st.sampled_from(names)))
            placed.append(info.uid)
        elif step == 4:
            info = PodInfo(draw(st.sampled_from(made))(f"nominated{number}"))
            scheduler.nominations.set(info, draw(st.sampled_from(names)))
        else:
            one = draw(st.sampled_from(made))(f"p{number}")
            chosen = _compare(scheduler, one)
            if chosen is not None:
                scheduler.snapshot.assume(PodInfo(one), chosen)
                placed.append(PodInfo(one).uid)
