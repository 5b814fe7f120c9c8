"""KMS v2 against a plugin on a socket: the envelope, rotation without a restart, what happens while it is away."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.support.encryption import KEY, SECRETS, api_without_store, configured, rewrite, secret, stored
from tests.support.kms_plugin import NOTE, Plugin

from pybernetes.apiserver.encryption.configuration import load
from pybernetes.apiserver.encryption.kms import EncryptedObject, Kms, derive, problem
from pybernetes.apiserver.encryption.kms_service import KmsService
from pybernetes.apiserver.encryption.providers import NotTransformable
from pybernetes.apiserver.encryption.store import EncryptingStore
from pybernetes.base.clock import SYSTEM_CLOCK, SystemClock
from pybernetes.base.protobuf import decode, encode
from pybernetes.base.tasks import running
from pybernetes.store.memory import MemoryStore
from pybernetes.store.store import Unavailable

PREFIX = b"k8s:enc:kms:v2:vault:"
Object = dict[str, Any]


class HandClock(SystemClock):
    """Wall time that is moved by hand."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


def kms(endpoint: str, **more: Any) -> Object:
    return {"kms": {"apiVersion": "v2", "name": "vault", "endpoint": endpoint, "timeout": "30s", **more}}


@asynccontextmanager
async def provider(directory: Path, clock: Any = SYSTEM_CLOCK) -> AsyncIterator[tuple[Plugin, Kms]]:
    plugin = Plugin()
    async with plugin.listening(directory / "s") as endpoint:
        service = KmsService(endpoint, 30)
        yield plugin, Kms("vault", service, clock)
        await service.close()


async def test_secrets_are_under_the_service_and_survive_a_restart(tmp_path: Path) -> None:
    plugin, store = Plugin(), MemoryStore(clock=SYSTEM_CLOCK)
    async with plugin.listening(tmp_path / "s") as endpoint, running("store", store.serve):
        file = configured(tmp_path, kms(endpoint))
        async with api_without_store(store, file) as api:
            await secret(api)
            raw = await stored(store)
            assert raw.startswith(PREFIX) and b"hunter2" not in raw and b"metadata" not in raw
            assert (await api.get("/readyz/kms-provider-0")).code == 200
            assert "Decrypt" not in plugin.asked
        async with api_without_store(store, file) as api:
            assert (await api.get(f"{SECRETS}/s")).body["data"] == {"p": "aHVudGVyMg=="}
            assert plugin.asked.count("Encrypt") == 2 and plugin.asked.count("Decrypt") == 1


async def test_another_key_makes_another_seed_and_what_was_written_stale(tmp_path: Path) -> None:
    plugin, store = Plugin(), MemoryStore(clock=SYSTEM_CLOCK)
    async with plugin.listening(tmp_path / "s") as endpoint, running("store", store.serve):
        file = configured(tmp_path, kms(endpoint), {"identity": {}})
        async with api_without_store(store, file) as api:
            await secret(api)
            before = await store.revision()
            await rewrite(api)
            assert await store.revision() == before
            plugin.key_id = "key-2"
            assert api.server._keys is not None
            (service,) = api.server._keys.services
            await service.refresh()
            assert (await api.get(f"{SECRETS}/s")).body["data"] == {"p": "aHVudGVyMg=="}
            await rewrite(api)
            assert decode(EncryptedObject, (await stored(store))[len(PREFIX) :]).key_id == "key-2"
            before = await store.revision()
            await rewrite(api)
            assert await store.revision() == before


async def test_what_is_stored_is_upstreams_envelope(tmp_path: Path) -> None:
    async with provider(tmp_path) as (_, writing):
        await writing.prepare()
        found = decode(EncryptedObject, writing.encrypt(b"value", b"/key")[len(PREFIX) :])
        assert (found.key_id, found.annotations, found.encrypted_dek_source_type) == ("key-1", [NOTE], 1)
        seed = await writing._service.decrypt(found.encrypted_dek_source, found.key_id, found.annotations)
        info, nonce, sealed = (found.encrypted_data[a:b] for a, b in ((0, 32), (32, 44), (44, None)))
        assert AESGCM(derive(seed, info)).decrypt(nonce, sealed, b"/key") == b"value"


def test_keys_are_derived_as_rfc_5869_expands() -> None:
    """Test case 1: the first 32 of 42 bytes."""
    seed = bytes.fromhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    assert derive(seed, bytes.fromhex("f0f1f2f3f4f5f6f7f8f9")).hex() == expected


async def test_values_cannot_be_swapped_and_keys_without_seed_are_read(tmp_path: Path) -> None:
    async with provider(tmp_path) as (_, writing):
        await writing.prepare()
        sealed = writing.encrypt(b"value", b"/a")
        assert writing.decrypt(sealed, b"/a") == (b"value", True)
        with pytest.raises(NotTransformable, match="message authentication failed"):
            writing.decrypt(sealed, b"/b")
        assert writing.decrypt(b"k8s:enc:kms:v2:other:", b"/a") is None
        dek, nonce = os.urandom(32), os.urandom(12)
        answer = await writing._service.encrypt(dek)
        old = PREFIX + encode(
            EncryptedObject(
                encrypted_data=nonce + AESGCM(dek).encrypt(nonce, b"old", b"/a"),
                key_id=answer.key_id,
                encrypted_dek_source=answer.ciphertext,
                annotations=answer.annotations,
            )
        )
        await writing.learn(old)
        assert writing.decrypt(old, b"/a") == (b"old", False)


