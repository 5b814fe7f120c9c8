"""A KMS v2 plugin on a unix socket: AES-GCM with keys by id, everything that it is asked written down."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pybernetes.apiserver.encryption.kms_service import (
    Annotation,
    DecryptRequest,
    DecryptResponse,
    EncryptRequest,
    EncryptResponse,
    StatusResponse,
)
from pybernetes.base.protobuf import decode, encode

NOTE = Annotation(key="local-kek.kms.example.com", value=b"\x00\x01")


class Plugin:
    """`key_id` is the writing key; `healthz` and `broken` make it fail; `asked` are the methods called."""

    def __init__(self) -> None:
        self.key_id = "key-1"
        self.healthz = "ok"
        self.version = "v2"
        self.broken = False
        self.asked: list[str] = []
        self._keys: dict[str, bytes] = {}

    def _cipher(self, key_id: str) -> AESGCM:
        return AESGCM(self._keys.setdefault(key_id, os.urandom(32)))

    async def status(self, request: bytes, context: Any) -> bytes:
        await self._note("Status", context)
        return encode(StatusResponse(version=self.version, healthz=self.healthz, key_id=self.key_id))

    async def encrypt(self, request: bytes, context: Any) -> bytes:
        await self._note("Encrypt", context)
        asked, nonce = decode(EncryptRequest, request), os.urandom(12)
        assert asked.uid
        ciphertext = nonce + self._cipher(self.key_id).encrypt(nonce, asked.plaintext, None)
        return encode(EncryptResponse(ciphertext=ciphertext, key_id=self.key_id, annotations=[NOTE]))

    async def decrypt(self, request: bytes, context: Any) -> bytes:
        await self._note("Decrypt", context)
        asked = decode(DecryptRequest, request)
        assert asked.uid and asked.annotations == [NOTE]
        nonce, sealed = asked.ciphertext[:12], asked.ciphertext[12:]
        return encode(DecryptResponse(plaintext=self._cipher(asked.key_id).decrypt(nonce, sealed, None)))

    async def _note(self, method: str, context: Any) -> None:
        self.asked.append(method)
        if self.broken:
            await context.abort(grpc.StatusCode.INTERNAL, "the vault is sealed")

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[str]:
        """Serve on a socket; yields the endpoint."""
        server = grpc.aio.server()
        methods = {
            name: grpc.unary_unary_rpc_method_handler(call)
            for name, call in (("Status", self.status), ("Encrypt", self.encrypt), ("Decrypt", self.decrypt))
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("v2.KeyManagementService", methods),))
        server.add_insecure_port(f"unix:{path}")
        await server.start()
        try:
            yield f"unix://{path}"
        finally:
            await server.stop(None)
