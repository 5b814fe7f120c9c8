"""gRPC calls to a plugin over its unix socket; grpc carries bytes, `base.protobuf` makes them.

A call that fails raises `RpcError`, whose text is that of grpc's status in Go, since upstream puts it into events as it
is: `rpc error: code = Internal desc = no space`.
"""

import os
from collections.abc import AsyncIterator
from typing import TypeVar

# Read when grpc is imported: its fork handlers are of no use here and log a line for every process we start.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc
import grpc.aio

from pybernetes.base.protobuf import Message, WireError, decode, encode

M = TypeVar("M", bound=Message)

_CODES = {"CANCELLED": "Canceled", "OK": "OK"}


class RpcError(Exception):
    """A call's failure: grpc's status, code as in `NOT_FOUND`."""

    def __init__(self, code: str, details: str) -> None:
        name = _CODES.get(code) or code.title().replace("_", "")
        super().__init__(f"rpc error: code = {name} desc = {details}")
        self.code = code
        self.details = details


class PluginChannel:
    """A connection to one socket, made with the first call and again whenever it broke."""

    def __init__(self, socket_path: str) -> None:
        self.socket_path = socket_path
        self._channel: grpc.aio.Channel | None = None

    async def call(self, method: str, request: Message, answer: type[M], timeout_seconds: float) -> M:
        """One call of `/package.Service/Method`. RpcError."""
        try:
            data: bytes = await self._open().unary_unary(method)(encode(request), timeout=timeout_seconds)
            return decode(answer, data)
        except (grpc.aio.AioRpcError, WireError) as error:
            raise _translated(error) from None

    async def stream(self, method: str, request: Message, answer: type[M]) -> AsyncIterator[M]:
        """What a call answers one after the other, until the other side ends it. RpcError, also for a clean end."""
        call = self._open().unary_stream(method)(encode(request))
        try:
            async for data in call:
                yield decode(answer, data)
            raise RpcError("UNAVAILABLE", "EOF")
        except (grpc.aio.AioRpcError, WireError) as error:
            raise _translated(error) from None
        finally:
            call.cancel()

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            options = [
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 1000),
                # A connection of its own: a successor may listen at the same path while a plugin still lives.
                ("grpc.use_local_subchannel_pool", 1),
            ]
            self._channel = grpc.aio.insecure_channel(f"unix://{self.socket_path}", options=options)
        return self._channel

    async def close(self) -> None:
        """End the connection; idempotent."""
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.close()


def _translated(error: grpc.aio.AioRpcError | WireError) -> RpcError:
    if isinstance(error, WireError):
        return RpcError("INTERNAL", f"grpc: error unmarshalling response: {error}")
    code = error.code().name
    return RpcError(code, "context deadline exceeded" if code == "DEADLINE_EXCEEDED" else error.details() or "")
