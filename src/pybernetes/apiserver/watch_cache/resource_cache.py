"""The current objects of one stored resource and its last changes.

`apply` takes the store's events in order; `range` reads in key order (a namespace is a contiguous range of keys);
`watch` starts a watcher either from the current state or from a past revision out of the ring of recent changes. The
ring holds `HISTORY` changes, and few of those that clients cannot count on any more (`forget`); `oldest` is the
revision after which it is complete, a watch from before it is refused with 410 so that the client lists again.
"""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from operator import attrgetter

from ...api import status
from ...api.managed_fields.known_sets import decoded
from ...api.resource import ResourceInfo
from ...store.store import Event, KeyValue
from ..reader import Listener, Object
from .entry import Entry, Probe, head, probe_for, splice
from .fanout import Change, Fanout
from .handover import Handovers
from .opening import PresentState, Replay
from .selection import Selection
from .value_index import ValueIndex
from .watcher import Backlog, Format, Opening, Watcher

HISTORY = 1024
KEPT = 100
"""Changes that are remembered however old they are; upstream's smallest watch cache."""
DECODED_LIMIT = 512
_FEW = 1024

_by_key = attrgetter("key")


class ResourceCache:
    """See the module docstring. `info` is the resource in its storage version."""

    def __init__(self, info: ResourceInfo, revision: Callable[[], int], backlog: Backlog | None = None) -> None:
        self.info = info
        self.prefix = info.storage_prefix + "/"
        self.head_size = len(head(info.group_version, info.kind))
        self.probe: Probe = probe_for(info)
        self.handovers = Handovers()
        """What writers of this process say of their writes beforehand."""
        self._field_labels = info.field_labels
        self.fanout = Fanout(self.head_size, revision, backlog or Backlog())
        self.oldest = 0
        self.changed = 0
        """Revision of the last change of this resource."""
        self._entries: dict[str, Entry] = {}
        self._keys: list[str] = []
        self._ring: deque[Change] = deque()
        self._listeners: list[Listener] = []
        self._decoded: deque[Entry] = deque()
        self._index = ValueIndex()

    def __len__(self) -> int:
        return len(self._entries)

    def key(self, namespace: str, name: str) -> str:
        """The store's key of one object."""
        return f"{self.prefix}{namespace}/{name}" if namespace else self.prefix + name

    def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def object(self, entry: Entry) -> Object:
        """The object in wire form, shared by all readers: never change it. A decoded object takes five times the room
        of its bytes, so only the last `DECODED_LIMIT` are kept."""
        found = entry.decoded
        if found is None:
            found = entry.decoded = decoded(entry.data)
            self._decoded.append(entry)
            if len(self._decoded) > DECODED_LIMIT:
                self._decoded.popleft().decoded = None
        return found

    def peek(self, entry: Entry) -> Object:
        """As `object`, but what has to be decoded for it is not kept."""
        return entry.decoded or decoded(entry.data)

    def entry(self, kv: KeyValue) -> Entry:
        """A stored value as an entry."""
        labels, fields = self.probe.read(kv.value)
        namespace, _, name = kv.key[len(self.prefix) :].rpartition("/")
        data = splice(kv.value, self.head_size, kv.mod_revision)
        return Entry(kv.key, namespace, name, kv.mod_revision, data, labels, fields)

    def range(self, namespace: str = "", after: str = "") -> list[Entry]:
        """Entries in key order, of one namespace or all, with keys greater than `after`."""
        keys, entries = self._keys, self._entries
        if not keys:
            return []  # as admission finds most of what it asks for: limits, quotas, classes (2 % of a create)
        if not namespace and not after:
            return [entries[key] for key in keys]
        return self.page(namespace, after)[0]

    def page(self, namespace: str, after: str, limit: int = 0) -> tuple[list[Entry], int]:
        """The first `limit` of `range` (0: all) and how many more there are. Costs the page, not the collection."""
        keys, entries = self._keys, self._entries
        prefix = f"{self.prefix}{namespace}/" if namespace else self.prefix
        start = bisect_right(keys, after) if after > prefix else bisect_left(keys, prefix)
        end = bisect_left(keys, prefix[:-1] + "0", start)  # "0" follows "/"
        stop = min(start + limit, end) if limit else end
        return [entries[key] for key in keys[start:stop]], end - stop

    def select(self, selection: Selection) -> list[Entry]:
        """The selected entries in key order."""
        if selection.name and selection.namespace:
            found = self._entries.get(self.key(selection.namespace, selection.name))
            return [found] if found is not None and selection.matches(found) else []
        if selection.everything:
            return self.range(selection.namespace)
        few = self._index.candidates(selection, self._entries)
        if few is not None:
            return sorted([entry for entry in few if selection.matches(entry)], key=_by_key)
        return [entry for entry in self.range(selection.namespace) if selection.matches(entry)]

    def select_after(self, selection: Selection, after: str, limit: int) -> tuple[list[Entry], str | None]:
        """The selected entries among those that follow a key, and the key up to which these are all; None: to the end.

        About `limit` entries are looked at; few that an index finds come at once.
        """
        few = None if selection.name or selection.everything else self._index.candidates(selection, self._entries)
        if selection.name or (few is not None and len(few) <= _FEW):
            return [entry for entry in self.select(selection) if entry.key > after], None
        entries, more = self.page(selection.namespace, after, limit if selection.everything else _FEW)
        up_to = entries[-1].key if more else None
        return entries if selection.everything else [entry for entry in entries if selection.matches(entry)], up_to

    def select_by(self, field_labels: Sequence[str]) -> None:
        """Other selectable fields from now on (those of a changed definition)."""
        if tuple(field_labels) == self._field_labels:
            return
        self._field_labels = tuple(field_labels)
        self.probe = Probe(field_labels)
        for entry in self._entries.values():
            entry.labels, entry.fields = self.probe.read(entry.data)
        self._index.clear()

    # -- what the store says

    def load(self, items: Iterable[KeyValue], revision: int) -> None:
        """Start from a list at `revision`."""
        self._entries = {kv.key: self.entry(kv) for kv in items}
        self._keys = sorted(self._entries)
        self._index.clear()
        self._ring.clear()
        self.oldest = self.changed = revision
        for listener in self._listeners:
            for entry in self._entries.values():
                listener(None, self.object(entry))

    def reload(self, items: Iterable[KeyValue], revision: int) -> None:
        """After a gap in the store's events: bring watchers and listeners to the state listed at `revision`."""
        missing = set(self._entries)
        changes = []
        for kv in items:
            missing.discard(kv.key)
            old = self._entries.get(kv.key)
            if old is None or old.revision != kv.mod_revision:
                changes.append(Change(kv.mod_revision, old, self.entry(kv)))
        changes += [Change(revision, self._entries[key], None) for key in missing]
        for change in sorted(changes, key=lambda change: change.revision):
            self._apply(change)
        self._ring.clear()
        self.handovers.clear()
        self.oldest = revision

    def forget(self, revision: int) -> None:
        """Nobody may resume from before a revision: drop what led to it, but for the last few."""
        ring = self._ring
        while len(ring) > KEPT and ring[0].revision <= revision:
            self.oldest = ring.popleft().revision

    def apply(self, event: Event) -> None:
        """One write of the store."""
        kv = event.kv
        old = self._entries.get(kv.key)
        handover = self.handovers.take(kv)
        if handover is not None and old is not None and handover.entry is old:
            old.decoded = handover.old
        if event.deleted:
            new = None
        elif handover is not None and handover.new is not None:
            new = self._given(kv, handover.new)
        else:
            new = self.entry(kv)
        if new is not None or old is not None:
            self._apply(Change(kv.mod_revision, old, new))
        if handover is not None and new is not None:
            # Not kept: to free what has lain about for a while takes longer than to decode it when it is asked for.
            new.decoded = None

    def _given(self, kv: KeyValue, obj: Object) -> Entry:
        """The entry of a write whose object its writer handed over."""
        obj["metadata"]["resourceVersion"] = str(kv.mod_revision)
        labels, fields = self.probe.of(obj)
        namespace, _, name = kv.key[len(self.prefix) :].rpartition("/")
        data = splice(kv.value, self.head_size, kv.mod_revision)
        return Entry(kv.key, namespace, name, kv.mod_revision, data, labels, fields, obj)

    def _apply(self, change: Change) -> None:
        old, new = change.old, change.new
        if new is not None:
            if old is None:
                self._insert(new.key)
            self._entries[new.key] = new
        elif old is not None:
            del self._entries[old.key]
            del self._keys[bisect_left(self._keys, old.key)]
        self._index.changed(old, new)
        self.changed = change.revision
        ring = self._ring
        if len(ring) >= HISTORY:
            self.oldest = ring.popleft().revision
        ring.append(change)
        self.fanout.publish(change)
        if self._listeners:
            before = self.object(old) if old is not None else None
            after = self.object(new) if new is not None else None
            for listener in self._listeners:
                listener(before, after)
        if old is not None:
            old.decoded = None

    def _insert(self, key: str) -> None:
        if self._keys and key > self._keys[-1]:
            self._keys.append(key)
        else:
            insort(self._keys, key)

    # -- what readers and watchers ask

    def subscribe(self, listener: Listener) -> None:
        """Present objects as created, then every change, in order."""
        self._listeners.append(listener)
        for entry in self._entries.values():
            listener(None, self.object(entry))

    def watch(
        self,
        selection: Selection,
        format: Format,
        *,
        after: int | None,
        bookmarks: bool = False,
        initial_events_end: bool = False,
        timeout_seconds: float,
    ) -> Watcher:
        """A watcher that continues after a revision, or (after None) begins with the current state as ADDED events.

        `initial_events_end` marks the end of those with a bookmark (KEP-3157). StatusError 410 when the ring does not
        reach back to `after`.
        """
        revision = self.fanout.revision()
        if after is not None and after < self.oldest:
            raise status.expired(f"too old resource version: {after} ({self.oldest})")
        opening: Opening | None = None
        if after is None:
            opening = PresentState(self, selection, end=initial_events_end)
        elif after < self.changed:
            opening = Replay(self, selection, after)
        watcher = Watcher(
            self.fanout,
            format,
            max(after or 0, revision),
            opening=opening,
            bookmarks=bookmarks,
            timeout_seconds=timeout_seconds,
        )
        self.fanout.add(watcher, selection)
        return watcher

    def changes_after(self, revision: int) -> Iterable[Change]:
        """The remembered changes after a revision, in order."""
        behind = 0
        for change in reversed(self._ring):
            if change.revision <= revision:
                break
            behind += 1
        return islice(self._ring, len(self._ring) - behind, None) if behind else ()
