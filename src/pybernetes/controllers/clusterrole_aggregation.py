"""ClusterRole aggregation: the rules of a ClusterRole with an `aggregationRule` are those of the roles it selects.

`admin`, `edit` and `view` are made this way. Rules are kept once, in the order of the selectors and then of the names.
"""

import asyncio
from collections.abc import Iterable

from ..api.codec import to_wire
from ..api.rbac import ClusterRole, PolicyRule
from ..api.selectors import from_label_selector
from ..client.client import APPLY_PATCH
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.pods import structs_equal

FIELD_MANAGER = "clusterrole-aggregation-controller"


def aggregated(role: ClusterRole, roles: Iterable[ClusterRole]) -> list[PolicyRule]:
    """The rules an aggregating role should have."""
    by_name = sorted(roles, key=lambda found: found.metadata.name or "")
    rules: list[PolicyRule] = []
    rule = role.aggregation_rule
    for selector in (rule.cluster_role_selectors if rule is not None else None) or ():
        labels = from_label_selector(selector)
        for found in by_name:
            if found.metadata.uid != role.metadata.uid and labels.matches(found.metadata.labels or {}):
                for candidate in found.rules or ():
                    if candidate not in rules:
                        rules.append(candidate)
    return rules


class ClusterRoleAggregation:
    """See the module docstring. Keys are the names of aggregating roles."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._roles = context.informers.of(ClusterRole)
        self._controller = context.controller("ClusterRoleAggregator", self._reconcile, workers=1)
        self._roles.add_handler(self._changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _changed(self, old: ClusterRole | None, new: ClusterRole | None) -> None:
        """Any role may be part of any aggregating one."""
        for role in self._roles.list():
            if role.aggregation_rule is not None:
                self._controller.enqueue(role.metadata.name or "")

    async def _reconcile(self, key: str) -> Result | None:
        role = self._roles.get(key)
        if role is None or role.aggregation_rule is None:
            return None
        rules = aggregated(role, self._roles.list())
        current = role.rules or []
        if len(rules) == len(current) and all(map(structs_equal, rules, current)):
            return None
        applied = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": key},
            "rules": [to_wire(rule) for rule in rules],
        }
        await self._client.patch(
            ClusterRole, key, body=applied, content_type=APPLY_PATCH, field_manager=FIELD_MANAGER, force=True
        )
        return None
