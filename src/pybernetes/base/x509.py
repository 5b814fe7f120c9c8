"""Certificates of the cluster: make a CA, issue and sign, load and save, and the TLS contexts that use them.

Keys made here are P-256.

    ca = CertificateAuthority.create("kubernetes-ca")
    pair = ca.issue("system:node:n1", organizations=["system:nodes"], usages=CLIENT)
    pair.save("/pki/node.crt", "/pki/node.key")                        # the key file has mode 0600
    context = server_context(serving, client_ca=ca.certificate_pem)    # client certificates asked for, not required

`KeyPair` and `CertificateAuthority` hold PEM bytes next to the parsed objects, since files, Secrets and kubeconfigs
want PEM. The identity of a client is `subject_of(der)`: common name = user, organizations = groups (upstream's x509
authenticator); it is remembered per certificate, so that it costs one dictionary look-up per request.
"""

import hashlib
import ipaddress
import os
import secrets
import ssl
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .files import replacing

SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
BOTH = SERVER + CLIENT

CA_VALIDITY = timedelta(days=3650)
VALIDITY = timedelta(days=365)
_BACKDATE = timedelta(minutes=5)
"""Certificates are valid a little before their time, for hosts whose clocks disagree."""

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class CertificateError(ValueError):
    """PEM, key or request that cannot be used; the text says which and why."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


class KeyPair:
    """A certificate with its private key. `certificate_pem` may hold a chain, the leaf first."""

    def __init__(self, certificate_pem: bytes, key_pem: bytes) -> None:
        """CertificateError if either is malformed or they do not belong together."""
        self.certificate_pem = certificate_pem
        self.key_pem = key_pem
        self.certificate = load_certificate(certificate_pem)
        self.key = load_key(key_pem)
        if self.certificate.public_key() != self.key.public_key():
            raise CertificateError("the private key does not belong to the certificate")

    @classmethod
    def load(cls, certificate_path: str | Path, key_path: str | Path) -> Self:
        """Read two PEM files. OSError or CertificateError."""
        return cls(Path(certificate_path).read_bytes(), Path(key_path).read_bytes())

    def save(self, certificate_path: str | Path, key_path: str | Path) -> None:
        """Write two PEM files, each at once; the key is readable by its owner only and comes first."""
        write_file(key_path, self.key_pem, mode=0o600)
        write_file(certificate_path, self.certificate_pem, mode=0o644)

    @property
    def expires(self) -> datetime:
        """The last instant of validity."""
        return self.certificate.not_valid_after_utc


class CertificateAuthority(KeyPair):
    """A CA: signs what it is asked to sign; the decision whether to sign is the caller's."""

    @classmethod
    def create(cls, common_name: str, *, validity: timedelta = CA_VALIDITY, now: datetime | None = None) -> Self:
        """A new self-signed CA."""
        key = new_key()
        now = now or datetime.now(UTC)
        name = _name(common_name, ())
        public = key.public_key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .serial_number(_serial())
            .not_valid_before(now - _BACKDATE)
            .not_valid_after(now + validity)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate.public_bytes(serialization.Encoding.PEM), key_pem(key))

    def issue(
        self,
        common_name: str,
        *,
        organizations: Sequence[str] = (),
        names: Iterable[str] = (),
        usages: Sequence[x509.ObjectIdentifier] = BOTH,
        validity: timedelta = VALIDITY,
        now: datetime | None = None,
    ) -> KeyPair:
        """A certificate on a fresh key. `names` are DNS names and IP addresses as text."""
        key = new_key()
        certificate = self.sign_public_key(
            key.public_key(),
            _name(common_name, organizations),
            names=names,
            usages=usages,
            validity=validity,
            now=now,
        )
        return KeyPair(certificate, key_pem(key))

    def sign_public_key(
        self,
        public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        subject: x509.Name,
        *,
        names: Iterable[str] = (),
        usages: Sequence[x509.ObjectIdentifier] = BOTH,
        validity: timedelta = VALIDITY,
        now: datetime | None = None,
    ) -> bytes:
        """A certificate (PEM) for a given key; it never outlives the CA."""
        now = now or datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(public_key)
            .serial_number(_serial())
            .not_valid_before(max(now - _BACKDATE, self.certificate.not_valid_before_utc))
            .not_valid_after(min(now + validity, self.expires))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(ca=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(self._key_identifier(), critical=False)
        )
        alternatives = [_alternative_name(name) for name in names]
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _key_identifier(self) -> x509.AuthorityKeyIdentifier:
        try:
            own = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except x509.ExtensionNotFound:
            return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own.value)

    def sign_request(
        self,
        request: "SigningRequest",
        *,
        usages: Sequence[x509.ObjectIdentifier],
        validity: timedelta = VALIDITY,
        now: datetime | None = None,
    ) -> bytes:
        """The certificate (PEM) for a signing request, with its subject and alternative names."""
        return self.sign_public_key(
            request.public_key,
            request.csr.subject,
            names=[*request.dns_names, *request.ip_addresses],
            usages=usages,
            validity=validity,
            now=now,
        )


