"""The cluster's DNS service: `kube-dns` at the tenth service address, backed by the DNS server of the control plane.

The server is a part of the control-plane process, not a pod, so the service has no selector; its EndpointSlice names
the addresses of the control planes and the server's port (endpoints.py).
"""

from collections.abc import Sequence
from typing import Any

from ..config import ClusterConfig
from .objects import binding, cluster_role, endpoint_slice, user

USER = "system:coredns"
"""The identity of the DNS server (kubeadm's name for it)."""

NAME = "kube-dns"
_PORTS = (("dns", "UDP"), ("dns-tcp", "TCP"))
_LABELS = {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}


def objects(config: ClusterConfig) -> list[dict[str, Any]]:
    """Service, and the server's right to read what it answers from."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": "kube-system", "labels": _LABELS},
        "spec": {
            "clusterIP": config.dns_ip,
            "ports": [
                {"name": name, "port": 53, "targetPort": config.dns_port, "protocol": protocol}
                for name, protocol in _PORTS
            ],
        },
    }
    read = ["list", "watch"]
    rules = [
        {"apiGroups": [""], "resources": ["services", "namespaces"], "verbs": read},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
    ]
    return [cluster_role(USER, rules), binding(USER, USER, user(USER)), service]


def endpoints(config: ClusterConfig, addresses: Sequence[str]) -> dict[str, Any]:
    """The EndpointSlice: the servers of the control planes at these addresses."""
    return endpoint_slice(NAME, addresses, [(name, config.dns_port, protocol) for name, protocol in _PORTS])
