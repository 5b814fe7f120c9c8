"""Device taint eviction, the shell.

    ResourceSlice taints ─▶ claims with devices of that pool ─▶ pods they are reserved for ─┐
    ResourceClaim ─▶ pods it is reserved for ───────────────────────────────────────────────┼▶ plan ─▶ timer or eviction
    Pod (bound, or its claims known) ───────────────────────────────────────────────────────┘

A pod that is evicted gets the condition DisruptionTarget (reason DeletionByDeviceTaintManager) and is deleted, with the
event DeviceTaintManagerEviction. DeviceTaintRules belong to a feature that is off by default; they are not looked at.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime

from ...api.core import Pod
from ...api.dynamic_resource import ResourceClaim, ResourceSlice
from ...api.status import StatusError, is_not_found
from ...client.view import key_of, split_key
from ...reconcile.controller import Result
from ...reconcile.disrupting import DISRUPTION_TARGET, tell_disruption
from ...reconcile.manager import ControllerContext
from ...reconcile.pods import condition_of, is_terminal, node_of
from . import plan

EVICTION = "DeviceTaintManagerEviction"
REASON = "DeletionByDeviceTaintManager"
BY_POOL = "driver and pool"


class DeviceTaintEviction:
    """See the module docstring. Keys are those of pods."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder("device-taint-eviction-controller")
        self._awaited: set[str] = set()
        """The pods that are told when they are allowed to stay after all."""
        self._pods = context.informers.of(Pod)
        self._claims = context.informers.of(ResourceClaim)
        self._claims.add_index(BY_POOL, _pools_of_claim)
        self._slices = context.informers.of(ResourceSlice)
        self._slices.add_index(BY_POOL, _pool_of_slice)
        self._controller = context.controller("device_taint_eviction", self._reconcile)
        self._slices.add_handler(self._slice_changed)
        self._claims.add_handler(self._claim_changed)
        self._pods.add_handler(self._pod_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _slice_changed(self, old: ResourceSlice | None, new: ResourceSlice | None) -> None:
        if old is not None and new is not None and old.spec == new.spec:
            return
        for found in (old, new):
            if found is not None:
                for pool in _pool_of_slice(found):
                    for claim in self._claims.by_index(BY_POOL, pool):
                        self._wake_users(claim)

    def _claim_changed(self, old: ResourceClaim | None, new: ResourceClaim | None) -> None:
        for claim in (old, new):
            if claim is not None:
                self._wake_users(claim)

    def _wake_users(self, claim: ResourceClaim) -> None:
        for user in claim.status.reserved_for or ():
            if user.resource == "pods" and not user.api_group:
                self._controller.enqueue(f"{claim.metadata.namespace}/{user.name}")

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            if old is not None:
                self._awaited.discard(key_of(old))
        elif new.spec.resource_claims and (
            old is None
            or node_of(old) != node_of(new)
            or old.status.resource_claim_statuses != new.status.resource_claim_statuses
        ):
            self._controller.enqueue(key_of(new))

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        pod = self._pods.get(name, namespace)
        if pod is None or pod.metadata.deletion_timestamp is not None or is_terminal(pod):
            self._awaited.discard(key)
            return None
        when = self._leaves_at(pod) if node_of(pod) else None
        if when is None:
            if key in self._awaited:
                self._awaited.discard(key)
                self._recorder.normal(pod, EVICTION, "Cancelling deletion")
            return None
        remaining = (when - self._clock.now()).total_seconds()
        if remaining > 0:
            self._awaited.add(key)
            return Result(remaining)
        await self._evict(pod)
        self._awaited.discard(key)
        return None

    def _leaves_at(self, pod: Pod) -> datetime | None:
        """The earliest instant at which a device of the pod wants it gone."""
        instants: list[datetime] = []
        for name, generated in plan.claim_names(pod):
            claim = self._claims.get(name, pod.metadata.namespace or "")
            if claim is None or not plan.uses(pod, claim, generated=generated):
                continue
            for device in plan.devices_of(claim):
                taints = plan.evicting_taints(self._slices.by_index(BY_POOL, f"{device.driver}/{device.pool}"))
                for taint in taints.get(device.device, ()):
                    instant = plan.leaves_at(taint, device.tolerations or ())
                    if instant is not None:
                        instants.append(instant)
        return min(instants, default=None)

    async def _evict(self, pod: Pod) -> None:
        meta = pod.metadata
        self._recorder.normal(pod, EVICTION, "Marking for deletion")
        try:
            told = condition_of(pod, DISRUPTION_TARGET)
            if told is None or told.status != "True" or told.reason != REASON:
                message = "Device Taint manager: deleting due to NoExecute taint"
                await tell_disruption(self._client, pod, REASON, message, self._clock.now())
            await self._client.delete(Pod, meta.name or "", meta.namespace or "", uid=meta.uid or "")
        except StatusError as error:
            if not is_not_found(error):  # a conflict: another pod by that name, which the next look will show
                raise


def _pools_of_claim(claim: ResourceClaim) -> Iterable[str]:
    return {f"{device.driver}/{device.pool}" for device in plan.devices_of(claim)}


def _pool_of_slice(found: ResourceSlice) -> Iterable[str]:
    return (f"{found.spec.driver}/{found.spec.pool.name}",)
