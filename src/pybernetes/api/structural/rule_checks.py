"""CEL rules of a schema before they are used: they compile, give what they must, and cannot cost too much (KEP-2876).

A rule's estimated cost is that of one evaluation, times how often its node can occur in an object; one rule may reach
`RULE_LIMIT`, all rules of a version `SCHEMA_LIMIT`.
"""

from collections.abc import Mapping
from typing import Any

from .. import field
from ..cel.errors import CompileError
from ..cel.estimate import UNKNOWN, estimate
from ..cel.program import Program, WrongResult
from ..cel.types import BOOL, STRING, Type
from ..field import FieldError
from .cel_rules import environment
from .cel_types import REQUEST_BYTES, Sized, sized
from .field_paths import refers
from .schema import Structural, has_rules

RULE_LIMIT = 10_000_000
SCHEMA_LIMIT = 100_000_000
MESSAGE_LIMIT = 2048

_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
Errors = list[FieldError]


class _Total:
    def __init__(self) -> None:
        self.cost = 0
        self.most: list[tuple[int, str]] = []

    def add(self, cost: int, path: str) -> None:
        self.cost = min(self.cost + cost, UNKNOWN)
        self.most = sorted([*self.most, (cost, path)], reverse=True)[:4]


def validate_rules(raw: Mapping[str, Any], path: str) -> Errors:
    """Everything wrong with the rules of a root schema that is otherwise right."""
    schema = Structural(raw, root=True)
    if not has_rules(schema):
        return []
    errors: Errors = []
    total = _Total()
    _node(schema, path, 1, "", total, errors, root=True)
    if total.cost > SCHEMA_LIMIT:
        words = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
        errors += [field.forbidden(place, words) for _, place in total.most]
        name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        errors.append(field.forbidden(path, _too_dear(name, total.cost, SCHEMA_LIMIT)))
    return errors


def _too_dear(name: str, cost: int, limit: int) -> str:
    factor = cost / limit
    shown = "more than 100x" if factor > 100 else f"{factor:f}x" if factor < 1.5 else f"{factor:.1f}x"
    return (
        f"{name} exceeds budget by factor of {shown} (try simplifying the rule, or adding maxItems, maxProperties, and "
        "maxLength where arrays, maps, and strings are declared)"
    )


def _node(
    schema: Structural,
    path: str,
    times: int | None,
    uncorrelatable: str,
    total: _Total,
    errors: Errors,
    *,
    root: bool = False,
) -> None:
    """`times`: how often the node can occur, None for as often as a request holds. `uncorrelatable`: the list or map
    whose members have no old counterpart, "" when there is none around."""
    if schema.rules:
        known = sized(schema, root=root)
        for at, raw in enumerate(schema.rules):
            place = f"{path}.x-kubernetes-validations[{at}]"
            if known is None:
                words = "type cannot be determined: rules need a schema with a type"
                errors.append(field.invalid(place, raw.get("rule") or "", words))
                continue
            _rule(raw, schema, known, place, times, uncorrelatable, total, errors)
    if schema.items is not None:
        most = _product(times, schema.raw.get("maxItems"))
        inside = uncorrelatable or ("" if schema.list_type == "map" else path)
        _node(schema.items, f"{path}.items", most, inside, total, errors)
    for name, child in schema.properties.items():
        inside = uncorrelatable or (path if schema.map_type == "atomic" else "")
        _node(child, f"{path}.properties[{name}]", times, inside, total, errors)
    if isinstance(schema.additional, Structural):
        most = _product(times, schema.raw.get("maxProperties"))
        inside = uncorrelatable or (path if schema.map_type == "atomic" else "")
        _node(schema.additional, f"{path}.additionalProperties", most, inside, total, errors)


def _product(times: int | None, limit: int | None) -> int | None:
    return None if times is None or limit is None else times * limit


