"""Part of an object's status, written by who does not own the whole of it.

The patch bears the object's uid: an object made again under its name is a conflict, which the next look will show, and
one that is gone needs no status.
"""

from typing import Any

from ..api.status import StatusError, is_not_found
from ..client.client import STRATEGIC_MERGE_PATCH, Client


async def patch_status(client: Client, obj: Any, status: dict[str, Any], **metadata: Any) -> bool:
    """Merge `status`, in wire form, into that of the Struct `obj`, and `metadata` into its own by the same write.

    False when the object is gone by now. StatusError otherwise: 409 when another one has its name.
    """
    meta = obj.metadata
    try:
        await client.patch(
            type(obj),
            meta.name or "",
            meta.namespace or "",
            body={"metadata": {"uid": meta.uid, **metadata}, "status": status},
            content_type=STRATEGIC_MERGE_PATCH,
            subresource="status",
        )
    except StatusError as error:
        if not is_not_found(error):
            raise
        return False
    return True
