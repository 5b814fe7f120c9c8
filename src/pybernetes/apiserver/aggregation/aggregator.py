"""The aggregator: in front of our own resources, it sends requests to the servers they belong to.

    /apis/GROUP/VERSION/...  of a remote      -> `proxy.py`
    /apis, /apis/GROUP, /openapi/v2, /v3      -> our own document, merged with what the remotes offer
    everything else                           -> our own resources

Without remote APIServices a request costs one look at an empty dict.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import orjson

from ...api.resource import ResourceInfo
from ...api.status import StatusError
from ...base.clock import Clock
from ...base.http.message import App, Request, Response
from ...base.tasks import running
from ..admission.own_writes import Write
from ..reader import ObjectReader
from .availability import Availability
from .connections import Connections
from .discovery import answer, merge
from .local import LocalServices, priorities
from .proxy import Proxy
from .services import GROUP, ApiServices
from .swagger import MergedSwagger

if TYPE_CHECKING:
    from ..reload.pairs import FollowedPair

Object = dict[str, Any]
_FIRST = 1 << 30


class Aggregator:
    """`wrap` puts it in front of an App, `serve` runs what it keeps up to date."""

    def __init__(
        self,
        reader: ObjectReader,
        write: Write,
        clock: Clock,
        *,
        identity: "FollowedPair | None",
        infos: Callable[[], Iterable[ResourceInfo]],
    ) -> None:
        self._services = ApiServices(reader)
        self._connections = Connections(reader, identity)
        self._proxy = Proxy(self._services, self._connections)
        self._availability = Availability(reader, self._services, self._connections, write, clock)
        self._swagger = MergedSwagger(self._services, self._connections, clock)
        self._local = LocalServices(reader, self._services, write, infos)
        self._priorities: dict[str, int] = {}

    def resources_changed(self) -> None:
        """Other resources are served now."""
        self._local.changed()

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(running("local api services", self._local.serve))
            await stack.enter_async_context(running("api service availability", self._availability.serve))
            ready.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                await self._connections.close()

    def wrap(self, next: App) -> App:
        """The App with the remotes in front."""
        remotes = self._services.remotes

        def aggregated(request: Request) -> Awaitable[Response]:
            return next(request) if not remotes else elsewhere(request)

        async def elsewhere(request: Request) -> Response:
            path = request.path
            if path.startswith("/apis/"):
                parts = path.split("/", 4)
                if len(parts) > 3 and (parts[2], parts[3]) in remotes:
                    return await self._proxy(remotes[parts[2], parts[3]], request)
                if len(parts) == 3 or (len(parts) == 4 and not parts[3]):
                    return await self._group(request, next, parts[2])
            elif path in ("/apis", "/apis/"):
                return await self._groups(request, next)
            elif path.startswith("/openapi/"):
                return await self._openapi(request, next)
            return await next(request)

        return aggregated

    async def _groups(self, request: Request, next: App) -> Response:
        document, content_type, response = await _document(request, next)
        if document is None:
            return response
        remotes = list(self._services.remotes.values())
        merged = merge(document, remotes, self._availability.offered, self._group_priorities())
        return answer(request, merged, content_type)

    async def _group(self, request: Request, next: App, group: str) -> Response:
        remotes = [remote for remote in self._services.remotes.values() if remote.group == group]
        if not remotes:
            return await next(request)
        try:
            document, _, _ = await _document(request, next)
        except StatusError as error:
            if error.code != 404:
                raise
            document = None
        groups = [document] if document is not None else []
        found = merge({"kind": "APIGroupList", "groups": groups}, remotes, self._availability.offered, {})["groups"][0]
        return answer(request, {"kind": "APIGroup", "apiVersion": "v1", **found}, "application/json")

    async def _openapi(self, request: Request, next: App) -> Response:
        path = request.path.rstrip("/")
        if path == "/openapi/v3":
            document, content_type, response = await _document(request, next)
            if document is None:
                return response
            paths = dict(document.get("paths") or {})
            for remote in self._services.remotes.values():
                where = f"apis/{remote.group}/{remote.version}"
                paths[where] = {"serverRelativeURL": f"/openapi/v3/{where}"}
            return answer(request, {**document, "paths": paths}, content_type)
        if path == "/openapi/v2":
            return await self._swagger.answer(request, next)
        parts = path.removeprefix("/openapi/v3/apis/").split("/")
        found = self._services.remotes.get((parts[0], parts[1])) if len(parts) == 2 else None
        return await (self._proxy(found, request) if found is not None else next(request))

    def _group_priorities(self) -> dict[str, int]:
        if not self._priorities:
            self._priorities = {group: found[0] for (group, _), found in priorities().items()}
            self._priorities[GROUP] = _FIRST
        return self._priorities


async def _document(request: Request, next: App) -> tuple[Object | None, str, Response]:
    """(our own JSON document, its content type, the response); None when the answer is something else."""
    headers = [header for header in request.headers if header[0] != "if-none-match"]
    asked = Request(request.method, request.path, request.query, headers, context=request.context)
    response = await next(asked)
    content_type = response.header("content-type") or ""
    if (
        response.status != 200
        or not isinstance(response.body, bytes)
        or not content_type.startswith("application/json")
    ):
        return None, content_type, response
    return orjson.loads(response.body), content_type, response
