"""Whether a DNS server answers: the cluster's first name, asked of it as any client would."""

import asyncio
import secrets

from .message import encode_query
from .plugins.forward import ask_udp

_A = 1
_TIMEOUT_SECONDS = 1.0


async def trouble(host: str, port: int, zone: str) -> str:
    """Why the server at this address is not well, "" when it knows `kubernetes.default.svc.ZONE`."""
    identifier = secrets.randbits(16)
    question = encode_query(identifier, f"kubernetes.default.svc.{zone}", _A)
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            reply = await ask_udp(host, port, identifier, question)
    except (OSError, TimeoutError):
        return "no answer"
    code = reply[3] & 0x0F
    return f"answered with code {code}" if code else ""
