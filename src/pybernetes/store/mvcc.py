"""The revision index: which keys exist now, which existed at an earlier revision, and what may be forgotten.

Pure and byte-free. It maps keys to revisions; where the bytes of a revision lie is the business of the store around it
(a dict in memory, rows of a table on disk), so a read is `index` first and then one look-up by revision.

Example: after put /a (2), put /a (3), delete /a (4), put /a (5) and put /b (6)::

    current   /a -> (5, 5)   /b -> (6, 6)           (mod revision, create revision)
    past      /a -> [2, 3, -4]                      a negative number is a deletion
    doomed    (3, /a, 2) (4, /a, 3) (4, /a, -4)     (made obsolete at, key, what)

`at("/a", 3)` is 3, `at("/a", 4)` is 0 (absent). `compact(4)` takes from the left of `doomed` everything that became
obsolete before 4 and hands out those revisions: here 2. A deletion is obsolete as soon as it happened (absence needs no
record), but always leaves after the state that it deleted, so that a half-done compaction brings no key back.

What stays after `compact(r)`: the state as of r and every change from r on with the state before it.
"""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Iterator
from heapq import merge

_CHUNK = 512
_FIRST_SURROGATE, _AFTER_SURROGATES, _LAST_CHARACTER = 0xD800, 0xE000, 0x10FFFF


def prefix_end(prefix: str) -> str | None:
    """The smallest text greater than everything that starts with prefix; None when there is none."""
    while prefix:
        following = ord(prefix[-1]) + 1
        if following == _FIRST_SURROGATE:
            following = _AFTER_SURROGATES
        if following <= _LAST_CHARACTER:
            return prefix[:-1] + chr(following)
        prefix = prefix[:-1]
    return None


class SortedKeys:
    """A sorted set of texts: adding and removing cost the same at ten keys and at a million (lists of bounded size)."""

    __slots__ = ("_chunks", "_firsts")

    def __init__(self, keys: Iterable[str] = ()) -> None:
        ordered = sorted(keys)
        self._chunks = [ordered[i : i + _CHUNK] for i in range(0, len(ordered), _CHUNK)]
        self._firsts = [chunk[0] for chunk in self._chunks]

    def add(self, key: str) -> None:
        """Insert a key that is not there yet."""
        chunks = self._chunks
        if not chunks:
            chunks.append([key])
            self._firsts.append(key)
            return
        position = max(bisect_right(self._firsts, key) - 1, 0)
        chunk = chunks[position]
        insort(chunk, key)
        self._firsts[position] = chunk[0]
        if len(chunk) > 2 * _CHUNK:
            upper = chunk[_CHUNK:]
            del chunk[_CHUNK:]
            chunks.insert(position + 1, upper)
            self._firsts.insert(position + 1, upper[0])

    def remove(self, key: str) -> None:
        """Take out a key that is there."""
        position = bisect_right(self._firsts, key) - 1
        chunk = self._chunks[position]
        del chunk[bisect_left(chunk, key)]
        if chunk:
            self._firsts[position] = chunk[0]
        else:
            del self._chunks[position]
            del self._firsts[position]

    def range(self, prefix: str, after: str = "") -> Iterator[str]:
        """Keys that start with prefix and are greater than `after`, in order. The set must not change meanwhile."""
        if not self._chunks:
            return
        end = prefix_end(prefix)
        if after >= prefix:
            position = max(bisect_right(self._firsts, after) - 1, 0)
            offset = bisect_right(self._chunks[position], after)
        else:
            position = max(bisect_right(self._firsts, prefix) - 1, 0)
            offset = bisect_left(self._chunks[position], prefix)
        while position < len(self._chunks):
            chunk = self._chunks[position]
            if end is not None and chunk[-1] >= end:
                yield from chunk[offset : bisect_left(chunk, end)]
                return
            yield from chunk[offset:] if offset else chunk
            offset = 0
            position += 1

    def count(self, prefix: str, after: str = "") -> int:
        """How many keys `range` would yield."""
        end = prefix_end(prefix)
        below = self._rank(after, right=True) if after >= prefix else self._rank(prefix, right=False)
        upper = sum(map(len, self._chunks)) if end is None else self._rank(end, right=False)
        return max(upper - below, 0)

    def _rank(self, key: str, *, right: bool) -> int:
        """How many keys are smaller than key (or equal to it, when right)."""
        position = bisect_right(self._firsts, key) - 1
        if position < 0:
            return 0
        chunk = self._chunks[position]
        inside = bisect_right(chunk, key) if right else bisect_left(chunk, key)
        return sum(map(len, self._chunks[:position])) + inside


