"""Label selectors and node selectors as objects carry them (meta/v1 LabelSelector, core/v1 NodeSelector)."""

from .. import field
from .object_meta import validate_labels
from .values import Errors, Object, each, label_value, qualified_name, subdomain


def label_selector(selector: Object | None, path: str) -> Errors:
    """matchLabels and matchExpressions; an absent selector is good."""
    if not selector:
        return []
    errors = validate_labels(selector.get("matchLabels"), f"{path}.matchLabels")
    for index, term in enumerate(selector.get("matchExpressions") or ()):
        errors += label_term(term, f"{path}.matchExpressions[{index}]")
    return errors


def label_term(term: Object, path: str, *, any_operator: bool = False) -> Errors:
    """One expression; `any_operator`: also with operators that are not known here."""
    operator, values = term.get("operator") or "", term.get("values") or []
    errors: Errors = []
    if operator in _SET_OPERATORS:
        errors += _values_of_set(operator, values, path)
    elif not any_operator:
        errors.append(field.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    errors += label_name(term.get("key") or "", f"{path}.key")
    for index, value in enumerate(values):
        errors += each(f"{path}.values[{index}]", value, label_value(value))
    return errors


_SET_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def _values_of_set(operator: str, values: list[str], path: str) -> Errors:
    """Membership takes values, existence none."""
    if operator in ("In", "NotIn"):
        words = "must be specified when `operator` is 'In' or 'NotIn'"
        return [] if values else [field.required(f"{path}.values", words)]
    words = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
    return [field.forbidden(f"{path}.values", words)] if values else []


def label_name(key: str, path: str) -> Errors:
    return each(path, key, qualified_name(key))


def is_empty(selector: Object | None) -> bool:
    """Whether it selects everything."""
    return not selector or not (selector.get("matchLabels") or selector.get("matchExpressions"))


def matches(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a selector without errors matches; used where a template must carry the labels of its selector."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    if not selector.get("matchExpressions"):
        return True
    from ..selectors import from_label_selector

    return from_label_selector(selector).matches(labels)


def node_selector(selector: Object, path: str, *, check_values: bool = True) -> Errors:
    """The required form of node affinity."""
    terms = selector.get("nodeSelectorTerms") or []
    if not terms:
        return [field.required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")]
    errors: Errors = []
    for index, term in enumerate(terms):
        errors += node_selector_term(term, f"{path}.nodeSelectorTerms[{index}]", check_values=check_values)
    return errors


def node_selector_term(term: Object, path: str, *, check_values: bool) -> Errors:
    """One alternative: expressions over labels and over fields."""
    errors: Errors = []
    for index, row in enumerate(term.get("matchExpressions") or ()):
        errors += _node_term(row, f"{path}.matchExpressions[{index}]", check_values)
    for index, row in enumerate(term.get("matchFields") or ()):
        errors += _node_field(row, f"{path}.matchFields[{index}]")
    return errors


def _node_term(row: Object, path: str, check_values: bool) -> Errors:
    operator, values = row.get("operator") or "", row.get("values") or []
    errors: Errors = []
    if operator in _SET_OPERATORS:
        errors += _values_of_set(operator, values, path)
    elif operator in ("Gt", "Lt"):
        if len(values) != 1:
            words = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            errors.append(field.required(f"{path}.values", words))
    else:
        errors.append(field.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    errors += label_name(row.get("key") or "", f"{path}.key")
    if check_values:
        for index, value in enumerate(values):
            errors += each(f"{path}.values[{index}]", value, label_value(value))
    return errors


def _node_field(row: Object, path: str) -> Errors:
    operator, values, key = row.get("operator") or "", row.get("values") or [], row.get("key") or ""
    errors: Errors = []
    if operator in ("In", "NotIn"):
        if len(values) != 1:
            words = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            errors.append(field.required(f"{path}.values", words))
    else:
        errors.append(field.invalid(f"{path}.operator", operator, "not a valid selector operator"))
    if key != "metadata.name":
        errors.append(field.invalid(f"{path}.key", key, "not a valid field selector key"))
    else:
        for index, value in enumerate(values):
            errors += each(f"{path}.values[{index}]", value, subdomain(value))
    return errors
