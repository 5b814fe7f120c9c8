"""Client certificates: the common name is the user, the organisations are the groups (plus `system:authenticated`).

TLS has already verified the chain; reading the subject costs 38 µs, so the answer is remembered by the certificate's
bytes. Where more than one CA may sign client certificates (front proxy), the issuing CA is checked here as well.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ...api.status import unauthorized
from ...api.user import UserInfo
from ...base.clock import SYSTEM_CLOCK, Clock
from ...base.http.message import Request

if TYPE_CHECKING:
    from cryptography import x509

_MEMO_SIZE = 4096
_UID_OID = "1.3.6.1.4.1.57683.2"
"""Subject attribute carrying the user's uid (KEP-4872 `AllowParsingUserUIDFromCertAuth`)."""
_CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"


class Subject(msgspec.Struct, frozen=True):
    """What a certificate says, and when it holds."""

    user: UserInfo
    not_before: datetime
    not_after: datetime


class CertificateSubjects:
    """Certificates (DER) to subjects, remembered. With `ca_pem` only those that one of these CAs has issued."""

    def __init__(self, ca_pem: bytes = b"", *, uid: bool = True) -> None:
        """`uid`: whether the subject may tell the user's uid."""
        self._ca_pem = ca_pem
        self._uid = uid
        self._authorities: Sequence[x509.Certificate] | None = None
        self._memo: dict[bytes, Subject | None] = {}

    def subject(self, der: bytes) -> Subject | None:
        """The subject; None when unreadable or issued by another CA."""
        try:
            return self._memo[der]
        except KeyError:
            pass
        if len(self._memo) >= _MEMO_SIZE:
            self._memo.clear()
        found = self._memo[der] = self._read(der)
        return found

    def _read(self, der: bytes) -> Subject | None:
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes

        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError:
            return None
        if self._ca_pem:
            if self._authorities is None:
                self._authorities = x509.load_pem_x509_certificates(self._ca_pem)
            for authority in self._authorities:
                try:
                    certificate.verify_directly_issued_by(authority)
                    break
                except (ValueError, TypeError, InvalidSignature):
                    continue
            else:
                return None
        name = certificate.subject
        common_names = [str(a.value) for a in name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
        groups = [str(a.value) for a in name.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)]
        uids = [str(a.value) for a in name.get_attributes_for_oid(x509.ObjectIdentifier(_UID_OID))]
        fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
        user = UserInfo(
            common_names[-1] if common_names else "",
            uid=uids[0] if uids and self._uid else "",
            groups=tuple(groups),
            extra={_CREDENTIAL_ID: [f"X509SHA256={fingerprint}"]},
        )
        return Subject(user, certificate.not_valid_before_utc, certificate.not_valid_after_utc)


class ClientCertificateAuthenticator:
    """See the module docstring. A certificate without a common name counts as none."""

    def __init__(self, ca_pem: bytes = b"", clock: Clock = SYSTEM_CLOCK, *, uid: bool = True) -> None:
        self._uid = uid
        self._subjects = CertificateSubjects(ca_pem, uid=uid)
        self._clock = clock

    def trust(self, ca_pem: bytes) -> None:
        """Only these CAs from now on, on connections that are open as well."""
        self._subjects = CertificateSubjects(ca_pem, uid=self._uid)

    async def authenticate(self, request: Request) -> UserInfo | None:
        """See Authenticator. 401 for another CA's certificate, and once it has expired on a connection still open."""
        if request.peer_certificate is None:
            return None
        trusted = self._subjects
        subject = trusted.subject(request.peer_certificate)
        if subject is None:
            raise unauthorized()
        if not subject.user.name:
            return None
        if not subject.not_before <= self._clock.now() <= subject.not_after:
            raise unauthorized()
        now, first, last = self._clock.now, subject.not_before, subject.not_after
        request.facts["holds"] = lambda: first <= now() <= last and self._subjects is trusted
        return subject.user
