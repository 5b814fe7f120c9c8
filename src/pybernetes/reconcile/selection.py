"""Selectors of objects, some of which may be malformed: one an older version admitted must not stop the others."""

from collections.abc import Mapping

from ..api.meta import LabelSelector
from ..api.selectors import from_label_selector
from ..api.status import StatusError


def may_match(selector: LabelSelector | None, labels: Mapping[str, str] | None) -> bool:
    """Whether a selector matches these labels; one that cannot be read matches nothing.

    For finding out whom to wake. A reconcile of the object itself reads the selector strictly, and fails for that one.
    """
    try:
        return from_label_selector(selector).matches(labels or {})
    except StatusError:
        return False


def shown_selector(selector: LabelSelector | None) -> str:
    """A selector as Go's generated String() writes it, which is how upstream shows it in events."""
    if selector is None:
        return "nil"
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.match_labels or {}).items()))
    rows = "".join(
        f"LabelSelectorRequirement{{Key:{row.key},Operator:{row.operator},Values:[{' '.join(row.values or ())}],}},"
        for row in selector.match_expressions or ()
    )
    return (
        f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},"
        f"MatchExpressions:[]LabelSelectorRequirement{{{rows}}},}}"
    )
