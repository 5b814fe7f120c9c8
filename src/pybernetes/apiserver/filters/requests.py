"""What is asked for and how it went: `context["info"]`, the audit id, request metrics."""

import time
from collections.abc import Awaitable

from ...base.http.message import App, Request, Response
from ...base.random_ids import uuid4_text
from ..metrics import ServerMetrics
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
    """Counts and times requests."""

    def __init__(self, metrics: ServerMetrics) -> None:
        self._metrics = metrics

    def __call__(self, next: App) -> App:
        metrics = self._metrics

        async def measured(request: Request) -> Response:
            info: RequestInfo = request.context["info"]
            begun = time.perf_counter()
            code = 500
            try:
                response = await next(request)
                code = response.status
                return response
            except Exception as error:
                code = getattr(error, "code", 500)
                raise
            finally:
                labels = _labels(request, info)
                metrics.requests.inc((*labels, str(code)))
                if not is_long_running(info):
                    metrics.durations.observe(time.perf_counter() - begun, labels)

        return measured


def _labels(request: Request, info: RequestInfo) -> tuple[str, ...]:
    if not info.is_resource:
        return (request.method, "", "", "", "", info.path if info.path in _KNOWN_PATHS else "", "", "apiserver")
    dry_run = "All" if request.query and "dryRun" in request.query else ""
    scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
    verb = _VERBS.get(info.verb, info.verb.upper())
    return (verb, dry_run, info.group, info.version, info.resource, info.subresource, scope, "apiserver")


_VERBS = {"create": "POST", "update": "PUT", "deletecollection": "DELETECOLLECTION"}
_KNOWN_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/version", "/metrics", "/api", "/apis", "/openapi/v2"})
