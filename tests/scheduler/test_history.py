"""Random histories: whatever happens, nobody who fits somewhere is left waiting, and nothing is forgotten."""

import asyncio
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.store import FakeClock, settle
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.api.core import Node, Pod, Taint
from pybernetes.base.tasks import running
from pybernetes.scheduler.scheduler import Scheduler

NODES = ["a", "b", "c"]
TAINT = Taint(key="k", effect="NoSchedule")
STEP = st.one_of(
    st.tuples(st.just("pod"), st.integers(0, 11), st.integers(1, 4)),
    st.tuples(st.just("delete pod"), st.integers(0, 11), st.none()),
    st.tuples(st.just("end pod"), st.integers(0, 11), st.none()),
    st.tuples(st.just("node"), st.sampled_from(NODES), st.integers(1, 6)),
    st.tuples(st.just("taint"), st.sampled_from(NODES), st.none()),
    st.tuples(st.just("delete node"), st.sampled_from(NODES), st.none()),
    st.tuples(st.just("refuse"), st.integers(1, 3), st.none()),
    st.tuples(st.just("time"), st.integers(1, 12), st.none()),
)


async def replay(steps) -> None:
    api, clock = FakeApi(), FakeClock()
    scheduler = Scheduler(
        api,  # type: ignore[arg-type]
        api.informers,
        clock=clock,
        recorder=Recorder(),  # type: ignore[arg-type]
        random=Random(0),
    )
    pods, nodes = api.informers.of(Pod), api.informers.of(Node)
    async with running("scheduler", scheduler.serve):
        for action, what, amount in steps:
            name = f"p{what}"
            if action == "pod" and pods.get(name, "default") is None:
                api.put(pod(name, cpu=str(amount), ports=[80] if what % 5 == 0 else []))
            elif action == "delete pod" and (found := pods.get(name, "default")) is not None:
                api.remove(found)
            elif action == "end pod" and (found := pods.get(name, "default")) is not None and found.spec.node_name:
                ended = pod(name, on=found.spec.node_name)
                ended.status.phase = "Failed"
                api.put(ended)
            elif action == "node":
                api.put(node(what, cpu=str(amount)))
            elif action == "taint" and nodes.get(what) is not None:
                api.put(node(what, taints=[TAINT]))
            elif action == "delete node" and (found := nodes.get(what)) is not None:
                api.remove(found)
            elif action == "refuse":
                api.fail_bindings = what
            elif action == "time":
                await clock.advance(what)
            if len(steps) % 2:
                await settle()
        api.fail_bindings = 0
        for _ in range(3):
            await clock.advance(11)
            for _ in range(5):
                await settle()
        check(scheduler, pods.list(), nodes.list())


def check(scheduler: Scheduler, pods: list[Pod], nodes: list[Node]) -> None:
    alive = [one for one in pods if one.status.phase not in ("Failed", "Succeeded")]
    placed = {one.metadata.uid: one.spec.node_name for one in alive if one.spec.node_name}
    waiting = [one for one in alive if not one.spec.node_name]
    assert {uid: found.node_name for uid, found in scheduler.snapshot.placed.items()} == placed
    assert not any(found.assumed for found in scheduler.snapshot.placed.values())
    assert {queued.pod.uid for queued in scheduler.queue._pods.values()} == {one.metadata.uid for one in waiting}
    assert len(scheduler.snapshot.rows) == len(nodes)
    for info in scheduler.snapshot.rows:
        for one in waiting:
            container = one.spec.containers[0]
            fits = int(container.resources.requests["cpu"]) * 1000 <= info.allocatable_cpu - info.cpu
            free = not (container.ports and info.ports)
            assert info.hard_taints or not (fits and free), f"{one.metadata.name} was left waiting"


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_random_histories(steps):
    asyncio.run(replay(steps))
