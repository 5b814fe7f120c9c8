"""How a watch begins: with the present objects, or with the changes since a revision, a piece at a time.

Neither keeps a copy of what it is about to tell: `PresentState` remembers the key it has come to, `Replay` the
revision. What the collection is by the time the receiver asks for more is what it gets, and that is right:

    keys up to the cursor     were given; their changes are told as they happen
    keys behind it            are not known to the receiver yet; their changes are seen when the cursor gets there

So the events of different objects need not come in the order of their revisions (they do not in a list either), those
of one object do, and the bookmark at the end names a revision up to which everything was told.
"""

from typing import TYPE_CHECKING

from .fanout import Change, classify
from .selection import Selection
from .watcher import Watcher, bookmark_line

if TYPE_CHECKING:
    from .resource_cache import ResourceCache

_PIECE_OBJECTS = 64
_PIECE_BYTES = 128 << 10


class PresentState:
    """ADDED for every selected object, in the order of keys; then, if wanted, the bookmark of their end (KEP-3157)."""

    def __init__(self, cache: "ResourceCache", selection: Selection, *, end: bool) -> None:
        self._cache = cache
        self._selection = selection
        self._end = end
        self._cursor = ""
        self.done = False
        self.after = 0

    def lines(self, watcher: Watcher) -> list[bytes]:
        """See Opening."""
        entries, up_to = self._cache.select_after(self._selection, self._cursor, _PIECE_OBJECTS)
        lines: list[bytes] = []
        size = 0
        for entry in entries:
            line = watcher.format.event("ADDED", watcher.format.encode(entry.data))
            watcher.format = watcher.format.following
            lines.append(line)
            self._cursor = entry.key
            size += len(line)
            if size > _PIECE_BYTES and entry is not entries[-1]:
                return lines
        if up_to is not None:
            self._cursor = up_to
            return lines
        self.done = True
        self.after = self._cache.fanout.revision()
        if self._end:
            lines.append(bookmark_line(watcher.format, self.after, initial_events_end=True))
        return lines

    def reached(self, change: Change) -> bool:
        """See Opening."""
        entry = change.new or change.old
        return entry is not None and entry.key <= self._cursor


class Replay:
    """The changes after a revision, out of the collection's recent ones. Whoever reads so slowly that those are
    forgotten is lost."""

    def __init__(self, cache: "ResourceCache", selection: Selection, after: int) -> None:
        self._cache = cache
        self._selection = selection
        self.done = False
        self.after = after

    def lines(self, watcher: Watcher) -> list[bytes]:
        """See Opening."""
        cache = self._cache
        if cache.oldest > self.after:
            self.done, self.after = True, -1
            return []
        lines: list[bytes] = []
        size = 0
        for change in cache.changes_after(self.after):
            # One revision may have several changes; a piece ends between revisions.
            if size > _PIECE_BYTES and change.revision != self.after:
                return lines
            self.after = change.revision
            seen = classify(change, self._selection)
            if seen is not None:
                line = cache.fanout.line(seen, change, watcher.format)
                watcher.format = watcher.format.following
                lines.append(line)
                size += len(line)
        self.done = True
        return lines

    def reached(self, change: Change) -> bool:
        """See Opening."""
        return False
