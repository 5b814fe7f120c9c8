"""Requirements on labels, alone and together, and the selectors that objects carry."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from .. import field, names
from ..meta import LabelSelector
from ..status import bad_request

EXISTS, DOES_NOT_EXIST, IN, NOT_IN = "exists", "!", "in", "notin"
EQUALS, DOUBLE_EQUALS, NOT_EQUALS, GREATER_THAN, LESS_THAN = "=", "==", "!=", "gt", "lt"
BINARY_OPERATORS = (IN, NOT_IN, EQUALS, DOUBLE_EQUALS, NOT_EQUALS, GREATER_THAN, LESS_THAN)

_OBJECT_OPERATORS = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": DOES_NOT_EXIST}
_INTEGER = re.compile(r"[+-]?[0-9]+").fullmatch


class Requirement(msgspec.Struct, frozen=True):
    """One condition on one label."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.key)
        operator = self.operator
        if operator in (EQUALS, DOUBLE_EQUALS, IN):
            return found is not None and found in self.values
        if operator in (NOT_EQUALS, NOT_IN):
            return found is None or found not in self.values
        if operator == EXISTS:
            return found is not None
        if operator == DOES_NOT_EXIST:
            return found is None
        if found is None or _INTEGER(found) is None:
            return False
        bound = int(self.values[0])
        return int(found) > bound if operator == GREATER_THAN else int(found) < bound

    def __str__(self) -> str:
        if self.operator == EXISTS:
            return self.key
        if self.operator == DOES_NOT_EXIST:
            return "!" + self.key
        values = ",".join(sorted(self.values))
        if self.operator in (IN, NOT_IN):
            return f"{self.key} {self.operator} ({values})"
        sign = {GREATER_THAN: ">", LESS_THAN: "<"}.get(self.operator, self.operator)
        return f"{self.key}{sign}{values}"


class Labels(msgspec.Struct, frozen=True):
    """A label selector: all requirements hold. `nothing` is the selector of an absent LabelSelector."""

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        if self.nothing:
            return False
        labels = labels or {}
        for requirement in self.requirements:  # noqa: SIM110 - half the time of all() over a generator
            if not requirement.matches(labels):
                return False
        return True

    @property
    def empty(self) -> bool:
        """Whether everything matches."""
        return not self.requirements and not self.nothing

    def required_value(self, key: str) -> str | None:
        """The only value a label may have, when the selector fixes it."""
        for requirement in self.requirements:
            if requirement.key == key:
                fixed = requirement.operator in (EQUALS, DOUBLE_EQUALS, IN) and len(requirement.values) == 1
                return requirement.values[0] if fixed else None
        return None

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


EVERYTHING = Labels()
NOTHING = Labels(nothing=True)


def requirement(key: str, operator: str, values: Sequence[str] = ()) -> Requirement:
    """A checked requirement. StatusError 400 naming each broken rule."""
    errors = []
    if messages := names.qualified_name(key):
        errors.append(field.invalid("key", key, "; ".join(messages)))
    given = list(values)
    if operator in (IN, NOT_IN):
        if not given:
            errors.append(field.invalid("values", given, "for 'in', 'notin' operators, values set can't be empty"))
    elif operator in (EQUALS, DOUBLE_EQUALS, NOT_EQUALS):
        if len(given) != 1:
            errors.append(field.invalid("values", given, "exact-match compatibility requires one single value"))
    elif operator in (EXISTS, DOES_NOT_EXIST):
        if given:
            errors.append(field.invalid("values", given, "values set must be empty for exists and does not exist"))
    elif operator in (GREATER_THAN, LESS_THAN):
        if len(given) != 1:
            errors.append(field.invalid("values", given, "for 'Gt', 'Lt' operators, exactly one value is required"))
        errors += [
            field.invalid(f"values[{at}]", value, "for 'Gt', 'Lt' operators, the value must be an integer")
            for at, value in enumerate(given)
            if _INTEGER(value) is None
        ]
    else:
        errors.append(field.not_supported("operator", operator, [*BINARY_OPERATORS, EXISTS, DOES_NOT_EXIST]))
    for at, value in enumerate(given):
        if messages := names.label_value(value):
            errors.append(field.invalid(f"values[{at}][{key}]", value, "; ".join(messages)))
    if errors:
        texts = list(dict.fromkeys(map(str, errors)))
        raise bad_request(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")
    return Requirement(key, operator, tuple(given))


def from_labels(labels: Mapping[str, str] | None) -> Labels:
    """The selector of a plain map, as services and replication controllers have."""
    return Labels(tuple(Requirement(key, EQUALS, (value,)) for key, value in sorted((labels or {}).items())))


def from_label_selector(selector: LabelSelector | Mapping[str, Any] | None) -> Labels:
    """The selector of an object's LabelSelector (Struct or wire dict). None selects nothing, `{}` everything."""
    if selector is None:
        return NOTHING
    if isinstance(selector, LabelSelector):
        pairs = selector.match_labels or {}
        rows = [(row.key, row.operator, row.values or ()) for row in selector.match_expressions or ()]
    else:
        pairs = selector.get("matchLabels") or {}
        rows = [
            (row.get("key", ""), row.get("operator", ""), row.get("values") or ())
            for row in selector.get("matchExpressions") or ()
        ]
    found = [requirement(key, EQUALS, (value,)) for key, value in pairs.items()]
    for key, operator, values in rows:
        if operator not in _OBJECT_OPERATORS:
            raise bad_request(f'"{operator}" is not a valid label selector operator')
        found.append(requirement(key, _OBJECT_OPERATORS[operator], values))
    return Labels(tuple(sorted(found, key=lambda row: row.key)))
