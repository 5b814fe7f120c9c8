"""Who is next, who rests, who waits for what."""

import asyncio
import weakref

import pytest
from tests.contract.store import FakeClock, settle
from tests.support.scheduling import FakeApi, node, pod

from pybernetes.scheduler.framework import Action, ClusterEvent
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.queue import SchedulingQueue
from pybernetes.scheduler.scheduler import Scheduler

FIT = frozenset(["NodeResourcesFit"])


class Running:
    """A queue with the default profile, its timers running."""

    def __init__(self):
        self.clock = FakeClock()
        api = FakeApi()
        profiles = Scheduler(api, api.informers).profiles  # type: ignore[arg-type]
        self.queue = SchedulingQueue(profiles, self.clock)

    async def __aenter__(self):
        self._task = asyncio.create_task(self.queue.serve(asyncio.Event()))
        await settle()
        return self.queue, self.clock

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.wait([self._task])


async def popped(queue):
    """The name of the next pod."""
    async with asyncio.timeout(60):
        return (await queue.pop()).pod.name


async def empty(queue):
    task = asyncio.create_task(queue.pop())
    await settle()
    done = task.done()
    task.cancel()
    await asyncio.wait([task])
    return not done


def info(name, **more):
    return PodInfo(pod(name, **more))


class Something:
    """An object in an event, whose end can be seen."""


async def test_events_are_remembered_only_while_a_pod_is_tried():
    async with Running() as (queue, _):

        def happens() -> weakref.ref[Something]:
            thing = Something()
            queue.on_event(ClusterEvent("Node", Action.NODE_TAINTS, thing, thing))
            return weakref.ref(thing)

        assert happens()() is None
        queue.add(info("a"))
        queue.add(info("b"))
        first, second = await queue.pop(), await queue.pop()
        seen = happens()
        queue.done(first.pod.uid)
        assert seen() is not None
        queue.rejected(second, FIT)
        assert seen() is None
        assert happens()() is None


EVENTS = [
    (ClusterEvent("Node", Action.ADD, None, node("n", cpu="4")), True),
    (ClusterEvent("Node", Action.ADD, None, node("n", cpu="1")), False),
    (ClusterEvent("Node", Action.NODE_ALLOCATABLE, node("n", cpu="1"), node("n")), True),
    (ClusterEvent("Node", Action.NODE_TAINTS, node("n"), node("n")), False),
    (ClusterEvent("Pod", Action.DELETE, info("q", cpu="1")), True),
    (ClusterEvent("Pod", Action.ADD, None, info("q", cpu="1")), False),
    (ClusterEvent("Service", Action.ADD, None, None), False),
]
EVENT_IDS = ["a node", "a node that is too small", "more room", "a taint", "a pod left", "a pod came", "something else"]


async def test_higher_priority_first_then_who_waits_longer():
    async with Running() as (queue, clock):
        queue.add(info("low"))
        await clock.advance(1)
        queue.add(info("high", priority=10))
        queue.add(info("later"))
        assert [await popped(queue) for _ in range(3)] == ["high", "low", "later"]


async def test_pop_waits_for_a_pod():
    async with Running() as (queue, _):
        waiting = asyncio.create_task(queue.pop())
        await settle()
        queue.add(info("a"))
        async with asyncio.timeout(60):
            assert (await waiting).pod.name == "a"


async def test_a_removed_pod_is_not_popped():
    async with Running() as (queue, _):
        queue.add(info("a"))
        queue.remove("uid-default-a")
        assert await empty(queue)
        assert len(queue) == 0


async def test_gated_pods_wait_for_their_gates():
    async with Running() as (queue, _):
        queue.add(info("a", gates=["x"]))
        assert await empty(queue)
        assert queue.counts()["gated"] == 1
        queue.update(info("a"))
        assert await popped(queue) == "a"


@pytest.mark.parametrize(
    ("event", "wakes"),
    EVENTS,
    ids=EVENT_IDS,
)
@pytest.mark.parametrize("late", [False, True], ids=["while it waits", "while it is in flight"])
async def test_a_rejected_pod_wakes_by_what_interests_the_plugin_that_rejected_it(event, wakes, late):
    async with Running() as (queue, _):
        queue.add(info("a", cpu="2"))
        queued = await queue.pop()
        if late:
            queue.on_event(event)
        queue.rejected(queued, FIT)
        if not late:
            assert await empty(queue)
            queue.on_event(event)
        assert await empty(queue) != wakes


async def test_its_own_room_given_back_and_what_was_before_the_attempt_wake_nobody():
    async with Running() as (queue, _):
        queue.add(info("a", cpu="2"))
        queue.on_event(ClusterEvent("Node", Action.ADD, None, node("n", cpu="4")))
        queued = await queue.pop()
        queue.on_event(ClusterEvent("Pod", Action.DELETE, queued.pod))
        queue.rejected(queued, FIT)
        assert await empty(queue)


async def test_a_pod_that_changed_in_flight_is_tried_again():
    async with Running() as (queue, _):
        queue.add(info("a", cpu="2"))
        queued = await queue.pop()
        queue.update(info("a", cpu="1"))
        queue.rejected(queued, FIT)
        assert await popped(queue) == "a"


async def test_a_rejected_pod_that_changed_is_tried_again():
    async with Running() as (queue, _):
        queue.add(info("a", cpu="2"))
        queue.rejected(await queue.pop(), FIT)
        queue.update(info("a", cpu="1"))
        assert await popped(queue) == "a"


async def test_a_change_of_the_status_alone_wakes_nobody():
    async with Running() as (queue, _):
        queue.add(info("a"))
        queue.rejected(await queue.pop(), FIT)
        changed = pod("a")
        changed.status.reason = "x"
        queue.update(PodInfo(changed))
        assert await empty(queue)


async def test_after_a_failure_a_pod_rests_for_longer_each_time():
    async with Running() as (queue, clock):
        queue.add(info("a"))
        queued = await queue.pop()
        for seconds in (1, 2, 4, 8, 10, 10):
            queue.failed(queued)
            await clock.advance(seconds - 0.01)
            assert await empty(queue)
            await clock.advance(0.01)
            async with asyncio.timeout(60):
                queued = await queue.pop()


async def test_a_woken_pod_rests_while_others_are_active_and_is_taken_when_none_is():
    async with Running() as (queue, _):
        queue.add(info("a"))
        queue.rejected(await queue.pop(), FIT)
        queue.on_event(ClusterEvent("Pod", Action.DELETE, info("q")))
        queue.add(info("b"))
        assert queue.counts()["backoff"] == 1
        assert await popped(queue) == "b"
        assert await popped(queue) == "a"


async def test_nobody_waits_longer_than_five_minutes():
    async with Running() as (queue, clock):
        queue.add(info("a"))
        queue.rejected(await queue.pop(), FIT)
        for _ in range(9):
            await clock.advance(30)
        assert await empty(queue)
        await clock.advance(30)
        assert await popped(queue) == "a"


async def test_a_pod_that_left_while_it_was_tried_does_not_come_back():
    async with Running() as (queue, clock):
        queue.add(info("a"))
        first = await queue.pop()
        queue.remove("uid-default-a")
        queue.rejected(first, FIT)
        queue.add(info("b"))
        second = await queue.pop()
        queue.remove("uid-default-b")
        queue.failed(second)
        await clock.advance(20)
        assert await empty(queue)
