"""Admission: what is added to and refused of a request after authorization (Admission Controllers reference).

`plugin.py` is the contract, `chain.py` runs the plugins, one file per plugin holds the rest. `ORDER` is upstream's
order; `build` makes the enabled ones.
"""

from collections.abc import Callable, Iterable

from .certificates import CertificateApproval, CertificateSigning, CertificateSubjectRestriction
from .context import AdmissionContext
from .default_class import DefaultIngressClass, DefaultStorageClass
from .default_toleration_seconds import DefaultTolerationSeconds
from .limit_ranger import LimitRanger
from .namespace_lifecycle import NamespaceLifecycle
from .node_restriction import NodeRestriction
from .persistent_volume_claim_resize import PersistentVolumeClaimResize
from .plugin import AdmissionPlugin, AdmissionRequest
from .pod_security import PodSecurity
from .priority import Priority
from .runtime_class import RuntimeClass
from .service_account import ServiceAccount
from .storage_object_in_use import StorageObjectInUseProtection
from .taint_nodes_by_condition import TaintNodesByCondition
from .webhook import mutating_webhooks, validating_webhooks

__all__ = ["ORDER", "AdmissionContext", "AdmissionPlugin", "AdmissionRequest", "build"]

Make = Callable[[AdmissionContext], AdmissionPlugin]

ORDER: dict[str, Make] = {
    "NamespaceLifecycle": lambda context: NamespaceLifecycle(context.reader),
    "LimitRanger": lambda context: LimitRanger(context.reader),
    "ServiceAccount": lambda context: ServiceAccount(context.reader),
    "NodeRestriction": lambda context: NodeRestriction(context.reader),
    "TaintNodesByCondition": lambda context: TaintNodesByCondition(),
    "PodSecurity": lambda context: PodSecurity(context.reader),
    "Priority": lambda context: Priority(context.reader),
    "DefaultTolerationSeconds": lambda context: DefaultTolerationSeconds(),
    "DefaultStorageClass": lambda context: DefaultStorageClass(context.reader),
    "StorageObjectInUseProtection": lambda context: StorageObjectInUseProtection(),
    "PersistentVolumeClaimResize": lambda context: PersistentVolumeClaimResize(context.reader),
    "RuntimeClass": lambda context: RuntimeClass(context.reader),
    "CertificateApproval": lambda context: CertificateApproval(context.authorizer),
    "CertificateSigning": lambda context: CertificateSigning(context.authorizer),
    "CertificateSubjectRestriction": lambda context: CertificateSubjectRestriction(),
    "DefaultIngressClass": lambda context: DefaultIngressClass(context.reader),
    "MutatingAdmissionWebhook": mutating_webhooks,
    "ValidatingAdmissionWebhook": validating_webhooks,
}
"""Plugin name -> constructor, in the order in which they run."""


def build(
    context: AdmissionContext, *, enable: Iterable[str] = (), disable: Iterable[str] = ()
) -> list[AdmissionPlugin]:
    """The plugins of a server, in order; all of ORDER are on by default. ValueError for a name that does not exist."""
    off = set(disable)
    unknown = sorted({*enable, *off} - set(ORDER))
    if unknown:
        raise ValueError(f"unknown admission plugins: {', '.join(unknown)}; there are: {', '.join(ORDER)}")
    return [make(context) for name, make in ORDER.items() if name not in off or name in set(enable)]
