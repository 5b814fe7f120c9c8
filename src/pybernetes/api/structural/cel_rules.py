"""`x-kubernetes-validations`: CEL rules on the nodes of a schema (KEP-2876), with transition rules and ratcheting.

`Rules` parallels the schema: each node holds its compiled rules and the nodes below that have any. `check` evaluates
them against an object, children after their parent, all from one budget of cost.
"""

from collections.abc import Mapping
from typing import Any

from .. import field
from ..cel.errors import CelError, CompileError, CostExceeded
from ..cel.program import PER_CALL_LIMIT, Environment, Program
from ..cel.types import BOOL, STRING, Type, optional_of
from ..cel.values import NONE, some
from ..field import FieldError
from .cel_types import cel_type
from .field_paths import refers
from .schema import Object, Structural, has_rules
from .validation import NOTHING, correlated, same

BUDGET = 10_000_000
"""Cost units all rules of one object may take."""
MESSAGE_LIMIT = 5 * 1024

_OUT_OF_BUDGET = "validation failed due to running out of cost budget, no further validation rules will be run"


def environment(type: Type, *, optional_old: bool = False) -> Environment:
    """`self` and `oldSelf` of a node."""
    return Environment({"self": type, "oldSelf": optional_of(type) if optional_old else type})


class Rule:
    """One compiled rule. `message` is the compiled messageExpression. `broken` tells why it cannot be compiled."""

    __slots__ = ("broken", "field_path", "message", "optional_old", "program", "raw", "uses_old")

    def __init__(self, raw: Mapping[str, Any], type: Type, schema: Structural) -> None:
        self.raw = raw
        self.field_path = refers(raw.get("fieldPath") or "", schema)[0]
        self.optional_old = bool(raw.get("optionalOldSelf"))
        self.program: Program | None = None
        self.message: Program | None = None
        self.broken = ""
        self.uses_old = False
        known = environment(type, optional_old=self.optional_old)
        try:
            self.program = known.compile(raw.get("rule") or "", expect=[BOOL])
            self.uses_old = "oldSelf" in self.program.names()
            if raw.get("messageExpression"):
                self.message = known.compile(raw["messageExpression"], expect=[STRING])
        except CompileError as error:
            self.broken = str(error)

    @property
    def label(self) -> str:
        """How messages name the rule."""
        return (self.raw.get("message") or self.raw.get("rule") or "").strip()


class Rules:
    """The rules of one node and below."""

    __slots__ = ("items", "properties", "rules", "schema", "values")

    def __init__(self, schema: Structural, type: Type | None, *, root: bool = False) -> None:
        self.schema = schema
        self.rules: list[Rule] = [Rule(raw, type, schema) for raw in schema.rules] if type is not None else []
        self.properties: dict[str, Rules] = {}
        for key, child in schema.properties.items():
            if has_rules(child):
                self.properties[key] = Rules(child, cel_type(child))
        items, additional = schema.items, schema.additional
        self.items = Rules(items, cel_type(items)) if items is not None and has_rules(items) else None
        self.values: Rules | None = None
        if isinstance(additional, Structural) and has_rules(additional):
            self.values = Rules(additional, cel_type(additional))


def compile_rules(schema: Structural) -> Rules | None:
    """All rules of a schema's root; None when there are none."""
    return Rules(schema, cel_type(schema, root=True), root=True) if has_rules(schema) else None


class Outcome:
    """What a check found, and how much of the budget is left (negative: it ran out)."""

    __slots__ = ("budget", "errors", "warnings")

    def __init__(self, budget: int) -> None:
        self.errors: list[FieldError] = []
        self.warnings: list[FieldError] = []
        self.budget = budget


def check(obj: Object, rules: Rules, old: Any = NOTHING, *, budget: int = BUDGET) -> Outcome:
    """Evaluate all rules; `old` is the stored object on updates. Errors of unchanged values become warnings."""
    outcome = Outcome(budget)
    _walk(obj, rules, old, old is not NOTHING and same(obj, old), "", outcome)
    return outcome


