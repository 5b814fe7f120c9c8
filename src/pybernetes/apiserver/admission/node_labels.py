"""Which labels a kubelet may put on its own node (Using Node Authorization; KEP-279 of the node's isolation labels)."""

from typing import Any

_RESTRICTED = "node-restriction.kubernetes.io"
_OF_KUBELETS = frozenset(
    {
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "node.kubernetes.io/windows-build",
    }
)
_DOMAINS_OF_KUBELETS = ("kubelet.kubernetes.io", "node.kubernetes.io")
_DOMAINS_OF_THE_PROJECT = ("kubernetes.io", "k8s.io")


def forbidden_labels(new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    """Labels that differ and that a kubelet must leave alone: isolation labels, and unknown ones of the project's own
    domains. Sorted."""
    changed = {key for key in {*new, *old} if new.get(key) != old.get(key) or (key in new) != (key in old)}
    return sorted(key for key in changed if _forbidden(key))


def _forbidden(key: str) -> bool:
    domain, slash, _ = key.partition("/")
    if not slash:
        return False
    if _within(domain, (_RESTRICTED,)):
        return True
    if not _within(domain, _DOMAINS_OF_THE_PROJECT) or key in _OF_KUBELETS:
        return False
    return not _within(domain, _DOMAINS_OF_KUBELETS)


def _within(domain: str, parents: tuple[str, ...]) -> bool:
    return any(domain == parent or domain.endswith("." + parent) for parent in parents)
