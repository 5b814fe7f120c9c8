"""The rules of NodeAffinity's `addedAffinity`, with the words of upstream's node selectors (component-helpers)."""

from collections.abc import Sequence

from pybernetes.api import field, names
from pybernetes.api.core import NodeSelectorRequirement, NodeSelectorTerm
from pybernetes.scheduler.configuration.types import NodeAffinityArgs

_OPERATORS = ("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn")
_FIELD_OPERATORS = ("In", "NotIn")
Errors = list[field.FieldError]


def added_affinity(path: str, args: NodeAffinityArgs) -> Errors:
    """Every broken rule of the arguments."""
    added, errors = args.added_affinity, Errors()
    if added is None:
        return errors
    required = added.required_during_scheduling_ignored_during_execution
    where = f"{path}.addedAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    for position, term in enumerate(required.node_selector_terms or () if required is not None else ()):
        errors += _term(f"{where}.nodeSelectorTerms[{position}]", term)
    where = f"{path}.addedAffinity.preferredDuringSchedulingIgnoredDuringExecution"
    for position, row in enumerate(added.preferred_during_scheduling_ignored_during_execution or ()):
        errors += _term(f"{where}[{position}]", row.preference)
    return errors


def _term(path: str, term: NodeSelectorTerm) -> Errors:
    errors: Errors = []
    for position, row in enumerate(term.match_expressions or ()):
        errors += _expression(f"{path}.matchExpressions[{position}]", row, row.values or ())
    for position, row in enumerate(term.match_fields or ()):
        where = f"{path}.matchFields[{position}]"
        if row.operator not in _FIELD_OPERATORS:
            errors.append(field.not_supported(f"{where}.operator", row.operator, _FIELD_OPERATORS))
        elif len(row.values or ()) != 1:
            errors.append(field.invalid(f"{where}.values", row.values or [], "must have one element"))
    return errors


def _expression(path: str, row: NodeSelectorRequirement, values: Sequence[str]) -> Errors:
    if row.operator not in _OPERATORS:
        return [field.not_supported(f"{path}.operator", row.operator, _OPERATORS)]
    problems = list(names.qualified_name(row.key))
    errors = [field.invalid(f"{path}.key", row.key, "; ".join(problems))] if problems else []
    where, why = f"{path}.values", ""
    if row.operator in ("In", "NotIn"):
        why = "" if values else "for 'in', 'notin' operators, values set can't be empty"
    elif row.operator in ("Exists", "DoesNotExist"):
        why = "values set must be empty for exists and does not exist" if values else ""
    elif len(values) != 1:
        why = "for 'Gt', 'Lt' operators, exactly one value is required"
    elif not values[0].removeprefix("-").isdigit():
        return [
            *errors,
            field.invalid(f"{where}[0]", values[0], "for 'Gt', 'Lt' operators, the value must be an integer"),
        ]
    if why:
        errors.append(field.invalid(where, list(values), why))
    for position, value in enumerate(values):
        problems = list(names.label_value(value))
        if problems:
            errors.append(field.invalid(f"{where}[{position}]", value, "; ".join(problems)))
    return errors
