"""How one kind is addressed, asked for and decoded: the `View` every call of the client is resolved to.

Pod (a Struct class)        -> the built-in resource of ("v1", "Pod"), decoded into Pod
ResourceInfo                -> any resource (custom kinds), decoded into plain dicts
metadata_view(ResourceInfo) -> any resource, only the metadata, decoded into PartialObject
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, cast

import msgspec

from ..api.codec import decode
from ..api.resource import ResourceInfo, resource_for_kind
from ..base.log import logger

T = TypeVar("T")
log = logger(__name__)

JSON = "application/json"
METADATA_ONLY = f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,{JSON}"
METADATA_LIST_ONLY = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{JSON}"


class Identity(NamedTuple):
    """What tells one object, and one state of it, from all others."""

    namespace: str
    name: str
    uid: str
    resource_version: str


class ListMeta(msgspec.Struct, kw_only=True, rename="camel"):
    """The metadata of a list answer."""

    resource_version: str = ""
    continue_token: str = msgspec.field(name="continue", default="")
    remaining_item_count: int | None = None


class ObjectList(msgspec.Struct, Generic[T], kw_only=True, rename="camel"):
    """One page of a list. `resource_version` is where a watch continues."""

    items: list[T] | None = None
    metadata: ListMeta = msgspec.field(default_factory=ListMeta)

    def __post_init__(self) -> None:
        if self.items is None:
            self.items = []

    @property
    def resource_version(self) -> str:
        return self.metadata.resource_version

    @property
    def continue_token(self) -> str:
        return self.metadata.continue_token

    def __iter__(self) -> Iterator[T]:
        return iter(self.items or ())

    def __len__(self) -> int:
        return len(self.items or ())


class Owner(msgspec.Struct, kw_only=True, rename="camel", frozen=True):
    """An owner reference, as far as ownership graphs need it."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class PartialMeta(msgspec.Struct, kw_only=True, rename="camel"):
    """The part of ObjectMeta that ownership and content deletion need."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    deletion_timestamp: str | None = None
    finalizers: list[str] | None = None
    owner_references: list[Owner] | None = None


class PartialObject(msgspec.Struct, kw_only=True, rename="camel"):
    """Any object reduced to its metadata."""

    metadata: PartialMeta = msgspec.field(default_factory=PartialMeta)


_RAW_LIST = ObjectList[msgspec.Raw]


class View(Generic[T]):
    """A resource together with the type its objects are decoded into."""

    __slots__ = ("_list_type", "accept", "accept_list", "resource", "type")

    def __init__(
        self, resource: ResourceInfo, type_: type[T], *, accept: str = JSON, accept_list: str | None = None
    ) -> None:
        self.resource = resource
        self.type = type_
        self.accept = accept
        self.accept_list = accept_list or accept
        self._list_type = ObjectList[type_]  # type: ignore[valid-type]

    def decode(self, data: bytes | msgspec.Raw) -> T:
        """One object."""
        return decode(self.type, data)

    def decode_list(self, data: bytes) -> ObjectList[T]:
        """One page. An object that is not of the type is left out, and logged: it must not hide the others."""
        try:
            return decode(self._list_type, data)
        except msgspec.ValidationError:
            raw: ObjectList[Any] = decode(_RAW_LIST, data)
            items = [obj for item in raw.items or () if (obj := self.decode_or_none(item)) is not None]
            return ObjectList(items=items, metadata=raw.metadata)

    def decode_or_none(self, data: bytes | msgspec.Raw) -> T | None:
        """One object; None, and a log line, when it is not of the type."""
        try:
            return self.decode(data)
        except msgspec.ValidationError as error:
            where = identity_of(msgspec.json.decode(data))
            log.error("Malformed object is left out", resource=self.resource.group_resource, key=where.name, err=error)
            return None

    def identity(self, obj: T) -> Identity:
        """Namespace, name, uid and resourceVersion of an object of this view."""
        return identity_of(obj)

    def __repr__(self) -> str:
        return f"View({self.resource.group_resource})"


Kind: TypeAlias = type[T] | View[T] | ResourceInfo


@cache
def _struct_view(kind: type[Any]) -> View[Any]:
    return View(resource_for_kind(kind.API_VERSION, kind.KIND), kind)


_dict_views: dict[tuple[str, str, str], View[Any]] = {}
_MOST_VIEWS = 512
"""Definitions come and go."""


def view_of(kind: Kind[T]) -> View[T]:
    """The view of a Struct class, of a resource (plain dicts), or the view itself."""
    if isinstance(kind, View):
        return kind
    if isinstance(kind, ResourceInfo):
        key = (kind.group, kind.version, kind.plural)
        found = _dict_views.get(key)
        if found is None or found.resource is not kind:
            if len(_dict_views) >= _MOST_VIEWS:
                _dict_views.clear()
            found = _dict_views[key] = View(kind, dict)
        return found
    view: View[T] = _struct_view(kind)  # type: ignore[arg-type]
    return view


def metadata_view(resource: ResourceInfo) -> View[PartialObject]:
    """The resource reduced to metadata: small in memory whatever the kind."""
    return View(resource, PartialObject, accept=METADATA_ONLY, accept_list=METADATA_LIST_ONLY)


def identity_of(obj: Any) -> Identity:
    """Namespace, name, uid and resourceVersion of a Struct or a dict; "" where absent."""
    if isinstance(obj, dict):
        meta = cast(dict[str, str], obj.get("metadata") or {})
        return Identity(
            meta.get("namespace") or "",
            meta.get("name") or "",
            meta.get("uid") or "",
            meta.get("resourceVersion") or "",
        )
    meta = obj.metadata
    return Identity(meta.namespace or "", meta.name or "", meta.uid or "", meta.resource_version or "")


def key_of(obj: Any) -> str:
    """The key of an object: `namespace/name`, or `name` when it has no namespace."""
    namespace, name, _, _ = identity_of(obj)
    return f"{namespace}/{name}" if namespace else name


def split_key(key: str) -> tuple[str, str]:
    """(namespace, name) of a key; the namespace is "" for cluster-scoped objects."""
    namespace, slash, name = key.rpartition("/")
    return (namespace, name) if slash else ("", key)


def api_kind_of(obj: Any) -> tuple[str, str]:
    """(apiVersion, kind) of a Struct or a dict."""
    if isinstance(obj, dict):
        return obj["apiVersion"], obj["kind"]
    return type(obj).API_VERSION, type(obj).KIND
