"""Victims found over arrays are those found node by node: the same harm and messages, whatever happened between."""

from datetime import UTC, datetime
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.api.core import Taint
from pybernetes.api.meta import LabelSelector, ObjectMeta
from pybernetes.api.policy import PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus
from pybernetes.scheduler import preemption
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.scheduler import Scheduler

CPU = st.sampled_from(["500m", "1", "2"])


def _budget(name, app, allowed):
    return PodDisruptionBudget(
        metadata=ObjectMeta(name=name, namespace="default", uid=name),
        spec=PodDisruptionBudgetSpec(selector=LabelSelector(match_labels={"app": app})),
        status=PodDisruptionBudgetStatus(disruptions_allowed=allowed),
    )


def _begin(scheduler, uid, minute):
    """The pod begins to run, as the watch shows it."""
    known = scheduler.snapshot.placed[uid]
    status = replace(known.pod.pod.status, start_time=datetime(2026, 1, 1, 0, minute, tzinfo=UTC))
    scheduler.snapshot.set_pod(known.pod.renewed(replace(known.pod.pod, status=status)), known.node_name)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_equal_to_the_plain_plan(data):
    draw = data.draw
    api = FakeApi()
    names = [f"n{i}" for i in range(draw(st.integers(1, 6)))]
    for name in names:
        taints = [Taint(key="k", effect="NoSchedule")] if draw(st.integers(0, 4)) == 0 else []
        api.put(
            node(
                name, cpu=draw(st.sampled_from(["1", "2", "4"])), pods=draw(st.sampled_from(["2", "9"])), taints=taints
            )
        )
    if draw(st.booleans()):
        api.put(_budget("b", draw(st.sampled_from("xy")), draw(st.integers(0, 1))))
    scheduler = Scheduler(api, api.informers, recorder=Recorder(), random=Random(1))  # type: ignore[arg-type]
    scheduler._cycles["default-scheduler"]._many = 0
    scheduler._nodes.add_handler(scheduler.intake.node_changed)
    placed = []
    promised = []
    for number in range(draw(st.integers(4, 24))):
        step = draw(st.integers(0, 9))
        if placed and step < 2:
            scheduler.snapshot.remove_pod(placed.pop(0))
        elif placed and step == 2:
            _begin(scheduler, draw(st.sampled_from(placed)), draw(st.integers(0, 59)))
        elif promised and step == 3:
            scheduler.nominations.remove(promised.pop())
        elif step == 4:
            api.put(_budget("b", draw(st.sampled_from("xy")), draw(st.integers(0, 1))))
        elif step == 5:
            api.put(node(draw(st.sampled_from(names)), cpu=draw(st.sampled_from(["1", "2", "4"]))))
        else:
            other = PodInfo(
                pod(
                    f"o{number}",
                    cpu=draw(CPU),
                    priority=draw(st.integers(0, 2)),
                    labels={"app": draw(st.sampled_from("xy"))},
                )
            )
            scheduler.snapshot.assume(other, draw(st.sampled_from(names)))
            placed.append(other.uid)
        if number % 3:
            continue
        wanted = PodInfo(
            pod(f"p{number}", cpu=draw(st.sampled_from(["2", "4", "8"])), priority=draw(st.integers(1, 3)))
        )
        decision = scheduler._cycles["default-scheduler"].decide(wanted)
        if decision.node_name:
            continue
        budgets = api.informers.of(PodDisruptionBudget).list()
        found = scheduler._cycles["default-scheduler"].vector.plan(wanted, decision.diagnosis, budgets)
        expected = preemption.plan(
            scheduler._cycles["default-scheduler"].plain,
            scheduler.snapshot,
            scheduler.nominations,
            wanted,
            decision.diagnosis,
            budgets,
            Random(1),
        )
        if isinstance(expected, str):
            assert found == expected
            continue
        if scheduler.nominations:  # promised nodes come last here, so a more harmful plan may be found first
            assert not isinstance(found, str)
            continue
        assert preemption.harm(found) == preemption.harm(expected)
        assert [victim.priority for victim in found.victims] == [victim.priority for victim in expected.victims]
        if draw(st.integers(0, 4)) == 0:
            scheduler.nominations.set(wanted, found.node_name)
            promised.append(wanted.uid)
