"""A local, always current copy of one collection, with indexes and change handlers.

    Reflector ──replace/apply──▶ Informer: cache ──▶ indexes ──▶ handlers (in the order they were added)

What is guaranteed:

* Reads (`get`, `list`, `by_index`) are immediate and lag some milliseconds behind the API server. They never go back
  in time. Objects handed out are shared: never change one (`msgspec.structs.replace` builds a new one).
* A handler is called as `handler(old, new)`: `(None, new)` added, `(old, new)` changed, `(old, None)` deleted. Calls
  for one object come in the order of its changes; calls for different objects of one list may come in any order. When
  it is called, the cache and the indexes already show the change. An object that was deleted and made again under its
  name is always seen as a deletion and then an addition, because its uid differs.
* States in between may be skipped over (a relist shows only the outcome), and a relist without changes calls nobody.
* A handler added late is called at once with `(None, object)` for everything there is.
* Handlers are plain functions on the event loop: they enqueue keys and return. One that raises is logged and skipped.
"""

import asyncio
import builtins
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar

from ..base.log import logger
from .client import Client, WatchEvent
from .view import Kind, View, identity_of, view_of
from .watch import Reflector

T = TypeVar("T")
log = logger(__name__)

Handler: TypeAlias = Callable[[T | None, T | None], None]
IndexFunction: TypeAlias = Callable[[Any], Iterable[str]]


class MutationDetector:
    """Notices objects that were changed after an informer handed them out. Tests install it; production does not.

    `record` remembers an object's encoding, `verify` compares. AssertionError names the culprit's object.
    """

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        self._encode = encode
        self._seen: dict[int, tuple[Any, bytes]] = {}

    def record(self, obj: Any) -> None:
        self._seen[id(obj)] = (obj, self._encode(obj))

    def verify(self) -> None:
        for obj, before in self._seen.values():
            if self._encode(obj) != before:
                raise AssertionError(f"an object of an informer's cache was changed: {identity_of(obj)}")


mutation_detector: MutationDetector | None = None
"""Set by the tests' conftest."""


