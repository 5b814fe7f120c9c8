"""The typed client of the API: one method per verb over any `App`.

The `App` is a transport (HTTPS) or the API server itself (`InProcessTransport`); the client cannot tell. A call is
resolved to a `View` (view.py), becomes one `Request`, and its answer is decoded into the view's type. Every failure the
API describes is raised as `StatusError`; a broken connection is raised as the transport raises it (`OSError`).

Who retries: the client itself repeats a request the server refused to start (429 or 503 with Retry-After), with a
bounded number of attempts, as client-go does. Conflicts, timeouts and lost connections are the caller's: a controller
raises them and its queue repeats the key.

    pods = await client.list(Pod, "default", label_selector="app=web")
    async for event in client.watch(Pod, "default", resource_version=pods.resource_version): ...
"""

import asyncio
import builtins
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import cache
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from ..api.codec import encode
from ..api.resource import ResourceInfo, resource_for_kind, resources
from ..api.status import StatusError
from ..api.user import UserInfo
from ..base.http.message import App, Headers, Request, Response, ResponseBody
from ..base.log import logger
from .recent import RecentObjects
from .request_metrics import RequestMetrics
from .view import Kind, ObjectList, View, api_kind_of, identity_of, view_of

T = TypeVar("T")
log = logger(__name__)

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

MOST_WARNINGS = 256
"""So many different ones are told once; warnings may name objects, and then they never end."""

MAX_RETRIES = 10
MAX_RETRY_AFTER_SECONDS = 30
MAX_BODY_BYTES = 512 << 20
_KNOWINGLY = "v1 Endpoints is deprecated"
"""Of what components use for the sake of those that still read it, nobody needs to be told."""

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
Propagation = Literal["", "Background", "Foreground", "Orphan"]


class WatchEvent(Generic[T]):
    """One event of a watch. A BOOKMARK's object carries nothing but `metadata.resourceVersion`."""

    __slots__ = ("object", "type")

    def __init__(self, type_: EventType, obj: T) -> None:
        self.type = type_
        self.object = obj

    def __repr__(self) -> str:
        return f"WatchEvent({self.type}, {identity_of(self.object)})"


class _Envelope(msgspec.Struct):
    type: str
    object: msgspec.Raw


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_dict = msgspec.json.Decoder(dict[str, Any]).decode
_encode_json = msgspec.json.Encoder().encode


