"""Selectors of objects that may be malformed: an object an older version admitted must not stop the others."""

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
