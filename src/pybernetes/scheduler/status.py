"""What the scheduler writes into a pod's status: why it is not scheduled, where it is nominated to go. Pure."""

from datetime import datetime
from typing import Any

from pybernetes.api.core import Pod
from pybernetes.client.events import timestamp

UNSCHEDULABLE, SCHEDULER_ERROR = "Unschedulable", "SchedulerError"


def unscheduled_patch(
    pod: Pod, reason: str, message: str, now: datetime, nominated: str | None = None
) -> dict[str, Any] | None:
    """The strategic merge patch of the pod's status; None when it says so already. nominated: a node name, "" to
    withdraw, None to leave it as it is."""
    status: dict[str, Any] = {}
    if nominated is not None and nominated != (pod.status.nominated_node_name or ""):
        status["nominatedNodeName"] = nominated or None
    known = next((row for row in pod.status.conditions or () if row.type == "PodScheduled"), None)
    if known is None or known.status != "False" or known.reason != reason or known.message != message:
        since = now
        if known is not None and known.status == "False" and known.last_transition_time is not None:
            since = known.last_transition_time
        condition: dict[str, Any] = {
            "type": "PodScheduled",
            "status": "False",
            "reason": reason,
            "message": message,
            "lastProbeTime": None,
            "lastTransitionTime": timestamp(since),
        }
        if pod.metadata.generation is not None:
            condition["observedGeneration"] = pod.metadata.generation
        status["conditions"] = [condition]
    return {"status": status} if status else None


def preempted_patch(pod: Pod, scheduler_name: str, now: datetime) -> dict[str, Any]:
    """The condition a victim gets before it is deleted."""
    condition: dict[str, Any] = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "PreemptionByScheduler",
        "message": f"{scheduler_name}: preempting to accommodate a higher priority pod",
        "lastTransitionTime": timestamp(now),
    }
    if pod.metadata.generation is not None:
        condition["observedGeneration"] = pod.metadata.generation
    return {"status": {"conditions": [condition]}}