class Index:
    """See the module docstring. Changes are applied in revision order, each exactly one above the last."""

    __slots__ = ("_doomed", "_gone", "_keys", "_past", "compacted", "current", "revision")

    def __init__(self) -> None:
        self.revision = 1
        """The last applied revision."""
        self.compacted = 1
        """The revision of the last compaction: nothing older can be read."""
        self.current: dict[str, tuple[int, int]] = {}
        """Live keys: (mod revision, create revision)."""
        self._keys = SortedKeys()
        self._gone = SortedKeys()
        self._past: dict[str, list[int]] = {}
        self._doomed: deque[tuple[int, str, int]] = deque()

    def load(self, rows: Iterable[tuple[int, str, int, int]]) -> None:
        """Fill an empty index from a log: (revision, key, create revision, is deleted) in revision order."""
        current = self.current
        revision = self.revision
        for revision, key, create_revision, deleted in rows:
            entry = current.get(key)
            if entry is None:
                if not deleted:
                    current[key] = (revision, create_revision)
                    continue
                self._bury(revision, key)
            else:
                self._retire(revision, key, entry[0])
                if deleted:
                    del current[key]
                    self._bury(revision, key)
                else:
                    current[key] = (revision, create_revision)
        self.revision = max(self.revision, revision)
        self._keys = SortedKeys(current)
        self._gone = SortedKeys(key for key in self._past if key not in current)

    def put(self, key: str, revision: int) -> int:
        """Record a write; return the key's create revision."""
        entry = self.current.get(key)
        self.revision = revision
        if entry is None:
            if key in self._past:
                self._gone.remove(key)
            self._keys.add(key)
            self.current[key] = (revision, revision)
            return revision
        self._retire(revision, key, entry[0])
        self.current[key] = (revision, entry[1])
        return entry[1]

    def delete(self, key: str, revision: int) -> None:
        """Record the deletion of a key that exists."""
        mod_revision, _ = self.current.pop(key)
        self.revision = revision
        self._retire(revision, key, mod_revision)
        self._bury(revision, key)
        self._keys.remove(key)
        self._gone.add(key)

    def _retire(self, revision: int, key: str, obsolete: int) -> None:
        past = self._past.get(key)
        if past is None:
            self._past[key] = [obsolete]
        else:
            past.append(obsolete)
        self._doomed.append((revision, key, obsolete))

    def _bury(self, revision: int, key: str) -> None:
        self._past.setdefault(key, []).append(-revision)
        self._doomed.append((revision, key, -revision))

    def at(self, key: str, revision: int) -> int:
        """The mod revision the key had at that revision; 0: it did not exist."""
        entry = self.current.get(key)
        if entry is not None and entry[0] <= revision:
            return entry[0]
        past = self._past.get(key)
        if past is None:
            return 0
        position = bisect_right(past, revision, key=abs)
        return max(past[position - 1], 0) if position else 0

    def range(self, prefix: str, after: str = "") -> Iterator[str]:
        """Live keys in order."""
        return self._keys.range(prefix, after)

    def count(self, prefix: str, after: str = "") -> int:
        """How many live keys `range` yields."""
        return self._keys.count(prefix, after)

    def range_at(self, revision: int, prefix: str, after: str = "") -> Iterator[tuple[str, int]]:
        """(key, mod revision) of the keys that existed at an earlier revision, in order."""
        for key in merge(self._keys.range(prefix, after), self._gone.range(prefix, after)):
            mod_revision = self.at(key, revision)
            if mod_revision:
                yield key, mod_revision

    def compact(self, revision: int, limit: int = 0) -> list[int]:
        """Forget at most `limit` (0: all) revisions that became obsolete before revision and return them. Call until
        it returns nothing; `compacted` moves at the first call."""
        self.compacted = max(self.compacted, revision)
        dropped: list[int] = []
        doomed = self._doomed
        while doomed and doomed[0][0] < revision and not (limit and len(dropped) >= limit):
            _, key, obsolete = doomed.popleft()
            past = self._past[key]
            past.pop(0)
            if not past:
                del self._past[key]
                if key not in self.current:
                    self._gone.remove(key)
            dropped.append(abs(obsolete))
        return dropped
