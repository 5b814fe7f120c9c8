"""Reads label selectors as text: a scanner of one regular expression and a recursive descent over its tokens."""

import re

from .. import field, names
from ..status import StatusError, bad_request
from .labels import (
    BINARY_OPERATORS,
    DOES_NOT_EXIST,
    EXISTS,
    GREATER_THAN,
    IN,
    LESS_THAN,
    NOT_IN,
    Labels,
    Requirement,
    requirement,
)

_KEYWORDS = {")", ",", "!", "==", "=", ">", "in", "<", "!=", "notin", "("}
_TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^ \t\r\n=!(),<>]+|\Z)")
_END = ""


def parse_labels(text: str) -> Labels:
    """The selector of a `labelSelector` query parameter; empty text selects everything."""
    return Labels(tuple(sorted(_LabelParser(text).requirements(), key=lambda found: found.key)))


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
        if operator not in BINARY_OPERATORS or token in (GREATER_THAN, LESS_THAN):
            raise bad_request(f"found '{token}', expected: {', '.join(BINARY_OPERATORS)}")
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
