"""gzip of large answers for clients that accept it (API concepts, "Retrieving large collections": 128 KiB and more).

Level 1, as upstream: the network is what it saves, and higher levels cost more than they give. Compression runs beside
the event loop, piece by piece.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator

from ..base.http.message import Request, Response

THRESHOLD_BYTES = 128 * 1024
_PIECE_BYTES = 1 << 20
_LEVEL = 1
_GZIP = 31  # zlib's window bits for the gzip format


def accepts_gzip(request: Request) -> bool:
    """Whether `Accept-Encoding` names gzip and does not rule it out."""
    for clause in (request.header("accept-encoding") or "").split(","):
        name, _, weight = clause.partition(";")
        if name.strip().lower() == "gzip":
            return weight.strip().replace(" ", "") not in ("q=0", "q=0.0")
    return False


def is_large(response: Response) -> bool:
    """Whether compression is worth a thought."""
    body = response.body
    return len(body) >= THRESHOLD_BYTES if isinstance(body, bytes) else isinstance(body, AsyncIterator)


async def compressed(request: Request, response: Response) -> Response:
    """The response as it is, or its body in gzip: of a GET, when it is large, the client accepts it, and it is not
    encoded already. Watches and streams (logs that are followed, whatever is proxied) are left alone: they would wait
    here until enough has come together."""
    body = response.body
    if isinstance(body, AsyncIterator) and request.context["info"].subresource:
        return response
    if request.method != "GET" or response.status != 200 or not is_large(response) or not accepts_gzip(request):
        return response
    if response.header("content-encoding") is not None:
        return response
    headers = [header for header in response.headers if header[0] != "content-length"]
    headers += [("content-encoding", "gzip"), ("vary", "Accept-Encoding")]
    if isinstance(body, bytes):
        return Response(response.status, headers, await asyncio.to_thread(_whole, body))
    assert isinstance(body, AsyncIterator)
    return Response(response.status, headers, _pieces(body))


def _whole(data: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return packer.compress(data) + packer.flush()


async def _pieces(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    waiting: list[bytes] = []
    size = 0
    async for piece in body:
        waiting.append(piece)
        size += len(piece)
        if size >= _PIECE_BYTES:
            packed = await asyncio.to_thread(packer.compress, b"".join(waiting))
            waiting, size = [], 0
            if packed:
                yield packed
    packed = await asyncio.to_thread(packer.compress, b"".join(waiting))
    yield packed + packer.flush()
