"""How long objects are in an encoding, by key and revision, of one served resource version in one form.

What an object is at a revision never changes, and neither does its size. Sizes of objects that are gone are forgotten
with all others once they are the greater part.
"""

from .watch_cache import Entry

_FEW = 1000


class EncodedSizes:
    """See the module docstring."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, entry: Entry) -> int | None:
        """None when it is not known."""
        known = self._known.get(entry.key)
        return None if known is None or known >> 32 != entry.revision else known & 0xFFFFFFFF

    def learn(self, entry: Entry, size: int) -> None:
        self._known[entry.key] = entry.revision << 32 | size

    def trim(self, objects: int) -> None:
        """There are so many objects."""
        if len(self._known) > 2 * objects + _FEW:
            self._known.clear()
