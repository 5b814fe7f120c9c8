"""JSON Web Signatures (RFC 7515) as controllers make them: asymmetric for tokens, detached HMAC for `cluster-info`."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_encode = msgspec.json.Encoder(order="sorted").encode


class TokenSigner:
    """Signs claims with one private key (PEM): RS256 for RSA keys, ES256 for P-256 keys."""

    def __init__(self, pem: bytes) -> None:
        """ValueError for any other kind of key."""
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise ValueError("token signing key: neither an elliptic-curve nor an RSA key")
        self._key = key
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        self._header = _base64(_encode({"alg": algorithm, "kid": _base64(hashlib.sha256(public).digest())}))

    def sign(self, claims: dict[str, Any]) -> str:
        """The claims as a compact token."""
        signed = f"{self._header}.{_base64(_encode(claims))}"
        return f"{signed}.{_base64(self._signature(signed.encode()))}"

    def _signature(self, data: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def detached(content: str, token_id: str, token_secret: str) -> str:
    """`header..signature` over content with a bootstrap token (HS256), the form `cluster-info` carries."""
    header = _base64(_encode({"alg": "HS256", "kid": token_id}))
    signed = f"{header}.{_base64(content.encode())}"
    signature = hmac.new(token_secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{header}..{_base64(signature)}"


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
