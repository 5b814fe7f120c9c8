"""Requests for another server's group version: handed on with the caller's proven identity, answers streamed back."""

from ...api.status import StatusError
from ...api.user import ANONYMOUS, UserInfo
from ...base.http.client import TransportError
from ...base.http.heads import HOP_BY_HOP
from ...base.http.message import Headers, Request, Response
from ...base.log import logger
from ..streams.relay import dial, is_upgrade, join
from .connections import Connections, identity_headers
from .services import ApiServices, Remote

_DROPPED = HOP_BY_HOP | {"te", "trailer", "host", "authorization", "proxy-authorization"}
_UNAVAILABLE = b"service unavailable\n"

log = logger(__name__)


class Proxy:
    """See the module docstring. A server that is not available, or does not answer, is a plain 503 as upstream's."""

    def __init__(self, services: ApiServices, connections: Connections) -> None:
        self._services = services
        self._connections = connections

    async def __call__(self, remote: Remote, request: Request) -> Response:
        """Any method and path below the group version."""
        if remote.name not in self._services.available:
            return _unavailable()
        headers = _forwarded(request)
        if is_upgrade(request):
            return await self._upgraded(remote, request, headers)
        asked = Request(request.method, request.path, request.query, headers, request.body)
        try:
            answer = await self._connections.send(remote, asked)
        except (TransportError, StatusError) as error:
            log.warning("Extension API server does not answer", service=remote.name, err=error)
            return _unavailable(f"error trying to reach service: {error}\n".encode())
        kept = [(name, value) for name, value in answer.headers if name not in HOP_BY_HOP and name != "audit-id"]
        if isinstance(answer.body, bytes):
            kept = [(name, value) for name, value in kept if name != "content-length"]
        return Response(answer.status, kept, answer.body)

    async def _upgraded(self, remote: Remote, request: Request, headers: Headers) -> Response:
        headers = [header for header in headers if header[0] != "content-length"]
        headers.append(("upgrade", request.header("upgrade") or ""))

        async def send(asked: Request) -> Response:
            return await self._connections.send(remote, asked)

        answer = await dial(Request(request.method, request.path, request.query, headers), send)
        if answer.status != 101 or answer.connection is None:
            return answer
        backend = answer.connection
        return Response(101, answer.headers, upgrade=lambda client: join(client, backend))


def _forwarded(request: Request) -> Headers:
    user: UserInfo = request.context.get("user", ANONYMOUS)
    headers = [
        (name, value)
        for name, value in request.headers
        if name not in _DROPPED and not name.startswith("x-remote-") and name != "x-forwarded-for"
    ]
    before = request.header_all("x-forwarded-for")
    if request.remote_address:
        before.append(request.remote_address)
    if before:
        headers.append(("x-forwarded-for", ", ".join(before)))
    audit_id = request.context.get("audit_id")
    if audit_id and request.header("audit-id") is None:
        headers.append(("audit-id", audit_id))
    return headers + identity_headers(user)


def _unavailable(text: bytes = _UNAVAILABLE) -> Response:
    return Response(503, [("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff")], text)
