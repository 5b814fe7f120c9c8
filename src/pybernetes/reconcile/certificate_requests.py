"""Facts about certificate signing requests: what each built-in signer accepts (concept page "Certificate Signing").

Pure functions over the CertificateSigningRequest and its parsed PKCS#10 request; `…_problem` is "" when all is fine.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from ..api.certificates import CertificateSigningRequest, CertificateSigningRequestCondition
from ..base.x509 import CertificateError, SigningRequest

API_CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
LEGACY_UNKNOWN = "kubernetes.io/legacy-unknown"

NODES_GROUP = "system:nodes"
NODE_PREFIX = "system:node:"
_CLIENT_USAGES = ({"digital signature", "client auth"}, {"digital signature", "key encipherment", "client auth"})
_SERVER_USAGES = ({"digital signature", "server auth"}, {"digital signature", "key encipherment", "server auth"})


def condition_of(request: CertificateSigningRequest, type_: str) -> CertificateSigningRequestCondition | None:
    """One condition of the request."""
    return next((found for found in request.status.conditions or () if found.type == type_), None)


def with_condition(
    request: CertificateSigningRequest, type_: str, reason: str, message: str, now: datetime
) -> CertificateSigningRequest:
    """The request with one more condition, which is true from now on."""
    fresh = CertificateSigningRequestCondition(
        type=type_, status="True", reason=reason, message=message, last_update_time=now, last_transition_time=now
    )
    status = msgspec.structs.replace(request.status, conditions=[*(request.status.conditions or ()), fresh])
    return msgspec.structs.replace(request, status=status)


def is_approved(request: CertificateSigningRequest) -> bool:
    """Whether it is approved, and neither denied nor failed."""
    kinds = {found.type for found in request.status.conditions or ()}
    return "Approved" in kinds and not kinds & {"Denied", "Failed"}


def is_decided(request: CertificateSigningRequest) -> bool:
    """Whether it is approved or denied."""
    return any(found.type in ("Approved", "Denied") for found in request.status.conditions or ())


def parsed(request: CertificateSigningRequest) -> SigningRequest:
    """The PKCS#10 request. CertificateError when it is unusable."""
    return SigningRequest(request.spec.request or b"")


def kubelet_client_problem(parsed_request: SigningRequest, usages: Iterable[str]) -> str:
    """Whether it asks for a kubelet's client certificate."""
    if tuple(parsed_request.organizations) != (NODES_GROUP,):
        return "organization must be exactly system:nodes"
    if not parsed_request.common_name.startswith(NODE_PREFIX):
        return "common name must begin with system:node:"
    if _has_alternatives(parsed_request):
        return "subject alternative names are not allowed"
    return "" if set(usages) in _CLIENT_USAGES else "usages did not match the client ones"


def kubelet_serving_problem(parsed_request: SigningRequest, usages: Iterable[str]) -> str:
    """Whether it asks for a kubelet's serving certificate."""
    if tuple(parsed_request.organizations) != (NODES_GROUP,):
        return "organization must be exactly system:nodes"
    if not parsed_request.common_name.startswith(NODE_PREFIX):
        return "common name must begin with system:node:"
    if parsed_request.email_addresses or parsed_request.uris:
        return "only DNS names and IP addresses are allowed as subject alternative names"
    if not (parsed_request.dns_names or parsed_request.ip_addresses):
        return "DNS or IP subjectAltName is required"
    return "" if set(usages) in _SERVER_USAGES else "usages did not match the server ones"


def signer_problem(signer: str, parsed_request: SigningRequest, usages: Iterable[str]) -> str:
    """Whether that signer may sign it."""
    wanted = set(usages)
    if signer == KUBELET_CLIENT:
        return kubelet_client_problem(parsed_request, wanted)
    if signer == KUBELET_SERVING:
        return kubelet_serving_problem(parsed_request, wanted)
    if signer == API_CLIENT:
        if "client auth" not in wanted:
            return "usages did not include client auth"
        other = wanted - {"digital signature", "key encipherment", "client auth"}
        return f"usages {sorted(other)} are not allowed" if other else ""
    return "" if signer == LEGACY_UNKNOWN else f"unknown signer {signer}"


def _has_alternatives(request: SigningRequest) -> bool:
    return bool(request.dns_names or request.ip_addresses or request.email_addresses or request.uris)


__all__ = [
    "API_CLIENT",
    "KUBELET_CLIENT",
    "KUBELET_SERVING",
    "LEGACY_UNKNOWN",
    "NODES_GROUP",
    "NODE_PREFIX",
    "CertificateError",
    "condition_of",
    "is_approved",
    "is_decided",
    "kubelet_client_problem",
    "kubelet_serving_problem",
    "parsed",
    "signer_problem",
    "with_condition",
]
