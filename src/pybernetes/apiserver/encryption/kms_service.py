"""The key management service of KMS v2: messages and calls (k8s.io/kms, `apis/v2/api.proto`; KEP-3299).

A plugin serves `v2.KeyManagementService` on a unix socket; it holds the key that never leaves it and encrypts with it
the little that we hand over.
"""

import os
import uuid
from typing import Annotated, Any, TypeVar

import msgspec

from ...base.protobuf import Message, WireError, decode, encode

# Read when grpc is imported: its fork handlers are of no use here and log a line for every process we start.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc
import grpc.aio

M = TypeVar("M", bound=Message)


class KmsError(Exception):
    """The service did not do what was asked."""


class Annotation(Message):
    """One entry of a `map<string, bytes>`."""

    key: Annotated[str, 1] = ""
    value: Annotated[bytes, 2] = b""


class StatusRequest(Message):
    """Empty."""


class StatusResponse(Message):
    """`healthz` is "ok" when all is well; `key_id` names the key that new values should be encrypted with."""

    version: Annotated[str, 1] = ""
    healthz: Annotated[str, 2] = ""
    key_id: Annotated[str, 3] = ""


class EncryptRequest(Message):
    """`uid` finds the request in logs."""

    plaintext: Annotated[bytes, 1] = b""
    uid: Annotated[str, 2] = ""


class EncryptResponse(Message):
    """What `Decrypt` needs again."""

    ciphertext: Annotated[bytes, 1] = b""
    key_id: Annotated[str, 2] = ""
    annotations: Annotated[list[Annotation], 3] = msgspec.field(default_factory=list)


class DecryptRequest(Message):
    """What `Encrypt` answered."""

    ciphertext: Annotated[bytes, 1] = b""
    uid: Annotated[str, 2] = ""
    key_id: Annotated[str, 3] = ""
    annotations: Annotated[list[Annotation], 4] = msgspec.field(default_factory=list)


class DecryptResponse(Message):
    """The text in the clear."""

    plaintext: Annotated[bytes, 1] = b""


class KmsService:
    """Calls to one plugin; the connection is made by the first one."""

    def __init__(self, endpoint: str, timeout_seconds: float) -> None:
        """endpoint: `unix:///path` or `unix:///@abstract`."""
        path = endpoint.removeprefix("unix://")
        self._target = f"unix-abstract:{path[2:]}" if path.startswith("/@") else f"unix:{path}"
        self._timeout = timeout_seconds
        self._channel: grpc.aio.Channel | None = None

    async def close(self) -> None:
        """End the connection; a later call makes a new one."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close(None)

    async def status(self) -> StatusResponse:
        """Its health and its key. KmsError."""
        return await self._call("Status", StatusRequest(), StatusResponse)

    async def encrypt(self, plaintext: bytes) -> EncryptResponse:
        """KmsError."""
        return await self._call("Encrypt", EncryptRequest(plaintext=plaintext, uid=str(uuid.uuid4())), EncryptResponse)

    async def decrypt(self, ciphertext: bytes, key_id: str, annotations: list[Annotation]) -> bytes:
        """KmsError."""
        request = DecryptRequest(ciphertext=ciphertext, uid=str(uuid.uuid4()), key_id=key_id, annotations=annotations)
        return (await self._call("Decrypt", request, DecryptResponse)).plaintext

    async def _call(self, method: str, request: Message, answer: type[M]) -> M:
        if self._channel is None:
            options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 2_000)]
            options.append(("grpc.use_local_subchannel_pool", 1))
            self._channel = grpc.aio.insecure_channel(self._target, options=options)
        call: Any = self._channel.unary_unary(f"/v2.KeyManagementService/{method}")
        try:
            data: bytes = await call(encode(request), timeout=self._timeout)
            return decode(answer, data)
        except grpc.aio.AioRpcError as error:
            raise KmsError(f"rpc error: code = {error.code().name} desc = {error.details() or ''}") from None
        except (WireError, grpc.aio.UsageError) as error:
            raise KmsError(str(error)) from None
