"""JSON patch (RFC 6902) as upstream's library applies it, with negative list positions, and in its words."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import orjson

Operation = dict[str, Any]


_COPY_LIMIT_BYTES = 3 * 1024 * 1024
"""What the copies of one patch may add up to, as upstream: few bytes could ask for any number otherwise."""


_MISSING = "missing value"


class PatchError(Exception):
    """The patch does not fit the document."""


def apply_operations(document: Any, operations: list[Operation]) -> Any:
    """Applies operations in order to `document`, which they change; returns the resulting document."""
    copied = 0
    for operation in operations:
        kind = operation.get("op", "unknown")
        if kind == "copy":
            copied += len(orjson.dumps(_source(document, operation)))
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


def _path(operation: Operation, name: str = "path") -> str:
    path = operation.get(name)
    if isinstance(path, str):
        return path
    kind = operation["op"]
    if name == "from":
        why = "operation, missing from field: "
    else:
        why = "" if kind in ("add", "remove") else "operation missing path field: "
    raise PatchError(f"{kind} operation failed to decode {name}: {why}{_MISSING}")


def _place(document: Any, path: str) -> tuple[Any, str] | None:
    """The dict or list that the last part of a path is looked up in, and that part; None where it leads nowhere."""
    if not path.startswith("/"):
        return None
    *parts, last = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    for part in parts:
        try:
            document = _get(document, part)
        except PatchError:
            return None
    return (document, last) if isinstance(document, dict | list) else None


def _found(place: tuple[Any, str] | None, why: str) -> tuple[Any, str]:
    if place is None:
        raise PatchError(f"{why}: {_MISSING}")
    return place


def _get(holder: Any, token: str) -> Any:
    """A key that a dict has not holds null."""
    if isinstance(holder, dict):
        return holder.get(token)
    if isinstance(holder, list):
        return holder[_position(token, len(holder))]
    raise PatchError(_MISSING)


def _position(token: str, length: int, *, inserting: bool = False) -> int:
    digits = token.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        why = f'strconv.Atoi: parsing "{token}": invalid syntax'
        raise PatchError(f"value was not a proper array index: '{token}': {why}" if inserting else why)
    position = int(token)
    if position < 0:
        position += length + (1 if inserting else 0)
    if not 0 <= position < length + (1 if inserting else 0):
        raise PatchError(f"Unable to access invalid index: {token}: invalid index referenced")
    return position


def _insert(place: tuple[Any, str], value: Any, path: str) -> None:
    holder, token = place
    if isinstance(holder, dict):
        holder[token] = value
    elif token == "-":
        holder.append(value)
    else:
        try:
            holder.insert(_position(token, len(holder), inserting=True), value)
        except PatchError as error:
            raise PatchError(f"error in add for path: '{path}': {error}") from None


def _delete(place: tuple[Any, str], what: str) -> Any:
    """Takes a value out and returns it."""
    holder, token = place
    try:
        if isinstance(holder, dict):
            if token not in holder:
                raise PatchError(f"Unable to remove nonexistent key: {token}: {_MISSING}")
            return holder.pop(token)
        return holder.pop(_position(token, len(holder)))
    except PatchError as error:
        raise PatchError(f"{what}: {error}") from None


def _add(document: Any, operation: Operation) -> Any:
    path = _path(operation)
    place = _found(_place(document, path), f'add operation does not apply: doc is missing path: "{path}"')
    _insert(place, deepcopy(operation.get("value")), path)
    return document


def _remove(document: Any, operation: Operation) -> Any:
    path = _path(operation)
    place = _found(_place(document, path), f'remove operation does not apply: doc is missing path: "{path}"')
    _delete(place, f"error in remove for path: '{path}'")
    return document


def _replace(document: Any, operation: Operation) -> Any:
    """A key that is not there is set, as upstream's library does."""
    path = _path(operation)
    if not path:
        return deepcopy(operation.get("value"))
    holder, token = _found(_place(document, path), f"replace operation does not apply: doc is missing path: {path}")
    try:
        holder[token if isinstance(holder, dict) else _position(token, len(holder))] = deepcopy(operation.get("value"))
    except PatchError:
        raise PatchError(f"replace operation does not apply: doc is missing key: {path}: {_MISSING}") from None
    return document


def _move(document: Any, operation: Operation) -> Any:
    start = _path(operation, "from")
    why = "move operation does not apply: doc is missing"
    place = _found(_place(document, start), f"{why} from path: {start}")
    value = _delete(place, f"error in move for path: '{place[1]}'")
    path = _path(operation)
    _insert(_found(_place(document, path), f"{why} destination path: {path}"), value, path)
    return document


def _source(document: Any, operation: Operation) -> Any:
    """What a copy copies."""
    start = _path(operation, "from")
    place = _found(_place(document, start), f"copy operation does not apply: doc is missing from path: {start}")
    try:
        return _get(*place)
    except PatchError as error:
        raise PatchError(f"error in copy for from: '{start}': {error}") from None


def _copy(document: Any, operation: Operation) -> Any:
    value, path = deepcopy(_source(document, operation)), _path(operation)
    why = f"copy operation does not apply: doc is missing destination path: {path}"
    _insert(_found(_place(document, path), why), value, path)
    return document


def _test(document: Any, operation: Operation) -> Any:
    """Equality; a key that is not there equals null."""
    path = _path(operation)
    if path:
        place = _found(_place(document, path), f"test operation does not apply: is missing path: {path}")
        try:
            found = _get(*place)
        except PatchError as error:
            raise PatchError(f"error in test for path: '{path}': {error}") from None
    else:
        found = document
    if not same(found, operation.get("value")):
        raise PatchError(f"testing value {path} failed: test failed")
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
