"""What a list or a watch selects: a namespace, a name, labels, fields. Compiled once, matched against entries.

`=` terms on fields are what the fan-out index uses (`spec.nodeName=n1`, `metadata.name=x`), so they are kept apart.
"""

from typing import Any

import msgspec

from ...api import status
from ...api.selectors import Labels, parse_fields, parse_labels
from .entry import Entry, Probe


class FieldTerm(msgspec.Struct, frozen=True):
    """`field=value` or `field!=value`; `position` indexes `Entry.fields`, -1 is the name, -2 the namespace."""

    position: int
    value: str
    equal: bool


class Selection(msgspec.Struct, frozen=True):
    """Empty values select everything. `key` identifies equal selections, so that watchers can share the matching."""

    namespace: str = ""
    name: str = ""
    labels: Labels | None = None
    label_text: str = ""
    fields: tuple[FieldTerm, ...] = ()

    @property
    def key(self) -> tuple[Any, ...]:
        return (self.namespace, self.name, self.label_text, self.fields)

    @property
    def everything(self) -> bool:
        """Whether all objects of the namespace (or of the resource) are selected."""
        return not self.name and self.labels is None and not self.fields

    def matches(self, entry: Entry) -> bool:
        """Whether the object belongs to the selection."""
        if self.namespace and entry.namespace != self.namespace:
            return False
        if self.name and entry.name != self.name:
            return False
        for term in self.fields:
            position = term.position
            if position >= 0:
                value = entry.fields[position]
            else:
                value = entry.name if position == -1 else entry.namespace
            if (value == term.value) is not term.equal:
                return False
        return self.labels is None or self.labels.matches(entry.labels)


def select(
    probe: Probe, namespace: str = "", name: str = "", label_selector: str = "", field_selector: str = ""
) -> Selection:
    """Compile a request's selectors. StatusError 400 for syntax errors and fields that are not selectable."""
    labels = parse_labels(label_selector) if label_selector.strip() else None
    terms: list[FieldTerm] = []
    for term in parse_fields(field_selector).requirements if field_selector else ():
        position = _position(probe, term.label)
        if term.equal and position == -1 and name in ("", term.value):
            name = term.value
        else:
            terms.append(FieldTerm(position, term.value, term.equal))
    return Selection(namespace, name, labels, label_selector if labels is not None else "", tuple(terms))


def _position(probe: Probe, label: str) -> int:
    if label == "metadata.name":
        return -1
    if label == "metadata.namespace":
        return -2
    position = probe.index.get(probe.aliases.get(label, label))
    if position is not None:
        return position
    if probe.names:
        raise status.bad_request(f"field label not supported: {label}")
    raise status.bad_request(f'"{label}" is not a known field selector: only "metadata.name", "metadata.namespace"')