async def test_writes_end_three_minutes_after_the_service_and_come_back_with_it(tmp_path: Path) -> None:
    clock = HandClock()
    async with provider(tmp_path, clock) as (plugin, writing):
        await writing.prepare()
        sealed = writing.encrypt(b"value", b"/a")
        plugin.healthz = "sealed"
        clock.advance(170)
        await writing.prepare()
        writing.encrypt(b"value", b"/a")
        clock.advance(20)
        await writing.prepare()
        assert writing.health == "got unexpected healthz status: sealed"
        with pytest.raises(
            NotTransformable, match=r'^encryptedDEKSource with keyID hash "sha256:[0-9a-f]{64}" expired at'
        ):
            writing.encrypt(b"value", b"/a")
        assert writing.decrypt(sealed, b"/a") == (b"value", True)
        plugin.healthz = "ok"
        await writing.prepare()
        assert writing.health == ""
        writing.encrypt(b"value", b"/a")
        assert plugin.asked.count("Encrypt") == 1


async def test_a_service_that_fails_is_told(tmp_path: Path) -> None:
    plugin, store = Plugin(), MemoryStore(clock=SYSTEM_CLOCK)
    plugin.broken = True
    async with plugin.listening(tmp_path / "s") as endpoint, running("store", store.serve):
        encryption = load(configured(tmp_path, kms(endpoint)))
        encrypting = EncryptingStore(store, encryption)
        with pytest.raises(Unavailable, match="code = INTERNAL desc = the vault is sealed"):
            await encrypting.put(KEY, b"{}")
        plugin.broken = False
        await encrypting.put(KEY, b"{}")
        other = EncryptingStore(store, load(configured(tmp_path, kms(endpoint))))
        plugin.broken = True
        with pytest.raises(Unavailable, match="failed to decrypt DEK, error: rpc error"):
            await other.get(KEY)
        plugin.broken = False
        found = await other.get(KEY)
        assert found is not None and found.value == b"{}"
        for service in (*encrypting.kms.values(), *other.kms.values()):
            await service._service.close()


async def test_a_watch_learns_the_seeds_of_other_servers(tmp_path: Path) -> None:
    plugin, store = Plugin(), MemoryStore(clock=SYSTEM_CLOCK)
    async with plugin.listening(tmp_path / "s") as endpoint, running("store", store.serve):
        here, there = (EncryptingStore(store, load(configured(tmp_path, kms(endpoint)))) for _ in range(2))
        watch = here.watch("/registry/secrets/")
        await there.put(KEY, b"from there")
        async for batch in watch:
            if batch.events:
                assert batch.events[0].kv.value == b"from there"
                break
        await watch.aclose()
        for service in (*here.kms.values(), *there.kms.values()):
            await service._service.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "v1"}, "expected KMSv2 API version v2, got v1"),
        ({"key_id": ""}, "expected KMSv2 KeyID to be set, got keyID is empty"),
        ({"key_id": "k" * 1025}, "keyID is 1025 bytes, which exceeds the max size of 1024"),
    ],
)
async def test_a_status_that_will_not_do(tmp_path: Path, change: Object, words: str) -> None:
    async with provider(tmp_path) as (plugin, writing):
        for name, value in change.items():
            setattr(plugin, name, value)
        await writing.refresh()
        assert words in writing.health
        with pytest.raises(NotTransformable):
            writing.encrypt(b"", b"")


GOOD: Object = {"encrypted_data": b"d", "key_id": "k", "encrypted_dek_source": b"s", "encrypted_dek_source_type": 1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"encrypted_dek_source_type": 2}, "unknown encryptedDEKSourceType: 2"),
        ({"encrypted_data": b""}, "encrypted data is empty"),
        ({"encrypted_dek_source": b""}, "failed to validate encrypted DEK source: encrypted DEK source is empty"),
        ({"encrypted_dek_source": b"s" * 1025}, "encrypted DEK source is 1025 bytes"),
        ({"key_id": ""}, "failed to validate key id: keyID is empty"),
    ],
)
def test_stored_objects_are_checked(change: Object, words: str) -> None:
    found = problem(EncryptedObject(**{**GOOD, **change}))
    assert words in found and bool(found) is bool(words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "name is a mandatory field for a provider"),
        ({"name": "a:b"}, "invalid KMS provider name a:b, must not contain ':'"),
        ({"endpoint": ""}, "endpoint is a mandatory field for a kms"),
        ({"endpoint": "tcp://127.0.0.1:1"}, 'unsupported scheme "tcp" for KMS provider, only unix is supported'),
        ({"timeout": "0s"}, "timeout should be a positive value"),
        ({"apiVersion": "v1"}, "KMSv1 is deprecated"),
        ({"apiVersion": "v3"}, "only v1 and v2 are supported"),
        ({"cachesize": 5}, "cachesize is not supported in v2"),
    ],
)
def test_wrong_configurations_are_refused(tmp_path: Path, change: Object, words: str) -> None:
    with pytest.raises(ValueError) as failed:
        load(configured(tmp_path, kms(**{"endpoint": "unix:///s", **change})))
    assert words in str(failed.value)


def test_names_are_unique(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="duplicate KMS provider name vault, names must be unique"):
        load(configured(tmp_path, kms("unix:///s"), kms("unix:///t")))
