"""`kubectl describe`, kind by kind: each describer is a function `(Context, object)` that writes lines.

`REGISTRY` names the module and function of each kind; kinds without one are described field by field (`generic`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..objects.item import Item
    from .writer import Context

REGISTRY = {
    "Pod": "pods.pod",
    "Deployment.apps": "workloads.deployment",
    "ReplicaSet.apps": "workloads.replica_set",
    "ReplicationController": "workloads.replica_set",
    "StatefulSet.apps": "workloads.stateful_set",
    "DaemonSet.apps": "workloads.daemon_set",
    "Job.batch": "workloads.job",
    "CronJob.batch": "workloads.cron_job",
    "Service": "networking.service",
    "Ingress.networking.k8s.io": "networking.ingress",
    "IngressClass.networking.k8s.io": "networking.ingress_class",
    "NetworkPolicy.networking.k8s.io": "network_policies.network_policy",
    "ServiceCIDR.networking.k8s.io": "networking.service_cidr",
    "IPAddress.networking.k8s.io": "networking.ip_address",
    "Endpoints": "networking.endpoints",
    "EndpointSlice.discovery.k8s.io": "networking.endpoint_slice",
    "Node": "nodes.node",
    "ConfigMap": "configuration.config_map",
    "Secret": "configuration.secret",
    "Namespace": "configuration.namespace",
    "ServiceAccount": "configuration.service_account",
    "ResourceQuota": "configuration.resource_quota",
    "LimitRange": "configuration.limit_range",
    "PriorityClass.scheduling.k8s.io": "configuration.priority_class",
    "PersistentVolume": "storage.volume",
    "PersistentVolumeClaim": "storage.claim",
    "StorageClass.storage.k8s.io": "storage.storage_class",
    "VolumeAttributesClass.storage.k8s.io": "storage.attributes_class",
    "CSINode.storage.k8s.io": "storage.csi_node",
    "Role.rbac.authorization.k8s.io": "rbac.role",
    "ClusterRole.rbac.authorization.k8s.io": "rbac.role",
    "RoleBinding.rbac.authorization.k8s.io": "rbac.binding",
    "ClusterRoleBinding.rbac.authorization.k8s.io": "rbac.binding",
    "HorizontalPodAutoscaler.autoscaling": "policies.autoscaler",
    "PodDisruptionBudget.policy": "policies.budget",
    "CertificateSigningRequest.certificates.k8s.io": "certificates.signing_request",
}


def describer_of(item: Item) -> Callable[[Context, Item], None]:
    """The function for an item's kind."""
    import importlib

    resource = item.resource
    name = REGISTRY.get(f"{resource.kind}.{resource.group}" if resource.group else resource.kind, "generic.generic")
    module, _, function = name.partition(".")
    found: Callable[[Context, Item], None] = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    return found
