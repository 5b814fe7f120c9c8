"""What changed, in order, for readers that catch up when they need to.

A writer appends; a reader remembers a position and asks what came since. Old entries are forgotten in large steps, and
a reader that was away for too long is told so (None) and starts over from the whole.
"""

from typing import Any, Generic, TypeVar

T = TypeVar("T")
_LIMIT = 16384


class Journal(Generic[T]):
    """See the module docstring."""

    __slots__ = ("_base", "_entries", "_limit")

    def __init__(self, limit: int = _LIMIT) -> None:
        self._entries: list[T] = []
        self._base = 0
        self._limit = limit

    def append(self, entry: T) -> None:
        """Note a change."""
        entries = self._entries
        entries.append(entry)
        if len(entries) > self._limit:
            forgotten = self._limit // 2
            del entries[:forgotten]
            self._base += forgotten

    @property
    def position(self) -> int:
        """Where a reader that knows everything is."""
        return self._base + len(self._entries)

    def forget(self) -> None:
        """Everything is another: every reader starts over."""
        self._base = self.position + 1
        self._entries.clear()

    def since(self, position: int) -> list[T] | None:
        """The changes after a position; None when some of them are forgotten."""
        start = position - self._base
        if start < 0:
            return None
        return self._entries[start:]


class Silent:
    """A journal nobody reads."""

    __slots__ = ()

    def append(self, entry: Any) -> None:
        """Nothing."""


SILENT = Silent()
