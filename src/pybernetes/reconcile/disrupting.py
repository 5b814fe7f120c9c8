"""Pods that a controller ends: why stands in the condition DisruptionTarget before they go (KEP-3329)."""

from datetime import datetime
from typing import Any

from ..api.core import Pod
from ..client.client import Client
from ..client.events import timestamp
from .status_patches import patch_status

DISRUPTION_TARGET = "DisruptionTarget"


async def tell_disruption(client: Client, pod: Pod, reason: str, message: str, now: datetime, **status: Any) -> None:
    """Write the condition, and more of the status with it, unless the pod is gone. StatusError: 409 when another pod
    has the name by now."""
    condition = {
        "type": DISRUPTION_TARGET,
        "status": "True",
        "reason": reason,
        "message": message,
        "lastTransitionTime": timestamp(now),
    }
    await patch_status(client, pod, {**status, "conditions": [condition]})
