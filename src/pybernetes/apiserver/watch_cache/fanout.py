"""From one change to the watchers it concerns: find them by index, encode once, push the same bytes to all.

Watchers with equal selections share a `_Group`, so a selector is matched once per change however many watch it. Groups
are found by the most exact term they have::

    metadata.name=x          _by_name[x]
    spec.nodeName=n1         _by_field[(position, "n1")]     what 5,000 kubelets use
    a namespace only         _by_namespace[ns]
    anything else            _others

A change that moves an object into or out of a selection becomes ADDED or DELETED there; DELETED carries the last state
that was selected, at the resourceVersion of the change.

Lines are collected per watcher (`watcher.py`) and written by `flush` at the end of each store batch: one write per
watcher and batch.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from .entry import Entry, respliced
from .selection import Selection
from .watcher import Backlog, Format, Watcher


class Change(msgspec.Struct, gc=False):
    """One write: the object before (None: created) and after (None: deleted)."""

    revision: int
    old: Entry | None
    new: Entry | None


class _Group(msgspec.Struct, eq=False):
    selection: Selection
    watchers: list[Watcher]


class Fanout:
    """The watchers of one resource. `revision` tells up to which revision everything was pushed; the backlog is
    shared by those of all resources."""

    def __init__(self, head_size: int, revision: Callable[[], int], backlog: Backlog) -> None:
        self.revision = revision
        self.backlog = backlog
        self.dirty: list[Watcher] = []
        self.lagged = 0
        self._head_size = head_size
        self._groups: dict[tuple[Any, ...], _Group] = {}
        self._of: dict[Watcher, _Group] = {}
        self._by_name: dict[str, list[_Group]] = {}
        self._by_field: dict[tuple[int, str], list[_Group]] = {}
        self._by_namespace: dict[str, list[_Group]] = {}
        self._others: list[_Group] = []
        self._positions: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._of)

    def in_namespaces(self) -> int:
        """How many of the watchers look at one namespace."""
        return sum(len(group.watchers) for group in self._groups.values() if group.selection.namespace)

    def add(self, watcher: Watcher, selection: Selection) -> None:
        """From the next change on the watcher receives what is selected."""
        group = self._groups.get(selection.key)
        if group is None:
            group = self._groups[selection.key] = _Group(selection, [])
            self._bucket(selection).append(group)
            for term in selection.fields:
                self._positions[term.position] = self._positions.get(term.position, 0) + 1
        group.watchers.append(watcher)
        self._of[watcher] = group

    def remove(self, watcher: Watcher) -> None:
        group = self._of.pop(watcher, None)
        if group is None:
            return
        group.watchers.remove(watcher)
        if not group.watchers:
            selection = group.selection
            del self._groups[selection.key]
            self._bucket(selection).remove(group)
            for term in selection.fields:
                self._positions[term.position] -= 1
                if not self._positions[term.position]:
                    del self._positions[term.position]
            self._drop_empty(selection)

    def close(self) -> None:
        """End every watcher."""
        for watcher in list(self._of):
            watcher.end()

    def _exact(self, selection: Selection) -> tuple[int, str] | None:
        for term in selection.fields:
            if term.equal and term.position >= 0:
                return term.position, term.value
        return None

    def _bucket(self, selection: Selection) -> list[_Group]:
        if selection.name:
            return self._by_name.setdefault(selection.name, [])
        exact = self._exact(selection)
        if exact is not None:
            return self._by_field.setdefault(exact, [])
        if selection.namespace:
            return self._by_namespace.setdefault(selection.namespace, [])
        return self._others

    def _drop_empty(self, selection: Selection) -> None:
        if selection.name and not self._by_name.get(selection.name, True):
            del self._by_name[selection.name]
        exact = self._exact(selection)
        if exact is not None and not self._by_field.get(exact, True):
            del self._by_field[exact]
        if selection.namespace and not self._by_namespace.get(selection.namespace, True):
            del self._by_namespace[selection.namespace]

    def _concerned(self, change: Change) -> Iterable[_Group]:
        entry = change.new or change.old
        assert entry is not None
        found: list[_Group] = []
        if self._by_name:
            found += self._by_name.get(entry.name, ())
        if self._by_field:
            old, new = change.old, change.new
            for position in self._positions:
                if position < 0:
                    continue
                after = new.fields[position] if new is not None else None
                before = old.fields[position] if old is not None else None
                if after is not None:
                    found += self._by_field.get((position, after), ())
                if before is not None and before != after:
                    found += self._by_field.get((position, before), ())
        if self._by_namespace:
            found += self._by_namespace.get(entry.namespace, ())
        return found + self._others if found else self._others

    def publish(self, change: Change) -> None:
        """Queue the change with every watcher whose selection it touches; `flush` sends."""
        if not self._of:
            return
        lines: dict[tuple[str, Format], bytes] = {}
        for group in self._concerned(change):
            seen = classify(change, group.selection)
            if seen is None:
                continue
            for watcher in group.watchers:
                if change.revision <= watcher.after and not watcher.reached(change):
                    continue
                format = watcher.format
                line = lines.get((seen, format))
                if line is None:
                    line = lines[seen, format] = self.line(seen, change, format)
                watcher.push(line)
                if format.following is not format:
                    watcher.format = format.following

    def line(self, kind: str, change: Change, format: Format) -> bytes:
        """The event line of a change as one kind of event."""
        if kind == "DELETED":
            assert change.old is not None
            data = respliced(change.old.data, self._head_size, change.revision)
        else:
            assert change.new is not None
            data = change.new.data
        return format.event(kind, format.encode(data))

    def flush(self) -> None:
        """Write what was queued since the last flush."""
        dirty, self.dirty = self.dirty, []
        for watcher in dirty:
            watcher.flush()


def classify(change: Change, selection: Selection) -> str | None:
    """What a change is to a selection: ADDED, MODIFIED, DELETED or nothing."""
    was = change.old is not None and selection.matches(change.old)
    if change.new is not None and selection.matches(change.new):
        return "MODIFIED" if was else "ADDED"
    return "DELETED" if was else None
