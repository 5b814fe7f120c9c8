"""JSON Web Tokens in the compact form, signed with ES256 (P-256) or RS256: encode, split, verify. No clock, no I/O.

RFC 7515 (JWS), 7517 (JWK), 7518 (algorithms). A key is named by `kid`, the base64url SHA-256 of its DER public key, as
upstream's `keyIDFromPublicKey` does.
"""

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_COORDINATE_BYTES = 32


class MalformedToken(ValueError):
    """Not three base64url parts of which the first two are JSON objects."""


class PublicKey:
    """One key that verifies signatures."""

    def __init__(self, key: "EllipticCurvePublicKey | RSAPublicKey") -> None:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        self._key = key
        self.is_elliptic = isinstance(key, ec.EllipticCurvePublicKey)
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name != "secp256r1":
            raise ValueError(f"unsupported elliptic curve {key.curve.name}: use P-256")
        self.algorithm = "ES256" if self.is_elliptic else "RS256"
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.key_id = encode_part(hashlib.sha256(spki).digest())

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Whether signature (in JWS form) is this key's over signed."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

        try:
            if isinstance(self._key, ec.EllipticCurvePublicKey):
                if len(signature) != 2 * _COORDINATE_BYTES:
                    return False
                r = int.from_bytes(signature[:_COORDINATE_BYTES], "big")
                s = int.from_bytes(signature[_COORDINATE_BYTES:], "big")
                self._key.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
            else:
                self._key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def jwk(self) -> dict[str, str]:
        """The key as a JSON Web Key for `/openid/v1/jwks`."""
        from cryptography.hazmat.primitives.asymmetric import ec

        common = {"use": "sig", "kty": "EC" if self.is_elliptic else "RSA", "kid": self.key_id, "alg": self.algorithm}
        if isinstance(self._key, ec.EllipticCurvePublicKey):
            point = self._key.public_numbers()
            x, y = point.x.to_bytes(_COORDINATE_BYTES, "big"), point.y.to_bytes(_COORDINATE_BYTES, "big")
            return {**common, "crv": "P-256", "x": encode_part(x), "y": encode_part(y)}
        numbers = self._key.public_numbers()
        n = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        e = numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")
        return {**common, "n": encode_part(n), "e": encode_part(e)}


class PrivateKey:
    """The key that signs new tokens."""

    def __init__(self, key: "EllipticCurvePrivateKey | RSAPrivateKey") -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    def sign(self, claims: dict[str, Any]) -> str:
        """The compact token for these claims (ES256 takes 20 µs)."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

        header = {"alg": self.public.algorithm, "kid": self.public.key_id}
        signed = f"{encode_part(msgspec.json.encode(header))}.{encode_part(msgspec.json.encode(claims))}".encode()
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            r, s = utils.decode_dss_signature(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")
        else:
            signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return f"{signed.decode()}.{encode_part(signature)}"


class Parts(msgspec.Struct, frozen=True):
    """A token taken apart, nothing verified yet."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def split(token: str) -> Parts:
    """Take a compact token apart. MalformedToken when it is none."""
    pieces = token.split(".")
    if len(pieces) != 3:
        raise MalformedToken(token[:8])
    try:
        header = msgspec.json.decode(decode_part(pieces[0]))
        claims = msgspec.json.decode(decode_part(pieces[1]))
        signature = decode_part(pieces[2])
        signed = f"{pieces[0]}.{pieces[1]}".encode("ascii")
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise MalformedToken(str(error)) from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise MalformedToken("header and claims must be objects")
    return Parts(header, claims, signed, signature)


def encode_part(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_part(text: str) -> bytes:
    """The bytes of one part. binascii.Error when it is not base64url."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
