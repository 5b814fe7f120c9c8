"""The wall clock is set forwards and backwards by an hour under controllers that live by it: no harm is done.

Decisions about silence, leases, back-offs and tolerations measure on the monotonic clock; what the API defines by wall
time (schedules, TTLs, deadlines) follows the wall, at most once, and goes on when the clock is right again.
"""

import asyncio
from datetime import timedelta

import pytest
from tests.client.test_leader import Candidate
from tests.controllers.cronjob.test_controller import cron_job, names
from tests.controllers.job.test_controller import end_pods, running, until_condition
from tests.support.clock import LoopClock
from tests.support.control_plane import control_plane, deployment, job, node, pod
from tests.support.lease_app import LeaseApp

from pybernetes.api.apps import Deployment
from pybernetes.api.batch import Job
from pybernetes.api.core import Node, Pod
from pybernetes.base import tasks
from pybernetes.client.client import Client
from pybernetes.client.leader import LeaderElector

HOUR = timedelta(hours=1)
JUMPS = pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forwards", "backwards"])


class Jumper(Candidate):
    """A candidate with a clock of its own."""

    def __init__(self, app: LeaseApp, name: str) -> None:
        super().__init__(app, name)
        self.clock = LoopClock()
        self.elector = LeaderElector(Client(app), "kube-system", "lock", name, self._lead, clock=self.clock)


@JUMPS
async def test_leaders_stay_and_followers_do_not_take_over(jump: timedelta) -> None:
    app = LeaseApp()
    a, b = Jumper(app, "a"), Jumper(app, "b")
    async with tasks.running("a", a.elector.serve):
        await asyncio.sleep(1)
        async with tasks.running("b", b.elector.serve):
            for jumper in (a, b, a):
                jumper.clock.offset += jump
                for _ in range(60):
                    await asyncio.sleep(1)
                    assert (a.leads, b.leads) == (True, False)


async def test_failed_pod_is_replaced_after_its_back_off_when_the_clock_went_back() -> None:
    async with control_plane("job-controller") as world:
        await world.create(job("work"))
        await end_pods(world, 1, phase="Failed", exit_code=1)
        world.clock.offset = -HOUR
        await world.until(lambda: running(world), within_seconds=25)
        await end_pods(world, 1)
        await until_condition(world, "Complete")


@JUMPS
async def test_running_jobs_go_on_and_end(jump: timedelta) -> None:
    async with control_plane("job-controller") as world:
        await world.create(job("work", completions=2, parallelism=1, activeDeadlineSeconds=3 * 3600))
        await end_pods(world, 1)
        world.clock.offset = jump
        await end_pods(world, 1)
        found = await until_condition(world, "Complete")
        assert (found.status.succeeded, found.status.failed) == (2, None)


async def test_finished_jobs_live_until_the_wall_says_so_and_not_for_ever() -> None:
    only = ("job-controller", "ttl-after-finished-controller", "garbage-collector-controller")
    async with control_plane(*only) as world:
        await world.create(job("work", ttlSecondsAfterFinished=600))
        await end_pods(world, 1)
        await until_condition(world, "Complete")
        world.clock.offset = -HOUR
        await asyncio.sleep(1200)
        assert await world.list(Job), "the wall says that it has not ended yet"
        world.clock.offset = timedelta()

        async def is_gone() -> bool:
            return not await world.list(Job)

        await world.until(is_gone, within_seconds=3700)


async def test_cron_jobs_start_once_for_every_time_however_often_the_clock_goes_over_it() -> None:
    async with control_plane("cronjob-controller") as world:
        await world.create(cron_job())
        await asyncio.sleep(605)
        assert len(await names(world)) == 2
        world.clock.offset = -HOUR
        await asyncio.sleep(905)
        assert len(await names(world)) == 2, "these times were had before"
        world.clock.offset = timedelta()
        await asyncio.sleep(305)
        assert len(await names(world)) in (3, 4), "the latest, and the latest missed one unless it came first"
        world.clock.offset = HOUR
        await asyncio.sleep(610)
        found = await names(world)
        assert 4 <= len(found) <= 7
        assert len(set(found)) == len(found)


@JUMPS
async def test_nobody_is_evicted_early_and_rollouts_end(jump: timedelta) -> None:
    only = ("taint-eviction-controller", "deployment-controller", "replicaset-controller")
    toleration = {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    async with control_plane(*only) as world:
        await world.run_pods()
        await world.create(node("n1"))
        await world.create(pod("guest", node="n1", tolerations=[toleration]))
        taint = {"key": "k", "effect": "NoExecute"}
        await world.client.patch(Node, "n1", body={"spec": {"taints": [taint]}})
        await world.create(deployment("web", 2, minReadySeconds=5))
        await asyncio.sleep(2)
        world.clock.offset = jump
        await asyncio.sleep(280)
        assert (await world.get(Pod, "guest")).metadata.deletion_timestamp is None
        world.clock.offset = timedelta()

        async def all_is_well() -> bool:
            guests = [one for one in await world.list(Pod) if one.metadata.name == "guest"]
            return not guests and (await world.get(Deployment, "web")).status.available_replicas == 2

        await world.until(all_is_well, within_seconds=60)
