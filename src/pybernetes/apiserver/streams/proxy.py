"""`.../proxy[/PATH]`: one HTTP request handed on to a pod, a service's endpoint or a kubelet, and its answer back.

Path below `proxy`, query, method, headers and body go on as they are, hop-by-hop headers do not; `X-Forwarded-For` and
`X-Forwarded-Uri` are added. Answers stream; links in HTML and `Location` are rewritten (`html_links.py`). Upgrades are
passed through. A target that cannot be reached is 503 `error trying to reach service: ...`.
"""

import gzip
import zlib
from collections.abc import AsyncIterator, Callable

from ...api.status import StatusError, service_unavailable
from ...base.http.client import TransportError
from ...base.http.heads import HOP_BY_HOP
from ...base.http.message import Headers, Request, Response
from ..reader import ObjectReader
from ..request_info import RequestInfo
from .backends import Backends, unverified_context
from .html_links import HtmlRewriter, rewrite_html, rewrite_url
from .kubelet_dialer import KubeletDialer
from .proxy_targets import ProxyTargets, Target, may_be_proxied
from .relay import dial, is_upgrade, join

_DROPPED = HOP_BY_HOP | {"te", "trailer", "host", "authorization", "proxy-authorization"}
_CORS = "access-control-"
_LARGEST_COMPRESSED_PAGE = 4 * 1024 * 1024


class Proxy:
    """The handler of pods/proxy, services/proxy and nodes/proxy."""

    def __init__(
        self,
        reader: ObjectReader,
        dialer: KubeletDialer,
        backends: Backends,
        *,
        allow_address: Callable[[str], bool] = may_be_proxied,
    ) -> None:
        self._targets = ProxyTargets(reader, dialer, allow_address=allow_address)
        self._dialer = dialer
        self._backends = backends

    async def __call__(self, request: Request, info: RequestInfo) -> Response:
        """Any method. Raises StatusError for a target that does not exist or cannot be reached."""
        target = self._target(info)
        path = _path_below(request.path)
        if is_upgrade(request):
            return await self._upgraded(request, target, path or "/")
        if not path and request.method in ("GET", "HEAD"):
            location = request.path + "/" + (f"?{request.query}" if request.query else "")
            return Response(301, [("location", location)])
        prefix = request.path[: len(request.path) - len(path)]
        asked = Request(request.method, path or "/", request.query, _forwarded(request, prefix + path), request.body)
        try:
            answer = await self._send(target, asked)
        except TransportError as error:
            raise service_unavailable(f"error trying to reach service: {error}") from None
        return await _rewritten(answer, prefix, target.authority, request.header("host") or "")

    def _target(self, info: RequestInfo) -> Target:
        if info.resource == "pods":
            return self._targets.pod(info.namespace, info.name)
        if info.resource == "services":
            return self._targets.service(info.namespace, info.name)
        return self._targets.node(info.name)

    async def _send(self, target: Target, request: Request) -> Response:
        if target.kubelet_node:
            return await self._dialer.send(target.kubelet_node, request)
        tls = unverified_context() if target.scheme == "https" else None
        return await self._backends.send(f"{target.scheme}://{target.authority}", tls, request)

    async def _upgraded(self, request: Request, target: Target, path: str) -> Response:
        headers = [header for header in _forwarded(request, request.path) if header[0] != "content-length"]
        headers.append(("upgrade", request.header("upgrade") or ""))

        async def send(asked: Request) -> Response:
            return await self._send(target, asked)

        answer = await dial(Request(request.method, path, request.query, headers), send)
        if answer.status != 101 or answer.connection is None:
            return answer
        backend = answer.connection
        return Response(101, answer.headers, upgrade=lambda client: join(client, backend))


def _path_below(path: str) -> str:
    """What follows `/proxy` of `.../NAME/proxy[/...]`, still percent-encoded.

    `/api/v1/` takes three slashes; a namespaced resource stands two segments deeper than a node.
    """
    segments = path.split("/")
    position = 6 if segments[3] != "namespaces" else 8
    rest = segments[position:]
    return "/" + "/".join(rest) if rest else ""


def _forwarded(request: Request, uri: str) -> Headers:
    headers = [(name, value) for name, value in request.headers if name not in _DROPPED and name != "x-forwarded-uri"]
    before = [value for name, value in headers if name == "x-forwarded-for"]
    headers = [header for header in headers if header[0] != "x-forwarded-for"]
    if request.remote_address:
        before.append(request.remote_address)
    if before:
        headers.append(("x-forwarded-for", ", ".join(before)))
    headers.append(("x-forwarded-uri", uri))
    return headers


async def _rewritten(answer: Response, prefix: str, target_host: str, request_host: str) -> Response:
    """The answer with its links moved under the prefix, and without what only the backend's own origin may say."""
    headers = [
        (name, rewrite_url(value, prefix, target_host, request_host) if name == "location" else value)
        for name, value in answer.headers
        if name not in HOP_BY_HOP and not name.startswith(_CORS)
    ]
    kind = (answer.header("content-type") or "").partition(";")[0].strip().lower()
    is_redirect = answer.header("location") is not None
    if kind != "text/html" or is_redirect:
        return Response(answer.status, headers, answer.body)
    encoding = (answer.header("content-encoding") or "").lower()
    if encoding not in ("", "identity", "gzip", "deflate"):
        return Response(answer.status, headers, answer.body)
    headers = [header for header in headers if header[0] not in ("content-length", "content-encoding")]
    body = answer.body
    if isinstance(body, bytes) or encoding in ("gzip", "deflate"):
        page = _decoded(await _whole(body), encoding) if not isinstance(body, bytes) else _decoded(body, encoding)
        return Response(answer.status, headers, rewrite_html(page, prefix, target_host, request_host))
    assert isinstance(body, AsyncIterator)
    return Response(answer.status, headers, HtmlRewriter(body, prefix, target_host, request_host))


async def _whole(body: object) -> bytes:
    """A compressed page as a whole. StatusError 503 when it is too large to rewrite."""
    assert isinstance(body, AsyncIterator)
    found = bytearray()
    async for piece in body:
        found += piece
        if len(found) > _LARGEST_COMPRESSED_PAGE:
            await body.aclose()  # type: ignore[attr-defined]
            raise service_unavailable("error trying to reach service: compressed page too large to rewrite")
    return bytes(found)


def _decoded(page: bytes, encoding: str) -> bytes:
    if encoding not in ("gzip", "deflate") or not page:
        return page
    try:
        return gzip.decompress(page) if encoding == "gzip" else zlib.decompress(page)
    except (OSError, zlib.error, EOFError) as error:
        raise StatusError(502, "", f"error trying to reach service: {error}") from None
