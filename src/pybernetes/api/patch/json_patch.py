"""JSON patch (RFC 6902), with the negative list positions that upstream's library allows."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import orjson

Operation = dict[str, Any]


_COPY_LIMIT_BYTES = 3 * 1024 * 1024
"""What the copies of one patch may add up to, as upstream: few bytes could ask for any number otherwise."""


class PatchError(Exception):
    """The patch does not fit the document."""


def apply_operations(document: Any, operations: list[Operation]) -> Any:
    """Applies operations in order to `document`, which they change; returns the resulting document."""
    copied = 0
    for operation in operations:
        kind = operation.get("op", "")
        if kind == "copy":
            copied += len(orjson.dumps(_lookup(document, _tokens(operation, "from"))))
            if copied > _COPY_LIMIT_BYTES:
                raise PatchError(
                    f"Unable to complete the copy, the accumulated size increase of copy is {copied}, "
                    f"exceeding the limit {_COPY_LIMIT_BYTES}"
                )
        perform = _OPERATIONS.get(kind) if isinstance(kind, str) else None
        if perform is None:
            raise PatchError(f"Unexpected kind: {kind}")
        document = perform(document, operation)
    return document


def _tokens(operation: Operation, name: str = "path") -> list[str]:
    path = operation.get(name)
    if not isinstance(path, str) or (path and not path.startswith("/")):
        raise PatchError(f"{operation.get('op')} operation has no usable {name}")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _value(operation: Operation) -> Any:
    if "value" not in operation:
        raise PatchError(f"{operation.get('op')} operation has no value")
    return deepcopy(operation["value"])


def _parent(document: Any, tokens: list[str]) -> Any:
    """The dict or list that the last token is looked up in."""
    for token in tokens[:-1]:
        document = _get(document, token)
    if not isinstance(document, dict | list):
        raise PatchError("path leads through a value that holds nothing")
    return document


def _get(holder: Any, token: str) -> Any:
    if isinstance(holder, dict):
        if token not in holder:
            raise PatchError(f"no such key: {token}")
        return holder[token]
    if isinstance(holder, list):
        return holder[_position(token, len(holder))]
    raise PatchError("path leads through a value that holds nothing")


def _position(token: str, length: int, *, inserting: bool = False) -> int:
    digits = token.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise PatchError(f"no list position: {token}")
    position = int(token)
    if position < 0:
        position += length + (1 if inserting else 0)
    if not 0 <= position < length + (1 if inserting else 0):
        raise PatchError(f"list position out of bounds: {token}")
    return position


def _insert(document: Any, tokens: list[str], value: Any) -> Any:
    if not tokens:
        return value
    holder = _parent(document, tokens)
    if isinstance(holder, dict):
        holder[tokens[-1]] = value
    elif tokens[-1] == "-":
        holder.append(value)
    else:
        holder.insert(_position(tokens[-1], len(holder), inserting=True), value)
    return document


def _delete(document: Any, tokens: list[str]) -> Any:
    """Takes a value out and returns it."""
    if not tokens:
        raise PatchError("the whole document cannot be removed")
    holder = _parent(document, tokens)
    found = _get(holder, tokens[-1])
    if isinstance(holder, dict):
        del holder[tokens[-1]]
    else:
        del holder[_position(tokens[-1], len(holder))]
    return found


def _lookup(document: Any, tokens: list[str]) -> Any:
    for token in tokens:
        document = _get(document, token)
    return document


def _add(document: Any, operation: Operation) -> Any:
    return _insert(document, _tokens(operation), _value(operation))


def _remove(document: Any, operation: Operation) -> Any:
    _delete(document, _tokens(operation))
    return document


def _replace(document: Any, operation: Operation) -> Any:
    tokens = _tokens(operation)
    if not tokens:
        return _value(operation)
    holder = _parent(document, tokens)
    _get(holder, tokens[-1])
    if isinstance(holder, dict):
        holder[tokens[-1]] = _value(operation)
    else:
        holder[_position(tokens[-1], len(holder))] = _value(operation)
    return document


def _move(document: Any, operation: Operation) -> Any:
    return _insert(document, _tokens(operation), _delete(document, _tokens(operation, "from")))


def _copy(document: Any, operation: Operation) -> Any:
    return _insert(document, _tokens(operation), deepcopy(_lookup(document, _tokens(operation, "from"))))


def _test(document: Any, operation: Operation) -> Any:
    """Equality; a path that leads nowhere equals null."""
    wanted = operation.get("value")
    try:
        found = _lookup(document, _tokens(operation))
    except PatchError:
        found = None
    if not same(found, wanted):
        raise PatchError(f"testing value {operation.get('path')} failed")
    return document


def same(left: Any, right: Any) -> bool:
    """JSON equality: booleans are no numbers."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


_OPERATIONS: dict[str, Callable[[Any, Operation], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
