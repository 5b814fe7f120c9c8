"""Encryption at rest: on the disk, through rotation of keys, and as a store that keeps the contract."""

import base64
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.store import StoreContract
from tests.support.encryption import SECRETS, api_without_store, configured, rewrite, secret, stored

from pybernetes.apiserver.encryption.configuration import Encryption, load
from pybernetes.apiserver.encryption.providers import AesCbc, AesGcm, Identity, Keyed, NotTransformable, SecretBox
from pybernetes.apiserver.encryption.secretbox import open_box, seal
from pybernetes.apiserver.encryption.store import EncryptingStore
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.tasks import running
from pybernetes.store.memory import MemoryStore
from pybernetes.store.store import VALUE_LIMIT, TooLarge, Unavailable

Object = dict[str, Any]


def key(name: str, fill: str = "k") -> Object:
    return {"name": name, "secret": base64.b64encode(fill.encode() * 32).decode()}


def cipher(name: str, *keys: Object) -> Object:
    return {name: {"keys": list(keys)}}


@pytest.mark.parametrize("name", ["aescbc", "aesgcm", "secretbox"])
async def test_secrets_are_unreadable_in_the_store(tmp_path: Path, name: str) -> None:
    file = configured(tmp_path, cipher(name, key("key1")), {"identity": {}})
    store = MemoryStore(clock=SYSTEM_CLOCK)
    async with running("store", store.serve):
        async with api_without_store(store, file) as api:
            await secret(api)
            await api.config_map("m")
            raw = await stored(store)
            assert raw.startswith(f"k8s:enc:{name}:v1:key1:".encode()) and b"metadata" not in raw
            assert (await stored(store, "/registry/configmaps/default/m")).startswith(b"{")
            assert (await api.get(f"{SECRETS}/s")).body["data"] == {"p": "aHVudGVyMg=="}
            watching = await api.watch(SECRETS)
            await watching.received(1)
            assert watching.events[0]["object"]["data"] == {"p": "aHVudGVyMg=="}
        async with api_without_store(store, file) as api:
            assert (await api.get(f"{SECRETS}/s")).body["data"] == {"p": "aHVudGVyMg=="}


