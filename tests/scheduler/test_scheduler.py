"""The whole scheduler against an API server's stand-in: pods are bound, and those that cannot be say why."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest
from tests.contract.store import FakeClock, settle
from tests.support.scheduling import FakeApi, Recorder, node, pod

from pybernetes.api.core import (
    Binding,
    ContainerStatus,
    PodCondition,
    ResourceRequirements,
)
from pybernetes.api.status import StatusError
from pybernetes.base.tasks import running
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.framework import Code, Verdict
from pybernetes.scheduler.scheduler import Scheduler


class Cluster(FakeApi):
    scheduler: Scheduler
    recorder: Recorder
    clock: FakeClock

    def condition(self, name):
        return next(row for row in self.pod(name).status.conditions or () if row.type == "PodScheduled")


@asynccontextmanager
async def cluster(*objects, clock=None, api=None, **config):
    api = api or Cluster()
    api.put(*objects)
    api.recorder, api.clock = Recorder(), clock or FakeClock()
    api.scheduler = Scheduler(
        api,  # type: ignore[arg-type]
        api.informers,
        SchedulerConfig(**config),
        clock=api.clock,
        recorder=api.recorder,  # type: ignore[arg-type]
        random=Random(0),
    )
    async with running("scheduler", api.scheduler.serve):
        yield api


async def test_a_pod_is_bound_and_says_so():
    async with cluster(node("a")) as api:
        api.put(pod("p"))
        await api.until(lambda: api.bound)
        await settle()
        assert api.bound == {"p": "a"}
        assert api.recorder.events == [("Normal", "Scheduled", "p", "Successfully assigned default/p to a")]
        assert len(api.scheduler.queue) == 0
        assert not api.scheduler.snapshot.is_assumed("uid-default-p")


async def test_many_pods_fill_the_nodes_exactly():
    async with cluster(*(node(f"n{i}", cpu="2") for i in range(5))) as api:
        api.put(*(pod(f"p{i}", cpu="500m") for i in range(23)))
        await api.until(lambda: len(api.bound) == 20)
        await settle()
        assert sorted(list(api.bound.values()).count(f"n{i}") for i in range(5)) == [4] * 5
        assert api.scheduler.queue.counts()["waiting"] == 3


async def test_a_pod_without_a_place_gets_condition_and_event_and_is_bound_when_a_node_comes():
    async with cluster(node("a", cpu="1")) as api:
        api.put(pod("p", cpu="2"))
        await api.until(lambda: api.patches)
        await settle()
        message = (
            "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
            "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        )
        assert api.recorder.events == [("Warning", "FailedScheduling", "p", message)]
        condition = api.condition("p")
        assert (condition.status, condition.reason, condition.message) == ("False", "Unschedulable", message)
        assert condition.observed_generation == 1
        api.put(node("b", cpu="4"))
        await api.until(lambda: api.bound)
        assert api.bound == {"p": "b"}


async def test_the_same_failure_is_not_written_twice():
    async with cluster(node("a", cpu="1"), pod("q", cpu="1", on="a", priority=1)) as api:
        api.put(pod("p", cpu="1"))
        await api.until(lambda: api.patches)
        for i in range(3):
            api.put(pod(f"r{i}", on="a"))
            api.remove(api.pod(f"r{i}"))
            await settle()
        assert api.recorder.reasons().count("FailedScheduling") == 4
        assert len(api.patches) == 1


async def test_without_nodes_a_pod_waits_for_the_first():
    async with cluster() as api:
        api.put(pod("p"))
        await api.until(lambda: api.patches)
        assert api.condition("p").message == "no nodes available to schedule pods"
        api.put(node("a"))
        await api.until(lambda: api.bound)


async def test_a_pod_that_leaves_makes_room():
    async with cluster(node("a", cpu="1"), pod("q", cpu="1", on="a")) as api:
        api.put(pod("p", cpu="1"))
        await api.until(lambda: api.patches)
        api.remove(api.pod("q"))
        await api.until(lambda: api.bound)


async def test_a_pod_that_ended_makes_room():
    async with cluster(node("a", cpu="1"), pod("q", cpu="1", on="a")) as api:
        api.put(pod("p", cpu="1"))
        await api.until(lambda: api.patches)
        ended = api.pod("q")
        api.put(msgspec.structs.replace(ended, status=msgspec.structs.replace(ended.status, phase="Succeeded")))
        await api.until(lambda: api.bound)


@pytest.mark.parametrize(
    "other",
    [
        pod("p", gates=["x"]),
        msgspec.structs.replace(pod("p"), spec=msgspec.structs.replace(pod("p").spec, scheduler_name="mine")),
    ],
    ids=["gated", "of another scheduler"],
)
async def test_pods_that_are_not_to_be_scheduled_are_left_alone(other):
    async with cluster(node("a")) as api:
        api.put(other)
        await settle()
        assert not api.bound
        assert not api.recorder.events


async def test_a_refused_binding_gives_the_room_back_and_is_tried_again():
    async with cluster(node("a", cpu="1")) as api:
        api.fail_bindings = 1
        api.put(pod("p", cpu="1"))
        await api.until(lambda: api.patches)
        assert api.condition("p").reason == "SchedulerError"
        assert api.scheduler.snapshot.rows[0].cpu == 0
        await api.clock.advance(1)
        await api.until(lambda: api.bound)


async def test_a_pod_deleted_before_it_is_bound_is_forgotten():
    async with cluster(node("a", cpu="1")) as api:
        api.put(pod("p", cpu="1"))
        api.remove(api.pod("p"))
        await settle()
        api.put(pod("q", cpu="1"))
        await api.until(lambda: api.bound)
        assert api.bound == {"q": "a"}


async def test_an_important_pod_preempts_and_is_nominated():
    async with cluster(node("a", cpu="1"), pod("low", cpu="1", on="a")) as api:
        api.put(pod("high", cpu="1", priority=10))
        await api.until(lambda: api.bound)
        await settle()
        assert api.deleted == ["low"]
        assert api.bound == {"high": "a"}
        assert ("Normal", "Preempted", "low", "Preempted by pod uid-default-high on node a") in api.recorder.events
        nominated = [body["status"].get("nominatedNodeName") for name, body in api.patches if name == "high"]
        assert nominated == ["a"]
        disrupted = [body for name, body in api.patches if name == "low"]
        assert disrupted[0]["status"]["conditions"][0]["reason"] == "PreemptionByScheduler"


async def test_a_pod_that_no_preemption_helps_is_nominated_no_more():
    lost = pod("p", cpu="3", priority=10)
    lost.status.nominated_node_name = "a"
    async with cluster(node("a", cpu="2")) as api:
        api.put(lost)
        await api.until(lambda: api.patches)
        assert (api.pod("p").status.nominated_node_name, list(api.scheduler.nominations.nodes())) == (None, [])


async def test_a_pod_whose_victims_still_end_stays_nominated():
    lost, victim = pod("p", cpu="3", priority=10), pod("q", cpu="3", on="a")
    lost.status.nominated_node_name = "a"
    victim.metadata.deletion_timestamp = datetime(2026, 1, 1, tzinfo=UTC)
    victim.status.conditions = [PodCondition(type="DisruptionTarget", status="True", reason="PreemptionByScheduler")]
    async with cluster(node("a"), victim) as api:
        api.put(lost)
        await api.until(lambda: api.patches)
        assert api.condition("p").message.endswith("not eligible due to a terminating pod on the nominated node.")
        assert (api.pod("p").status.nominated_node_name, api.scheduler.nominations.nodes()) == ("a", ["a"])


async def test_room_made_for_a_nominated_pod_is_not_taken_by_a_lesser_one():
    async with cluster(node("a", cpu="1"), pod("low", cpu="1", on="a")) as api:
        api.put(pod("high", cpu="1", priority=10), pod("small", cpu="1"))
        await api.until(lambda: api.bound)
        await settle()
        assert api.bound == {"high": "a"}


def resized(name, wanted, has):
    one = pod(name, cpu=wanted, on="a")
    resources = ResourceRequirements(requests={"cpu": has})
    one.status.container_statuses = [ContainerStatus(name="app", resources=resources)]
    return one


async def test_the_room_of_a_shrinking_pod_is_free_once_the_kubelet_says_so():
    async with cluster(node("a", cpu="2"), resized("r", "2", "2")) as api:
        api.put(pod("p", cpu="1"))
        await api.until(lambda: api.patches)
        api.put(resized("r", "1", "2"))
        await settle()
        assert not api.bound
        api.put(resized("r", "1", "1"))
        await api.until(lambda: api.bound)


async def test_the_room_of_a_growing_pod_is_taken_at_once():
    async with cluster(node("a", cpu="2"), resized("r", "1", "1")) as api:
        api.put(resized("r", "2", "1"), pod("p", cpu="1"))
        await api.until(lambda: api.patches)
        assert not api.bound


class Holding:
    """A Permit plugin that holds every pod for a while."""

    name = "Holding"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def permit(self, state, pod, node_name):
        return Verdict(Code.WAIT, self.name, (), self._seconds)


@asynccontextmanager
async def holding_cluster(seconds):
    async with cluster(node("a", cpu="1")) as api:
        scheduler = api.scheduler
        profiles = scheduler.profiles
        profiles["default-scheduler"] = msgspec.structs.replace(
            profiles["default-scheduler"], permit=(Holding(seconds),)
        )
        api.put(pod("p", cpu="1"))
        while not scheduler.permits.held():
            await settle()
        yield api


async def test_a_held_pod_keeps_its_room_and_is_bound_when_allowed():
    async with holding_cluster(60) as api:
        assert api.scheduler.snapshot.rows[0].cpu == 1000
        assert not api.bound
        api.scheduler.permits.allow("uid-default-p", "Holding")
        await api.until(lambda: api.bound)
        assert api.scheduler.permits.held() == []


async def test_a_held_pod_that_is_rejected_gives_its_room_back():
    async with holding_cluster(60) as api:
        await api.until(lambda: api.pod("p").status.nominated_node_name == "a")
        api.scheduler.permits.reject("uid-default-p", "Holding", "no")
        await api.until(lambda: api.pod("p").status.conditions)
        assert (api.condition("p").message, api.pod("p").status.nominated_node_name) == ("no", None)
        assert api.scheduler.snapshot.rows[0].cpu == 0


async def test_a_held_pod_is_rejected_when_time_is_up():
    async with holding_cluster(0.01) as api:
        await api.until(lambda: api.pod("p").status.conditions)
        assert api.condition("p").message == "rejected due to timeout after waiting at plugin Holding"


async def test_attempts_and_waiting_pods_are_counted():
    async with cluster(node("a", cpu="1")) as api:
        api.put(pod("p", cpu="1"))
        await api.until(lambda: api.bound)
        api.put(pod("q", cpu="1"))
        await api.until(lambda: api.patches)
        await settle()
        text = api.scheduler.metrics.registry.text().decode()
        assert 'scheduler_schedule_attempts_total{result="scheduled",profile="default-scheduler"} 1' in text
        assert 'scheduler_schedule_attempts_total{result="unschedulable",profile="default-scheduler"} 1' in text
        assert 'scheduler_pending_pods{queue="unschedulable"} 1' in text
        assert 'scheduler_unschedulable_pods{plugin="NodeResourcesFit",profile="default-scheduler"} 1' in text
        assert 'scheduler_queue_incoming_pods_total{queue="active",event="PodAdd"} 2' in text
        assert 'scheduler_queue_incoming_pods_total{queue="unschedulable",event="ScheduleAttemptFailure"} 1' in text
        assert 'scheduler_cache_size{type="pods"} 1' in text
        assert 'scheduler_pod_scheduling_attempts_bucket{le="1"} 1' in text
        assert "scheduler_scheduling_algorithm_duration_seconds_count 2" in text
        bind = 'extension_point="Bind",status="Success",profile="default-scheduler"'
        assert f"scheduler_framework_extension_point_duration_seconds_count{{{bind}}} 1" in text
        api.remove(api.pod("p"))
        await api.until(lambda: "q" in api.bound)
        text = api.scheduler.metrics.registry.text().decode()
        assert 'scheduler_queue_incoming_pods_total{queue="backoff",event="AssignedPodDelete"} 1' in text
        assert "scheduler_unschedulable_pods{" not in text


class Lossy(Cluster):
    """Carries out the first binding, but its answer is lost and the watch is late; the first question as well."""

    lost = ""
    questions = 0

    async def create(self, obj, **more):
        if isinstance(obj, Binding) and not self.lost:
            self.lost = obj.metadata.name
            raise ConnectionResetError("injected")
        return await super().create(obj, **more)

    async def get(self, kind, name, namespace=""):
        self.questions += 1
        if self.questions == 1:
            raise StatusError(503, "ServiceUnavailable", "injected")
        found = self.pod(name, namespace)
        return msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, node_name="a"))


async def test_a_binding_whose_answer_is_lost_keeps_its_room():
    api = Lossy()
    async with cluster(node("a", cpu="1"), api=api):
        api.put(pod("p", cpu="1"))
        while not api.questions:
            await settle()
        api.put(pod("q", cpu="1"))
        await api.until(lambda: api.patches)
        assert api.patches[0][0] == "q", "the room is not given to anybody else"
        await api.clock.advance(1.1)
        while "Scheduled" not in api.recorder.reasons():
            await settle()
        assert (api.lost, api.questions, api.bound) == ("p", 2, {})
        assert api.scheduler.snapshot.rows[0].cpu == 1000
        assert "uid-default-p" not in api.scheduler.queue


class JumpingClock(FakeClock):
    """Whose wall clock somebody sets."""

    jump = timedelta(0)

    def now(self):
        return super().now() + self.jump


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)], ids=["back", "ahead"])
async def test_a_jump_of_the_wall_clock_moves_no_timer(jump):
    """A refused binding is tried again after the back-off, a rejected pod after five minutes: no sooner, no later."""
    clock = JumpingClock()
    async with cluster(node("a", cpu="1"), clock=clock) as api:
        api.fail_bindings = 1
        api.put(pod("p", cpu="1"), pod("big", cpu="2"))
        await api.until(lambda: len(api.patches) == 2)
        attempts = {queued.pod.name: queued.attempts for queued in api.scheduler.queue._pods.values()}
        clock.jump = jump
        await clock.advance(0.9)
        assert not api.bound
        await clock.advance(0.2)
        await api.until(lambda: api.bound)
        big = next(iter(api.scheduler.queue._pods.values()))
        seconds = 1.1
        while seconds < 330:
            assert big.attempts == attempts["big"]
            await clock.advance(29)
            seconds += 29
            if big.attempts > attempts["big"]:
                break
        assert 300 <= seconds <= 345
