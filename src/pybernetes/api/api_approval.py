"""Groups of the Kubernetes community (`*.k8s.io`, `*.kubernetes.io`): definitions in them say where they were approved
(KEP-1111, "API approval annotation")."""

from typing import Any
from urllib.parse import urlsplit

ANNOTATION = "api-approved.kubernetes.io"
_SEE = "see https://github.com/kubernetes/enhancements/pull/1111"
_DOMAINS = ("k8s.io", "kubernetes.io")

Object = dict[str, Any]


def is_protected(group: str) -> bool:
    """Whether a group belongs to the community."""
    return any(group == domain or group.endswith("." + domain) for domain in _DOMAINS)


def state(metadata: Object) -> tuple[str, str]:
    """(Missing, Unapproved, Approved or Invalid, what there is to say about it)."""
    text = (metadata.get("annotations") or {}).get(ANNOTATION) or ""
    if not text:
        return "Missing", f'protected groups must have approval annotation "{ANNOTATION}", {_SEE}'
    if text.startswith("unapproved"):
        return "Unapproved", f'not approved: "{text}"'
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme and parts.netloc:
        return "Approved", f"approved in {text}"
    words = (
        f'protected groups must have approval annotation "{ANNOTATION}" with either a URL or a reason starting with '
    )
    return "Invalid", f'{words}"unapproved", {_SEE}'


def condition(definition: Object) -> Object | None:
    """KubernetesAPIApprovalPolicyConformant; None for groups of others."""
    if not is_protected((definition.get("spec") or {}).get("group") or ""):
        return None
    found, message = state(definition["metadata"])
    return {
        "type": "KubernetesAPIApprovalPolicyConformant",
        "status": "True" if found == "Approved" else "False",
        "reason": f"{found}Annotation",
        "message": message,
    }
