"""Certificate signing requests."""

from __future__ import annotations

from ..errors import CommandError
from .words import date, label_text
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item


def signing_request(context: Context, item: Item) -> None:
    from binascii import a2b_base64

    from pybernetes.base.x509 import CertificateError, SigningRequest

    metadata, spec = item.obj["metadata"], item.obj.get("spec") or {}
    context.named(item, namespaced=False)
    context.field("Labels", label_text(metadata.get("labels")))
    context.field("Annotations", label_text(metadata.get("annotations")))
    context.field("CreationTimestamp", date(metadata.get("creationTimestamp")))
    context.field("Requesting User", spec.get("username", ""))
    if spec.get("signerName"):
        context.field("Signer", spec["signerName"])
    if spec.get("expirationSeconds") is not None:
        from ..output.age import human

        context.field("Requested Duration", human(spec["expirationSeconds"]))
    context.field("Status", _status(item.obj.get("status") or {}))
    try:
        request = SigningRequest(a2b_base64(spec.get("request", "")))
    except CertificateError:
        raise CommandError("Error parsing CSR: PEM block type must be CERTIFICATE REQUEST") from None
    _names(context, request)
    context.events(item)


def _status(status: dict[str, Any]) -> str:
    """`Approved,Issued`."""
    words = {one["type"] for one in status.get("conditions") or ()}
    text = next((word for word in ("Denied", "Approved") if word in words), "Pending")
    return text + (",Failed" if "Failed" in words else "") + (",Issued" if status.get("certificate") else "")


def _names(context: Context, request: Any) -> None:
    from cryptography.x509.oid import NameOID

    def of_subject(oid: Any) -> list[str]:
        return [str(attribute.value) for attribute in request.csr.subject.get_attributes_for_oid(oid)]

    context.line(0, "Subject:")
    context.line(0, f"\tCommon Name:\t{request.common_name}")
    context.line(0, f"\tSerial Number:\t{''.join(of_subject(NameOID.SERIAL_NUMBER)[-1:])}")
    for title, oid in (
        ("Organization", NameOID.ORGANIZATION_NAME),
        ("Organizational Unit", NameOID.ORGANIZATIONAL_UNIT_NAME),
        ("Country", NameOID.COUNTRY_NAME),
        ("Locality", NameOID.LOCALITY_NAME),
        ("Province", NameOID.STATE_OR_PROVINCE_NAME),
        ("StreetAddress", NameOID.STREET_ADDRESS),
        ("PostalCode", NameOID.POSTAL_CODE),
    ):
        _several(context, title, of_subject(oid))
    alternatives = (
        ("DNS Names", request.dns_names),
        ("Email Addresses", request.email_addresses),
        ("URIs", request.uris),
        ("IP Addresses", request.ip_addresses),
    )
    if any(values for _, values in alternatives):
        context.line(0, "Subject Alternative Names:")
        for title, values in alternatives:
            _several(context, title, values)


def _several(context: Context, title: str, values: list[str]) -> None:
    if values:
        context.line(0, f"\t{title}:\t" + "\n\t\t".join(values))
