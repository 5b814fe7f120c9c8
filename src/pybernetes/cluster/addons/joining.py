"""What joining nodes need to find: the cluster's CA and address in `kube-public/cluster-info`, as kubeadm publishes
them, and the rights of the nodes' proxies.
"""

from typing import Any

import msgspec
import yaml

from ...client import kubeconfig
from ..config import ClusterConfig
from ..endpoint import server
from .objects import binding, cluster_role, group, user

SETTINGS = "settings"
"""The key in cluster-info that holds `SharedSettings`."""


class SharedSettings(msgspec.Struct, frozen=True):
    """What all nodes of a cluster have in common; joining nodes take it over."""

    pod_cidr: str
    service_cidr: str
    cluster_domain: str


def information(config: ClusterConfig, ca_data: bytes) -> dict[str, Any]:
    """The ConfigMap, with a kubeconfig without credentials. Of several control planes it names their common endpoint,
    or, where there is none, the first one."""
    document = kubeconfig.make(server=server(config), ca_data=ca_data)
    document["users"], document["contexts"], document["current-context"] = [], [], ""
    shared = SharedSettings(config.pod_cidr, config.service_cidr, config.cluster_domain)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "cluster-info", "namespace": "kube-public"},
        "data": {
            "kubeconfig": yaml.safe_dump(document, sort_keys=False),
            SETTINGS: msgspec.json.encode(shared).decode(),
        },
    }


def objects() -> list[dict[str, Any]]:
    """The rights of nodes' proxies; the binding of the controller that approves requests to the role for kubelets'
    serving certificates."""
    approver = binding(
        "pybernetes:kubelet-serving-approver",
        "system:certificates.k8s.io:kubelet-serving-approver",
        {"kind": "ServiceAccount", "namespace": "kube-system", "name": "certificate-controller"},
    )
    return [*_proxies(), approver]


def _proxies() -> list[dict[str, Any]]:
    """The proxies of all nodes are one user. Beyond upstream's role it reads what network policies depend on; a joined
    node has no credentials of that user, and impersonates it."""
    proxy = "system:kube-proxy"
    follow = ["list", "watch"]
    seen = [
        {"apiGroups": [""], "resources": ["pods", "namespaces"], "verbs": follow},
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": follow},
    ]
    be = [{"apiGroups": [""], "resources": ["users"], "resourceNames": [proxy], "verbs": ["impersonate"]}]
    return [
        cluster_role("pybernetes:network-policies", seen),
        binding("pybernetes:network-policies", "pybernetes:network-policies", user(proxy)),
        cluster_role("pybernetes:node-proxies", be),
        binding("pybernetes:node-proxies", "pybernetes:node-proxies", group("system:nodes")),
    ]
