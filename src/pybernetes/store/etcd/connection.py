"""Calls to an etcd cluster: one channel per member, one of them in use.

A member that does not answer is left for the next one in the list, round after round until the time of a call is over.
A read may be asked again; a write only when it was certainly not sent, since a lost answer does not tell whether it
happened. etcd's error codes become the store's errors here and nowhere else.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pybernetes.base.protobuf import Message, decode, encode
from pybernetes.store.store import FutureRevision, LeaseNotFound, StoreError, TimedOut, TooLarge, Unavailable

# Read when grpc is imported: its fork handlers are of no use here and log a line for every process we start.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc
import grpc.aio

from .credentials import FileCredentials

M = TypeVar("M", bound=Message)

_ROUND_SECONDS = 0.1
"""Between two rounds through all members; gRPC itself backs off from one that refuses."""

_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),
]


class EtcdAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where etcd is and who we are there."""

    servers: tuple[str, ...]
    """URLs: `http://10.0.0.1:2379`, `https://…` or `unix:///path`."""
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    call_timeout_seconds: float = 5.0
    """Longer than an election (about 1.6 s with etcd's defaults), shorter than an API request may take."""


class PastIsGone(StoreError):
    """etcd's answer to a revision that it has compacted; it does not say what the oldest one is."""


class Connection:
    """See the module docstring."""

    def __init__(self, address: EtcdAddress) -> None:
        if not address.servers:
            raise ValueError("no etcd server is named")
        self._address = address
        self._credentials = FileCredentials(address.ca_file, address.cert_file, address.key_file)
        self._channels: dict[str, tuple[grpc.ChannelCredentials | None, grpc.aio.Channel]] = {}
        self._retired: list[grpc.aio.Channel] = []
        """What began with certificates of before: streams go on there to their end."""
        self._current = 0

    def _channel(self) -> grpc.aio.Channel:
        """To the member in use, with the certificate of now."""
        url = self._address.servers[self._current % len(self._address.servers)]
        credentials = self._credentials.current() if url.startswith("https://") else None
        known = self._channels.get(url)
        if known is not None and known[0] is credentials:
            return known[1]
        if known is not None:
            self._retired.append(known[1])
        channel = self._open(url, credentials)
        self._channels[url] = (credentials, channel)
        return channel

    def _open(self, url: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
        scheme, _, rest = url.partition("://")
        target = rest.rstrip("/")
        if credentials is not None:
            return grpc.aio.secure_channel(target, credentials, options=_OPTIONS)
        if scheme in ("http", "unix"):
            return grpc.aio.insecure_channel(target if scheme == "http" else url, options=_OPTIONS)
        raise ValueError(f"{url}: an etcd server is named as http://, https:// or unix://")

    async def close(self) -> None:
        """Close every channel; calls on their way end as Unavailable."""
        channels, self._channels = [*self._retired, *(channel for _, channel in self._channels.values())], {}
        self._retired = []
        for channel in channels:
            await channel.close(None)

    async def read(self, method: str, request: Message, answer: type[M]) -> M:
        """A call that may be repeated, for as long as a call may take."""
        return await self._persist(method, request, answer, repeatable=True)

    async def write(self, method: str, request: Message, answer: type[M]) -> M:
        """A call that reaches etcd at most once. Unavailable when its outcome is not known."""
        return await self._persist(method, request, answer, repeatable=False)

    async def _persist(self, method: str, request: Message, answer: type[M], *, repeatable: bool) -> M:
        """Try member after member until one answers or the time is over."""
        body = encode(request)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._address.call_timeout_seconds
        for attempt in count(1):
            member = self._current
            call: Any = self._channel().unary_unary(f"/etcdserverpb.{method}")
            try:
                data: bytes = await call(body, timeout=max(deadline - loop.time(), 0.001))
                return decode(answer, data)
            except grpc.aio.AioRpcError as error:
                failure = self._translated(error, member)
                unsent = error.code() is grpc.StatusCode.UNAVAILABLE and "failed to connect" in (error.details() or "")
                again = (unsent or repeatable) and isinstance(failure, Unavailable) and loop.time() < deadline
                if not again:
                    raise failure from None
            except (asyncio.InvalidStateError, grpc.aio.UsageError) as error:
                raise Unavailable(f"the connection to etcd is closed: {error}") from None
            if attempt % len(self._address.servers) == 0:
                await asyncio.sleep(_ROUND_SECONDS)
        raise AssertionError("unreachable")

    async def download(self, method: str, request: Message, answer: type[M]) -> AsyncGenerator[M, None]:
        """Ask once and yield the answers to their end, however long that takes. StoreError."""
        channel, member = self._channel(), self._current
        call: Any = channel.unary_stream(f"/etcdserverpb.{method}")(encode(request))
        try:
            while (data := await call.read()) is not grpc.aio.EOF:
                yield decode(answer, data)
        except grpc.aio.AioRpcError as error:
            raise self._translated(error, member) from None
        finally:
            call.cancel()

    async def stream(self, method: str, request: Message, answer: type[M]) -> AsyncGenerator[M, None]:
        """Send one request on a two-way stream and yield what comes until the reader stops. StoreError."""
        channel, member = self._channel(), self._current
        call: Any = channel.stream_stream(f"/etcdserverpb.{method}")()
        try:
            await call.write(encode(request))
            while (data := await call.read()) is not grpc.aio.EOF:
                yield decode(answer, data)
            raise Unavailable("etcd ended the stream")
        except grpc.aio.AioRpcError as error:
            raise self._translated(error, member) from None
        except (asyncio.InvalidStateError, grpc.aio.UsageError) as error:
            raise Unavailable(f"the connection to etcd is closed: {error}") from None
        finally:
            call.cancel()

    def _translated(self, error: grpc.aio.AioRpcError, member: int) -> StoreError:
        code, text = error.code(), error.details() or ""
        if "required revision has been compacted" in text:
            return PastIsGone(text)
        if "future revision" in text:
            return FutureRevision(text)
        if "lease not found" in text:
            return LeaseNotFound(text)
        if "request is too large" in text or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than" in text):
            return TooLarge(text)
        if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED) and self._current == member:
            self._current = (member + 1) % len(self._address.servers)
        if code is grpc.StatusCode.DEADLINE_EXCEEDED or "request timed out" in text:
            return TimedOut(f"etcd: {text or code.name}")
        return Unavailable(f"etcd: {text or code.name}")
