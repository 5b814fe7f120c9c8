"""Who may approve and sign certificate requests, and what no client certificate may claim (Certificates API)."""

from ...api import status
from ...api.resource import ResourceInfo
from ..authz.authorizer import Attributes, Authorizer
from .plugin import AdmissionRequest

_GROUP = "certificates.k8s.io"
_RESOURCE = "certificatesigningrequests"


def _is_request(resource: ResourceInfo) -> bool:
    return resource.plural == _RESOURCE and resource.group == _GROUP


async def may(authorizer: Authorizer, request: AdmissionRequest, verb: str, signer: str) -> bool:
    """Whether the user holds the verb on the signer, or on all of its domain."""
    for name in (signer, f"{signer.partition('/')[0]}/*"):
        asked = Attributes(request.user, verb, group=_GROUP, version="*", resource="signers", name=name)
        if (await authorizer.authorize(asked)).allowed:
            return True
    return False


class _SignerPermission:
    """The user needs `verb` on the signer the request names: `domain/name`, or `domain/*`."""

    name = ""
    subresource = ""
    verb = ""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation == "UPDATE" and _is_request(resource) and subresource == self.subresource

    async def admit(self, request: AdmissionRequest) -> None:
        return

    async def validate(self, request: AdmissionRequest) -> None:
        old, new = request.old_object or {}, request.object or {}
        if not self._concerns(old, new):
            return
        signer = str((old.get("spec") or {}).get("signerName", ""))
        if await may(self._authorizer, request, self.verb, signer):
            return
        why = f'user not permitted to {self.verb} requests with signerName "{signer}"'
        raise status.forbidden(_GROUP, _RESOURCE, request.name, why)

    def _concerns(self, old: dict[str, object], new: dict[str, object]) -> bool:
        return True


class CertificateApproval(_SignerPermission):
    """On `/approval`."""

    name = "CertificateApproval"
    subresource = "approval"
    verb = "approve"


class CertificateSigning(_SignerPermission):
    """On `/status`, when the certificate or the Failed condition changes."""

    name = "CertificateSigning"
    subresource = "status"
    verb = "sign"

    def _concerns(self, old: dict[str, object], new: dict[str, object]) -> bool:
        return old.get("status") != new.get("status")


class ClusterTrustBundleAttest:
    """Who writes a trust bundle in the name of a signer needs the verb `attest` on it."""

    name = "ClusterTrustBundleAttest"

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        name = (resource.group, resource.plural)
        return operation in ("CREATE", "UPDATE") and name == (_GROUP, "clustertrustbundles") and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        """Changes nothing."""

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 403."""
        signer = ((request.object or {}).get("spec") or {}).get("signerName") or ""
        if not signer or await may(self._authorizer, request, "attest", str(signer)):
            return
        why = f'user not permitted to attest for signerName "{signer}"'
        raise status.forbidden(_GROUP, "clustertrustbundles", request.name, why)


class CertificateSubjectRestriction:
    """Nobody gets into system:masters by way of the API client signer."""

    name = "CertificateSubjectRestriction"

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation == "CREATE" and _is_request(resource) and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        return

    async def validate(self, request: AdmissionRequest) -> None:
        from base64 import b64decode

        from ...base.x509 import CertificateError, SigningRequest

        spec = (request.object or {}).get("spec") or {}
        if spec.get("signerName") != "kubernetes.io/kube-apiserver-client":
            return
        try:
            asked = SigningRequest(b64decode(spec.get("request") or ""))
        except (CertificateError, ValueError) as error:
            raise status.forbidden(_GROUP, _RESOURCE, request.name, f"unable to parse csr: {error}") from None
        if "system:masters" in asked.organizations:
            why = f"use of {spec['signerName']} signer with system:masters group is not allowed"
            raise status.forbidden(_GROUP, _RESOURCE, request.name, why)
