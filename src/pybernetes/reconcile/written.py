"""How far a cache has to be before a controller may look at it again: at our own last writes.

Dependents with generated names have no lock: acting on a cache that does not show the last creation yet would create
them twice. So every write's resourceVersion is noted, and a key waits until the cache has come that far.
"""

from collections.abc import Iterable
from typing import Any


class Written:
    """What was written per key of an owner: name of the dependent -> resourceVersion."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[str, int]] = {}

    def note(self, key: str, obj: Any) -> None:
        """An object was written; `obj` is the server's answer."""
        self._versions.setdefault(key, {})[obj.metadata.name or ""] = int(obj.metadata.resource_version or 0)

    def forget(self, key: str, name: str = "") -> None:
        """The dependent of that name, or without a name the whole owner, is gone."""
        if name:
            self._versions.get(key, {}).pop(name, None)
        else:
            self._versions.pop(key, None)

    def is_stale(self, key: str, cached: Iterable[Any]) -> bool:
        """Whether the cached dependents are older than what was written."""
        versions = self._versions.get(key)
        if not versions:
            return False
        seen = {obj.metadata.name or "": int(obj.metadata.resource_version or 0) for obj in cached}
        return any(seen.get(name, 0) < version for name, version in versions.items())

    def is_own(self, key: str, obj: Any) -> bool:
        """Whether a change is one of our own writes coming back."""
        version = self._versions.get(key, {}).get(obj.metadata.name or "", 0)
        return int(obj.metadata.resource_version or 0) <= version
