"""gRPC health checks (grpc.health.v1.Health/Check) without generated code: both messages have a single field.

The channel machinery is imported with the first such probe; most nodes never need it.
"""

import asyncio
from typing import Any

_CHECK = "/grpc.health.v1.Health/Check"
_STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


def encode_request(service: str) -> bytes:
    """HealthCheckRequest: field 1, the service's name."""
    name = service.encode()
    if not name:
        return b""
    size = bytearray()
    rest = len(name)
    while rest > 0x7F:
        size.append(rest & 0x7F | 0x80)
        rest >>= 7
    size.append(rest)
    return b"\x0a" + bytes(size) + name


def decode_status(data: bytes) -> str:
    """HealthCheckResponse: the name of the status in field 1; absent means UNKNOWN."""
    if len(data) >= 2 and data[0] == 0x08:
        return _STATUSES.get(data[1], str(data[1]))
    return _STATUSES[0]


def _identity(data: bytes) -> bytes:
    return data


async def check(address: str, service: str, timeout_seconds: float, user_agent: str) -> tuple[bool, str]:
    """Ask the health service at host:port about service ("" = the server): (healthy, message in upstream's words)."""
    import grpc
    import grpc.aio

    span = f"{timeout_seconds:g}s"
    options = [("grpc.primary_user_agent", user_agent), ("grpc.enable_http_proxy", 0)]
    channel: Any = grpc.aio.insecure_channel(address, options=options)
    async with channel:
        try:
            async with asyncio.timeout(timeout_seconds):
                await channel.channel_ready()
        except TimeoutError:
            return False, f'timeout: failed to connect service "{address}" within {span}: context deadline exceeded'
        call = channel.unary_unary(_CHECK, request_serializer=_identity, response_deserializer=_identity)
        try:
            answer = await call(encode_request(service), timeout=timeout_seconds)
        except grpc.aio.AioRpcError as error:
            return False, _failure(error.code().name, error.details() or "", span)
    status = decode_status(answer)
    if status != "SERVING":
        return False, f'service unhealthy (responded with "{status}")'
    return True, "service healthy"


def _failure(code: str, details: str, span: str) -> str:
    text = f"rpc error: code = {code.title().replace('_', '')} desc = {details}"
    if code == "UNIMPLEMENTED":
        return f"error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {text}"
    if code == "DEADLINE_EXCEEDED":
        return f"timeout: health rpc did not complete within {span}"
    return f"error: health rpc probe failed: {text}"