class SigningRequest:
    """A parsed PKCS#10 request whose own signature was checked."""

    def __init__(self, pem: bytes) -> None:
        """CertificateError if it is malformed, badly signed, or for a key type that is not supported."""
        try:
            self.csr = x509.load_pem_x509_csr(pem)
            valid = self.csr.is_signature_valid
            public_key = self.csr.public_key()
        except (ValueError, InvalidSignature) as error:
            raise CertificateError(f"not a certificate signing request: {error}") from None
        if not valid:
            raise CertificateError("the certificate signing request is not signed by its own key")
        if not isinstance(public_key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            raise CertificateError(f"unsupported public key type {type(public_key).__name__}")
        self.public_key = public_key
        with _any_length():
            self.common_name, self.organizations = _identity(self.csr.subject)
        self.dns_names: list[str] = []
        self.ip_addresses: list[str] = []
        self.email_addresses: list[str] = []
        self.uris: list[str] = []
        try:
            names = self.csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return
        except ValueError as error:
            raise CertificateError(f"malformed extensions: {error}") from None
        self.dns_names = names.get_values_for_type(x509.DNSName)
        self.ip_addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
        self.email_addresses = names.get_values_for_type(x509.RFC822Name)
        self.uris = names.get_values_for_type(x509.UniformResourceIdentifier)


def create_request(
    key: SigningKey, common_name: str, *, organizations: Sequence[str] = (), names: Iterable[str] = ()
) -> bytes:
    """A certificate signing request (PEM)."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(common_name, organizations))
    alternatives = [_alternative_name(name) for name in names]
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


# Identity and fingerprints.


@lru_cache(maxsize=4096)
def subject_of(der: bytes) -> tuple[str, tuple[str, ...]]:
    """Common name and organizations of a certificate; `("", ())` parts where it has none."""
    with _any_length():
        return _identity(x509.load_der_x509_certificate(der).subject)


def public_key_fingerprint(certificate: x509.Certificate) -> str:
    """`sha256:<hex>` of the public key info: what `--discovery-token-ca-cert-hash` compares."""
    info = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "sha256:" + hashlib.sha256(info).hexdigest()


def verify_client(der: bytes, authority_pem: bytes, now: datetime | None = None) -> bool:
    """Whether a certificate was signed by one of the given CAs, is in its time, and may be used by a client."""
    certificate = x509.load_der_x509_certificate(der)
    now = now or datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        return False
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.CLIENT_AUTH not in usages and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in usages:
            return False
    except x509.ExtensionNotFound:
        pass
    for authority in x509.load_pem_x509_certificates(authority_pem):
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return authority.not_valid_before_utc <= now <= authority.not_valid_after_utc
    return False


# PEM and files.


def load_certificate(pem: bytes) -> x509.Certificate:
    """The first certificate of a PEM text. CertificateError if there is none."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise CertificateError(f"not a PEM certificate: {error}") from None


def authority_fault(bundle: bytes) -> str:
    """Why a bundle of PEM certificates is none, in the words of Go's client; "" when at least one can be read."""
    if b"-----BEGIN " not in bundle:
        return "unable to parse bytes as PEM block"
    if b"-----BEGIN CERTIFICATE-----" not in bundle:
        return "no valid certificate authority data seen"
    try:
        x509.load_pem_x509_certificates(bundle)
    except ValueError as error:
        return f"failed to parse certificate: {error}"
    return ""


def load_key(pem: bytes) -> SigningKey:
    """A private key (PKCS#8, SEC 1 or PKCS#1, not encrypted). CertificateError otherwise."""
    try:
        key: PrivateKeyTypes = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise CertificateError(f"not a PEM private key: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise CertificateError(f"unsupported private key type {type(key).__name__}")
    return key


def key_pem(key: SigningKey) -> bytes:
    """A private key as PKCS#8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_file(path: str | Path, data: bytes, *, mode: int) -> None:
    """Replace a file at once: a reader sees the old bytes or the new ones, and never with a wider mode."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, mode=mode) as file:
        file.write(data)


# TLS contexts.


def server_context(
    pair: KeyPair, *, client_ca: bytes | None = None, required: bool = False, http2: bool = True
) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 for a server. With `client_ca` (PEM) client certificates are asked for and verified."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    load_pair(context, pair)
    if client_ca is not None:
        context.load_verify_locations(cadata=client_ca.decode("ascii"))
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return context


def client_context(authority: bytes | None, pair: KeyPair | None = None) -> ssl.SSLContext:
    """TLS for a client that trusts the given CA (PEM) and nothing else; None turns verification off."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=authority.decode("ascii"))
    if pair is not None:
        load_pair(context, pair)
    return context


def load_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    """Give a context its certificate; a live server's context takes a renewed one the same way.

    OpenSSL reads keys from files only: they pass through an anonymous memory file, never through a directory.
    """
    name = f"pair-{secrets.token_hex(4)}"
    handle = os.memfd_create(name)
    try:
        with open(handle, "wb", closefd=False) as file:
            file.write(pair.key_pem.rstrip() + b"\n" + pair.certificate_pem)
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)


# Parts of certificates.


def _serial() -> int:
    return x509.random_serial_number()


def _name(common_name: str, organizations: Sequence[str]) -> x509.Name:
    parts = [(NameOID.ORGANIZATION_NAME, name) for name in organizations]
    if common_name:
        parts.append((NameOID.COMMON_NAME, common_name))
    with _any_length():
        return x509.Name([x509.NameAttribute(oid, value, _validate=False) for oid, value in parts])


@contextmanager
def _any_length() -> Iterator[None]:
    """Names such as system:serviceaccount:… may exceed the 64 characters of X.520, as they do upstream."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Attribute's length", category=UserWarning)
        yield


def _identity(subject: x509.Name) -> tuple[str, tuple[str, ...]]:
    common = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    organizations = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return (
        str(common[0].value) if common else "",
        tuple(str(attribute.value) for attribute in organizations),
    )


def _alternative_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=False,
        key_encipherment=not ca,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
