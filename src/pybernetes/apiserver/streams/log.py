"""`pods/NAME/log`: checks the options, asks the kubelet's `/containerLogs`, passes the text through as it comes, as an
answer or over a WebSocket."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from ...api import field
from ...api.status import StatusError, bad_request, internal_error, invalid
from ...base.http.client import TransportError
from ...base.http.message import Headers, Request, Response, ResponseBody
from ...base.http.websocket import is_upgrade
from ..parameters import flag
from ..reader import ObjectReader
from ..request_info import RequestInfo
from ..verbs.numbers import signed
from .kubelet_dialer import KubeletDialer
from .log_socket import log_over_websocket
from .pod_target import choose_container, find_pod

_ERROR_BODY_BYTES = 2048
_STREAMS = ("All", "Stdout", "Stderr")


class LogOptions(msgspec.Struct, frozen=True, kw_only=True):
    """PodLogOptions. `since_time` stays text; it goes to the kubelet as it came."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    since_seconds: int | None = None
    since_time: str = ""
    tail_lines: int | None = None
    limit_bytes: int | None = None
    stream: str = ""
    insecure: bool = False


def log_options(params: dict[str, str], pod_name: str) -> LogOptions:
    """Read and check the query. StatusError 400 for what cannot be read, 422 for what makes no sense."""
    since_time = params.get("sinceTime", "")
    if since_time:
        try:
            datetime.fromisoformat(since_time.replace("Z", "+00:00"))
        except ValueError:
            raise bad_request(f'parsing time "{since_time}" as "2006-01-02T15:04:05Z07:00": cannot parse') from None
    options = LogOptions(
        container=params.get("container", ""),
        follow=flag(params, "follow"),
        previous=flag(params, "previous"),
        timestamps=flag(params, "timestamps"),
        since_seconds=_integer(params, "sinceSeconds"),
        since_time=since_time,
        tail_lines=_integer(params, "tailLines"),
        limit_bytes=_integer(params, "limitBytes"),
        stream=params.get("stream", ""),
        insecure=flag(params, "insecureSkipTLSVerifyBackend"),
    )
    errors = _option_errors(options)
    if errors:
        raise invalid("", "PodLogOptions", pod_name, errors)
    return options


def _integer(params: dict[str, str], name: str) -> int | None:
    text = params.get(name)
    return signed(text) if text else None


def _option_errors(options: LogOptions) -> list[field.FieldError]:
    errors: list[field.FieldError] = []
    if options.tail_lines is not None and options.tail_lines < 0:
        errors.append(field.invalid("tailLines", options.tail_lines, "must be greater than or equal to 0"))
    if options.limit_bytes is not None and options.limit_bytes < 1:
        errors.append(field.invalid("limitBytes", options.limit_bytes, "must be greater than 0"))
    if options.since_seconds is not None and options.since_time:
        errors.append(field.forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    elif options.since_seconds is not None and options.since_seconds < 1:
        errors.append(field.invalid("sinceSeconds", options.since_seconds, "must be greater than 0"))
    if options.stream and options.stream not in _STREAMS:
        errors.append(field.not_supported("stream", options.stream, _STREAMS))
    return errors


def kubelet_query(options: LogOptions) -> str:
    """The options as the kubelet's `/containerLogs` takes them."""
    query: list[tuple[str, Any]] = [
        (name, "true")
        for name, value in (
            ("follow", options.follow),
            ("previous", options.previous),
            ("timestamps", options.timestamps),
        )
        if value
    ]
    numbers = (
        ("sinceSeconds", options.since_seconds),
        ("tailLines", options.tail_lines),
        ("limitBytes", options.limit_bytes),
    )
    query += [(name, value) for name, value in numbers if value is not None]
    if options.since_time:
        query.append(("sinceTime", options.since_time))
    if options.stream and options.stream != "All":
        query.append(("stream", options.stream))
    return urlencode(query)


class PodLogs:
    """The handler of pods/log."""

    def __init__(self, reader: ObjectReader, dialer: KubeletDialer) -> None:
        self._reader = reader
        self._dialer = dialer

    async def __call__(self, request: Request, info: RequestInfo) -> Response:
        """GET only. A pod without a node has no logs yet: an empty answer, as upstream."""
        if request.method not in ("GET", "HEAD"):
            raise StatusError(
                405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
            )
        options = log_options(request.params(), info.name)
        pod = find_pod(self._reader, info)
        container = choose_container(pod, options.container)
        headers = [("content-type", "text/plain")]
        node_name = pod["spec"].get("nodeName", "")
        if not node_name:
            return await _answer(request, headers, b"")
        path = f"/containerLogs/{info.namespace}/{info.name}/{quote(container)}"
        asked = Request("GET", path, kubelet_query(options))
        try:
            answer = await self._dialer.send(node_name, asked, insecure=options.insecure)
        except TransportError as error:
            host = self._dialer.address(node_name).authority
            url = f"https://{host}{path}" + (f"?{asked.query}" if asked.query else "")
            raise StatusError(500, "", f'Get "{url}": {error}') from None
        if not 200 <= answer.status <= 206:
            raise await _refusal(answer, info.name)
        return await _answer(request, headers, answer.body)


async def _answer(request: Request, headers: Headers, body: ResponseBody) -> Response:
    return await log_over_websocket(request, body) if is_upgrade(request) else Response(200, headers, body)


async def _refusal(answer: Response, pod_name: str) -> StatusError:
    """The kubelet's refusal as the API says it: its text is the message."""
    text = (await _beginning(answer.body)).decode("utf-8", "replace").strip()
    if answer.status == 500:
        return internal_error(text)
    if answer.status == 400:
        return bad_request(text)
    reasons = {
        401: "Unauthorized",
        403: "Forbidden",
        404: "NotFound",
        429: "TooManyRequests",
        503: "ServiceUnavailable",
    }
    reason = reasons.get(answer.status, "InternalError" if answer.status >= 500 else "")
    if answer.status == 404:
        message = f"the server could not find the requested resource ( pods/log {pod_name})"
    else:
        message = f"an error on the server ({_quoted(text)}) has prevented the request from succeeding"
    details = {"name": pod_name, "kind": "pods", "causes": [{"reason": "UnexpectedServerResponse", "message": text}]}
    return StatusError(answer.status, reason, message, details)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


async def _beginning(body: ResponseBody) -> bytes:
    """The first two KiB of a body; the rest is not read."""
    if isinstance(body, bytes):
        return body[:_ERROR_BODY_BYTES]
    assert isinstance(body, AsyncIterator)
    found = b""
    try:
        async for piece in body:
            found += piece
            if len(found) >= _ERROR_BODY_BYTES:
                break
    finally:
        close = getattr(body, "aclose", None)
        if close is not None:
            await close()
    return found[:_ERROR_BODY_BYTES]