class Client:
    """Typed access to one API server as one identity.

    `user` is set for in-process use only and makes every request authenticated as that user. `headers` are added to
    every request (authorization, impersonation, user-agent). `timeout_seconds` bounds each request except watches.
    With `recent`, objects that watches bring are shared with the other clients that were given the same one, and so are
    the numbers of `metrics`.
    """

    def __init__(
        self,
        app: App,
        *,
        user: UserInfo | None = None,
        headers: Headers | None = None,
        timeout_seconds: float = 60.0,
        recent: RecentObjects | None = None,
        metrics: RequestMetrics | None = None,
    ) -> None:
        self.app = app
        self.metrics = metrics or RequestMetrics("")
        self._recent = recent
        self.user = user
        self._headers: Headers = list(headers or ())
        if not any(name == "user-agent" for name, _ in self._headers):
            self._headers.append(("user-agent", "pybernetes/v1.36"))
        self._timeout_seconds = timeout_seconds
        self._warned: set[str] = set()

    async def get(self, kind: Kind[T], name: str, namespace: str = "", *, resource_version: str = "") -> T:
        """One object. StatusError NotFound when there is none."""
        view = view_of(kind)
        query = _query(resourceVersion=resource_version)
        data = await self._call("GET", _path(view.resource, namespace, name), query, accept=view.accept)
        return view.decode(data)

    async def list(
        self,
        kind: Kind[T],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
        resource_version_match: str = "",
    ) -> ObjectList[T]:
        """One page of the collection (all of it without `limit`). `resource_version="0"` allows a cached answer."""
        view = view_of(kind)
        query = _query(
            labelSelector=label_selector,
            fieldSelector=field_selector,
            limit=limit or "",
            resourceVersion=resource_version,
            resourceVersionMatch=resource_version_match,
            **{"continue": continue_token},
        )
        data = await self._call("GET", _path(view.resource, namespace), query, accept=view.accept_list)
        page: ObjectList[T] = view.decode_list(data)
        return page

    async def watch(
        self,
        kind: Kind[T],
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = 0,
        allow_bookmarks: bool = True,
    ) -> AsyncGenerator[WatchEvent[T], None]:
        """Changes after `resource_version`, in order, until the server ends the watch.

        Raises StatusError when the watch is refused or an ERROR event arrives (410: list again).
        """
        view = view_of(kind)
        query = _query(
            watch="true",
            allowWatchBookmarks="true" if allow_bookmarks else "",
            resourceVersion=resource_version,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            timeoutSeconds=timeout_seconds or "",
        )
        async with aclosing(self._watch(view, _path(view.resource, namespace), query)) as batches:
            async for events in batches:
                for event in events:
                    yield event

    async def create(
        self,
        obj: T,
        *,
        subresource: str = "",
        name: str = "",
        namespace: str = "",
        resource: ResourceInfo | None = None,
        answer: View[Any] | None = None,
        dry_run: bool = False,
    ) -> T:
        """Create an object, or post to a subresource of the object called `name`.

        Custom kinds (dicts whose kind is not built in) name their `resource`. Who needs little of the answer gives the
        view to decode it as.
        """
        view: View[T] = answer or _view_for(obj, subresource, resource)
        where = identity_of(obj)
        namespace = namespace or where.namespace
        name = name or (where.name if subresource else "")
        path = _path(view.resource, namespace, name, subresource)
        data = await self._call("POST", path, _query(dryRun="All" if dry_run else ""), body=encode(obj))
        return _answer(view, data, obj)

    async def update(self, obj: T, *, subresource: str = "", resource: ResourceInfo | None = None) -> T:
        """Replace an object. With a resourceVersion in it, StatusError Conflict when it has moved on."""
        view = _view_for(obj, subresource, resource)
        where = identity_of(obj)
        path = _path(view.resource, where.namespace, where.name, subresource)
        return view.decode(await self._call("PUT", path, "", body=encode(obj)))

    async def update_status(self, obj: T, *, resource: ResourceInfo | None = None) -> T:
        """Replace the status of an object; all else in it is ignored by the server."""
        return await self.update(obj, subresource="status", resource=resource)

    async def patch(
        self,
        kind: Kind[T],
        name: str,
        namespace: str = "",
        *,
        body: bytes | dict[str, Any] | Sequence[dict[str, Any]],
        content_type: str = MERGE_PATCH,
        subresource: str = "",
        field_manager: str = "",
        force: bool = False,
    ) -> T:
        """Patch an object; `body` is JSON, ready or still to be encoded."""
        view = view_of(kind)
        data = await self._call(
            "PATCH",
            _path(view.resource, namespace, name, subresource),
            _query(fieldManager=field_manager, force="true" if force else ""),
            body=body if isinstance(body, bytes) else _encode_json(body),
            content_type=content_type,
        )
        return view.decode(data)

    async def delete(
        self,
        kind: Kind[Any],
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        grace_period_seconds: int | None = None,
        propagation_policy: Propagation = "",
    ) -> None:
        """Delete one object; with `uid` or `resource_version` only that very one (else StatusError Conflict)."""
        view = view_of(kind)
        options = _delete_options(grace_period_seconds, propagation_policy)
        preconditions = {key: value for key, value in (("uid", uid), ("resourceVersion", resource_version)) if value}
        if preconditions:
            options["preconditions"] = preconditions
        body = _encode_json(options) if len(options) > 2 else b""
        await self._call("DELETE", _path(view.resource, namespace, name), "", body=body)

    async def delete_collection(
        self,
        kind: Kind[Any],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        grace_period_seconds: int | None = None,
        propagation_policy: Propagation = "",
    ) -> None:
        """Delete every object that the selectors match."""
        view = view_of(kind)
        query = _query(labelSelector=label_selector, fieldSelector=field_selector)
        body = _encode_json(_delete_options(grace_period_seconds, propagation_policy))
        await self._call("DELETE", _path(view.resource, namespace), query, body=body)

    async def request(
        self, method: str, path: str, *, query: str = "", body: bytes = b"", headers: Headers | None = None
    ) -> Response:
        """One raw exchange; the status is the caller's to judge and a streaming body the caller's to read."""
        return await self._send(self._request(method, path, query, body, list(headers or ())))

    async def _send(self, request: Request) -> Response:
        began = time.perf_counter()
        try:
            response = await self.app(request)
        except BaseException:
            self.metrics.lost(request.method, time.perf_counter() - began)
            raise
        self.metrics.answered(request.method, response.status, time.perf_counter() - began)
        return response

    def _request(self, method: str, path: str, query: str, body: bytes, headers: Headers) -> Request:
        request = Request(method, path, query, headers + self._headers, body)
        if self.user is not None:
            request.context["user"] = self.user
        return request

    async def _call(
        self,
        method: str,
        path: str,
        query: str,
        *,
        body: bytes = b"",
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> bytes:
        """One exchange with an API resource: the body of a 2xx answer, else StatusError."""
        headers: Headers = [("accept", accept)]
        if body:
            headers.append(("content-type", content_type))
        for attempt in range(MAX_RETRIES + 1):
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    response = await self._send(self._request(method, path, query, body, headers.copy()))
                    data = await read_body(response)
            except TimeoutError:
                raise StatusError(504, "Timeout", f"{method} {path}: no answer in {self._timeout_seconds} s") from None
            self._note_warnings(response)
            if response.status < 300:
                return data
            wait_seconds = retry_after_seconds(response)
            if wait_seconds is None or attempt == MAX_RETRIES:
                raise error_of(response.status, data)
            log.debug("Server asked to retry", path=path, status=response.status, seconds=wait_seconds)
            self.metrics.repeated(method, response.status)
            await asyncio.sleep(wait_seconds)
        raise AssertionError("unreachable")

    async def _watch(self, view: View[T], path: str, query: str) -> AsyncGenerator[builtins.list[WatchEvent[T]], None]:
        """Events in the batches they arrived in."""
        headers: Headers = [("accept", view.accept)]
        response = await self._send(self._request("GET", path, query, b"", headers))
        self._note_warnings(response)
        if response.status >= 300:
            raise error_of(response.status, await read_body(response))
        body = response.body
        if isinstance(body, bytes):
            yield decode_events(view, body, self._recent)
            return
        rest = b""
        try:
            async for chunk in pulled(body):
                data = rest + chunk if rest else chunk
                end = data.rfind(b"\n") + 1
                rest = data[end:]
                if end:
                    yield decode_events(view, data[:end] if rest else data, self._recent)
        finally:
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()

    def _note_warnings(self, response: Response) -> None:
        for name, value in response.headers:
            if name == "warning" and value not in self._warned:
                if len(self._warned) >= MOST_WARNINGS:
                    self._warned.clear()
                self._warned.add(value)
                if _KNOWINGLY not in value:
                    log.warning("Server warned", warning=value)


def decode_events(view: View[T], data: bytes, recent: RecentObjects | None = None) -> list[WatchEvent[T]]:
    """The events in whole lines of a watch body. StatusError when one of them is an ERROR."""
    events: list[WatchEvent[T]] = []
    if view.type is dict:
        recent = None  # whoever has a dict may change it
    for line in data.split(b"\n"):
        if not line:
            continue
        envelope = _decode_envelope(line)
        if envelope.type == "ERROR":
            if events:
                # What came before the error is delivered; the watch that is resumed will meet the error again.
                return events
            raise StatusError.from_status(_decode_dict(envelope.object))
        if recent is None:
            obj = view.decode_or_none(envelope.object)
        else:
            obj = recent.decode(view.type, envelope.object, view.decode_or_none)
        if obj is not None:
            events.append(WatchEvent(envelope.type, obj))  # type: ignore[arg-type]
    return events


async def read_body(response: Response) -> bytes:
    """The whole body of a response, whichever way it comes. ConnectionError when it exceeds every sane size."""
    body = response.body
    if isinstance(body, bytes):
        return body
    chunks: list[bytes] = []
    size = 0
    async for chunk in pulled(body):
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise ConnectionError(f"response body exceeds {MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def pulled(body: ResponseBody) -> AsyncIterator[bytes]:
    """A streaming body as the iterator it must be. TypeError for a PushBody (it needs an InProcessTransport)."""
    if isinstance(body, AsyncIterator):
        return body
    raise TypeError(f"cannot read a {type(body).__name__}; put an InProcessTransport in front of the app")


def error_of(code: int, data: bytes) -> StatusError:
    """The StatusError of a failed answer: its Status body, or one made from the code and the text."""
    try:
        body = _decode_dict(data)
    except msgspec.DecodeError:
        body = {}
    if body.get("kind") == "Status":
        return StatusError.from_status(body, code)
    reasons = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict"}
    reasons |= {410: "Expired", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}
    text = data[:1024].decode("utf-8", "replace").strip() or f"the server answered {code}"
    return StatusError(code, reasons.get(code, ""), text)


def retry_after_seconds(response: Response) -> float | None:
    """How long to wait before the same request may be sent again; None when it must not be repeated."""
    if response.status not in (429, 503):
        return None
    text = response.header("retry-after")
    if text is None:
        return None
    try:
        return min(max(float(text), 0.0), MAX_RETRY_AFTER_SECONDS)
    except ValueError:
        return 1.0


def _path(resource: ResourceInfo, namespace: str, name: str = "", subresource: str = "") -> str:
    return resource.path(namespace, quote(name, safe=":@") if name else None, subresource)


def _query(**params: Any) -> str:
    return urlencode({key: value for key, value in params.items() if value != ""})


def _delete_options(grace_period_seconds: int | None, propagation_policy: Propagation) -> dict[str, Any]:
    options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
    if grace_period_seconds is not None:
        options["gracePeriodSeconds"] = grace_period_seconds
    if propagation_policy:
        options["propagationPolicy"] = propagation_policy
    return options


@cache
def _parent_of(kind: str, subresource: str) -> ResourceInfo:
    """The resource whose subresource takes objects of that kind: ("Binding", "binding") is pods."""
    for info in resources().values():
        found = info.subresources.get(subresource)
        if found is not None and found.kind == kind:
            return info
    raise KeyError(f"no resource has a subresource {subresource} of kind {kind}")


def _view_for(obj: T, subresource: str, resource: ResourceInfo | None) -> View[T]:
    """The view a whole object is written through: its resource, and its own type for the answer."""
    api_version, kind = api_kind_of(obj)
    if resource is None:
        try:
            resource = resource_for_kind(api_version, kind)
        except KeyError:
            if not subresource:
                raise
            resource = _parent_of(kind, subresource)
        else:
            if subresource and subresource not in resource.subresources:
                resource = _parent_of(kind, subresource)
    return _write_view(resource, dict if isinstance(obj, dict) else type(obj))


_write_views: dict[tuple[str, str, str, type[Any]], View[Any]] = {}
_MOST_VIEWS = 512
"""Definitions come and go."""


def _write_view(resource: ResourceInfo, type_: type[Any]) -> View[Any]:
    key = (resource.group, resource.version, resource.plural, type_)
    found = _write_views.get(key)
    if found is None:
        if len(_write_views) >= _MOST_VIEWS:
            _write_views.clear()
        found = _write_views[key] = View(resource, type_)
    return found


def _answer(view: View[T], data: bytes, sent: T) -> T:
    """The answer of a post; a subresource such as binding or eviction answers a Status: then what was sent."""
    try:
        return view.decode(data)
    except msgspec.ValidationError:
        return sent
