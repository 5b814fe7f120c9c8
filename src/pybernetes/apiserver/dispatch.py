"""From an authorized request to the function that serves it.

non-resource path   ->  server pages (health, version, metrics), discovery, OpenAPI
subresource         ->  CONNECT streams, reviews and token, scale, binding, eviction, or the object's own kind
resource            ->  one function per verb
"""

import re
from collections.abc import Awaitable, Callable

from ..base.http.message import Request, Response
from ..base.metrics import Gauge
from . import component_statuses
from .admission.connect import admit_connect
from .call import Call, no_such_path, not_allowed
from .compression import compressed, is_large
from .filters.requests import LONG_RUNNING_SUBRESOURCES
from .negotiation import media_type
from .registry import Endpoint, Registry
from .request_info import RequestInfo
from .resources import binding, bulk_binding, eviction, scale
from .verbs.create import create
from .verbs.delete import delete, delete_collection
from .verbs.get import get
from .verbs.list import list_objects
from .verbs.patch import patch
from .verbs.reviews import ReviewHandler, review
from .verbs.update import update
from .verbs.watch import watch
from .watch_cache import WatchCache

Handler = Callable[[Call], Awaitable[Response]]
ConnectHandler = Callable[[Request, RequestInfo], Awaitable[Response]]
"""Serves a streaming subresource such as pods/exec; gets the authorized request as it came."""

Page = Callable[[Request], Awaitable[Response | None]]
"""Serves non-resource paths; None when the path is not its own."""

COLLECTION: dict[str, Handler] = {
    "list": list_objects,
    "watch": watch,
    "create": create,
    "deletecollection": delete_collection,
}
COLLECTION_READS = frozenset({"list", "watch"})
"""These may carry a name out of `fieldSelector=metadata.name=`."""

OBJECT: dict[str, Handler] = {"get": get, "update": update, "patch": patch, "delete": delete}

SUBRESOURCES: dict[str, dict[str, Handler]] = {
    "scale": {"get": scale.get, "update": scale.update, "patch": scale.patch},
    "binding": {"create": binding.create},
    "eviction": {"create": eviction.create},
}
"""Subresources whose kind is not their parent's."""


COMPUTED: dict[str, Handler] = {"componentstatuses": component_statuses.read}
"""Kinds that are only read, and worked out when asked."""


_REMOVED = re.compile(r"unavailable in v(\d+\.\d+)")


class Dispatcher:
    """The innermost `App` of the server.

    `connect` maps (resource, subresource) to streaming handlers; `reviews` maps `resource.group`, or
    `resource.group/subresource`, to handlers of objects that are answered and not stored. Both are filled at assembly.
    """

    def __init__(self, registry: Registry, cache: WatchCache, pages: list[Page], deprecated: Gauge) -> None:
        """`deprecated` is set for what is asked for and will not be served for ever."""
        self.connect: dict[tuple[str, str], ConnectHandler] = {}
        self.reviews: dict[str, ReviewHandler] = {}
        self._registry = registry
        self._compresses = registry.gates["APIResponseCompression"]
        self._cache = cache
        self._pages = pages
        self._deprecated = deprecated

    async def __call__(self, request: Request) -> Response:
        response = await self._dispatch(request)
        return await compressed(request, response) if is_large(response) and self._compresses else response

    async def _page(self, request: Request) -> Response:
        for page in self._pages:
            response = await page(request)
            if response is not None:
                return response
        raise no_such_path()

    def _dispatch(self, request: Request) -> Awaitable[Response]:
        info: RequestInfo = request.context["info"]
        if not info.is_resource:
            return self._page(request)
        endpoint = self._registry.find(info.group, info.version, info.resource)
        if endpoint is None:
            raise no_such_path()
        if endpoint.info.deprecation:
            request.context.setdefault("warnings", []).append(endpoint.info.deprecation)
            removed = _REMOVED.search(endpoint.info.deprecation)
            if not info.subresource or endpoint.subresource(info.subresource) is not None:
                labels = (info.group, info.version, info.resource, info.subresource, removed[1] if removed else "")
                self._deprecated.set(1, labels)
        if info.subresource:
            return self._subresource(request, info, endpoint)
        verb = info.verb
        if verb not in endpoint.verbs:
            raise not_allowed()
        named = verb in OBJECT
        if named is not bool(info.name) and verb not in COLLECTION_READS:
            raise not_allowed()
        if endpoint.info.namespaced:
            if not info.namespace and (named or verb == "create"):
                # `/api/v1/pods/x` is no path at all, `POST /api/v1/pods` one without that method.
                raise no_such_path() if named else not_allowed()
        elif info.namespace and info.resource != "namespaces":
            raise no_such_path()
        call = Call(request, info, endpoint, self._registry, self._cache)
        if info.resource == "bindings" and not info.group:
            return self._binding(request, info)
        computed = COMPUTED.get(endpoint.info.group_resource)
        if computed is not None:
            return computed(call)
        if endpoint.resource is None:
            handler = self.reviews.get(endpoint.info.group_resource)
            if handler is None:
                raise not_allowed()
            return review(call, handler)
        return (OBJECT[verb] if named else COLLECTION[verb])(call)

    async def _binding(self, request: Request, info: RequestInfo) -> Response:
        """`POST bindings` is `POST pods/NAME/binding` with the name in the body."""
        pods = self._registry.find("", "v1", "pods")
        assert pods is not None
        call = Call(request, info, pods, self._registry, self._cache)
        call.subresource = "binding"
        if media_type(request) == bulk_binding.MEDIA_TYPE:
            return await bulk_binding.create(call)
        return await binding.create(call)

    async def _subresource(self, request: Request, info: RequestInfo, endpoint: Endpoint) -> Response:
        found = endpoint.subresource(info.subresource)
        if found is None or not info.name or (endpoint.info.namespaced and not info.namespace):
            raise no_such_path()
        streaming = self.connect.get((info.resource, info.subresource))
        if streaming is not None and not info.group:
            await admit_connect(self._registry.admission, request, info, endpoint)
            return await streaming(request, info)
        if info.verb not in found.verbs or info.subresource in LONG_RUNNING_SUBRESOURCES:
            raise not_allowed()
        call = Call(request, info, endpoint, self._registry, self._cache)
        answered = self.reviews.get(f"{endpoint.info.group_resource}/{info.subresource}")
        if answered is not None:
            return await review(call, answered)
        table = SUBRESOURCES.get(info.subresource)
        handler = (table or OBJECT).get(info.verb)
        if handler is None:
            raise not_allowed()
        return await handler(call)
