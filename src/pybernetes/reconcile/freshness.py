"""Whether the cache has come far enough to act on an owner: at least to what the server told us about it.

    written(key, answer)    we wrote it: the cache has to show that write, or a later state
    refused(key, cached)    the server has another state (Conflict) or none (NotFound): this cached one is history

Acting on history does harm: a Job whose cached status lacks an index would run it again, a ReplicaSet that was deleted
would go on to make pods for the garbage collector to collect. The wait is bounded, since a refusal may have had another
cause, and a store that was restored from a backup counts from an earlier revision.
"""

from typing import Any, NamedTuple

from ..base.clock import Clock

WRITTEN_SECONDS = 60.0
REFUSED_SECONDS = 5.0


class _Awaited(NamedTuple):
    version: int
    until: float


class Freshness:
    """The least resourceVersion to wait for, by key of the owner."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._awaited: dict[str, _Awaited] = {}

    def written(self, key: str, answer: Any) -> None:
        """The server's answer to our write of the owner (its status, or the owner itself)."""
        self._awaited[key] = _Awaited(_version(answer), self._clock.monotonic() + WRITTEN_SECONDS)

    def refused(self, key: str, cached: Any) -> None:
        """A write of the owner as cached was refused as out of date."""
        self._awaited[key] = _Awaited(_version(cached) + 1, self._clock.monotonic() + REFUSED_SECONDS)

    def is_behind(self, key: str, cached: Any) -> bool:
        """Whether the cached owner is older than what is known of it."""
        awaited = self._awaited.get(key)
        if awaited is None:
            return False
        if _version(cached) >= awaited.version or self._clock.monotonic() >= awaited.until:
            del self._awaited[key]
            return False
        return True

    def forget(self, key: str) -> None:
        """The cache knows no such owner any more."""
        self._awaited.pop(key, None)


def _version(obj: Any) -> int:
    return int(obj.metadata.resource_version or 0)
