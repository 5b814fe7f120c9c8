"""Label and field selectors (apimachinery `labels` and `fields`).

`parse_labels` reads the query form (`app=web,tier in (a,b),!old`), `from_label_selector` the object form
(matchLabels, matchExpressions); both give a `Labels`. `parse_fields` reads `a=b,c!=d` into a `Fields`.
Text that is no selector raises StatusError 400 with upstream's message.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from . import field, names
from .meta import LabelSelector
from .status import StatusError, bad_request

EXISTS, DOES_NOT_EXIST, IN, NOT_IN = "exists", "!", "in", "notin"
EQUALS, DOUBLE_EQUALS, NOT_EQUALS, GREATER_THAN, LESS_THAN = "=", "==", "!=", "gt", "lt"

_BINARY_OPERATORS = (IN, NOT_IN, EQUALS, DOUBLE_EQUALS, NOT_EQUALS, GREATER_THAN, LESS_THAN)
_KEYWORDS = {")", ",", "!", "==", "=", ">", "in", "<", "!=", "notin", "("}
_OBJECT_OPERATORS = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": DOES_NOT_EXIST}
_TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^ \t\r\n=!(),<>]+|\Z)")
_END = ""
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
        return all(requirement.matches(labels) for requirement in self.requirements)

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
        errors.append(field.not_supported("operator", operator, [*_BINARY_OPERATORS, EXISTS, DOES_NOT_EXIST]))
    for at, value in enumerate(given):
        if messages := names.label_value(value):
            errors.append(field.invalid(f"values[{at}][{key}]", value, "; ".join(messages)))
    if errors:
        texts = list(dict.fromkeys(map(str, errors)))
        raise bad_request(texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")
    return Requirement(key, operator, tuple(given))


def parse_labels(text: str) -> Labels:
    """The selector of a `labelSelector` query parameter; empty text selects everything."""
    return Labels(tuple(sorted(_LabelParser(text).requirements(), key=lambda found: found.key)))


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


class _LabelParser:
    """Recursive descent over the tokens of a label selector."""

    def __init__(self, text: str) -> None:
        self._tokens = [found[1] for found in _TOKEN.finditer(text.split("\0", 1)[0])]
        self._at = 0

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while True:
            token = self._peek()
            if token == _END:
                return found
            if not _is_identifier(token) and token != "!":
                raise bad_request(f"found '{token}', expected: !, identifier, or 'end of string'")
            try:
                found.append(self._requirement())
            except StatusError as error:
                raise bad_request(f"unable to parse requirement: {error.message}") from None
            token = self._next()
            if token == _END:
                return found
            if token != ",":
                raise bad_request(f"found '{token}', expected: ',' or 'end of string'")
            token = self._peek()
            if not _is_identifier(token) and token != "!":
                raise bad_request(f"found '{token}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        token = self._next()
        operator = ""
        if token == "!":
            operator, token = DOES_NOT_EXIST, self._next()
        if not _is_identifier(token):
            raise bad_request(f"found '{token}', expected: identifier")
        if messages := names.qualified_name(token):
            raise bad_request(str(field.invalid("<nil>", token, "; ".join(messages))))
        if self._peek() in (_END, ","):
            operator = operator or EXISTS
        if operator:
            return requirement(token, operator)
        operator = self._operator()
        values = self._values() if operator in (IN, NOT_IN) else {self._exact_value()}
        return requirement(token, operator, sorted(values))

    def _operator(self) -> str:
        token = self._next()
        operator = {">": GREATER_THAN, "<": LESS_THAN}.get(token, token)
        if operator not in _BINARY_OPERATORS or token in (GREATER_THAN, LESS_THAN):
            raise bad_request(f"found '{token}', expected: {', '.join(_BINARY_OPERATORS)}")
        return operator

    def _exact_value(self) -> str:
        if self._peek() in (_END, ","):
            return ""
        token = self._next()
        if not _is_identifier(token):
            raise bad_request(f"found '{token}', expected: identifier")
        return token

    def _values(self) -> set[str]:
        token = self._next()
        if token != "(":
            raise bad_request(f"found '{token}' expected: '('")
        token = self._peek()
        if token == ")":
            self._next()
            return {""}
        if not _is_identifier(token) and token != ",":
            raise bad_request(f"found '{token}', expected: ',', ')' or identifier")
        values = self._identifiers()
        if self._next() != ")":
            raise bad_request(f"found '{token}', expected: ')'")
        return values

    def _identifiers(self) -> set[str]:
        """Names parted by commas; nothing between two commas is the empty value."""
        values: set[str] = set()
        while True:
            token = self._next()
            if _is_identifier(token):
                values.add(token)
                following = self._peek()
                if following == ")":
                    return values
                if following != ",":
                    raise bad_request(f"found '{following}', expected: ',' or ')'")
            elif token == ",":
                if not values:
                    values.add("")
                following = self._peek()
                if following == ")":
                    values.add("")
                    return values
                if following == ",":
                    self._next()
                    values.add("")
            else:
                raise bad_request(f"found '{token}', expected: ',', or identifier")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token


def _is_identifier(token: str) -> bool:
    """`in` and `notin` are plain words except where an operator is expected."""
    return token != _END and (token not in _KEYWORDS or token in (IN, NOT_IN))


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
