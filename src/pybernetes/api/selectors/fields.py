"""Field selectors: comparisons of fields with texts, parted by commas that backslashes may guard."""

import re
from collections.abc import Mapping

import msgspec

from ..status import bad_request


class FieldRequirement(msgspec.Struct, frozen=True):
    """One comparison of a field with a value."""

    label: str
    value: str
    equal: bool = True

    def __str__(self) -> str:
        return f"{self.label}{'=' if self.equal else '!='}{escape_field_value(self.value)}"


class Fields(msgspec.Struct, frozen=True):
    """A field selector: all requirements hold; an absent field counts as empty text."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, values: Mapping[str, str]) -> bool:
        return all((values.get(term.label, "") == term.value) is term.equal for term in self.requirements)

    @property
    def empty(self) -> bool:
        return not self.requirements

    def required_value(self, label: str) -> str | None:
        """The value a field must have, when the selector fixes it."""
        for term in self.requirements:
            if term.label == label and term.equal:
                return term.value
        return None

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


def parse_fields(text: str) -> Fields:
    """The selector of a `fieldSelector` query parameter; empty text selects everything."""
    found = []
    for term in sorted(_split_terms(text)):
        if not term:
            continue
        label, operator, value = _split_term(term)
        if not operator:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        found.append(FieldRequirement(label, _unescaped(value), operator != "!="))
    return Fields(tuple(found))


def escape_field_value(value: str) -> str:
    """A value as it must be written inside a field selector."""
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def _split_terms(text: str) -> list[str]:
    """Terms between commas that no backslash guards."""
    terms, start, escaped = [], 0, False
    for at, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == ",":
            terms.append(text[start:at])
            start = at + 1
    terms.append(text[start:])
    return terms


def _split_term(term: str) -> tuple[str, str, str]:
    """Left side, operator and right side; no operator when there is none."""
    found = re.search(r"!=|==|=", term)
    return (term[: found.start()], found[0], term[found.end() :]) if found else (term, "", "")


def _unescaped(value: str) -> str:
    if "\\" not in value and "=" not in value:
        return value
    found, at = [], 0
    while at < len(value):
        character = value[at]
        if character == "\\":
            escaped = value[at + 1 : at + 2]
            if not escaped or escaped not in "\\,=":
                raise bad_request(f"invalid field selector: invalid escape sequence: {value[at : at + 2]}")
            found.append(escaped)
            at += 2
            continue
        if character in ",=":
            raise bad_request(f"invalid field selector: unescaped character in value: {ord(character)}")
        found.append(character)
        at += 1
    return "".join(found)
