"""The node's heartbeat: a Lease in kube-node-lease, renewed every ten seconds (KEP-589).

The node lifecycle controller takes a node whose lease has expired for dead, so renewing comes before everything else:
one small PUT with the version of the last answer, and a fresh read only after a conflict. It waits for an answer no
longer than until the next renewal is due: who carries the request learns by its being given up that nobody is there.
"""

import asyncio

import msgspec

from ..api.coordination import Lease, LeaseSpec
from ..api.core import Node
from ..api.meta import ObjectMeta, OwnerReference
from ..api.status import StatusError, is_already_exists, is_conflict, is_not_found
from ..base.clock import Clock
from ..base.log import logger
from ..client.client import Client

log = logger(__name__)

NAMESPACE = "kube-node-lease"
RETRY_SECONDS = (0.2, 1.0, 2.0, 5.0)


class NodeLease:
    """Renews the lease of one node."""

    def __init__(
        self, client: Client, node_name: str, clock: Clock, *, renew_seconds: float = 10.0, duration_seconds: int = 40
    ) -> None:
        self._client = client
        self._name = node_name
        self._clock = clock
        self._renew_seconds = renew_seconds
        self._duration = duration_seconds
        self._patience = min(renew_seconds, duration_seconds)
        self._lease: Lease | None = None
        self.node: Node | None = None
        """Becomes the lease's owner, so that both go together."""

    async def serve(self, ready: asyncio.Event) -> None:
        """Renew until cancelled; ready after the first time."""
        attempt = 0
        while True:
            try:
                await self._renew_in_time()
                ready.set()
                attempt = 0
                delay = self._renew_seconds
            except (StatusError, OSError) as error:
                log.warning("Node lease was not renewed", node=self._name, err=error)
                delay = RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)]
                attempt += 1
            await self._clock.sleep(delay)

    async def _renew_in_time(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self.renew()
        except TimeoutError:
            raise TimeoutError(f"no answer in {self._patience:g} s") from None

    async def renew(self) -> None:
        """Write the lease once. StatusError, OSError."""
        if self._lease is None:
            await self._begin()
            return
        fresh = msgspec.structs.replace(self._lease, spec=self._spec())
        try:
            self._lease = await self._client.update(fresh)
        except StatusError as error:
            if not (is_conflict(error) or is_not_found(error)):
                raise
            self._lease = None
            await self._begin()

    def _spec(self) -> LeaseSpec:
        return LeaseSpec(
            holder_identity=self._name, lease_duration_seconds=self._duration, renew_time=self._clock.now()
        )

    async def _begin(self) -> None:
        owners = None
        if self.node is not None:
            owner = OwnerReference(api_version="v1", kind="Node", name=self._name, uid=self.node.metadata.uid or "")
            owners = [owner]
        wanted = Lease(
            metadata=ObjectMeta(name=self._name, namespace=NAMESPACE, owner_references=owners), spec=self._spec()
        )
        try:
            self._lease = await self._client.create(wanted)
        except StatusError as error:
            if not is_already_exists(error):
                raise
            found = await self._client.get(Lease, self._name, NAMESPACE)
            self._lease = await self._client.update(msgspec.structs.replace(found, spec=self._spec()))
