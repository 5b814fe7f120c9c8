"""The ServiceCIDR controller: a range of Service addresses stays while addresses of it are in use (KEP-1880).

created ─▶ finalizer, condition Ready
deleted ─▶ an IPAddress lies in it and in no other range? Ready=False, reason Terminating
           otherwise, ten seconds later (allocations under way), the finalizer goes
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec

from ..api.meta import Condition
from ..api.networking import IPAddress, ServiceCIDR
from ..api.status import StatusError, is_not_found
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.protection import has_finalizer, with_finalizer, without_finalizer
from ..reconcile.sources import source

FINALIZER = "networking.k8s.io/service-cidr-finalizer"
GRACE_SECONDS = 10.0
READY = "Kubernetes Service CIDR is ready"
REFERENCED = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"
Network = IPv4Network | IPv6Network


def networks_of(found: ServiceCIDR) -> list[Network]:
    """The ranges of a ServiceCIDR; malformed ones are left out."""
    networks: list[Network] = []
    for cidr in found.spec.cidrs or ():
        try:
            networks.append(ip_network(cidr))
        except ValueError:
            continue
    return networks


def is_needed(found: ServiceCIDR, others: Iterable[ServiceCIDR], addresses: Iterable[str]) -> bool:
    """Whether an address lies in this ServiceCIDR and in none of the others (that are not being deleted)."""
    mine = networks_of(found)
    rest = [network for other in others for network in networks_of(other)]
    if all(any(_covers(other, network) for other in rest) for network in mine):
        return False
    for text in addresses:
        address = ip_address(text)
        if any(address in network for network in mine) and not any(address in network for network in rest):
            return True
    return False


def _covers(outer: Network, inner: Network) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def with_ready(found: ServiceCIDR, status: str, reason: str, message: str, now: datetime) -> ServiceCIDR | None:
    """The ServiceCIDR with this Ready condition; None when it has it already."""
    conditions = list(found.status.conditions or ())
    current = next((condition for condition in conditions if condition.type == "Ready"), None)
    if current is not None and (current.status, current.message) == (status, message):
        return None
    fresh = Condition(type="Ready", status=status, reason=reason, message=message, last_transition_time=now)
    kept = [condition for condition in conditions if condition.type != "Ready"]
    return msgspec.structs.replace(found, status=msgspec.structs.replace(found.status, conditions=[*kept, fresh]))


class ServiceCIDRController:
    """See the module docstring. Keys are names of ServiceCIDRs."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder("service-cidrs-controller")
        self._ranges = context.informers.of(ServiceCIDR)
        self._addresses = context.informers.of(IPAddress)
        self._controller = context.controller("servicecidrs", self._reconcile, workers=1)
        source(self._ranges, self._controller.enqueue)
        self._ranges.add_handler(lambda old, new: self._wake_terminating())
        self._addresses.add_handler(lambda old, new: self._wake_terminating() if new is None else None)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _wake_terminating(self) -> None:
        for found in self._ranges.list():
            if found.metadata.deletion_timestamp is not None:
                self._controller.enqueue(found.metadata.name or "")

    async def _reconcile(self, key: str) -> Result | None:
        found = self._ranges.get(key)
        if found is None:
            return None
        try:
            return await self._protect(found)
        except StatusError as error:
            if is_not_found(error):
                return None
            raise

    async def _protect(self, found: ServiceCIDR) -> Result | None:
        deleted_at = found.metadata.deletion_timestamp
        now = self._clock.now()
        if deleted_at is None:
            if not has_finalizer(found, FINALIZER):
                found = await self._client.update(with_finalizer(found, FINALIZER))
            ready = with_ready(found, "True", "", READY, now)
            if ready is not None:
                await self._client.update_status(ready)
            return None
        if not has_finalizer(found, FINALIZER):
            return None
        others = [
            other
            for other in self._ranges.list()
            if other.metadata.uid != found.metadata.uid and other.metadata.deletion_timestamp is None
        ]
        if is_needed(found, others, (address.metadata.name or "" for address in self._addresses.list())):
            ready = with_ready(found, "False", "Terminating", REFERENCED, now)
            if ready is not None:
                await self._client.update_status(ready)
            return None
        waits = GRACE_SECONDS - (now - deleted_at).total_seconds()
        if waits > 0:
            return Result(waits)
        await self._client.update(without_finalizer(found, FINALIZER))
        return None