def _walk(value: Any, node: Rules, old: Any, unchanged: bool, path: str, outcome: Outcome) -> None:
    """`unchanged`: this value, or the nearest one above that could be compared, is as it was."""
    if value is None:
        return
    if node.rules:
        _evaluate(value, node, old, unchanged, path, outcome)
    if outcome.budget < 0:
        return
    if isinstance(value, dict):
        before = old if isinstance(old, dict) and node.schema.map_type != "atomic" else None
        for key, inner in value.items():
            child = node.properties.get(key)
            where = f"{path}.{key}" if path else key
            if child is None:
                if node.values is None or key in node.schema.properties:
                    continue
                child, where = node.values, f"{path}[{key}]"
            _step(inner, child, before.get(key, NOTHING) if before is not None else NOTHING, unchanged, where, outcome)
    elif isinstance(value, list) and node.items is not None:
        find = correlated(node.schema, old)
        for at, inner in enumerate(value):
            _step(inner, node.items, find(inner), unchanged, f"{path}[{at}]", outcome)


def _step(value: Any, node: Rules, old: Any, unchanged: bool, path: str, outcome: Outcome) -> None:
    if outcome.budget < 0:
        return
    same_now = same(value, old) if old is not NOTHING else unchanged
    _walk(value, node, old, same_now, path, outcome)


def _evaluate(value: Any, node: Rules, old: Any, unchanged: bool, path: str, outcome: Outcome) -> None:
    kind = node.schema.type or "object"
    if outcome.budget <= 0:
        outcome.errors.append(field.invalid(path or "<nil>", kind, _OUT_OF_BUDGET))
        outcome.budget = -1
        return
    for rule in node.rules:
        where = path or "<nil>"
        if rule.program is None:
            outcome.errors.append(field.invalid(where, kind, f"rule compile error: {rule.broken}"))
            continue
        if rule.uses_old and old is NOTHING and not rule.optional_old:
            continue
        variables: Object = {"self": value, "oldSelf": None if old is NOTHING else old}
        if rule.optional_old:
            variables["oldSelf"] = NONE if old is NOTHING else some(old)
        result, error, cost = rule.program.run(variables, PER_CALL_LIMIT)
        if cost > outcome.budget:
            outcome.errors.append(field.invalid(where, kind, _OUT_OF_BUDGET))
            outcome.budget = -1
            return
        outcome.budget -= cost
        if error is not None:
            outcome.errors.append(field.invalid(where, kind, _failed(rule, error)))
            if isinstance(error, CostExceeded):
                outcome.budget = -1
                return
            continue
        if result is True:
            continue
        broken = _broken(rule, kind, variables, path, outcome)
        if unchanged and not rule.uses_old:
            outcome.warnings.append(broken)
        else:
            outcome.errors.append(broken)
        if outcome.budget < 0:
            return


def _failed(rule: Rule, error: CelError) -> str:
    """Why a rule has no value."""
    if str(error).startswith("no such overload"):
        words = "call arguments did not match a supported operator, function or macro signature for rule"
        return f"'{error}': {words}: {rule.label}"
    if isinstance(error, CostExceeded):
        words = "no further validation rules will be run due to call cost exceeds limit for rule"
        return f"'{error}': {words}: {rule.label}"
    return f"{error} evaluating rule: {rule.label}"


def _broken(rule: Rule, kind: str, variables: Object, path: str, outcome: Outcome) -> FieldError:
    """The error of a rule that is false."""
    where = (path + rule.field_path).lstrip(".") or "<nil>"
    detail = _message(rule, variables, outcome)
    match rule.raw.get("reason") or "FieldValueInvalid":
        case "FieldValueForbidden":
            return field.forbidden(where, detail)
        case "FieldValueRequired":
            return field.required(where, detail)
        case "FieldValueDuplicate":
            return field.duplicate(where, kind)
    return field.invalid(where, kind, detail)


def _message(rule: Rule, variables: Object, outcome: Outcome) -> str:
    if rule.message is not None:
        text, error, cost = rule.message.run(variables, PER_CALL_LIMIT)
        if cost > outcome.budget:
            outcome.budget = -1
            return (
                "messageExpression evaluation failed due to running out of cost budget, no further validation rules "
                "will be run"
            )
        outcome.budget -= cost
        if error is None and isinstance(text, str):
            text = text.strip()
            if text and "\n" not in text and len(text.encode()) <= MESSAGE_LIMIT:
                return text
    if rule.raw.get("message"):
        return str(rule.raw["message"]).strip()
    return f"failed rule: {rule.label}"
