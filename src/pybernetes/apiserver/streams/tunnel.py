"""Port-forward since kubectl 1.31: a WebSocket whose binary messages are the bytes of a SPDY/3.1 connection (KEP-4006).

    kubectl ==WebSocket "SPDY/3.1+portforward.k8s.io"==> here ==SPDY/3.1 "portforward.k8s.io"==> kubelet

The SPDY bytes are not looked at: the payload of a message goes on as it is, what the kubelet sends becomes messages.
"""

from ...api.status import bad_request
from ...base.http.message import Request, Response
from ...base.http.websocket import HandshakeError, MessageStream, WebSocket, accept
from .relay import Send, dial, join, spdy_request

_INNER = "portforward.k8s.io"
PROTOCOL = "SPDY/3.1+" + _INNER


async def tunnel(request: Request, path: str, query: str, send: Send) -> Response:
    """Open SPDY to the kubelet, then accept the client's WebSocket and join the two.

    A kubelet that does not upgrade is passed through as it is. StatusError 400 for a bad WebSocket handshake.
    """
    answer = await dial(spdy_request(request, path, query, [_INNER]), send)
    if answer.status != 101 or answer.connection is None:
        return answer
    kubelet = answer.connection

    async def joined(socket: WebSocket) -> None:
        await join(MessageStream(socket), kubelet)

    try:
        return accept(request, [PROTOCOL], joined)
    except HandshakeError as error:
        kubelet.close()
        raise bad_request(str(error)) from None
