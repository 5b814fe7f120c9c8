"""KMS v2 (KEP-3299): values are encrypted here, the seed of their keys is encrypted by the key management service.

A seed is made at the start and whenever the service names another key; the service encrypts it once. Every value gets
a key of its own, HKDF of the seed and 32 random bytes that are stored with the value, so one seed serves for ever.
What is stored is an EncryptedObject: the encrypted seed, the id of the key it is encrypted with, and the value.

    serve     asks Status every minute (every 10 s when something is wrong)
    encrypt   with the current seed; refused when Status has failed for three minutes
    learn     has the service decrypt the seeds of stored values, each once; decrypt then needs no service
"""

import asyncio
import hashlib
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from ...base.clock import SYSTEM_CLOCK, Clock
from ...base.log import logger
from ...base.protobuf import Message, WireError, decode, encode
from .kms_service import Annotation, KmsError, KmsService, StatusResponse
from .providers import PREFIX, AesGcm, NotTransformable

log = logger(__name__)

SEED_SIZE = INFO_SIZE = KEY_SIZE = 32
HEALTHY_SECONDS, UNHEALTHY_SECONDS = 60.0, 10.0
WRITABLE = timedelta(minutes=3)
"""How long writes go on after the last good Status."""
_KEY, _SEED = 0, 1
_ID_LIMIT = _SOURCE_LIMIT = 1024
_ANNOTATIONS_LIMIT = 32 * 1024


class EncryptedObject(Message):
    """What is stored behind the prefix (`kmsv2/v2/api.proto`). Type 0: the source is an AES-GCM key, 1: a seed."""

    encrypted_data: Annotated[bytes, 1] = b""
    key_id: Annotated[str, 2] = ""
    encrypted_dek_source: Annotated[bytes, 3] = b""
    annotations: Annotated[list[Annotation], 4] = msgspec.field(default_factory=list)
    encrypted_dek_source_type: Annotated[int, 5] = 0

    def source(self) -> "Source":
        """What the service must decrypt to read the value."""
        annotations = tuple(sorted((entry.key, entry.value) for entry in self.annotations))
        return (self.encrypted_dek_source_type, self.encrypted_dek_source, self.key_id, annotations)


Source = tuple[int, bytes, str, tuple[tuple[str, bytes], ...]]


class _Current(msgspec.Struct):
    """The seed that writes and until when it may."""

    seed: bytes
    encrypted: EncryptedObject
    expires: datetime


