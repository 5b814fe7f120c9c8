"""The metrics server's place in the cluster: who it is, what it may do, and how the API server finds it.

The names are those of metrics-server's own manifests, so that tools which look for it find it; its identity is a user
with a client certificate, as our other components have, not a service account. It is a part of the control-plane
process, not a pod: the Service has no selector, its EndpointSlice names the node's address and the server's port.
"""

import base64
from typing import Any

from ..config import ClusterConfig

USER = "system:metrics-server"
"""The identity of the metrics server, towards the API server and the kubelets."""
NAMESPACE, NAME = "kube-system", "metrics-server"
SERVER_NAME = f"{NAME}.{NAMESPACE}.svc"
"""The name in its certificate."""
API_SERVICE = "v1beta1.metrics.k8s.io"

Object = dict[str, Any]
_RBAC = "rbac.authorization.k8s.io"
_LABELS = {"k8s-app": NAME}


def objects(config: ClusterConfig, ca_data: bytes) -> list[Object]:
    """Everything, in the order in which it should be made; `ca_data` (PEM) signs its serving certificate."""
    return [*access_objects(), service(), endpoints(config), api_service(ca_data)]


def access_objects() -> list[Object]:
    """Roles and bindings: what it may do, and who may read what it serves."""
    aggregated = {f"{_RBAC}/aggregate-to-{role}": "true" for role in ("view", "edit", "admin")}
    reader = _role("system:aggregated-metrics-reader", ["metrics.k8s.io"], ["pods", "nodes"], aggregated)
    role = _role(USER, [""], ["pods", "nodes"], _LABELS)
    role["rules"].append({"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]})
    own = {"kind": "ClusterRole", "name": USER}
    delegator = {"kind": "ClusterRole", "name": "system:auth-delegator"}
    trust = {"kind": "Role", "name": "extension-apiserver-authentication-reader"}
    return [
        reader,
        role,
        _binding("ClusterRoleBinding", {"name": USER}, own),
        _binding("ClusterRoleBinding", {"name": "metrics-server:system:auth-delegator"}, delegator),
        _binding("RoleBinding", {"name": "metrics-server-auth-reader", "namespace": NAMESPACE}, trust),
    ]


def _role(name: str, groups: list[str], resources: list[str], labels: dict[str, str]) -> Object:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": dict(labels)},
        "rules": [{"apiGroups": groups, "resources": resources, "verbs": ["get", "list", "watch"]}],
    }


def _binding(kind: str, metadata: Object, role: Object) -> Object:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": {**metadata, "labels": dict(_LABELS)},
        "roleRef": {"apiGroup": _RBAC, **role},
        "subjects": [{"kind": "User", "apiGroup": _RBAC, "name": USER}],
    }


def service() -> Object:
    """The Service that the APIService names."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(_LABELS)},
        "spec": {"ports": [{"name": "https", "port": 443, "protocol": "TCP"}]},
    }


def endpoints(config: ClusterConfig) -> Object:
    """Where it listens."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {
                "kubernetes.io/service-name": NAME,
                "endpointslice.kubernetes.io/managed-by": "pybernetes",
            },
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [config.node_ip], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": config.metrics_port, "protocol": "TCP"}],
    }


def api_service(ca_data: bytes) -> Object:
    """What makes the API server send requests for the group here."""
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": API_SERVICE, "labels": dict(_LABELS)},
        "spec": {
            "service": {"name": NAME, "namespace": NAMESPACE, "port": 443},
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "caBundle": base64.b64encode(ca_data).decode(),
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }
