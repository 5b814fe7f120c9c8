"""Store leases shared by objects that live about equally long: one lease a minute instead of one an Event."""

from ...base.clock import Clock
from ...store.store import Store

_REUSE_SECONDS = 60.0


class LeasePool:
    """Objects live at least the asked time and at most a minute longer."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._granted: dict[int, tuple[int, float]] = {}

    async def lease_for(self, ttl_seconds: int) -> int:
        """A lease of the store that lasts ttl_seconds or a little longer; 0 for no time limit."""
        if not ttl_seconds:
            return 0
        lease, granted_at = self._granted.get(ttl_seconds, (0, 0.0))
        now = self._clock.monotonic()
        if not lease or now - granted_at > _REUSE_SECONDS:
            lease = await self._store.grant(ttl_seconds + int(_REUSE_SECONDS))
            self._granted[ttl_seconds] = (lease, now)
        return lease

    def forget(self, ttl_seconds: int) -> None:
        """The lease turned out to be gone: grant a new one next time."""
        self._granted.pop(ttl_seconds, None)
