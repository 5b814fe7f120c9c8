"""The cluster's DNS service: `kube-dns` at the tenth service address, backed by the DNS server of the control plane.

The server is a part of the control-plane process, not a pod, so the service has no selector; its EndpointSlice names
the node's address and the server's port.
"""

from typing import Any

from ..config import ClusterConfig

USER = "system:coredns"
"""The identity of the DNS server (kubeadm's name for it)."""

_LABELS = {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}


def objects(config: ClusterConfig) -> list[dict[str, Any]]:
    """Service, EndpointSlice, and the server's right to read what it answers from."""
    ports = [("dns", "UDP"), ("dns-tcp", "TCP")]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": _LABELS},
        "spec": {
            "clusterIP": config.dns_ip,
            "ports": [{"name": name, "port": 53, "protocol": protocol} for name, protocol in ports],
        },
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {
                "kubernetes.io/service-name": "kube-dns",
                "endpointslice.kubernetes.io/managed-by": "pybernetes",
            },
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [config.node_ip], "conditions": {"ready": True}}],
        "ports": [{"name": name, "port": config.dns_port, "protocol": protocol} for name, protocol in ports],
    }
    read = ["list", "watch"]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": USER},
        "rules": [
            {"apiGroups": [""], "resources": ["services", "namespaces"], "verbs": read},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        ],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": USER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": USER},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": USER}],
    }
    return [role, binding, service, endpoints]
