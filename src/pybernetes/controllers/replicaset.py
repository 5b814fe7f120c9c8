"""The ReplicaSet controller: as many pods of a template as asked for (`reconcile/replica_controller.py`)."""

from collections.abc import Iterable
from typing import Any

from ..api.apps import ReplicaSet, ReplicaSetCondition
from ..api.selectors import Labels, from_label_selector
from ..reconcile.manager import ControllerContext
from ..reconcile.ownership import controller_of
from ..reconcile.replica_controller import ReplicaController
from ..reconcile.replicas import Failure


class ReplicaSetController(ReplicaController[ReplicaSet]):
    """See the module docstring."""

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context, ReplicaSet, "replicaset-controller", "replicaset")

    def selector_of(self, owner: ReplicaSet) -> Labels:
        return from_label_selector(owner.spec.selector)

    def siblings_of(self, owner: ReplicaSet) -> Iterable[ReplicaSet]:
        """Every ReplicaSet that has the same controller."""
        reference = controller_of(owner)
        return (owner,) if reference is None else self._owners.by_index("controller", reference.uid)

    def status_fields(self, terminating: int) -> dict[str, Any]:
        return {"terminating_replicas": terminating}

    def condition(self, failure: Failure) -> ReplicaSetCondition:
        return ReplicaSetCondition(
            type="ReplicaFailure",
            status="True",
            reason=failure.reason,
            message=failure.message,
            last_transition_time=self._clock.now(),
        )
