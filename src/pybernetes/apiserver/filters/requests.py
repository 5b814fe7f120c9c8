"""What is asked for and how it went: `context["info"]`, the audit id, request metrics."""

import time
from collections.abc import Awaitable, Callable

from ...base.http.message import App, Request, Response
from ...base.random_ids import uuid4_text
from ..metrics import ServerMetrics
from ..registry import Endpoint
from ..request_info import RequestInfo, request_info

_AUDIT_ID_LIMIT = 64
LONG_RUNNING_SUBRESOURCES = frozenset({"attach", "exec", "proxy", "log", "portforward"})


def is_long_running(info: RequestInfo) -> bool:
    """Watches and streams: no timeout, not counted as in flight."""
    return info.is_resource and (info.verb == "watch" or info.subresource in LONG_RUNNING_SUBRESOURCES)


def with_request_info(next: App) -> App:
    """Put the request's meaning into its context, and an audit id that the answer will carry."""

    def informed(request: Request) -> Awaitable[Response]:
        context = request.context
        context["info"] = request_info(request)
        audit_id = request.header("audit-id")
        if not audit_id or len(audit_id) > _AUDIT_ID_LIMIT:
            audit_id = uuid4_text()
        context["audit_id"] = audit_id
        context["response_headers"] = [("audit-id", audit_id)]
        return next(request)

    return informed


class Measure:
    """Counts and times requests.

    What callers can make up (groups, resources and subresources that nobody serves here, methods) is counted without
    its name: a series is kept for ever, and there would be no end of them.
    """

    def __init__(self, metrics: ServerMetrics, find: Callable[[str, str, str], Endpoint | None]) -> None:
        """`find` gives the endpoint of a group, version and plural."""
        self._metrics = metrics
        self._find = find
        self._known: set[tuple[str, ...]] = set()

    def __call__(self, next: App) -> App:
        metrics, known = self._metrics, self._known

        async def measured(request: Request) -> Response:
            info: RequestInfo = request.context["info"]
            begun = time.perf_counter()
            code, size = 500, -1
            try:
                response = await next(request)
                code, size = response.status, _size(response)
                return response
            except Exception as error:
                code = getattr(error, "code", 500)
                raise
            finally:
                labels = _labels(request, info)
                if labels not in known:
                    labels = self._sound(labels, info)
                metrics.requests.inc((*labels, str(code)))
                if not is_long_running(info):
                    metrics.durations.observe(time.perf_counter() - begun, labels)
                    if size >= 0 and info.verb in _READS:
                        metrics.sizes.observe(size, labels)

        return measured

    def _sound(self, labels: tuple[str, ...], info: RequestInfo) -> tuple[str, ...]:
        """The labels, remembered, when they are of something that is served; else what is bounded of them."""
        if info.is_resource:
            endpoint = self._find(info.group, info.version, info.resource)
            if endpoint is None or (info.subresource and endpoint.subresource(info.subresource) is None):
                return (*labels[:2], "", "", "", "", "", "apiserver")
        elif labels[0] not in _METHODS:
            return ("other", *labels[1:])
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known.add(labels)
        return labels


def _size(response: Response) -> int:
    """Bytes of the body; -1 when it is written as it goes and does not say."""
    body = response.body
    return len(body) if isinstance(body, bytes) else int(response.header("content-length") or -1)


def _labels(request: Request, info: RequestInfo) -> tuple[str, ...]:
    if not info.is_resource:
        return (request.method, "", "", "", "", info.path if info.path in _KNOWN_PATHS else "", "", "apiserver")
    dry_run = "All" if request.query and "dryRun" in request.query else ""
    scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
    verb = _VERBS.get(info.verb, info.verb.upper())
    return (verb, dry_run, info.group, info.version, info.resource, info.subresource, scope, "apiserver")


_REMEMBERED = 8192
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
_READS = frozenset({"get", "list"})
_VERBS = {"create": "POST", "update": "PUT", "deletecollection": "DELETECOLLECTION"}
_KNOWN_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/version", "/metrics", "/api", "/apis", "/openapi/v2"})
