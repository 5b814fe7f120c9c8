"""What joining nodes need to find: the cluster's CA and address in `kube-public/cluster-info`, as kubeadm publishes
them, and the right of nodes to run the service proxy.
"""

from typing import Any

import msgspec
import yaml

from ...client import kubeconfig
from ..config import ClusterConfig

SETTINGS = "settings"
"""The key in cluster-info that holds `SharedSettings`."""


class SharedSettings(msgspec.Struct, frozen=True):
    """What all nodes of a cluster have in common; joining nodes take it over."""

    pod_cidr: str
    service_cidr: str
    cluster_domain: str


def objects(config: ClusterConfig, ca_data: bytes) -> list[dict[str, Any]]:
    """ConfigMap with a kubeconfig without credentials; bindings of nodes to the proxy's role, and of the controller
    that approves requests to the role for kubelets' serving certificates."""
    document = kubeconfig.make(server=f"https://{config.node_ip}:{config.api_port}", ca_data=ca_data)
    document["users"], document["contexts"], document["current-context"] = [], [], ""
    shared = SharedSettings(config.pod_cidr, config.service_cidr, config.cluster_domain)
    information = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "cluster-info", "namespace": "kube-public"},
        "data": {
            "kubeconfig": yaml.safe_dump(document, sort_keys=False),
            SETTINGS: msgspec.json.encode(shared).decode(),
        },
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "pybernetes:node-proxier"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:node-proxier"},
        "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:nodes"}],
    }
    approver = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "pybernetes:kubelet-serving-approver"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "system:certificates.k8s.io:kubelet-serving-approver",
        },
        "subjects": [{"kind": "ServiceAccount", "namespace": "kube-system", "name": "certificate-controller"}],
    }
    return [information, binding, approver]
