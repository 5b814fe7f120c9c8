"""Who has a label or a field at a value: lists by selector look at the few objects that can match, not at all of them.

A label or field is indexed when a selector first fixes its value (`app=web`, `spec.nodeName=n1`) in a collection that
is large enough to matter, and kept up to date from then on. A list of 1 % of 5,000 pods takes 0.3 ms instead of 9.
"""

from collections.abc import Collection, Mapping

from ...api.selectors import Labels
from .entry import Entry
from .selection import Selection

Term = str | int
"""A label's key, or the position of a selectable field in `Entry.fields`."""
MAX_TERMS = 16
WORTH_OBJECTS = 64


class ValueIndex:
    """Of one collection."""

    __slots__ = ("_tables",)

    def __init__(self) -> None:
        self._tables: dict[Term, dict[str, dict[str, Entry]]] = {}

    def clear(self) -> None:
        """Start over: the collection was replaced."""
        self._tables.clear()

    def changed(self, old: Entry | None, new: Entry | None) -> None:
        """One object came, changed or went."""
        for term, table in self._tables.items():
            before = _value(old, term) if old is not None else None
            after = _value(new, term) if new is not None else None
            if old is not None and before is not None and before != after:
                holders = table[before]
                del holders[old.key]
                if not holders:
                    del table[before]
            if new is not None and after is not None:
                table.setdefault(after, {})[new.key] = new

    def candidates(self, selection: Selection, entries: Mapping[str, Entry]) -> Collection[Entry] | None:
        """Entries among which all selected ones are, in no order; None when the index cannot help."""
        if len(entries) < WORTH_OBJECTS:
            return None
        fixed = _fixed(selection)
        if fixed is None:
            return None
        term, value = fixed
        table = self._tables.get(term)
        if table is None:
            if len(self._tables) >= MAX_TERMS:
                return None
            table = self._tables[term] = {}
            for entry in entries.values():
                found = _value(entry, term)
                if found is not None:
                    table.setdefault(found, {})[entry.key] = entry
        return table.get(value, {}).values()


def _value(entry: Entry, term: Term) -> str | None:
    return entry.fields[term] if isinstance(term, int) else entry.labels.get(term)


def _fixed(selection: Selection) -> tuple[Term, str] | None:
    """A term whose value the selection fixes; fields first, since they tell more apart."""
    for term in selection.fields:
        if term.equal and term.position >= 0:
            return term.position, term.value
    labels: Labels | None = selection.labels
    if labels is not None and not labels.nothing:
        for requirement in labels.requirements:
            value = labels.required_value(requirement.key)
            if value is not None:
                return requirement.key, value
    return None
