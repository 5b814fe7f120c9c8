"""The victims found by adding up are those that the plain filters find, for every kind of resource."""

from datetime import UTC, datetime
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scheduler.test_preemption import budget
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.scheduler.framework import Code
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.preemption import try_node
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.scheduler.vector.victims import Demand

GPU, DISK = "example.com/gpu", "ephemeral-storage"
amounts = st.fixed_dictionaries(
    {},
    optional={
        "cpu": st.sampled_from(["500m", "1", "3"]),
        "memory": st.sampled_from(["1Gi", "3Gi"]),
        DISK: st.sampled_from(["1Gi", "2Gi"]),
        GPU: st.sampled_from(["1", "2"]),
        "example.com/nic": st.just("1"),
    },
)


@st.composite
def occupants(draw, name):
    one = pod(
        name,
        requests=draw(amounts),
        priority=draw(st.integers(0, 3)),
        labels=draw(st.sampled_from([None, {"app": "x"}, {"app": "y"}])),
    )
    if draw(st.booleans()):
        one.status.start_time = datetime(2026, 1, 1, 0, draw(st.integers(0, 2)), tzinfo=UTC)
    return PodInfo(one)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_equal_to_those_of_the_plain_filters(data):
    draw = data.draw
    api = FakeApi()
    size = {
        "cpu": draw(st.sampled_from(["1", "4"])),
        "memory": draw(st.sampled_from(["2Gi", "8Gi"])),
        "pods": draw(st.sampled_from(["1", "3", "9"])),
        DISK: draw(st.sampled_from(["0", "3Gi"])),
        GPU: draw(st.sampled_from(["0", "2", "3"])),
        "example.com/nic": "1",
    }
    api.put(node("a", **size))
    scheduler = Scheduler(api, api.informers, recorder=Recorder(), random=Random(1))  # type: ignore[arg-type]
    scheduler._nodes.add_handler(scheduler.intake.node_changed)
    for number in range(draw(st.integers(0, 6))):
        scheduler.snapshot.assume(draw(occupants(f"o{number}")), "a")
    wanted = PodInfo(pod("p", requests=draw(amounts), priority=draw(st.integers(0, 4))))
    budgets = [budget(draw(st.integers(0, 1)), app=app) for app in draw(st.sets(st.sampled_from("xy")))]
    cycle, row = scheduler._cycles["default-scheduler"].plain, scheduler.snapshot.rows[0]
    asked = cycle.filters(wanted)
    assert asked is not None
    failure = cycle.fits(asked[0], wanted, row, asked[1])
    if failure is not None and failure.rejected["a"].code is Code.UNRESOLVABLE:
        return  # a node that is too small is never asked
    assert Demand(wanted).victims(row, budgets) == try_node(cycle, *asked, wanted, row, budgets)
