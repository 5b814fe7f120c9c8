"""Protection by a finalizer: an object that is in use stays until nobody uses it any more.

created   ─▶ finalizer added (admission adds it as well; this heals objects from before)
deleted   ─▶ in use? wait to be woken : finalizer removed, and the server removes the object
"""

import asyncio
from typing import Any, Generic, TypeVar

import msgspec

from ..api.status import StatusError, is_not_found
from ..client.view import split_key
from .controller import Result
from .manager import ControllerContext
from .sources import source

T = TypeVar("T")


def has_finalizer(obj: Any, name: str) -> bool:
    """Whether the object carries the finalizer."""
    return name in (obj.metadata.finalizers or ())


def with_finalizer(obj: T, name: str) -> T:
    """A copy of a Struct object that carries the finalizer."""
    meta: Any = obj.metadata  # type: ignore[attr-defined]
    return _with_finalizers(obj, [*(meta.finalizers or ()), name])


def without_finalizer(obj: T, name: str) -> T:
    """A copy of a Struct object that does not carry the finalizer."""
    meta: Any = obj.metadata  # type: ignore[attr-defined]
    return _with_finalizers(obj, [found for found in meta.finalizers or () if found != name])


def _with_finalizers(obj: T, finalizers: list[str]) -> T:
    meta: Any = obj.metadata  # type: ignore[attr-defined]
    metadata = msgspec.structs.replace(meta, finalizers=finalizers or None)
    return msgspec.structs.replace(obj, metadata=metadata)  # type: ignore[type-var]


class ProtectionController(Generic[T]):
    """Keeps one finalizer on the objects of one kind; subclasses say when an object is in use, and wake keys."""

    def __init__(self, context: ControllerContext, kind: type[T], finalizer: str, name: str) -> None:
        self._client = context.client
        self._finalizer = finalizer
        self._objects = context.informers.of(kind)
        self._controller = context.controller(name, self._reconcile)
        source(self._objects, self._controller.enqueue, when=lambda old, new: new is not None)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def is_used(self, obj: T) -> bool:
        """Whether the object has to stay."""
        raise NotImplementedError

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        obj: Any = self._objects.get(name, namespace)
        if obj is None:
            return None
        is_protected = has_finalizer(obj, self._finalizer)
        try:
            if obj.metadata.deletion_timestamp is None:
                if not is_protected:
                    await self._client.update(with_finalizer(obj, self._finalizer))
            elif is_protected and not await self.is_used(obj):
                await self._client.update(without_finalizer(obj, self._finalizer))
        except StatusError as error:
            if not is_not_found(error):
                raise
        return None
