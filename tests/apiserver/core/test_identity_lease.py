"""Each API server keeps a Lease that tells of it; those of servers that are gone are removed."""

import asyncio
import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.api import Api, running_api

from pybernetes.api.instants import format_micro_time
from pybernetes.apiserver.admission.own_writes import writer
from pybernetes.apiserver.identity_lease import IDENTITY_LABEL, IdentityLease, has_run_out, identity_of
from pybernetes.base.tasks import running

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
Object = dict[str, Any]


class Clock:
    """Time that moves when a sleeper is let go."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sleeping = asyncio.Event()
        self._woken = asyncio.Event()

    def now(self) -> datetime:
        return datetime(2026, 5, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        assert 10 <= seconds < 10.5
        self._woken.clear()
        self.sleeping.set()
        await self._woken.wait()

    async def pass_by(self, seconds: float) -> None:
        """Let that much time pass, and the sleeper do what it has to do."""
        await self.sleeping.wait()
        self.seconds += seconds
        self.sleeping.clear()
        self._woken.set()
        await self.sleeping.wait()


def identity_lease(api: Api, clock: Clock, hostname: str) -> IdentityLease:
    return IdentityLease(api.server.cache, writer(lambda: api.server.app), clock, hostname=hostname)


async def leases(api: Api) -> dict[str, Object]:
    await api.settle()
    items = (await api.get(LEASES, f"labelSelector={IDENTITY_LABEL}%3Dkube-apiserver")).body["items"]
    return {item["metadata"]["labels"]["kubernetes.io/hostname"]: item for item in items}


def test_the_name_is_a_hash_of_the_hosts() -> None:
    name = identity_of("node-1")
    text = name.removeprefix("apiserver-").upper()
    assert base64.b32decode(text + "=" * (-len(text) % 8)) == hashlib.sha256(b"node-1").digest()[:16]


def test_when_a_lease_has_run_out() -> None:
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    cases: list[tuple[Object, bool]] = [
        ({"renewTime": format_micro_time(now - timedelta(seconds=10)), "leaseDurationSeconds": 10}, False),
        ({"renewTime": format_micro_time(now - timedelta(seconds=11)), "leaseDurationSeconds": 10}, True),
        ({"renewTime": format_micro_time(now)}, True),
        ({"leaseDurationSeconds": 10}, True),
        ({}, True),
    ]
    for spec, expected in cases:
        assert has_run_out({"spec": spec}, now) is expected, spec


async def test_a_server_keeps_its_lease_and_takes_over_that_of_its_predecessor() -> None:
    clock = Clock()
    async with running_api() as api:
        async with running("lease", identity_lease(api, clock, "a").serve):
            await clock.sleeping.wait()
            first = (await leases(api))["a"]
            assert first["metadata"]["name"] == identity_of("a")
            assert first["spec"]["leaseDurationSeconds"] == 3600
            assert first["spec"]["holderIdentity"].startswith(identity_of("a") + "_")
            await clock.pass_by(10)
            renewed = (await leases(api))["a"]
            assert renewed["spec"] == {**first["spec"], "renewTime": format_micro_time(clock.now())}
        clock.sleeping.clear()
        async with running("lease", identity_lease(api, clock, "a").serve):
            await clock.sleeping.wait()
            again = (await leases(api))["a"]
            assert again["metadata"]["uid"] == first["metadata"]["uid"]
            assert again["spec"]["holderIdentity"] != first["spec"]["holderIdentity"]


async def test_leases_that_have_run_out_go_and_others_stay() -> None:
    clock = Clock()
    async with running_api() as api:
        old = {"metadata": {"name": "old", "labels": {IDENTITY_LABEL: "kube-apiserver"}}, "spec": {}}
        other = {"metadata": {"name": "other", "labels": {IDENTITY_LABEL: "else"}}, "spec": {}}
        old["metadata"]["labels"]["kubernetes.io/hostname"] = "old"  # type: ignore[index]
        for lease in (old, other):
            assert (await api.post(LEASES, lease)).code == 201
        async with running("lease", identity_lease(api, clock, "a").serve):
            await clock.sleeping.wait()
            assert set(await leases(api)) == {"a", "old"}
            await clock.pass_by(3600)
            assert set(await leases(api)) == {"a"}
            assert (await api.get(f"{LEASES}/other")).code == 200


async def test_a_lost_lease_is_made_again() -> None:
    clock = Clock()
    async with running_api() as api, running("lease", identity_lease(api, clock, "a").serve):
        await clock.sleeping.wait()
        assert (await api.delete(f"{LEASES}/{identity_of('a')}")).code == 200
        await api.settle()
        await clock.pass_by(10)
        assert set(await leases(api)) == {"a"}


async def test_the_gate_switches_it() -> None:
    for on in (True, False):
        async with running_api(keep_identity_lease=True, feature_gates={"APIServerIdentity": on}) as api:
            watching = await api.watch(LEASES, f"labelSelector={IDENTITY_LABEL}%3Dkube-apiserver")
            if on:
                await asyncio.wait_for(watching.received(1), 30)
                assert watching.seen[0][0] == "ADDED"
            else:
                await api.config_map("later")
                await api.settle()
                assert watching.seen == []
