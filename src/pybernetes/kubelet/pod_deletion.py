"""A pod leaves the API for good once nothing of it is left on the node."""

from ..api.core import Pod
from ..api.status import StatusError, is_conflict, is_not_found
from ..client.client import Client


async def delete_now(client: Client, pod: Pod) -> None:
    """Delete this very pod without grace. One that is gone, or has given its name to another, is gone as well.
    StatusError, OSError."""
    meta = pod.metadata
    try:
        await client.delete(Pod, meta.name or "", meta.namespace or "", uid=meta.uid or "", grace_period_seconds=0)
    except StatusError as error:
        if not (is_not_found(error) or is_conflict(error)):
            raise
