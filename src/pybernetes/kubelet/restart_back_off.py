"""Growing delays per key, as client-go's flowcontrol.Backoff keeps them: for crashing containers and failing pulls.

The first `next` for a key sets the initial delay, each further one doubles it up to the maximum. An event that comes
more than ten minutes after the last `next` starts over: a container that ran for so long is forgiven.
"""

from datetime import datetime, timedelta

import msgspec

INITIAL_SECONDS = 10.0
MAX_SECONDS = 300.0
FORGIVEN_SECONDS = 600.0


class BackOffEntry(msgspec.Struct):
    """The delay of one key and when it was last raised."""

    seconds: float
    updated_at: datetime


class RestartBackOff:
    """Delays per key; the caller says what time it is."""

    def __init__(self, initial_seconds: float = INITIAL_SECONDS, max_seconds: float = MAX_SECONDS) -> None:
        self._initial = min(initial_seconds, max_seconds)
        self._max = max_seconds
        self._entries: dict[str, BackOffEntry] = {}

    def delay(self, key: str) -> float:
        """The current delay in seconds, 0 for a key that never failed."""
        entry = self._entries.get(key)
        return entry.seconds if entry is not None else 0.0

    def until(self, key: str, event: datetime) -> datetime | None:
        """The end of the delay that follows an event (a container's end), or None if there is none."""
        entry = self._entries.get(key)
        if entry is None or self._forgiven(entry, event):
            return None
        return event + timedelta(seconds=entry.seconds)

    def next(self, key: str, event: datetime, now: datetime) -> float:
        """Raise the delay for what comes after `now`; `event` is the failure this try answers."""
        entry = self._entries.get(key)
        if entry is None or self._forgiven(entry, event):
            seconds = self._initial
        else:
            seconds = min(entry.seconds * 2, self._max)
        self._entries[key] = BackOffEntry(seconds, now)
        return seconds

    def forget(self, prefix: str) -> None:
        """Drop all keys that start with prefix (a pod's uid)."""
        for key in [k for k in self._entries if k.startswith(prefix)]:
            del self._entries[key]

    def _forgiven(self, entry: BackOffEntry, event: datetime) -> bool:
        return (event - entry.updated_at).total_seconds() > FORGIVEN_SECONDS