def _rule(
    raw: Mapping[str, Any],
    schema: Structural,
    known: Sized,
    path: str,
    times: int | None,
    uncorrelatable: str,
    total: _Total,
    errors: Errors,
) -> None:
    rule = (raw.get("rule") or "").strip()
    if not rule:
        errors.append(field.required(f"{path}.rule", "rule is not specified"))
        return
    _texts(raw, rule, path, errors)
    _field_path(raw, schema, path, errors)
    count = times if times is not None else REQUEST_BYTES // (known.least_bytes + 1)
    program = _compiled(raw, "rule", known.type, BOOL, path, errors)
    if program is not None:
        uses_old = "oldSelf" in program.names()
        if uses_old and uncorrelatable:
            words = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {uncorrelatable}"
            errors.append(field.invalid(f"{path}.rule", raw["rule"], words))
        if raw.get("optionalOldSelf") is not None and not uses_old:
            words = "may not be set if oldSelf is not used in rule"
            errors.append(field.invalid(f"{path}.optionalOldSelf", raw["optionalOldSelf"], words))
        _priced(program, "estimated rule cost", f"{path}.rule", count, total, errors)
    if raw.get("messageExpression"):
        program = _compiled(raw, "messageExpression", known.type, STRING, path, errors)
        if program is not None:
            _priced(program, "estimated messageExpression cost", f"{path}.messageExpression", count, total, errors)


def _priced(program: Program, name: str, path: str, count: int, total: _Total, errors: Errors) -> None:
    cost = min(estimate(program.tree) * count, UNKNOWN)
    total.add(cost, path)
    if cost > RULE_LIMIT:
        errors.append(field.forbidden(path, _too_dear(name, cost, RULE_LIMIT)))


def _compiled(raw: Mapping[str, Any], key: str, type: Type, result: Type, path: str, errors: Errors) -> Program | None:
    source = raw[key]
    known = environment(type, optional_old=bool(raw.get("optionalOldSelf")))
    try:
        return known.compile(source, expect=[result])
    except WrongResult:
        if key == "rule":
            words = "cel expression must evaluate to a bool"
        else:
            words = "messageExpression must evaluate to a string"
    except CompileError as error:
        words = f"compilation failed: {error}"
        if key != "rule":
            words = f"messageExpression {words}"
    errors.append(field.invalid(f"{path}.{key}", source, words))
    return None


def _texts(raw: Mapping[str, Any], rule: str, path: str, errors: Errors) -> None:
    message = raw.get("message")
    if message is not None and message != "" and not message.strip():
        errors.append(field.invalid(f"{path}.message", message, "message must be non-empty if specified"))
    elif message and "\n" in message.strip():
        errors.append(field.invalid(f"{path}.message", message, "message must not contain line breaks"))
    elif not message and "\n" in rule and not raw.get("messageExpression"):
        words = "message must be specified if rule contains line breaks"
        errors.append(field.required(f"{path}.message", words))
    if message and len(message) > MESSAGE_LIMIT:
        shown = message[:10] + "..."
        errors.append(
            field.invalid(f"{path}.message", shown, f"must have a maximum length of {MESSAGE_LIMIT} characters")
        )
    expression = raw.get("messageExpression")
    if expression is not None and expression != "" and not expression.strip():
        words = "must be non-empty if specified"
        errors.append(field.required(f"{path}.messageExpression", words))
    reason = raw.get("reason")
    if reason and reason not in _REASONS:
        errors.append(field.not_supported(f"{path}.reason", reason, _REASONS))


def _field_path(raw: Mapping[str, Any], schema: Structural, path: str, errors: Errors) -> None:
    given = raw.get("fieldPath")
    if not given:
        return
    place = f"{path}.fieldPath"
    if "\n" in given:
        errors.append(field.invalid(place, given, "fieldPath must not contain line breaks"))
        return
    why = refers(given, schema)[1]
    if why:
        errors.append(field.invalid(place, given, f"fieldPath must be a valid path: {why}"))
