"""Admission: what is added to and refused of a request after authorization (Admission Controllers reference).

`plugin.py` is the contract, `chain.py` runs the plugins, one file per plugin holds the rest. `ORDER` is upstream's
order; `build` makes the enabled ones.
"""

from collections.abc import Callable, Iterable

from ..authz.authorizer import Authorizer
from ..reader import ObjectReader
from .certificates import CertificateApproval, CertificateSigning, CertificateSubjectRestriction
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

__all__ = ["ORDER", "AdmissionPlugin", "AdmissionRequest", "build"]

Make = Callable[[ObjectReader, Authorizer], AdmissionPlugin]

ORDER: dict[str, Make] = {
    "NamespaceLifecycle": lambda reader, authorizer: NamespaceLifecycle(reader),
    "LimitRanger": lambda reader, authorizer: LimitRanger(reader),
    "ServiceAccount": lambda reader, authorizer: ServiceAccount(reader),
    "NodeRestriction": lambda reader, authorizer: NodeRestriction(reader),
    "TaintNodesByCondition": lambda reader, authorizer: TaintNodesByCondition(),
    "PodSecurity": lambda reader, authorizer: PodSecurity(reader),
    "Priority": lambda reader, authorizer: Priority(reader),
    "DefaultTolerationSeconds": lambda reader, authorizer: DefaultTolerationSeconds(),
    "DefaultStorageClass": lambda reader, authorizer: DefaultStorageClass(reader),
    "StorageObjectInUseProtection": lambda reader, authorizer: StorageObjectInUseProtection(),
    "PersistentVolumeClaimResize": lambda reader, authorizer: PersistentVolumeClaimResize(reader),
    "RuntimeClass": lambda reader, authorizer: RuntimeClass(reader),
    "CertificateApproval": lambda reader, authorizer: CertificateApproval(authorizer),
    "CertificateSigning": lambda reader, authorizer: CertificateSigning(authorizer),
    "CertificateSubjectRestriction": lambda reader, authorizer: CertificateSubjectRestriction(),
    "DefaultIngressClass": lambda reader, authorizer: DefaultIngressClass(reader),
}
"""Plugin name -> constructor, in the order in which they run."""


def build(
    reader: ObjectReader, authorizer: Authorizer, *, enable: Iterable[str] = (), disable: Iterable[str] = ()
) -> list[AdmissionPlugin]:
    """The plugins of a server, in order; all of ORDER are on by default. ValueError for a name that does not exist."""
    off = set(disable)
    unknown = sorted({*enable, *off} - set(ORDER))
    if unknown:
        raise ValueError(f"unknown admission plugins: {', '.join(unknown)}; there are: {', '.join(ORDER)}")
    return [make(reader, authorizer) for name, make in ORDER.items() if name not in off or name in set(enable)]
