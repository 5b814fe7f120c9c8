"""What a leaf certificate says: for whom and which names it is, who signed it, when it should be renewed."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from ..base.x509 import KeyPair, subject_of

RENEW_BEFORE = timedelta(days=30)
"""How long before its end the control plane renews a certificate when it starts."""
RENEW_AT = 0.8
"""The part of a certificate's life after which a running kubelet renews it."""


def common_name(pair: KeyPair) -> str:
    """The user that the certificate stands for."""
    return subject_of(pair.certificate.public_bytes(serialization.Encoding.DER))[0]


def names_in(pair: KeyPair) -> set[str]:
    """The host names and addresses among the certificate's alternative names."""
    try:
        found = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))}


def canonical(names: Iterable[str]) -> set[str]:
    """Names as `names_in` has them: addresses in their one shortest form."""
    return {_canonical(name) for name in names}


def _canonical(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        return name


def covers(pair: KeyPair, names: Iterable[str]) -> bool:
    """Whether the certificate is for all these host names and addresses."""
    return canonical(names) <= names_in(pair)


def is_signed_by(pair: KeyPair, authorities: bytes) -> bool:
    """Whether one of the CAs (PEM) signed it."""
    for authority in x509.load_pem_x509_certificates(authorities):
        try:
            pair.certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return False


def is_fresh(pair: KeyPair, now: datetime) -> bool:
    """Whether it is valid for longer than `RENEW_BEFORE`."""
    return pair.expires - now > RENEW_BEFORE


def renewal_time(pair: KeyPair) -> datetime:
    """When a running kubelet renews it."""
    begin = pair.certificate.not_valid_before_utc
    return begin + (pair.expires - begin) * RENEW_AT
