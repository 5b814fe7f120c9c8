"""Admission: what is added to and refused of a request after authorization (Admission Controllers reference).

`plugin.py` is the contract, `chain.py` runs the plugins, one file per plugin holds the rest. `ORDER` is upstream's
order; `build` makes the enabled ones.
"""

from collections.abc import Callable, Iterable, Mapping

from .always import AlwaysAdmit, AlwaysDeny, AlwaysPullImages
from .certificates import (
    CertificateApproval,
    CertificateSigning,
    CertificateSubjectRestriction,
    ClusterTrustBundleAttest,
)
from .context import AdmissionContext
from .default_class import DefaultIngressClass, DefaultStorageClass
from .default_toleration_seconds import DefaultTolerationSeconds
from .deny_service_external_ips import DenyServiceExternalIPs
from .event_rate_limit import EventRateLimit
from .image_policy_webhook import ImagePolicyWebhook
from .job_validation import JobValidation
from .limit_ranger import LimitRanger
from .namespace_lifecycle import NamespaceLifecycle
from .namespaces import NamespaceAutoProvision, NamespaceExists
from .node_restriction import NodeRestriction
from .owner_references import OwnerReferencesPermissionEnforcement
from .persistent_volume_claim_resize import PersistentVolumeClaimResize
from .plugin import AdmissionPlugin, AdmissionRequest
from .pod_group_protection import PodGroupProtection
from .pod_group_workload import PodGroupWorkloadExists
from .pod_on_node import NodeDeclaredFeatureValidator, PodResizeValidator
from .pod_placement import (
    ExtendedResourceToleration,
    LimitPodHardAntiAffinityTopology,
    PodNodeSelector,
    PodTolerationRestriction,
    PodTopologyLabels,
)
from .pod_security import PodSecurity
from .policy import mutating_policies, validating_policies
from .priority import Priority
from .resource_quota import ResourceQuota
from .runtime_class import RuntimeClass
from .service_account import ServiceAccount
from .storage_object_in_use import StorageObjectInUseProtection
from .taint_nodes_by_condition import TaintNodesByCondition
from .webhook import mutating_webhooks, validating_webhooks

__all__ = ["ORDER", "AdmissionContext", "AdmissionPlugin", "AdmissionRequest", "build"]

Make = Callable[[AdmissionContext], AdmissionPlugin]

ORDER: dict[str, Make] = {
    "AlwaysAdmit": lambda context: AlwaysAdmit(),
    "NamespaceAutoProvision": lambda context: NamespaceAutoProvision(context.reader, context.write),
    "NamespaceLifecycle": lambda context: NamespaceLifecycle(context.reader, context.refresh),
    "NamespaceExists": lambda context: NamespaceExists(context.reader, context.refresh),
    "LimitPodHardAntiAffinityTopology": lambda context: LimitPodHardAntiAffinityTopology(),
    "LimitRanger": lambda context: LimitRanger(context.reader),
    "ServiceAccount": lambda context: ServiceAccount(context.reader),
    "NodeRestriction": lambda context: NodeRestriction(
        context.reader,
        context.authorizer if context.enabled("ServiceAccountNodeAudienceRestriction") else None,
        insecure_requests=context.enabled("AllowInsecureKubeletCertificateSigningRequests"),
    ),
    "TaintNodesByCondition": lambda context: TaintNodesByCondition(),
    "AlwaysPullImages": lambda context: AlwaysPullImages(),
    "ImagePolicyWebhook": lambda context: ImagePolicyWebhook(context.settings("ImagePolicyWebhook"), context.clock),
    "PodSecurity": lambda context: PodSecurity(context.reader, context.settings("PodSecurity")),
    "PodNodeSelector": lambda context: PodNodeSelector(context.reader, context.settings("PodNodeSelector")),
    "Priority": lambda context: Priority(context.reader),
    "DefaultTolerationSeconds": lambda context: DefaultTolerationSeconds(),
    "PodTolerationRestriction": lambda context: PodTolerationRestriction(context.reader),
    "EventRateLimit": lambda context: EventRateLimit(context.clock, context.settings("EventRateLimit")),
    "ExtendedResourceToleration": lambda context: ExtendedResourceToleration(),
    "DefaultStorageClass": lambda context: DefaultStorageClass(context.reader),
    "StorageObjectInUseProtection": lambda context: StorageObjectInUseProtection(),
    "PodGroupProtection": lambda context: PodGroupProtection(),
    "OwnerReferencesPermissionEnforcement": lambda context: OwnerReferencesPermissionEnforcement(context.authorizer),
    "PersistentVolumeClaimResize": lambda context: PersistentVolumeClaimResize(context.reader),
    "RuntimeClass": lambda context: RuntimeClass(context.reader),
    "CertificateApproval": lambda context: CertificateApproval(context.authorizer),
    "CertificateSigning": lambda context: CertificateSigning(context.authorizer),
    "ClusterTrustBundleAttest": lambda context: ClusterTrustBundleAttest(context.authorizer),
    "CertificateSubjectRestriction": lambda context: CertificateSubjectRestriction(),
    "DefaultIngressClass": lambda context: DefaultIngressClass(context.reader),
    "DenyServiceExternalIPs": lambda context: DenyServiceExternalIPs(),
    "PodTopologyLabels": lambda context: PodTopologyLabels(context.reader),
    "PodGroupWorkloadExists": lambda context: PodGroupWorkloadExists(context.reader, context.refresh),
    "JobValidation": lambda context: JobValidation(context.reader),
    "NodeDeclaredFeatureValidator": lambda context: NodeDeclaredFeatureValidator(context.reader),
    "PodResizeValidator": lambda context: PodResizeValidator(context.reader),
    "MutatingAdmissionPolicy": mutating_policies,
    "MutatingAdmissionWebhook": mutating_webhooks,
    "ValidatingAdmissionPolicy": validating_policies,
    "ValidatingAdmissionWebhook": validating_webhooks,
    "ResourceQuota": lambda context: ResourceQuota(context.reader, context.quotas, context.clock, context.limited),
    "AlwaysDeny": lambda context: AlwaysDeny(),
}
"""Plugin name -> constructor, in the order in which they run."""

