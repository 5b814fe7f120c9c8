"""CertificateSigningRequests (certificates.k8s.io/v1): the request itself, usages, signer, and decisions that stand."""

import re
from base64 import b64decode
from typing import Any

from .. import field, names
from .values import Errors, Object, each

_USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)
_SHORTEST_SECONDS = 600
_SIGNER_LIMIT = 571
_LEGACY_SIGNER = "kubernetes.io/legacy-unknown"
_segment = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?").fullmatch
_DECISIONS = ("Approved", "Denied")


def validate_create(request: Object) -> Errors:
    spec = request.get("spec") or {}
    errors: Errors = []
    wrong = _request_error(spec.get("request") or "")
    if wrong:
        errors.append(field.invalid("spec.request", spec.get("request") or "", wrong))
    usages = spec.get("usages") or []
    if not usages:
        errors.append(field.required("spec.usages"))
    for index, usage in enumerate(usages):
        if usage not in _USAGES:
            errors.append(field.not_supported(f"spec.usages[{index}]", usage, _USAGES))
        if usage in usages[:index]:
            errors.append(field.duplicate(f"spec.usages[{index}]", usage))
    signer = spec.get("signerName") or ""
    if signer == _LEGACY_SIGNER:
        words = "the legacy signerName is not allowed via this API version"
        errors.append(field.invalid("spec.signerName", signer, words))
    else:
        errors += signer_name(signer, "spec.signerName")
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _SHORTEST_SECONDS:
        words = "may not specify a duration less than 600 seconds (10 minutes)"
        errors.append(field.invalid("spec.expirationSeconds", seconds, words))
    return errors + _conditions(request)


def _request_error(text: str) -> str:
    from ...base.x509 import CertificateError, SigningRequest

    try:
        content = b64decode(text)
    except ValueError:
        content = b""
    if b"-----BEGIN CERTIFICATE REQUEST-----" not in content:
        return "PEM block type must be CERTIFICATE REQUEST"
    try:
        SigningRequest(content)
    except (CertificateError, ValueError) as error:
        return str(error)
    return ""


def signer_name(name: str, path: str) -> Errors:
    """`domain.example/path`."""
    if not name:
        return [field.required(path)]
    if len(name) > _SIGNER_LIMIT:
        return [field.too_long(path, _SIGNER_LIMIT)]
    domain, slash, rest = name.partition("/")
    if not slash or "/" in rest:
        words = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        return [field.invalid(path, name, words)]
    errors = each(path, domain, names.fully_qualified_domain(domain))
    for segment in rest.split("."):
        if _segment(segment) is None:
            words = f'validating label "{segment}": must be a valid path segment'
            errors.append(field.invalid(path, name, words))
    return errors


def _conditions(request: Object) -> Errors:
    errors: Errors = []
    seen: set[str] = set()
    for index, condition in enumerate((request.get("status") or {}).get("conditions") or ()):
        where, kind, value = f"status.conditions[{index}]", condition.get("type") or "", condition.get("status") or ""
        if not kind:
            errors.append(field.required(f"{where}.type"))
        if kind in seen:
            errors.append(field.duplicate(f"{where}.type", kind))
        seen.add(kind)
        if not value:
            errors.append(field.required(f"{where}.status"))
        elif kind in (*_DECISIONS, "Failed"):
            if value != "True":
                errors.append(field.not_supported(f"{where}.status", value, ("True",)))
        elif value not in ("True", "False", "Unknown"):
            errors.append(field.not_supported(f"{where}.status", value, ("True", "False", "Unknown")))
    if seen.issuperset(_DECISIONS):
        errors.append(
            field.invalid("status.conditions", "Denied", "Approved and Denied conditions are mutually exclusive")
        )
    return errors


def _kept(new: Object, old: Object, kinds: tuple[str, ...], verb: str) -> Errors:
    def of(request: Object, kind: str) -> list[Any]:
        return [c for c in (request.get("status") or {}).get("conditions") or () if c.get("type") == kind]

    errors: Errors = []
    for kind in kinds:
        before, after = of(old, kind), of(new, kind)
        if len(after) < len(before):
            words = f'updates may not remove a condition of type "{kind}"'
            errors.append(field.forbidden("status.conditions", words))
        elif verb and len(after) > len(before):
            words = f'updates may not add a condition of type "{kind}"'
            errors.append(field.forbidden("status.conditions", words))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return _kept(new, old, (*_DECISIONS, "Failed"), "add")


def validate_status_update(new: Object, old: Object) -> Errors:
    """Signers write the certificate once and add no decisions."""
    errors = _conditions(new)
    errors += _kept(new, old, _DECISIONS, "add") + _kept(new, old, ("Failed",), "")
    after, before = (new.get("status") or {}).get("certificate"), (old.get("status") or {}).get("certificate")
    if before and after != before:
        words = "updates may not change certificate content"
        errors.append(field.forbidden("status.certificate", words))
    return errors


def _approval(new: Object, old: Object) -> Errors:
    return _conditions(new) + _kept(new, old, (*_DECISIONS, "Failed"), "")


SUBRESOURCES = {"approval": _approval}
