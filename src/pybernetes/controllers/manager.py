"""Every controller by its name, and the manager that runs them.

    manager = ControllerManager(client_for, ControllerManagerConfig(root_ca=…))
    async with running("controller-manager", manager.serve): ...

`CONTROLLERS` gives the names `--controllers` knows (upstream's), in start order, and the service account in kube-system
as which each acts. The machinery is `reconcile/manager.py`; this is the only module here that knows all controllers.
"""

from collections.abc import Callable, Collection, Mapping

import msgspec

from ..base.clock import SYSTEM_CLOCK, Clock
from ..client.client import Client
from ..reconcile.config import ControllerManagerConfig
from ..reconcile.manager import MANAGER, Registration
from ..reconcile.manager import ControllerManager as GenericManager
from .attach_detach.controller import AttachDetach
from .bootstrap_tokens import BootstrapSigner, TokenCleaner
from .clusterrole_aggregation import ClusterRoleAggregation
from .cronjob.controller import CronJobController
from .csr_approver import CSRApprover
from .csr_cleaner import CSRCleaner
from .csr_signer import CSRSigner
from .daemonset.controller import DaemonSetController
from .deployment.controller import DeploymentController
from .device_taint_eviction.controller import DeviceTaintEviction
from .disruption import DisruptionController
from .endpoint_slice.controller import EndpointSliceController
from .endpoint_slice_mirroring import EndpointSliceMirroring
from .endpoints import EndpointsController
from .ephemeral_volume import EphemeralVolume
from .expander import Expander
from .garbage_collector.controller import GarbageCollector
from .horizontal_autoscaler.controller import HorizontalAutoscaler
from .job.controller import JobController
from .legacy_token_cleaner import LegacyTokenCleaner
from .namespace import NamespaceController
from .node_ipam import NodeIPAM
from .node_lifecycle.controller import NodeLifecycleController
from .node_ttl import NodeTTL
from .pod_garbage_collector import PodGarbageCollector
from .podgroup_protection import PodGroupProtection
from .pv_protection import PVProtection
from .pvc_protection import PVCProtection
from .replicaset import ReplicaSetController
from .replicationcontroller import ReplicationControllerController
from .resource_claim import ResourceClaimController
from .resource_quota import ResourceQuotaController
from .root_ca_publisher import RootCAPublisher
from .service_account import ServiceAccountController
from .service_account_token import ServiceAccountTokenController
from .service_cidr import ServiceCIDRController
from .statefulset.controller import StatefulSetController
from .storage_version_collector import StorageVersionCollector
from .storage_version_migrator import StorageVersionMigrator
from .taint_eviction import TaintEvictionController
from .ttl_after_finished import TTLAfterFinished
from .validating_admission_policy_status import ValidatingAdmissionPolicyStatus
from .volume_attributes_class_protection import VolumeAttributesClassProtection
from .volume_binder.controller import VolumeBinder

