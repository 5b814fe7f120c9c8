"""What this server serves: an `Endpoint` per group, version and resource, a `GenericResource` per stored resource.

Several versions of a kind share one `GenericResource` in the storage version; an endpoint of another version converts
at the edge (`conversion.py`). Custom resources are added and removed while the server runs (`add`, `remove`).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

import msgspec

from ..api.feature_gates import FeatureGates
from ..api.gated_fields import gated_fields
from ..api.resource import ResourceInfo, SubresourceInfo
from ..api.schema.table import is_struct, type_of
from ..base.clock import Clock
from ..base.http.message import PushBody
from ..store.store import Store
from .admission.chain import AdmissionChain
from .authz.authorizer import Authorizer
from .conversion import conversion_pair
from .field_tracking import FieldTracking
from .formats import Convert, Formats
from .kind_schema import BuiltinKind, KindSchema, TemplatedKind
from .resources import STRATEGIES
from .resources.generic import GenericResource
from .resources.leases import LeasePool
from .resources.strategy import Strategy
from .watch_cache import Entry, WatchCache
from .watch_cache.watcher import Format

Read = Callable[[Sequence[Entry]], Awaitable[list[Entry]]]
"""Entries with the bytes that an endpoint's version serves."""

ConvertLate = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""An object of another version in an endpoint's."""


class Watched(Protocol):
    """Watches whose objects are converted on their way."""

    source: Format
    """In what form the cache hands out objects."""

    def wrap(self, inner: PushBody, format: Format) -> PushBody:
        """The same watch in the endpoint's version, in this format."""


class ScalePaths(msgspec.Struct, frozen=True):
    """Where the numbers of a `scale` are, as simple JSON paths (`.spec.replicas`); `selector` may be ""."""

    spec: str
    status: str
    selector: str = ""


class Endpoint:
    """One served resource version.

    `resource` is None for kinds that are never stored (TokenReview, Binding). `to_stored` and `to_served` convert
    between this version and the stored one; None when they are the same. `tracking` keeps `managedFields`.
    `protobuf`: whether the kind has messages.
    """

    def __init__(self, info: ResourceInfo, resource: GenericResource | None) -> None:
        self.info = info
        self.resource = resource
        # Custom resources work in the served version and convert at the store.
        templated = info.group_resource == "pods"
        self.kind: KindSchema = (TemplatedKind if templated else BuiltinKind)(info.group_version, info.kind)
        self.read: Read | None = None
        self.watched: Watched | None = None
        self.scale: ScalePaths | None = None
        self.convert: ConvertLate | None = None
        self.verbs = frozenset(info.verbs)
        self.protobuf = type_of(info.group_version, info.kind) is not None
        pair = None
        if resource is not None and resource.info.group_version != info.group_version:
            pair = conversion_pair(info.kind, info.group_version, resource.info.group_version)
        self.to_served: Convert | None = pair[0] if pair else None
        self.to_stored: Convert | None = pair[1] if pair else None
        self.formats = Formats(info, self.to_served)
        self._tracking = FieldTracking(info, resource.strategy, resource.clock) if resource is not None else None

    @property
    def tracking(self) -> FieldTracking:
        """Field management in this version; only of stored kinds."""
        assert self._tracking is not None
        return self._tracking

    def subresource(self, name: str) -> SubresourceInfo | None:
        return self.info.subresources.get(name)

    def served(self, obj: dict[str, Any]) -> dict[str, Any]:
        """A stored object in this version."""
        return self.to_served(obj) if self.to_served is not None else obj

    def stored(self, obj: dict[str, Any]) -> dict[str, Any]:
        """An object of this version in the stored one."""
        return self.to_stored(obj) if self.to_stored is not None else obj


class Registry:
    """The endpoints by (group, version, plural)."""

    def __init__(self, store: Store, cache: WatchCache, admission: AdmissionChain, clock: Clock) -> None:
        self.is_stale: Callable[[str], bool] = lambda key: False
        """Whether a stored value should be written again although its object stays the same (an old encryption key)."""
        self.endpoints: dict[tuple[str, str, str], Endpoint] = {}
        self.admission = admission
        self.gates: Mapping[str, bool] = FeatureGates()
        """Fields behind gates that are off are dropped from what is written."""
        self.authorizer: Authorizer | None = None
        """Asked when an update creates; None allows everything."""
        self._resources: dict[str, GenericResource] = {}
        self._store = store
        self._cache = cache
        self.clock = clock
        self._leases = LeasePool(store, clock)

    def declare(self, infos: Iterable[ResourceInfo]) -> None:
        """Serve these resources; of several versions of one kind the one it is stored in comes first: the storage
        version, but no version that has to be switched on while there is another."""
        for info in sorted(infos, key=lambda info: (not info.enabled, info.storage_version != info.group_version)):
            self.add(info)

    def add(self, info: ResourceInfo) -> Endpoint:
        """Serve one more resource version from now on."""
        resource = None
        if info.storage_prefix:
            resource = self._resources.get(info.storage_prefix)
            if resource is None:
                resource = self._resources[info.storage_prefix] = self._resource(info)
        endpoint = Endpoint(info, resource)
        self.endpoints[info.group, info.version, info.plural] = endpoint
        return endpoint

    def put(self, endpoint: Endpoint) -> None:
        """Serve this endpoint from now on, in place of the one before it."""
        info = endpoint.info
        self.endpoints[info.group, info.version, info.plural] = endpoint

    def resource_of(self, info: ResourceInfo, strategy: Strategy) -> GenericResource:
        """A stored resource that nobody serves yet, over the cache its objects are in."""
        return self._resource(info, strategy)

    def remove(self, info: ResourceInfo) -> None:
        """Serve it no longer."""
        self.endpoints.pop((info.group, info.version, info.plural), None)

    def find(self, group: str, version: str, plural: str) -> Endpoint | None:
        return self.endpoints.get((group, version, plural))

    def stored(self, info: ResourceInfo) -> GenericResource:
        """The stored resource behind any version. KeyError when it is not served."""
        return self._resources[info.storage_prefix]

    def count(self, group: str, version: str, plural: str) -> int:
        """How many objects of a resource are stored; 0 for what is not."""
        endpoint = self.endpoints.get((group, version, plural))
        return len(endpoint.resource.cache) if endpoint is not None and endpoint.resource is not None else 0

    def infos(self) -> list[ResourceInfo]:
        return [endpoint.info for endpoint in self.endpoints.values()]

    def _resource(self, info: ResourceInfo, strategy: Strategy | None = None) -> GenericResource:
        strategy = strategy or _strategy(info, self._cache)
        if not isinstance(self.gates, FeatureGates) or not self.gates.are_defaults:
            strategy.use_gates(self.gates)
        return GenericResource(
            info,
            strategy,
            store=self._store,
            cache=self._cache.cache(info),
            seen=self._cache.seen,
            admission=self.admission,
            leases=self._leases,
            clock=self.clock,
            is_stale=lambda key: self.is_stale(key),
            gated=lambda: gated_fields(info.schema, self.gates) if is_struct(info.schema) else (),
        )


def _strategy(info: ResourceInfo, reader: WatchCache) -> Strategy:
    name = STRATEGIES.get(info.group_resource)
    if name is None:
        return Strategy(info, reader)
    module, _, attribute = name.partition(":")
    made: Strategy = getattr(import_module(f"{__package__}.resources.{module}"), attribute)(info, reader)
    return made