def derive(seed: bytes, info: bytes) -> bytes:
    """The key of one value: HKDF-Expand with SHA-256."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    return HKDFExpand(SHA256(), KEY_SIZE, info).derive(seed)


def problem(found: EncryptedObject) -> str:
    """What is wrong with an EncryptedObject, "" when nothing is."""
    source = found.encrypted_dek_source
    if found.encrypted_dek_source_type not in (_KEY, _SEED):
        return f"unknown encryptedDEKSourceType: {found.encrypted_dek_source_type}"
    if not found.encrypted_data:
        return "encrypted data is empty"
    if not source:
        return "failed to validate encrypted DEK source: encrypted DEK source is empty"
    if len(source) > _SOURCE_LIMIT:
        words = f"encrypted DEK source is {len(source)} bytes, which exceeds the max size of {_SOURCE_LIMIT}"
        return f"failed to validate encrypted DEK source: {words}"
    if wrong := _key_id_problem(found.key_id):
        return f"failed to validate key id: {wrong}"
    total = sum(len(entry.key.encode()) + len(entry.value) for entry in found.annotations)
    if total > _ANNOTATIONS_LIMIT:
        words = f"total size of annotations is {total}, which exceeds the max size of {_ANNOTATIONS_LIMIT}"
        return f"failed to validate annotations: {words}"
    return ""


def _key_id_problem(key_id: str) -> str:
    if not key_id:
        return "keyID is empty"
    size = len(key_id.encode())
    return f"keyID is {size} bytes, which exceeds the max size of {_ID_LIMIT}" if size > _ID_LIMIT else ""


def _status_problem(status: StatusResponse) -> str:
    found = []
    if status.healthz != "ok":
        found.append(f"got unexpected healthz status: {status.healthz}")
    if status.version not in ("v2", "v2beta1"):
        found.append(f"expected KMSv2 API version v2, got {status.version}")
    if wrong := _key_id_problem(status.key_id):
        found.append(f"expected KMSv2 KeyID to be set, got {wrong}")
    return ", ".join(found)


class Kms:
    """One `kms` provider of apiVersion v2. `health` says why the service is not well, "" when it is."""

    def __init__(self, name: str, service: KmsService, clock: Clock = SYSTEM_CLOCK) -> None:
        self.name = name
        self.health = "not asked yet"
        self._prefix = PREFIX + f"kms:v2:{name}:".encode()
        self._service = service
        self._clock = clock
        self._current: _Current | None = None
        self._secrets: dict[Source, bytes] = {}
        self._asking = asyncio.Lock()

    @property
    def key_id(self) -> str:
        """The key that new values go under, "" before the first answer."""
        return self._current.encrypted.key_id if self._current is not None else ""

    async def serve(self, ready: asyncio.Event) -> None:
        """Follow the service's key until cancelled; ready after the first try, whatever came of it."""
        try:
            while True:
                await self.refresh()
                ready.set()
                await self._clock.sleep(UNHEALTHY_SECONDS if self.health else HEALTHY_SECONDS)
        finally:
            await self._service.close()

    async def refresh(self) -> None:
        """Ask for the status; a new key means a new seed. What goes wrong is in `health`."""
        async with self._asking:
            before = self.health
            try:
                await self._refresh()
                self.health = ""
            except KmsError as error:
                self.health = str(error)
            if self.health and self.health != before:
                log.warning("The key management service is not well", provider=self.name, why=self.health)

    async def _refresh(self) -> None:
        status = await self._service.status()
        if wrong := _status_problem(status):
            raise KmsError(wrong)
        expires = self._clock.now() + WRITABLE
        if self._current is not None and self.key_id == status.key_id:
            self._current.expires = expires
            return
        seed = os.urandom(SEED_SIZE)
        try:
            answer = await self._service.encrypt(seed)
        except KmsError as error:
            raise KmsError(f"failed to encrypt DEK, error: {error}") from None
        made = EncryptedObject(
            encrypted_data=b"\0",
            key_id=answer.key_id,
            encrypted_dek_source=answer.ciphertext,
            annotations=answer.annotations,
            encrypted_dek_source_type=_SEED,
        )
        if wrong := problem(made):
            raise KmsError(wrong)
        self._secrets[made.source()] = seed
        self._current = _Current(seed, made, expires)
        log.info("Values go under another key", provider=self.name, key_hash=_hash(answer.key_id))

    async def prepare(self) -> None:
        """Before `encrypt`: make sure that there is a seed, asking the service when there is none that may be used."""
        if self._current is None or self._clock.now() > self._current.expires:
            await self.refresh()

    async def learn(self, stored: bytes, delays: Sequence[float] = ()) -> None:
        """Before `decrypt`: have the seed of a stored value decrypted, trying again after each of the delays.
        NotTransformable."""
        if not stored.startswith(self._prefix):
            return
        found = self._parsed(stored)
        source = found.source()
        if source in self._secrets:
            return
        secret = await self._decrypted(found, delays)
        if found.encrypted_dek_source_type == _SEED and len(secret) < SEED_SIZE:
            raise NotTransformable(f"invalid seed length {len(secret)} used for key generation")
        self._secrets[source] = secret

    async def _decrypted(self, found: EncryptedObject, delays: Sequence[float]) -> bytes:
        for delay in (*delays, None):
            try:
                return await self._service.decrypt(found.encrypted_dek_source, found.key_id, found.annotations)
            except KmsError as error:
                if delay is None:
                    raise NotTransformable(f"failed to decrypt DEK, error: {error}") from None
                log.warning("A stored key cannot be decrypted now", provider=self.name, why=str(error))
                await self._clock.sleep(delay)
        raise AssertionError("unreachable")

    def encrypt(self, value: bytes, context: bytes) -> bytes:
        """See Provider. NotTransformable without a seed that may write."""
        current = self._current
        if current is None:
            raise NotTransformable(f"no key from the key management service: {self.health}")
        now = self._clock.now()
        if now > current.expires:
            until, at = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (current.expires, now))
            shown = f'keyID hash "{_hash(self.key_id)}" expired at {until} (current time is {at})'
            raise NotTransformable(f"encryptedDEKSource with {shown}")
        info = os.urandom(INFO_SIZE)
        data = info + _GCM.seal(derive(current.seed, info), value, context)
        return self._prefix + encode(msgspec.structs.replace(current.encrypted, encrypted_data=data))

    def decrypt(self, stored: bytes, context: bytes) -> tuple[bytes, bool] | None:
        """See Provider; `learn` comes first."""
        if not stored.startswith(self._prefix):
            return None
        found = self._parsed(stored)
        secret = self._secrets.get(found.source())
        if secret is None:
            raise NotTransformable("failed to decrypt DEK, error: the key management service was not asked")
        data = found.encrypted_data
        if found.encrypted_dek_source_type == _KEY:
            return _GCM.open(secret, data, context), False
        if len(data) < INFO_SIZE:
            raise NotTransformable("the stored data was shorter than the required size")
        key = derive(secret, data[:INFO_SIZE])
        return _GCM.open(key, data[INFO_SIZE:], context), found.key_id == self.key_id

    def key_of(self, stored: bytes) -> str:
        """The id of the key that a stored value is under; "" for a value of another provider."""
        return self._parsed(stored).key_id if stored.startswith(self._prefix) else ""

    def _parsed(self, stored: bytes) -> EncryptedObject:
        try:
            found = decode(EncryptedObject, stored[len(self._prefix) :])
        except WireError as error:
            raise NotTransformable(str(error)) from None
        if wrong := problem(found):
            raise NotTransformable(wrong)
        return found


_GCM = AesGcm(())


def _hash(key_id: str) -> str:
    return f"sha256:{hashlib.sha256(key_id.encode()).hexdigest()}" if key_id else ""