CONTROLLERS: dict[str, Registration] = {
    "serviceaccount-controller": Registration(ServiceAccountController, "service-account-controller"),
    "root-ca-certificate-publisher-controller": Registration(RootCAPublisher, "root-ca-cert-publisher"),
    "clusterrole-aggregation-controller": Registration(ClusterRoleAggregation, "clusterrole-aggregation-controller"),
    "namespace-controller": Registration(NamespaceController, "namespace-controller"),
    "deployment-controller": Registration(DeploymentController, "deployment-controller"),
    "replicaset-controller": Registration(ReplicaSetController, "replicaset-controller"),
    "replicationcontroller-controller": Registration(ReplicationControllerController, "replication-controller"),
    "endpointslice-controller": Registration(EndpointSliceController, "endpointslice-controller"),
    "endpointslice-mirroring-controller": Registration(EndpointSliceMirroring, "endpointslicemirroring-controller"),
    "endpoints-controller": Registration(EndpointsController, "endpoint-controller"),
    "daemonset-controller": Registration(DaemonSetController, "daemon-set-controller"),
    "job-controller": Registration(JobController, "job-controller"),
    "statefulset-controller": Registration(StatefulSetController, "statefulset-controller"),
    "cronjob-controller": Registration(CronJobController, "cronjob-controller"),
    "horizontal-pod-autoscaler-controller": Registration(HorizontalAutoscaler, "horizontal-pod-autoscaler"),
    "ttl-after-finished-controller": Registration(TTLAfterFinished, "ttl-after-finished-controller"),
    "node-ipam-controller": Registration(NodeIPAM, "node-controller"),
    "node-lifecycle-controller": Registration(NodeLifecycleController, "node-controller"),
    "taint-eviction-controller": Registration(TaintEvictionController, "node-controller"),
    "device-taint-eviction-controller": Registration(DeviceTaintEviction, "device-taint-eviction-controller"),
    "pod-garbage-collector-controller": Registration(PodGarbageCollector, "pod-garbage-collector"),
    "certificatesigningrequest-approving-controller": Registration(CSRApprover, "certificate-controller"),
    "certificatesigningrequest-signing-controller": Registration(CSRSigner, "certificate-controller"),
    "certificatesigningrequest-cleaner-controller": Registration(CSRCleaner, "certificate-controller"),
    "serviceaccount-token-controller": Registration(ServiceAccountTokenController, MANAGER),
    "bootstrap-signer-controller": Registration(BootstrapSigner, "bootstrap-signer"),
    "token-cleaner-controller": Registration(TokenCleaner, "token-cleaner"),
    "disruption-controller": Registration(DisruptionController, "disruption-controller"),
    "resourcequota-controller": Registration(ResourceQuotaController, "resourcequota-controller"),
    "resourceclaim-controller": Registration(ResourceClaimController, "resource-claim-controller"),
    "persistentvolume-binder-controller": Registration(VolumeBinder, "persistent-volume-binder"),
    "persistentvolume-attach-detach-controller": Registration(AttachDetach, "attachdetach-controller"),
    "persistentvolume-expander-controller": Registration(Expander, "expand-controller"),
    "persistentvolumeclaim-protection-controller": Registration(PVCProtection, "pvc-protection-controller"),
    "persistentvolume-protection-controller": Registration(PVProtection, "pv-protection-controller"),
    "volumeattributesclass-protection-controller": Registration(
        VolumeAttributesClassProtection, "volumeattributesclass-protection-controller"
    ),
    "podgroup-protection-controller": Registration(
        PodGroupProtection, "podgroup-protection-controller", enabled_by_default=False
    ),
    "ephemeral-volume-controller": Registration(EphemeralVolume, "ephemeral-volume-controller"),
    "ttl-controller": Registration(NodeTTL, "ttl-controller"),
    "service-cidr-controller": Registration(ServiceCIDRController, "service-cidrs-controller"),
    "legacy-serviceaccount-token-cleaner-controller": Registration(
        LegacyTokenCleaner, "legacy-service-account-token-cleaner"
    ),
    "validatingadmissionpolicy-status-controller": Registration(
        ValidatingAdmissionPolicyStatus, "validatingadmissionpolicy-status-controller"
    ),
    "storageversion-garbage-collector-controller": Registration(
        StorageVersionCollector, "storageversion-garbage-collector-controller", enabled_by_default=False
    ),
    "storage-version-migrator-controller": Registration(
        StorageVersionMigrator, "storage-version-migrator-controller", enabled_by_default=False
    ),
    "garbage-collector-controller": Registration(GarbageCollector, "generic-garbage-collector"),
}


