"""Pods that a controller ends: why stands in the condition DisruptionTarget before they go (KEP-3329)."""

from datetime import datetime
from typing import Any

from ..api.core import Pod
from ..client.client import STRATEGIC_MERGE_PATCH, Client
from ..client.events import timestamp

DISRUPTION_TARGET = "DisruptionTarget"


async def tell_disruption(client: Client, pod: Pod, reason: str, message: str, now: datetime, **status: Any) -> None:
    """Write the condition, and more of the status with it. StatusError: 409 when another pod has the name by now."""
    condition = {
        "type": DISRUPTION_TARGET,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": timestamp(now),
    }
    meta = pod.metadata
    await client.patch(
        Pod,
        meta.name or "",
        meta.namespace or "",
        body={"metadata": {"uid": meta.uid}, "status": {**status, "conditions": [condition]}},
        content_type=STRATEGIC_MERGE_PATCH,
        subresource="status",
    )
