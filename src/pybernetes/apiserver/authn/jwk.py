"""JSON Web Keys of other issuers and the signatures they verify: RS, PS and ES with SHA-2 (RFC 7518)."""

from typing import Any

from .jwt import decode_part

ALGORITHMS = frozenset(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512))
_CURVES = {"P-256": ("SECP256R1", 32), "P-384": ("SECP384R1", 48), "P-521": ("SECP521R1", 66)}


class JsonWebKey:
    """One public key of a key set. ValueError when it is of no kind that verifies tokens."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.key_id = str(fields.get("kid") or "")
        self.algorithm = str(fields.get("alg") or "")
        self._coordinate = 0
        self._key = self._load(fields)

    def _load(self, fields: dict[str, Any]) -> Any:
        from cryptography.hazmat.primitives.asymmetric import ec, rsa

        def number(name: str) -> int:
            return int.from_bytes(decode_part(str(fields[name])), "big")

        try:
            if fields.get("kty") == "RSA":
                return rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
            if fields.get("kty") == "EC" and fields.get("crv") in _CURVES:
                name, self._coordinate = _CURVES[fields["crv"]]
                return ec.EllipticCurvePublicNumbers(number("x"), number("y"), getattr(ec, name)()).public_key()
        except KeyError as error:
            raise ValueError(f"key without {error}") from None
        raise ValueError(f"unsupported key type {fields.get('kty')} {fields.get('crv') or ''}")

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Whether the signature, made with this algorithm, is this key's."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

        if algorithm not in ALGORITHMS or (self.algorithm and self.algorithm != algorithm):
            return False
        digests: dict[str, Any] = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
        digest = digests[algorithm[2:]]()
        is_elliptic = bool(self._coordinate)
        if is_elliptic is not (algorithm[:2] == "ES"):
            return False
        try:
            if is_elliptic:
                size = self._coordinate
                if len(signature) != 2 * size:
                    return False
                pair = (int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"))
                self._key.verify(utils.encode_dss_signature(*pair), signed, ec.ECDSA(digest))
            elif algorithm[:2] == "RS":
                self._key.verify(signature, signed, padding.PKCS1v15(), digest)
            else:
                form = padding.PSS(mgf=padding.MGF1(digest), salt_length=padding.PSS.AUTO)
                self._key.verify(signature, signed, form, digest)
        except InvalidSignature:
            return False
        return True
