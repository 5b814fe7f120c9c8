"""Ways of encrypting a value: identity (none), aescbc, aesgcm, secretbox; each with keys of which the first writes."""

import os
from collections.abc import Sequence
from typing import Protocol

PREFIX = b"k8s:enc:"
_BLOCK = 16
_GCM_NONCE = 12
_BOX_NONCE = 24


class NotTransformable(Exception):
    """The value cannot be read with what is configured."""


class Provider(Protocol):
    """One entry of `providers`."""

    def encrypt(self, value: bytes, context: bytes) -> bytes:
        """The stored form; `context` (the storage key) is bound to it where the cipher can. NotTransformable."""

    def decrypt(self, stored: bytes, context: bytes) -> tuple[bytes, bool] | None:
        """(value, whether the writing key made it); None for a value of another provider. NotTransformable."""


class Identity:
    """Values as they are."""

    def encrypt(self, value: bytes, context: bytes) -> bytes:
        """See Provider."""
        return value

    def decrypt(self, stored: bytes, context: bytes) -> tuple[bytes, bool] | None:
        """See Provider."""
        return None if stored.startswith(PREFIX) else (stored, True)


class Keyed:
    """A cipher with named keys: `k8s:enc:NAME:v1:KEY:` and what the cipher makes."""

    name = ""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        self._keys = [(PREFIX + f"{self.name}:v1:{key_name}:".encode(), secret) for key_name, secret in keys]

    def encrypt(self, value: bytes, context: bytes) -> bytes:
        """See Provider."""
        prefix, secret = self._keys[0]
        return prefix + self.seal(secret, value, context)

    def decrypt(self, stored: bytes, context: bytes) -> tuple[bytes, bool] | None:
        """See Provider."""
        if not stored.startswith(PREFIX + f"{self.name}:v1:".encode()):
            return None
        for position, (prefix, secret) in enumerate(self._keys):
            if stored.startswith(prefix):
                return self.open(secret, stored[len(prefix) :], context), position == 0
        return None

    def seal(self, secret: bytes, value: bytes, context: bytes) -> bytes:
        """Encrypt with a fresh nonce in front."""
        raise NotImplementedError

    def open(self, secret: bytes, sealed: bytes, context: bytes) -> bytes:
        """Decrypt. NotTransformable when it does not fit."""
        raise NotImplementedError


class AesCbc(Keyed):
    """AES-CBC with PKCS#7 padding: not authenticated, kept for clusters that have it."""

    name = "aescbc"

    def seal(self, secret: bytes, value: bytes, context: bytes) -> bytes:
        """See Keyed."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        vector = os.urandom(_BLOCK)
        fill = _BLOCK - len(value) % _BLOCK
        cipher = Cipher(algorithms.AES(secret), modes.CBC(vector)).encryptor()
        return vector + cipher.update(value + bytes([fill]) * fill) + cipher.finalize()

    def open(self, secret: bytes, sealed: bytes, context: bytes) -> bytes:
        """See Keyed."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        if len(sealed) < 2 * _BLOCK or len(sealed) % _BLOCK:
            raise NotTransformable("the stored data is not a multiple of the block size")
        cipher = Cipher(algorithms.AES(secret), modes.CBC(sealed[:_BLOCK])).decryptor()
        padded = cipher.update(sealed[_BLOCK:]) + cipher.finalize()
        fill = padded[-1]
        if not 0 < fill <= _BLOCK or padded[-fill:] != bytes([fill]) * fill:
            raise NotTransformable("invalid padding on input")
        return padded[:-fill]


class AesGcm(Keyed):
    """AES-GCM; the storage key is authenticated with the value, so that values cannot be swapped."""

    name = "aesgcm"

    def seal(self, secret: bytes, value: bytes, context: bytes) -> bytes:
        """See Keyed."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_GCM_NONCE)
        return nonce + AESGCM(secret).encrypt(nonce, value, context)

    def open(self, secret: bytes, sealed: bytes, context: bytes) -> bytes:
        """See Keyed."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            return AESGCM(secret).decrypt(sealed[:_GCM_NONCE], sealed[_GCM_NONCE:], context)
        except (InvalidTag, ValueError):
            raise NotTransformable("cipher: message authentication failed") from None


class SecretBox(Keyed):
    """XSalsa20 and Poly1305 (NaCl's secretbox)."""

    name = "secretbox"

    def seal(self, secret: bytes, value: bytes, context: bytes) -> bytes:
        """See Keyed."""
        from .secretbox import seal

        nonce = os.urandom(_BOX_NONCE)
        return nonce + seal(value, nonce, secret)

    def open(self, secret: bytes, sealed: bytes, context: bytes) -> bytes:
        """See Keyed."""
        from .secretbox import open_box

        found = open_box(sealed[_BOX_NONCE:], sealed[:_BOX_NONCE], secret)
        if found is None:
            raise NotTransformable("output array was not large enough for encryption")
        return found