ALIASES = {
    "serviceaccount-token": "serviceaccount-token-controller",
    "endpoint": "endpoints-controller",
    "endpointslice": "endpointslice-controller",
    "endpointslicemirroring": "endpointslice-mirroring-controller",
    "replicationcontroller": "replicationcontroller-controller",
    "podgc": "pod-garbage-collector-controller",
    "resourcequota": "resourcequota-controller",
    "namespace": "namespace-controller",
    "serviceaccount": "serviceaccount-controller",
    "garbagecollector": "garbage-collector-controller",
    "daemonset": "daemonset-controller",
    "job": "job-controller",
    "deployment": "deployment-controller",
    "replicaset": "replicaset-controller",
    "horizontalpodautoscaling": "horizontal-pod-autoscaler-controller",
    "disruption": "disruption-controller",
    "statefulset": "statefulset-controller",
    "cronjob": "cronjob-controller",
    "csrsigning": "certificatesigningrequest-signing-controller",
    "csrapproving": "certificatesigningrequest-approving-controller",
    "csrcleaner": "certificatesigningrequest-cleaner-controller",
    "ttl": "ttl-controller",
    "bootstrapsigner": "bootstrap-signer-controller",
    "tokencleaner": "token-cleaner-controller",
    "nodeipam": "node-ipam-controller",
    "nodelifecycle": "node-lifecycle-controller",
    "service": "service-lb-controller",
    "route": "node-route-controller",
    "cloud-node-lifecycle": "cloud-node-lifecycle-controller",
    "persistentvolume-binder": "persistentvolume-binder-controller",
    "attachdetach": "persistentvolume-attach-detach-controller",
    "persistentvolume-expander": "persistentvolume-expander-controller",
    "clusterrole-aggregation": "clusterrole-aggregation-controller",
    "pvc-protection": "persistentvolumeclaim-protection-controller",
    "pv-protection": "persistentvolume-protection-controller",
    "ttl-after-finished": "ttl-after-finished-controller",
    "root-ca-cert-publisher": "root-ca-certificate-publisher-controller",
    "ephemeral-volume": "ephemeral-volume-controller",
    "storage-version-gc": "storageversion-garbage-collector-controller",
    "resource-claim-controller": "resourceclaim-controller",
    "legacy-service-account-token-cleaner": "legacy-serviceaccount-token-cleaner-controller",
}
"""Names of earlier releases, still accepted by `--controllers`."""

ELSEWHERE = frozenset(
    {
        "cloud-node-lifecycle-controller",
        "kube-apiserver-serving-clustertrustbundle-publisher-controller",
        "node-route-controller",
        "podcertificaterequest-cleaner-controller",
        "resourcepoolstatusrequest-controller",
        "selinux-warning-controller",
        "service-lb-controller",
    }
)
"""Names of upstream's that another component has, or that are off by default: they may be disabled, not enabled."""


class ControllerManager(GenericManager):
    """The manager of all of `CONTROLLERS`; `config.controllers` selects.

    `client_for(name)` gives a client acting as `system:serviceaccount:kube-system:<name>`, or the process' only client;
    for "kube-controller-manager" it acts as the user `system:kube-controller-manager`. `more` are controllers of
    another package that run under the same lease.
    """

    def __init__(
        self,
        client_for: Callable[[str], Client],
        config: ControllerManagerConfig | None = None,
        clock: Clock = SYSTEM_CLOCK,
        *,
        more: Mapping[str, Registration] | None = None,
    ) -> None:
        settings = config or ControllerManagerConfig()
        every = {**CONTROLLERS, **(more or {})}
        selected = selection(settings.controllers, ELSEWHERE - every.keys())
        super().__init__(client_for, msgspec.structs.replace(settings, controllers=selected), clock, controllers=every)


def selection(items: tuple[str, ...], elsewhere: Collection[str] = ELSEWHERE) -> tuple[str, ...]:
    """The items of `--controllers` by today's names. ValueError when one names nothing, or what cannot run here."""
    found = []
    for item in items:
        name = item.removeprefix("-")
        name = ALIASES.get(name, name)
        if name in elsewhere:
            if not item.startswith("-"):
                raise ValueError(f"controller {name!r} is not available here")
            continue
        found.append(f"-{name}" if item.startswith("-") else name)
    return tuple(found)


__all__ = ["CONTROLLERS", "MANAGER", "ControllerManager", "ControllerManagerConfig"]
