"""Compile a column key of the print-column table into a function `cell(object, now) -> value`.

Understood forms (a key made of anything else needs a cell function in `cells.py`)::

    spec.nodeName                     the value; "" / 0 / False when absent, by the leaf's type
    spec.nodeName|<none>              first non-empty alternative; <...>, N/A, ? and - are literal
    age(metadata.creationTimestamp)   human duration since then, <unknown> when absent
    count(data)+count(binaryData)     how many entries
    join(spec.accessModes)  join(spec.template.spec.containers[].image)
    labels(spec.selector)   labelSelector(spec.selector)
    status.readyReplicas/spec.replicas
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from ...api.age import human

Cell = Callable[[dict[str, Any], datetime], Any]

_INTEGERS = frozenset(
    "replicas readyReplicas availableReplicas updatedReplicas currentReplicas desiredNumberScheduled "
    "currentNumberScheduled numberReady updatedNumberScheduled numberAvailable disruptionsAllowed maxReplicas revision "
    "matchingPrecedence value poolCount".split()
)
_BOOLEANS = frozenset(
    "suspend attachRequired podInfoOnMount storageCapacity requiresRepublish attached globalDefault".split()
)
_PATH = re.compile(r"[A-Za-z]\w*(\[\])?(\.\w+(\[\])?)*")
_CALL = re.compile(r"(age|count|join|labels|labelSelector)\((.*)\)")


def dig(value: Any, path: str) -> Any:
    """The value at a dotted path of a wire object, None if any step is absent; `[0]` steps are not understood."""
    for step in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def dig_all(value: Any, path: str) -> Iterator[Any]:
    """Every value at a path with `[]` steps."""
    head, bracket, rest = path.partition("[]")
    found = dig(value, head) if head else value
    if not bracket:
        if found is not None:
            yield found
        return
    for item in found or ():
        yield from dig_all(item, rest.lstrip(".")) if rest else (item,)


def age(stamp: Any, now: datetime) -> str:
    """`5m`, `3d4h`: the time since an RFC 3339 instant; `<unknown>` when there is none."""
    if not stamp:
        return "<unknown>"
    return human((now - datetime.fromisoformat(stamp)).total_seconds())


def format_labels(labels: dict[str, str] | None) -> str:
    """`a=b,c=d`, or `<none>`."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) if labels else "<none>"


_OPERATORS = {"In": "in", "NotIn": "notin"}


def format_label_selector(selector: dict[str, Any] | None) -> str:
    """A meta/v1 LabelSelector as selector text, `<none>` when it is empty or absent."""
    if not selector:
        return "<none>"
    terms = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        key, operator = expression["key"], expression["operator"]
        if operator in _OPERATORS:
            values = ",".join(sorted(expression.get("values") or ()))
            terms.append((key, f"{key} {_OPERATORS[operator]} ({values})"))
        else:
            terms.append((key, key if operator == "Exists" else "!" + key))
    return ",".join(text for _, text in sorted(terms)) or "<none>"


def _zero(path: str) -> Any:
    leaf = path.rsplit(".", 1)[-1]
    if path == "spec.taint.value":
        return ""  # a PriorityClass's value is a number
    if leaf in _INTEGERS:
        return 0
    return False if leaf in _BOOLEANS else ""


def _literal(text: str) -> bool:
    return text.startswith("<") or text in ("N/A", "?", "-", "Delete", "Immediate", "false")


def compile_key(key: str) -> Cell | None:
    """The cell function of a simple key, None when the key needs code."""
    call = _CALL.fullmatch(key)
    if call and "(" not in call[2]:
        return _call(call[1], call[2])
    if "+" in key and all(_CALL.fullmatch(part) for part in key.split("+")):
        parts = [compile_key(part) for part in key.split("+")]
        return lambda obj, now: sum(part(obj, now) for part in parts if part)
    if "|" in key:
        return _alternatives(key.split("|"))
    if key.count("/") == 1 and all(_PATH.fullmatch(part) and "." in part for part in key.split("/")):
        left, right = key.split("/")
        return lambda obj, now: f"{dig(obj, left) or 0}/{dig(obj, right) or 0}"
    if _PATH.fullmatch(key) and "[]" not in key:
        zero = _zero(key)

        def plain(obj: dict[str, Any], now: datetime) -> Any:
            found = dig(obj, key)
            return zero if found is None else found

        return plain
    return None


def _call(name: str, argument: str) -> Cell | None:
    paths = argument.split("|")
    if not all(_PATH.fullmatch(path) for path in paths):
        return None
    path = paths[0]
    if name == "age":
        return lambda obj, now: age(next(filter(None, (dig(obj, p) for p in paths)), None), now)
    if name == "count":
        return lambda obj, now: len(dig(obj, path) or ())
    if name == "labels":
        return lambda obj, now: format_labels(dig(obj, path))
    if name == "labelSelector":
        return lambda obj, now: format_label_selector(dig(obj, path))
    listed = path if "[]" in path else path + "[]"
    return lambda obj, now: ",".join(map(str, dig_all(obj, listed)))


def _alternatives(parts: list[str]) -> Cell | None:
    cells: list[Cell] = []
    fallback = ""
    for part in parts:
        if _literal(part):
            fallback = part
            break
        cell = compile_key(part)
        if cell is None:
            return None
        cells.append(cell)

    def first(obj: dict[str, Any], now: datetime) -> Any:
        for cell in cells:
            found = cell(obj, now)
            if found not in ("", None) and not (found == "<unknown>" or found == "<none>"):
                return found
        return fallback

    return first
