"""The config maps and secrets of this node's pods: read when a pod starts, then followed for changes.

A first mount asks the API server, so that a pod never starts with content older than itself. From then on one watch per
object (selected by its name: a node may not list others) reports changes to `on_change`; refreshes read that watch's
cache. An object is followed for as long as one pod refers to it, and pods that share it share the watch.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from pybernetes.api.core import ConfigMap, Secret
from pybernetes.api.status import not_found
from pybernetes.client.client import Client
from pybernetes.client.informer import Informer

T = TypeVar("T")

Key = tuple[str, str, str]
"""(kind, namespace, name)"""

FOLLOWED: dict[str, tuple[type[Any], str]] = {"ConfigMap": (ConfigMap, "configmaps"), "Secret": (Secret, "secrets")}


class _Followed:
    """One object that is being watched, and the pods on whose behalf."""

    __slots__ = ("informer", "pods", "task")

    def __init__(self, informer: Informer[Any]) -> None:
        self.informer = informer
        self.pods: set[str] = set()
        self.task: asyncio.Task[None] | None = None


class FreshObjects:
    """`ObjectReader` that asks the API server each time and notes which version it saw."""

    def __init__(self, owner: "Objects") -> None:
        self._owner = owner

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        found = await self._owner.client.get(kind, name, namespace)
        self._owner.note(kind.__name__, found)
        return found


class FollowedObjects:
    """`ObjectReader` that answers from the watches, and asks the API server for what is not followed."""

    def __init__(self, owner: "Objects") -> None:
        self._owner = owner

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        return await self._owner.current(kind, name, namespace)


class Objects:
    """See the module docstring. on_change(pod uid) is called for each pod that refers to a changed object."""

    def __init__(self, client: Client, on_change: Callable[[str], None]) -> None:
        self.client = client
        self.fresh = FreshObjects(self)
        self.followed = FollowedObjects(self)
        self._on_change = on_change
        self._group: asyncio.TaskGroup | None = None
        self._watched: dict[Key, _Followed] = {}
        self._seen: dict[Key, str] = {}

    async def serve(self, ready: asyncio.Event) -> None:
        """Run the watches until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            try:
                for key in list(self._watched):
                    self._start(key)
                ready.set()
                await asyncio.get_running_loop().create_future()
            finally:
                self._group = None

    def note(self, kind: str, found: Any) -> None:
        """Remember which version of an object was mounted, so that a watch's first list changes nothing."""
        if kind in FOLLOWED and found.metadata is not None:
            key = (kind, found.metadata.namespace or "", found.metadata.name or "")
            self._seen[key] = found.metadata.resource_version or ""

    async def current(self, kind: type[T], name: str, namespace: str) -> T:
        """The object as the watch last saw it. StatusError NotFound when the watch says it is gone."""
        watched = self._watched.get((kind.__name__, namespace, name))
        if watched is None or not watched.informer.has_synced:
            return await self.fresh.get(kind, name, namespace)
        found = watched.informer.get(name, namespace)
        if found is None:
            raise not_found("", FOLLOWED[kind.__name__][1], name)
        return cast(T, found)

    def follow(self, pod_uid: str, keys: Iterable[Key]) -> None:
        """Follow exactly these objects on behalf of a pod."""
        wanted = set(keys)
        for key in wanted:
            watched = self._watched.get(key)
            if watched is None:
                kind, namespace, name = key
                informer = Informer(self.client, FOLLOWED[kind][0], namespace, field_selector=f"metadata.name={name}")
                watched = self._watched[key] = _Followed(informer)
                informer.add_handler(self._handler(key))
                self._start(key)
            watched.pods.add(pod_uid)
        for key in [key for key, watched in self._watched.items() if pod_uid in watched.pods and key not in wanted]:
            self._release(key, pod_uid)

    def release(self, pod_uid: str) -> None:
        """The pod is gone: stop following what only it referred to."""
        self.follow(pod_uid, ())

    def _release(self, key: Key, pod_uid: str) -> None:
        watched = self._watched[key]
        watched.pods.discard(pod_uid)
        if not watched.pods:
            del self._watched[key]
            self._seen.pop(key, None)
            if watched.task is not None:
                watched.task.cancel()

    def _start(self, key: Key) -> None:
        watched = self._watched[key]
        if self._group is not None and watched.task is None:
            name = f"follow {key[0]} {key[1]}/{key[2]}"
            watched.task = self._group.create_task(watched.informer.serve(asyncio.Event()), name=name)

    def _handler(self, key: Key) -> Callable[[Any, Any], None]:
        return lambda old, new: self._changed(key, new)

    def _changed(self, key: Key, new: Any) -> None:
        version = new.metadata.resource_version or "" if new is not None else ""
        if self._seen.get(key) == version:
            return
        self._seen[key] = version
        for pod_uid in sorted(self._watched[key].pods):
            self._on_change(pod_uid)
