"""Leader election on a Lease."""

import asyncio
from datetime import timedelta

import pytest
from tests.support.clock import START, LoopClock
from tests.support.lease_app import LeaseApp

from pybernetes.base.http.message import Request, Response
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.leader import LeaderElector, claim, micro_time

HELD = {"spec": {"holderIdentity": "other", "leaseDurationSeconds": 15, "leaseTransitions": 3}}


@pytest.mark.parametrize(
    ("lease", "unchanged", "taken"),
    [
        (None, 0.0, True),
        (HELD, 14.0, False),
        (HELD, 15.0, True),
        ({"spec": {"holderIdentity": ""}}, 0.0, True),
        ({"spec": {"holderIdentity": "me"}}, 0.0, True),
    ],
    ids=["absent", "held", "expired", "released", "own"],
)
def test_when_a_lease_can_be_taken(lease: dict[str, object] | None, unchanged: float, taken: bool) -> None:
    assert (claim(lease, "me", START, 15, unchanged) is not None) is taken


def test_taking_over_counts_a_transition_and_renewing_does_not() -> None:
    taken = claim(HELD, "me", START, 15, 20.0)
    assert taken is not None and taken["leaseTransitions"] == 4
    renewed = claim({"spec": taken}, "me", START + timedelta(seconds=5), 15, 0.0)
    assert renewed is not None
    assert (renewed["leaseTransitions"], renewed["acquireTime"]) == (4, micro_time(START))


class Candidate:
    """Records when it leads."""

    def __init__(self, app: LeaseApp, name: str) -> None:
        self.leads = False
        self.elector = LeaderElector(Client(app), "kube-system", "lock", name, self._lead, clock=LoopClock())

    async def _lead(self, ready: asyncio.Event) -> None:
        self.leads = True
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.leads = False


async def test_one_of_two_leads_and_the_other_follows_at_once_on_release() -> None:
    app = LeaseApp()
    a, b = Candidate(app, "a"), Candidate(app, "b")
    async with running("a", a.elector.serve):
        await asyncio.sleep(1)
        async with running("b", b.elector.serve):
            await asyncio.sleep(100)
            assert (a.leads, b.leads) == (True, False)
    async with running("b", b.elector.serve):
        await asyncio.sleep(3)
        assert b.leads


async def test_leader_that_cannot_renew_stops_before_its_lease_expires() -> None:
    app = LeaseApp()
    a, b = Candidate(app, "a"), Candidate(app, "b")
    async with running("a", a.elector.serve), running("b", b.elector.serve):
        await asyncio.sleep(10)
        leader, follower = (a, b) if a.leads else (b, a)
        app.broken_for = "a" if a.leads else "b"
        await asyncio.sleep(14)
        assert not leader.leads
        await asyncio.sleep(6)
        assert follower.leads


@pytest.mark.parametrize("is_written", [False, True], ids=["lost", "written after all"])
async def test_a_renewal_that_hangs_while_etcd_elects_costs_nobody_the_lead(is_written: bool) -> None:
    app = LeaseApp()
    ended: list[int] = []

    async def hanging_once(request: Request) -> Response:
        if request.method != "PUT" or ended:
            return await app(request)
        ended.append(0)
        answer = await app(request) if is_written else None
        await asyncio.sleep(7)
        assert answer is not None
        return answer

    async def lead(ready: asyncio.Event) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(1)

    elector = LeaderElector(Client(hanging_once), "kube-system", "lock", "a", lead, clock=LoopClock())
    async with running("a", elector.serve):
        await asyncio.sleep(60)
        assert ended == [0]
        assert elector.is_leader and elector.overdue_seconds == 0.0


async def test_never_two_leaders() -> None:
    app = LeaseApp()
    candidates = [Candidate(app, name) for name in "abc"]
    async with (
        running("a", candidates[0].elector.serve),
        running("b", candidates[1].elector.serve),
        running("c", candidates[2].elector.serve),
    ):
        for step in range(200):
            app.broken_for = "abc"[step // 40 % 3]
            await asyncio.sleep(1)
            assert sum(found.leads for found in candidates) <= 1
