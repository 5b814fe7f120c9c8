"""Why a server's certificate did not satisfy, in the words of Go's crypto/x509.

OpenSSL says that it does not; which names the certificate has and when it ends stand in the certificate, which is
fetched for this by a handshake that trusts everything and sends nothing.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime

from ..errors import Unreachable
from . import tls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FAILURES = {"RSAPublicKey": "crypto/rsa: verification error", "Ed25519PublicKey": "x509: Ed25519 verification failure"}


def explained(sock: Any, host: str, ca: str, refusal: Unreachable) -> Unreachable:
    """The refusal in full; `sock` is a new connection to the server. As it was when the certificate cannot be had."""
    from cryptography import x509

    try:
        stream = tls.wrap(sock, host, ca="", insecure=True)
        certificate = x509.load_der_x509_certificate(stream.certificate())
        stream.close()
        why = _time(certificate) or _name(certificate, host) or _authority(certificate, ca)
    except (OSError, ValueError, Unreachable):
        return refusal
    message = f"tls: failed to verify certificate: x509: {why}"
    return Unreachable(message, detail=message)


def _time(certificate: Any) -> str:
    now = datetime.now(UTC)
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if starts <= now <= ends:
        return ""
    relation, limit = ("before", starts) if now < starts else ("after", ends)
    return (
        f"certificate has expired or is not yet valid: current time {now:%Y-%m-%dT%H:%M:%SZ} is {relation} "
        f"{limit:%Y-%m-%dT%H:%M:%SZ}"
    )


def _name(certificate: Any, host: str) -> str:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        found = names.get_values_for_type(x509.DNSName)
        if any(_matches(pattern.lower(), host.lower()) for pattern in found):
            return ""
    else:
        addresses = names.get_values_for_type(x509.IPAddress)
        if address in addresses:
            return ""
        if not addresses:
            return f"cannot validate certificate for {host} because it doesn't contain any IP SANs"
        found = [str(one) for one in addresses]
    if not found:
        return f"certificate is not valid for any names, but wanted to match {host}"
    return f"certificate is valid for {', '.join(found)}, not {host}"


def _matches(pattern: str, host: str) -> bool:
    """RFC 6125: a star stands for the whole first label."""
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return host == pattern


def _authority(certificate: Any, ca: str) -> str:
    """None signed it; one of the right name did not either."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    why = "certificate signed by unknown authority"
    for candidate in x509.load_pem_x509_certificates(ca.encode("latin-1")) if ca else []:
        if candidate.subject != certificate.issuer:
            continue
        kind = type(candidate.public_key()).__name__.lstrip("_")
        failure = _FAILURES.get(kind, "x509: ECDSA verification failure")
        common = candidate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        name = str(common[0].value) if common else f"serial:{candidate.serial_number}"
        why += f' (possibly because of "{failure}" while trying to verify candidate authority certificate "{name}")'
        break
    return why
