"""The ReplicationController controller: the older form of a ReplicaSet (`reconcile/replica_controller.py`)."""

from ..api.core import ReplicationController, ReplicationControllerCondition
from ..api.selectors import Labels, from_label_selector, from_labels
from ..reconcile.manager import ControllerContext
from ..reconcile.replica_controller import ReplicaController
from ..reconcile.replicas import Failure


class ReplicationControllerController(ReplicaController[ReplicationController]):
    """See the module docstring."""

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context, ReplicationController, "replication-controller", "replicationmanager")

    def selector_of(self, owner: ReplicationController) -> Labels:
        return from_labels(owner.spec.selector) if owner.spec.selector else from_label_selector(None)

    def condition(self, failure: Failure) -> ReplicationControllerCondition:
        return ReplicationControllerCondition(
            type="ReplicaFailure",
            status="True",
            reason=failure.reason,
            message=failure.message,
            last_transition_time=self._clock.now(),
        )
