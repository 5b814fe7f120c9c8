"""How the API server's own parts (authentication, authorization, admission, allocation) read objects.

The watch caches implement this Protocol, tests implement it over a dict. Reads are synchronous and served from memory:
they may be some milliseconds behind the store, exactly as upstream's informers are.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from ..api.resource import ResourceInfo

Object = dict[str, Any]
"""One API object in wire form. What a reader hands out is shared: never change it."""

Listener = Callable[[Object | None, Object | None], None]
"""Called with (old, new); None for created and deleted."""


class ObjectReader(Protocol):
    """Read access to the current state."""

    def get(self, resource: ResourceInfo, namespace: str, name: str) -> Object | None:
        """One object, None if absent. `namespace` is "" for cluster-scoped kinds."""

    def list(self, resource: ResourceInfo, namespace: str = "") -> Iterable[Object]:
        """All objects, or those of one namespace."""

    def subscribe(self, resource: ResourceInfo, listener: Listener) -> None:
        """Call listener for every object there is (as created) and then for every change, in order."""
