"""Every controller by its name, and the manager that runs them.

    manager = ControllerManager(client_for, ControllerManagerConfig(root_ca=…))
    async with running("controller-manager", manager.serve): ...

`CONTROLLERS` gives the names `--controllers` knows (upstream's), in start order, and the service account in kube-system
as which each acts. The machinery is `reconcile/manager.py`; this is the only module here that knows all controllers.
"""

from collections.abc import Callable

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
from .taint_eviction import TaintEvictionController
from .ttl_after_finished import TTLAfterFinished
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
    "ephemeral-volume-controller": Registration(EphemeralVolume, "ephemeral-volume-controller"),
    "ttl-controller": Registration(NodeTTL, "ttl-controller"),
    "service-cidr-controller": Registration(ServiceCIDRController, "service-cidrs-controller"),
    "legacy-serviceaccount-token-cleaner-controller": Registration(
        LegacyTokenCleaner, "legacy-service-account-token-cleaner"
    ),
    "garbage-collector-controller": Registration(GarbageCollector, "generic-garbage-collector"),
}


class ControllerManager(GenericManager):
    """The manager of all of `CONTROLLERS`; `config.controllers` selects.

    `client_for(name)` gives a client acting as `system:serviceaccount:kube-system:<name>`, or the process' only client;
    for "kube-controller-manager" it acts as the user `system:kube-controller-manager`.
    """

    def __init__(
        self,
        client_for: Callable[[str], Client],
        config: ControllerManagerConfig | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        super().__init__(client_for, config, clock, controllers=CONTROLLERS)


__all__ = ["CONTROLLERS", "MANAGER", "ControllerManager", "ControllerManagerConfig"]
