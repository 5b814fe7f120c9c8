"""The contract of what knows the cost of one resource's objects, and the evaluator that just counts them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from .amounts import ONE, Amounts
from .scopes import Requirement

Object = dict[str, Any]

COUNT_PREFIX = "count/"
_SHORT_NAMES = frozenset({"configmaps", "resourcequotas", "replicationcontrollers", "secrets"})
"""Core resources that may be counted under their bare name as well."""


class Evaluator(Protocol):
    """Pure: everything is decided from the object in wire form and the time."""

    group_resource: str
    """`pods`, `deployments.apps`."""

    def handles(self, operation: str, subresource: str) -> bool:
        """Whether a request of this kind can change what the object costs."""

    def matching(self, names: Iterable[str]) -> list[str]:
        """Those of a quota's resources that these objects use."""

    def in_scope(self, obj: Object, requirement: Requirement) -> bool:
        """Whether the object satisfies one condition of a quota."""

    def constraint(self, names: Iterable[str], obj: Object) -> str:
        """What the object must say to be counted against these resources and does not; "" when all is said."""

    def usage(self, obj: Object, now: datetime) -> Amounts:
        """What the object costs."""


class ObjectCount:
    """Counts objects: `count/RESOURCE.GROUP`, and the bare name for some core resources. No scope fits them."""

    def __init__(self, group_resource: str) -> None:
        self.group_resource = group_resource
        names = [COUNT_PREFIX + group_resource]
        if group_resource in _SHORT_NAMES:
            names.append(group_resource)
        self._usage = dict.fromkeys(names, ONE)

    def handles(self, operation: str, subresource: str) -> bool:
        return operation == "CREATE" and not subresource

    def matching(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in self._usage]

    def in_scope(self, obj: Object, requirement: Requirement) -> bool:
        return False

    def constraint(self, names: Iterable[str], obj: Object) -> str:
        return ""

    def usage(self, obj: Object, now: datetime) -> Amounts:
        return dict(self._usage)


def matches(evaluator: Evaluator, obj: Object, hard: Iterable[str], conditions: Iterable[Requirement]) -> bool:
    """Whether a quota with these limits and scopes is about this object."""
    return bool(evaluator.matching(hard)) and all(evaluator.in_scope(obj, condition) for condition in conditions)