async def test_keys_rotate_by_writing_everything_once(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    async with running("store", store.serve):
        async with api_without_store(store, "") as api:
            await secret(api)
        assert (await stored(store)).startswith(b"{")
        old = cipher("aescbc", key("old"))
        async with api_without_store(store, configured(tmp_path, old, {"identity": {}})) as api:
            await rewrite(api)
            assert (await stored(store)).startswith(b"k8s:enc:aescbc:v1:old:")
        rotated = cipher("aescbc", key("new", "n"), key("old"))
        async with api_without_store(store, configured(tmp_path, rotated)) as api:
            await rewrite(api)
            assert (await stored(store)).startswith(b"k8s:enc:aescbc:v1:new:")
            before = await store.revision()
            await rewrite(api)
            assert await store.revision() == before
        async with api_without_store(store, configured(tmp_path, {"identity": {}}, rotated)) as api:
            await rewrite(api)
        assert (await stored(store)).startswith(b"{")


async def test_without_the_key_the_server_does_not_start(tmp_path: Path) -> None:
    store = MemoryStore(clock=SYSTEM_CLOCK)
    async with running("store", store.serve):
        async with api_without_store(store, configured(tmp_path, cipher("aesgcm", key("a")))) as api:
            await secret(api)
        with pytest.raises(BaseExceptionGroup) as failed:
            async with api_without_store(store, configured(tmp_path, cipher("aesgcm", key("b")))):
                pass
        assert failed.group_contains(Unavailable, match="no matching prefix found")


class Everything(Encryption):
    """Encrypts every key."""

    def __init__(self) -> None:
        self._providers: list[Any] = [AesGcm([("k", b"0" * 32)])]

    def providers_for(self, key: str) -> list[Any]:
        return self._providers


class TestEncryptingStore(StoreContract):  # type: ignore[misc]
    @asynccontextmanager
    async def running_store(self, *, clock=SYSTEM_CLOCK, watcher_limit=8192):  # type: ignore[no-untyped-def]
        inner = MemoryStore(clock=clock, watcher_limit=watcher_limit)
        store = EncryptingStore(inner, Everything())
        async with running("store", store.serve):
            yield store

    async def test_values_up_to_the_limit_are_taken_and_larger_ones_refused(self) -> None:
        """The limit holds for what is stored, which is some bytes longer."""
        async with self.running_store() as store:
            await store.put("/a", b"x" * (VALUE_LIMIT - 100))
            with pytest.raises(TooLarge):
                await store.put("/a", b"x" * VALUE_LIMIT)


@given(st.binary(max_size=300), st.sampled_from([AesCbc, AesGcm, SecretBox]))
def test_what_is_sealed_can_be_opened(value: bytes, kind: type[Keyed]) -> None:
    provider = kind([("new", b"n" * 32), ("old", b"o" * 32)])
    old = kind([("old", b"o" * 32)])
    assert provider.decrypt(provider.encrypt(value, b"c"), b"c") == (value, True)
    assert provider.decrypt(old.encrypt(value, b"c"), b"c") == (value, False)
    assert old.decrypt(provider.encrypt(value, b"c"), b"c") is None


def test_values_cannot_be_swapped_or_changed() -> None:
    provider = AesGcm([("k", b"k" * 32)])
    sealed = provider.encrypt(b"value", b"/registry/secrets/a")
    with pytest.raises(NotTransformable):
        provider.decrypt(sealed, b"/registry/secrets/b")
    box = SecretBox([("k", b"k" * 32)])
    sealed = box.encrypt(b"value", b"")
    with pytest.raises(NotTransformable):
        box.decrypt(sealed[:-1] + bytes([sealed[-1] ^ 1]), b"")


def test_identity_does_not_take_what_is_encrypted() -> None:
    assert Identity().decrypt(b"k8s:enc:aescbc:v1:k:x", b"") is None
    assert Identity().decrypt(b"{}", b"") == (b"{}", True)


def test_secretbox_is_nacls() -> None:
    """The worked example of "Cryptography in NaCl", sections 7 to 9."""
    firstkey = bytes.fromhex("1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389")
    nonce = bytes.fromhex("69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37")
    message = bytes.fromhex(
        "be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c012335"
        "61f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c"
        "60902e52f0a089bc76897040e082f937763848645e0705"
    )
    sealed = seal(message, nonce, firstkey)
    assert sealed[:16].hex() == "f3ffc7703f9400e52a7dfb4b3d3305d9"
    assert sealed[16:32].hex() == "8e993b9f48681273c29650ba32fc76ce"
    assert open_box(sealed, nonce, firstkey) == message


@pytest.mark.parametrize(
    ("resources", "at", "encrypted"),
    [
        (["secrets"], "/registry/secrets/a/b", True),
        (["secrets"], "/registry/configmaps/a/b", False),
        (["deployments.apps"], "/registry/deployments/a/b", True),
        (["*.apps"], "/registry/deployments/a/b", True),
        (["*."], "/registry/configmaps/a/b", True),
        (["*.*"], "/registry/example.com/widgets/a/b", True),
        (["widgets.example.com"], "/registry/example.com/widgets/a/b", True),
        (["*.*"], "/registry/events/a/b", False),
    ],
)
def test_resources_are_chosen_by_name_and_group(tmp_path: Path, resources: list[str], at: str, encrypted: bool) -> None:
    found = load(configured(tmp_path, cipher("aesgcm", key("k")), resources=resources))
    assert (found.providers_for(at) is not None) is encrypted


@pytest.mark.parametrize(
    ("providers", "words"),
    [
        ([], "provider must contain at least one"),
        ([{"rot13": {}}], 'Unsupported value: "rot13"'),
        ([{"identity": {}, "aescbc": {}}], "more than one provider specified"),
        ([cipher("aesgcm")], "at least one key must be set"),
        ([cipher("secretbox", {"name": "k", "secret": "c2hvcnQ="})], "got 5, expected one of \\[32\\]"),
        ([cipher("aescbc", {"name": "k", "secret": "###"})], "secrets must be base64 encoded"),
    ],
)
def test_wrong_configurations_are_refused(tmp_path: Path, providers: list[Object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        load(configured(tmp_path, *providers))
