"""When an add-on may begin: as soon as the API server knows its ClusterRole and its ClusterRoleBinding.

The authorizer follows the same two kinds and has subscribed before, so that who waits for this is refused nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from ...api.resource import resource
from ...apiserver.reader import ObjectReader
from ...base.tasks import Serve
from .objects import RBAC

_KINDS = ("clusterroles", "clusterrolebindings")


def granted(reader: ObjectReader, name: str) -> asyncio.Event:
    """Set once there are a ClusterRole and a ClusterRoleBinding of this name."""
    event, missing = asyncio.Event(), set(_KINDS)

    def listener(kind: str) -> Callable[[Any, Any], None]:
        def seen(old: Any, new: Any) -> None:
            if new is not None and new["metadata"]["name"] == name:
                missing.discard(kind)
                if not missing:
                    event.set()

        return seen

    for kind in _KINDS:
        reader.subscribe(resource(kind, RBAC), listener(kind))
    return event


def after(event: asyncio.Event, make: Callable[[], Serve]) -> Serve:
    """The part, which is made once the event is set."""

    async def serve(ready: asyncio.Event) -> None:
        await event.wait()
        await make()(ready)

    return serve
