"""Automatic compaction: every interval, forget what was already past one interval ago (upstream: five minutes).

The revision seen at one tick is compacted at the next, so a watch or a paged list may resume for at least one interval
after it broke off. The API server's own upstream twin does the same against etcd.
"""

from pybernetes.base.clock import Clock
from pybernetes.base.log import logger
from pybernetes.store.store import Store, StoreError

INTERVAL_SECONDS = 300.0

log = logger(__name__)


async def compact_regularly(store: Store, clock: Clock, interval_seconds: float = INTERVAL_SECONDS) -> None:
    """Compact for ever; a store that cannot compact now is asked again at the next tick."""
    seen = await store.revision()
    while True:
        await clock.sleep(interval_seconds)
        try:
            upcoming = await store.revision()
            await store.compact(seen)
            seen = upcoming
        except StoreError as error:
            log.warning("Compaction failed", rv=seen, err=error)
