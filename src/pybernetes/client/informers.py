"""One informer per selection, shared by everybody in the process, started on demand.

    informers = Informers(client)
    pods = informers.of(Pod)                    # the same object for every caller
    async with running("informers", informers.serve): ...

An informer that is asked for before `serve` starts with it; later ones start at once. `serve` is ready when all that
were asked for by then have their first list.
"""

import asyncio
from typing import Any, TypeVar

from .client import Client
from .informer import Handler, Informer
from .view import Kind, view_of

T = TypeVar("T")


class Informers:
    """The informers of one client."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._informers: dict[tuple[Any, ...], Informer[Any]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[tuple[Any, ...], asyncio.Task[None]] = {}

    def of(
        self, kind: Kind[T], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> Informer[T]:
        """The informer of that selection."""
        view = view_of(kind)
        key = (view.resource.group_version, view.resource.plural, view.type, namespace, label_selector, field_selector)
        found = self._informers.get(key)
        if found is None:
            found = Informer(self.client, view, namespace, label_selector=label_selector, field_selector=field_selector)
            self._informers[key] = found
            self._start(key)
        return found

    def whole(self, kind: Kind[Any]) -> Informer[Any] | None:
        """The informer that somebody has asked for already of every object of a resource, in whichever Struct."""
        wanted = view_of(kind).resource
        for key, informer in self._informers.items():
            group_version, plural, type_, *selection = key
            is_same = (group_version, plural) == (wanted.group_version, wanted.plural)
            if is_same and type_ is not dict and not any(selection):
                return informer
        return None

    async def stop(self, informer: Informer[Any]) -> None:
        """End one informer and forget it: its resource is no longer served."""
        for key, found in list(self._informers.items()):
            if found is informer:
                del self._informers[key]
                task = self._tasks.pop(key, None)
                if task is not None:
                    task.cancel()
                    await asyncio.wait([task])

    async def leave(self, informer: Informer[Any], handler: Handler[Any]) -> None:
        """Take a handler away from an informer of a resource that is no longer served; the last one ends it."""
        informer.remove_handler(handler)
        if not informer.has_handlers:
            await self.stop(informer)

    async def synced(self) -> None:
        """Wait until every informer asked for so far has its first list."""
        for informer in list(self._informers.values()):
            await informer.synced.wait()

    async def serve(self, ready: asyncio.Event) -> None:
        """Run all informers until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            try:
                for key in list(self._informers):
                    self._start(key)
                await self.synced()
                ready.set()
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None

    def _start(self, key: tuple[Any, ...]) -> None:
        if self._group is not None:
            informer = self._informers[key]
            name = f"informer {informer.view.resource.plural}"
            self._tasks[key] = self._group.create_task(informer.serve(asyncio.Event()), name=name)
