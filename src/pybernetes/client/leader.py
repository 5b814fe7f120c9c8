"""Leader election on a Lease: of several candidates one runs, as client-go's leaderelection does it.

      CANDIDATE ──acquired──▶ LEADING ──not renewed for renew_deadline──▶ CANDIDATE
          ▲                      │
          └──── cancelled: the lease is released, so that the next candidate takes over at once

A candidate never compares clocks of two machines: a lease counts as expired when *we* saw it unchanged for its whole
duration. The numbers are upstream's: the lease lasts 15 s, a leader that could not renew for 10 s stops leading, failed
attempts are repeated after 2 s. A healthy leader renews every 5 s, which keeps an idle cluster quiet. An attempt is
given up after 2.5 s: what was under way when etcd lost its leader hangs for longer than the election of the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from ..api.resource import resource
from ..api.status import StatusError, is_not_found
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.log import logger
from .client import Client
from .events import EventRecorder

log = logger(__name__)

Lease = dict[str, Any]


class LeaseTimes(msgspec.Struct, frozen=True, kw_only=True):
    """The durations of an election, in seconds."""

    lease_duration_seconds: int = 15
    renew_deadline_seconds: float = 10.0
    renew_period_seconds: float = 5.0
    retry_period_seconds: float = 2.0
    attempt_seconds: float = 2.5


def claim(
    lease: Lease | None, identity: str, now: datetime, duration_seconds: int, unchanged_seconds: float
) -> dict[str, Any] | None:
    """The lease spec with which `identity` takes or keeps the lease; None when somebody else holds it.

    `unchanged_seconds` is for how long the caller has seen the lease as it is.
    """
    stamp = micro_time(now)
    spec = dict((lease or {}).get("spec") or {})
    holder = spec.get("holderIdentity") or ""
    if holder and holder != identity:
        duration = spec.get("leaseDurationSeconds") or duration_seconds
        if unchanged_seconds < duration:
            return None
    if holder == identity:
        return {**spec, "leaseDurationSeconds": duration_seconds, "renewTime": stamp}
    return {
        **spec,
        "holderIdentity": identity,
        "leaseDurationSeconds": duration_seconds,
        "acquireTime": stamp,
        "renewTime": stamp,
        "leaseTransitions": (spec.get("leaseTransitions") or 0) + (1 if spec else 0),
    }


def micro_time(instant: datetime) -> str:
    """An instant in the API's MicroTime format."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class LeaderElector:
    """Runs `lead(ready)` for as long as this identity holds the lease `namespace/name`."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        lead: Callable[[asyncio.Event], Awaitable[None]],
        *,
        times: LeaseTimes | None = None,
        clock: Clock = SYSTEM_CLOCK,
        recorder: EventRecorder | None = None,
    ) -> None:
        self.is_leader = False
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._lead = lead
        self._times = times or LeaseTimes()
        self._clock = clock
        self._recorder = recorder
        self._leases = resource("leases", "coordination.k8s.io")
        self._lease: Lease | None = None
        self._is_certain = False
        self._seen_at = 0.0

    @property
    def overdue_seconds(self) -> float:
        """For how long the lease that we lead by has been expired; 0 when all is well, and for who does not lead."""
        if not self.is_leader:
            return 0.0
        return max(0.0, self._clock.monotonic() - self._seen_at - self._times.lease_duration_seconds)

    async def serve(self, ready: asyncio.Event) -> None:
        """Be a candidate until cancelled; ready as soon as the candidacy runs (leading or not)."""
        ready.set()
        while True:
            await self._acquire()
            self.is_leader = True
            try:
                await self._lead_while_renewing()
            finally:
                self.is_leader = False
                await self._release()

    async def _acquire(self) -> None:
        while not await self._try():
            await self._clock.sleep(self._times.retry_period_seconds)
        log.info("Became leader", lease=f"{self._namespace}/{self._name}", identity=self._identity)
        if self._recorder is not None and self._lease is not None:
            self._recorder.normal(self._lease, "LeaderElection", f"{self._identity} became leader")

    async def _lead_while_renewing(self) -> None:
        leading = asyncio.ensure_future(self._lead(asyncio.Event()))
        renewing = asyncio.ensure_future(self._renew())
        try:
            await asyncio.wait((leading, renewing), return_when=asyncio.FIRST_COMPLETED)
            if leading.done():
                leading.result()
            else:
                log.warning("Lost the lease", lease=f"{self._namespace}/{self._name}", identity=self._identity)
        finally:
            for task in (leading, renewing):
                task.cancel()
            await asyncio.wait((leading, renewing))

    async def _renew(self) -> None:
        """Keep the lease; returns when it is lost."""
        renewed_at = self._clock.monotonic()
        while True:
            began = self._clock.monotonic()
            held = await self._try()
            if held:
                renewed_at = self._clock.monotonic()
                await self._clock.sleep(self._times.renew_period_seconds)
                continue
            now = self._clock.monotonic()
            pause = max(0.0, began + self._times.retry_period_seconds - now)
            if now - renewed_at + pause > self._times.renew_deadline_seconds:
                return
            await self._clock.sleep(pause)

    async def _try(self) -> bool:
        """One attempt to take or keep the lease, bounded."""
        try:
            async with asyncio.timeout(self._times.attempt_seconds):
                return await self._attempt()
        except TimeoutError:
            self._is_certain = False  # it may have been written
            return False

    async def _attempt(self) -> bool:
        try:
            if not self.is_leader or self._lease is None or not self._is_certain:
                self._note(await self._read())
                self._is_certain = True
            return await self._write()
        except (StatusError, OSError) as error:
            log.debug("Lease not written", lease=self._name, err=error)
            try:
                self._note(await self._read())
            except (StatusError, OSError):
                pass
            return False

    async def _write(self) -> bool:
        unchanged = self._clock.monotonic() - self._seen_at
        duration = self._times.lease_duration_seconds
        spec = claim(self._lease, self._identity, self._clock.now(), duration, unchanged)
        if spec is None:
            return False
        if self._lease is None:
            fresh: Lease = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self._name, "namespace": self._namespace},
                "spec": spec,
            }
            self._note(await self._client.create(fresh))
        else:
            self._note(await self._client.update({**self._lease, "spec": spec}))
        return True

    async def _read(self) -> Lease | None:
        try:
            lease: Lease = await self._client.get(self._leases, self._name, self._namespace)
        except StatusError as error:
            if is_not_found(error):
                return None
            raise
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **lease}

    def _note(self, lease: Lease | None) -> None:
        """Remember the lease; the instant only when its state changed."""
        before = (self._lease or {}).get("spec")
        if lease is None or before != lease.get("spec"):
            self._seen_at = self._clock.monotonic()
        self._lease = lease

    async def _release(self) -> None:
        """Give the lease back, so that nobody waits for it to expire; bounded, since we are shutting down."""
        lease = self._lease
        if lease is None or (lease.get("spec") or {}).get("holderIdentity") != self._identity:
            return
        stamp = micro_time(self._clock.now())
        spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": stamp}
        self._lease = None
        try:
            async with asyncio.timeout(2.0):
                await self._client.update({**lease, "spec": spec})
        except (StatusError, OSError, TimeoutError) as error:
            log.debug("Lease not released", lease=self._name, err=error)
