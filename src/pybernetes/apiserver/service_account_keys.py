"""The keys of service-account tokens: one signs, all verify, and the public ones are published for other parties.

`/.well-known/openid-configuration` names the issuer and where the keys are; `/openid/v1/jwks` lists them (KEP-1393).
Both may be read by whoever the role `system:service-account-issuer-discovery` is given to.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from ..base.http.message import Request, Response
from .authn.jwt import PrivateKey, PublicKey

DEFAULT_ISSUER = "https://kubernetes.default.svc.cluster.local"
JWKS_PATH = "/openid/v1/jwks"
CONFIGURATION_PATH = "/.well-known/openid-configuration"
_CACHE = ("cache-control", "public, max-age=3600")


def generate_signing_key() -> bytes:
    """A new P-256 private key as PEM (PKCS#8): what `--service-account-signing-key-file` holds."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_private_key(pem: bytes) -> PrivateKey:
    """A P-256 or RSA private key. ValueError for anything else."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("service account signing key: neither an elliptic-curve nor an RSA key")
    return PrivateKey(key)


def load_public_key(pem: bytes) -> PublicKey:
    """A public key, or the public half of a private key or certificate, as `--service-account-key-file` may hold."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if b"PRIVATE KEY" in pem:
        return load_private_key(pem).public
    if b"BEGIN CERTIFICATE" in pem:
        key = x509.load_pem_x509_certificate(pem).public_key()
    else:
        key = serialization.load_pem_public_key(pem)  # type: ignore[assignment]
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise ValueError("service account key: neither an elliptic-curve nor an RSA key")
    return PublicKey(key)


class ServiceAccountKeys:
    """Everything about the keys that the API server, TokenRequest and the discovery documents need.

    `issuers[0]` signs new tokens, every issuer is accepted. `api_audiences` are what the API server itself answers to.
    """

    def __init__(
        self,
        signing_key_pem: bytes,
        *,
        verification_keys_pem: Sequence[bytes] = (),
        issuers: Sequence[str] = (DEFAULT_ISSUER,),
        api_audiences: Sequence[str] = (),
        jwks_uri: str = "",
    ) -> None:
        self.signing_key = load_private_key(signing_key_pem)
        self.issuers = tuple(issuers)
        self.api_audiences = tuple(api_audiences) or self.issuers
        self._jwks_uri = jwks_uri
        self._public: dict[str, PublicKey] = {self.signing_key.public.key_id: self.signing_key.public}
        for pem in verification_keys_pem:
            key = load_public_key(pem)
            self._public.setdefault(key.key_id, key)

    @property
    def issuer(self) -> str:
        """The `iss` of new tokens."""
        return self.issuers[0]

    def verifies(self, key_id: str, signed: bytes, signature: bytes) -> bool:
        """Whether one of the keys made this signature; the named one if we have it, else any."""
        named = self._public.get(key_id)
        candidates = [named] if named is not None else list(self._public.values())
        return any(key.verifies(signed, signature) for key in candidates)

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set of all verifying keys."""
        return {"keys": [key.jwk() for key in self._public.values()]}

    def configuration(self) -> dict[str, object]:
        """The OpenID provider document, reduced to what token verification needs."""
        issuer = urlsplit(self.issuer)
        return {
            "issuer": self.issuer,
            "jwks_uri": self._jwks_uri or f"https://{issuer.netloc}{JWKS_PATH}",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted({key.algorithm for key in self._public.values()}),
        }

    async def serve_jwks(self, request: Request) -> Response:
        """GET /openid/v1/jwks."""
        return Response(200, [("content-type", "application/jwk-set+json"), _CACHE], msgspec.json.encode(self.jwks()))

    async def serve_configuration(self, request: Request) -> Response:
        """GET /.well-known/openid-configuration."""
        body = msgspec.json.encode(self.configuration())
        return Response(200, [("content-type", "application/json"), _CACHE], body)
