"""Signing approved certificate signing requests with the cluster's CA, for the four built-in signers.

A request its signer may not sign gets the condition Failed (reason SignerValidationFailure). The certificate is valid
for `expirationSeconds` when that is asked for, but at least ten minutes and never longer than configured.
"""

import asyncio
from datetime import timedelta

import msgspec
from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..api.certificates import CertificateSigningRequest
from ..base.x509 import CertificateAuthority
from ..reconcile.certificate_requests import (
    API_CLIENT,
    KUBELET_CLIENT,
    KUBELET_SERVING,
    LEGACY_UNKNOWN,
    CertificateError,
    is_approved,
    parsed,
    signer_problem,
    with_condition,
)
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.sources import source

SIGNERS = frozenset((API_CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY_UNKNOWN))
SHORTEST_SECONDS = 600.0
EXTENDED_USAGES: dict[str, ObjectIdentifier] = {
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "code signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "s/mime": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "any": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
}


class CSRSigner:
    """See the module docstring. Keys are names of requests."""

    def __init__(self, context: ControllerContext) -> None:
        config = context.config
        self._client = context.client
        self._clock = context.clock
        self._longest_seconds = config.signing_duration_seconds
        self._authority = (
            CertificateAuthority(config.signing_certificate, config.signing_key) if config.signing_key else None
        )
        self._requests = context.informers.of(CertificateSigningRequest)
        self._controller = context.controller("csrsigning", self._reconcile)
        source(self._requests, self._controller.enqueue, when=lambda old, new: new is not None and _is_due(new))

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        request = self._requests.get(key)
        if request is None or not _is_due(request) or self._authority is None:
            return None
        usages = request.spec.usages or []
        try:
            asked = parsed(request)
            problem = signer_problem(request.spec.signer_name, asked, usages)
        except CertificateError as error:
            problem = str(error)
        if problem:
            await self._fail(request, problem)
            return None
        certificate = self._authority.sign_request(
            asked,
            usages=[EXTENDED_USAGES[usage] for usage in usages if usage in EXTENDED_USAGES],
            validity=timedelta(seconds=self._duration_seconds(request.spec.expiration_seconds)),
            now=self._clock.now(),
        )
        status = msgspec.structs.replace(request.status, certificate=certificate)
        await self._client.update_status(msgspec.structs.replace(request, status=status))
        return None

    def _duration_seconds(self, wanted: int | None) -> float:
        if wanted is None:
            return self._longest_seconds
        return min(self._longest_seconds, max(SHORTEST_SECONDS, float(wanted)))

    async def _fail(self, request: CertificateSigningRequest, problem: str) -> None:
        judged = with_condition(request, "Failed", "SignerValidationFailure", problem, self._clock.now())
        await self._client.update_status(judged)


def _is_due(request: CertificateSigningRequest) -> bool:
    return request.spec.signer_name in SIGNERS and is_approved(request) and not request.status.certificate
