"""Which API servers of a shared store are alive: each keeps a key under a lease, and all watch the keys.

    put /registry/masterleases/IP (lease of 15 s) ─▶ kept alive every 5 s
                     │
                     └─▶ watch ─▶ the addresses behind the `kubernetes` Service (Endpoints and EndpointSlice)

The keys are where upstream's lease reconciler (`--endpoint-reconciler-type=lease`) has them. A server that ends takes
its key along; one that is killed is gone when its lease ends.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from ..base.backoff import Backoff
from ..base.clock import Clock
from ..base.log import logger
from ..store.store import LeaseNotFound, Store, StoreError

PREFIX = "/registry/masterleases/"
LEASE_SECONDS = 15
_RENEW_SECONDS = 5.0
_LAST_WORDS_SECONDS = 2.0

log = logger(__name__)


class Peers:
    """See the module docstring. `lead_to` gets the sorted addresses whenever they change."""

    def __init__(
        self, store: Store, address: str, lead_to: Callable[[list[str]], Awaitable[None]], clock: Clock
    ) -> None:
        self._store = store
        self._key = PREFIX + address
        self._lead_to = lead_to
        self._clock = clock

    async def serve(self, ready: asyncio.Event) -> None:
        """Until cancelled; ready at once, since a server without peers serves as well."""
        ready.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stay(), name="own lease")
            group.create_task(self._follow(), name="peers")

    async def _stay(self) -> None:
        """Be there: a lease with the key, made anew whenever it was lost."""
        backoff = Backoff(initial=0.5, maximum=_RENEW_SECONDS)
        lease = 0
        try:
            while True:
                try:
                    lease = await self._store.grant(LEASE_SECONDS)
                    await self._store.put(self._key, b"", lease=lease)
                    backoff.reset()
                    while True:
                        await self._clock.sleep(_RENEW_SECONDS)
                        await self._store.keep_alive(lease)
                except LeaseNotFound:
                    continue
                except StoreError as error:
                    log.warning("The lease of this API server was not renewed", err=error)
                    await self._clock.sleep(backoff.next())
        finally:
            if lease:
                await self._leave(lease)

    async def _leave(self, lease: int) -> None:
        try:
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                await self._store.revoke(lease)
        except (StoreError, TimeoutError) as error:
            log.info("The lease of this API server ends by itself", err=error)

    async def _follow(self) -> None:
        """Keep the Service leading to whoever is there."""
        backoff = Backoff(initial=0.1, maximum=_RENEW_SECONDS)
        while True:
            try:
                page = await self._store.list(PREFIX)
                async with aclosing(self._store.watch(PREFIX, after=page.revision)) as batches:
                    alive = {item.key for item in page.items}
                    await self._tell(alive)
                    async for batch in batches:
                        backoff.reset()
                        for event in batch.events:
                            (alive.discard if event.deleted else alive.add)(event.kv.key)
                        if batch.events:
                            await self._tell(alive)
            except StoreError as error:
                log.info("The watch of the other API servers is made anew", err=error)
                await self._clock.sleep(backoff.next())

    async def _tell(self, keys: set[str]) -> None:
        addresses = sorted(key.removeprefix(PREFIX) for key in keys)
        if not addresses:
            return
        try:
            await self._lead_to(addresses)
        except Exception as error:  # another server may be writing the same; the next change tries again
            log.warning("The kubernetes service was not brought up to date", addresses=addresses, err=error)