class Informer(Generic[T]):
    """One cached collection; see the module docstring for what it promises.

    `indexes` maps an index name to a function that gives the index values of an object.
    """

    def __init__(
        self,
        client: Client,
        kind: Kind[T],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        indexes: Mapping[str, IndexFunction] | None = None,
    ) -> None:
        self.view: View[T] = view_of(kind)
        self.synced = asyncio.Event()
        self._objects: dict[tuple[str, str], T] = {}
        self._by_namespace: dict[str, dict[tuple[str, str], T]] = {}
        self._indexes: dict[str, _Index] = {}
        self._handlers: list[Handler[T]] = []
        self._reflector = Reflector(
            client, self.view, self, namespace, label_selector=label_selector, field_selector=field_selector
        )
        for name, values_of in (indexes or {}).items():
            self.add_index(name, values_of)

    async def serve(self, ready: asyncio.Event) -> None:
        """Follow the collection until cancelled; ready once the first whole list is in the cache."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reflector.serve(self.synced), name=f"reflector {self.view.resource.plural}")
            await self.synced.wait()
            ready.set()

    @property
    def has_synced(self) -> bool:
        """Whether the first whole list is in the cache."""
        return self.synced.is_set()

    @property
    def resource_version(self) -> str:
        """How far the cache has come."""
        return self._reflector.machine.resource_version

    def get(self, name: str, namespace: str = "") -> T | None:
        """One object, None when the cache has none of that name."""
        return self._objects.get((namespace, name))

    def list(self, namespace: str | None = None) -> builtins.list[T]:
        """Every object, or those of one namespace."""
        if namespace is None:
            return list(self._objects.values())
        return list(self._by_namespace.get(namespace, {}).values())

    def by_index(self, index: str, value: str) -> builtins.list[T]:
        """The objects that have this value in that index. KeyError for an unknown index."""
        return list(self._indexes[index].values.get(value, {}).values())

    def count_by_index(self, index: str, value: str) -> int:
        """How many objects have this value in that index. KeyError for an unknown index."""
        return len(self._indexes[index].values.get(value, ()))

    def index_values(self, index: str) -> builtins.list[str]:
        """Every value that index has now."""
        return list(self._indexes[index].values)

    def add_index(self, name: str, values_of: IndexFunction) -> None:
        """Add an index; the same name twice is the same index (the first function stays)."""
        if name in self._indexes:
            return
        index = self._indexes[name] = _Index(values_of)
        for key, obj in self._objects.items():
            index.change(key, None, obj)

    def add_handler(self, handler: Handler[T]) -> None:
        """Call handler(old, new) for everything there is, and then for every change."""
        self._handlers.append(handler)
        for obj in list(self._objects.values()):
            self._call(handler, None, obj)

    @property
    def has_handlers(self) -> bool:
        """Whether anybody is told of changes."""
        return bool(self._handlers)

    def remove_handler(self, handler: Handler[T]) -> None:
        """Stop calling it."""
        self._handlers.remove(handler)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until this holds, which is asked now and after changes; what it raises ends the waiting."""
        changed = asyncio.Event()

        def note(old: T | None, new: T | None) -> None:
            changed.set()

        self._handlers.append(note)
        try:
            while not holds():
                await changed.wait()
                changed.clear()
        finally:
            self._handlers.remove(note)

    def __len__(self) -> int:
        return len(self._objects)

    def replace(self, items: builtins.list[T]) -> None:
        """The reflector listed the collection: show the difference to what was known."""
        fresh: dict[tuple[str, str], T] = {}
        for obj in items:
            namespace, name, _, _ = identity_of(obj)
            fresh[namespace, name] = obj
        for key in [key for key in self._objects if key not in fresh]:
            self._remove(key)
        for key, obj in fresh.items():
            self._put(key, obj)

    def apply(self, event: WatchEvent[T]) -> None:
        """The reflector saw one change."""
        obj = event.object
        namespace, name, _, _ = identity_of(obj)
        key = (namespace, name)
        if event.type == "DELETED":
            self._remove(key, last=obj)
        else:
            self._put(key, obj)

    def _put(self, key: tuple[str, str], obj: T) -> None:
        old = self._objects.get(key)
        if old is not None:
            before, after = identity_of(old), identity_of(obj)
            if before.uid != after.uid:
                self._remove(key)
                old = None
            elif before.resource_version == after.resource_version:
                return
        if mutation_detector is not None:
            mutation_detector.record(obj)
        self._objects[key] = obj
        self._by_namespace.setdefault(key[0], {})[key] = obj
        for index in self._indexes.values():
            index.change(key, old, obj)
        self._notify(old, obj)

    def _remove(self, key: tuple[str, str], last: T | None = None) -> None:
        old = self._objects.pop(key, None)
        if old is None:
            return
        siblings = self._by_namespace[key[0]]
        del siblings[key]
        if not siblings:
            del self._by_namespace[key[0]]
        for index in self._indexes.values():
            index.change(key, old, None)
        self._notify(last if last is not None else old, None)

    def _notify(self, old: T | None, new: T | None) -> None:
        for handler in self._handlers:
            self._call(handler, old, new)

    def _call(self, handler: Handler[T], old: T | None, new: T | None) -> None:
        try:
            handler(old, new)
        except Exception:
            log.exception("Event handler failed", resource=self.view.resource.plural)


class _Index:
    """One secondary index: value -> objects."""

    __slots__ = ("_values_of", "values")

    def __init__(self, values_of: IndexFunction) -> None:
        self._values_of = values_of
        self.values: dict[str, dict[tuple[str, str], Any]] = {}

    def change(self, key: tuple[str, str], old: Any, new: Any) -> None:
        before = () if old is None else tuple(self._values_of(old))
        after = () if new is None else tuple(self._values_of(new))
        for value in before:
            if value not in after:
                bucket = self.values.get(value)
                if bucket is not None:
                    bucket.pop(key, None)
                    if not bucket:
                        del self.values[value]
        for value in after:
            self.values.setdefault(value, {})[key] = new