DEFAULT_OFF = frozenset(
    {
        "AlwaysAdmit",
        "AlwaysDeny",
        "AlwaysPullImages",
        "DenyServiceExternalIPs",
        "EventRateLimit",
        "ExtendedResourceToleration",
        "ImagePolicyWebhook",
        "LimitPodHardAntiAffinityTopology",
        "NamespaceAutoProvision",
        "NamespaceExists",
        "OwnerReferencesPermissionEnforcement",
        "PodNodeSelector",
        "PodTolerationRestriction",
    }
)
"""Only on when asked for."""

_GATES = {
    "JobValidation": ("GenericWorkload", "WorkloadWithJob"),
    "MutatingAdmissionPolicy": ("MutatingAdmissionPolicy",),
    "NodeDeclaredFeatureValidator": ("NodeDeclaredFeatures",),
    "PodGroupProtection": ("GenericWorkload",),
    "PodGroupWorkloadExists": ("GenericWorkload",),
    "PodTopologyLabels": ("PodTopologyLabelsAdmission",),
}
"""Plugin -> the feature gates without any of which it does nothing."""


def build(
    context: AdmissionContext,
    *,
    enable: Iterable[str] = (),
    disable: Iterable[str] = (),
    gates: Mapping[str, bool] | None = None,
) -> list[AdmissionPlugin]:
    """The plugins of a server, in order. ValueError for a name that does not exist, or is both on and off."""
    on, off = set(enable), set(disable)
    unknown = sorted((on | off) - set(ORDER))
    if unknown:
        raise ValueError(f"unknown admission plugins: {', '.join(unknown)}; there are: {', '.join(ORDER)}")
    if on & off:
        raise ValueError(
            f"{', '.join(sorted(on & off))} in enable-admission-plugins and disable-admission-plugins overlapped"
        )
    active = (set(ORDER) - DEFAULT_OFF - off) | on
    if gates is not None:
        active -= {name for name, any_of in _GATES.items() if not any(gates[gate] for gate in any_of)}
    return [_made(name, make, context) for name, make in ORDER.items() if name in active]


def _made(name: str, make: Make, context: AdmissionContext) -> AdmissionPlugin:
    """The plugin. ValueError when its configuration has not the shape that it should have."""
    try:
        return make(context)
    except (AttributeError, KeyError, TypeError) as error:
        if not context.settings(name):
            raise
        raise ValueError(f'couldn\'t init admission plugin "{name}": its configuration cannot be read') from error
