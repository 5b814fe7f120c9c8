"""The metrics server's place in the cluster: who it is, what it may do, and how the API server finds it.

The names are those of metrics-server's own manifests, so that tools which look for it find it; its identity is a user
with a client certificate, as our other components have, not a service account. It is a part of the control-plane
process, not a pod: the Service has no selector, its EndpointSlice names the addresses of the control planes and the
server's port (endpoints.py).
"""

import base64
from collections.abc import Sequence

from ..config import ClusterConfig
from .objects import RBAC, Object, binding, cluster_role, endpoint_slice, user

USER = "system:metrics-server"
"""The identity of the metrics server, towards the API server and the kubelets."""
NAMESPACE, NAME = "kube-system", "metrics-server"
SERVER_NAME = f"{NAME}.{NAMESPACE}.svc"
"""The name in its certificate."""
API_SERVICE = "v1beta1.metrics.k8s.io"

_LABELS = {"k8s-app": NAME}


def objects(ca_data: bytes) -> list[Object]:
    """Everything but the EndpointSlice, in the order in which it should be made; `ca_data` (PEM) signs its serving
    certificate."""
    return [*access_objects(), service(), api_service(ca_data)]


def endpoints(config: ClusterConfig, addresses: Sequence[str]) -> Object:
    """The EndpointSlice: the servers of the control planes at these addresses."""
    return endpoint_slice(NAME, addresses, [("https", config.metrics_port, "TCP")])


def access_objects() -> list[Object]:
    """Roles and bindings: what it may do, and who may read what it serves."""
    aggregated = {f"{RBAC}/aggregate-to-{role}": "true" for role in ("view", "edit", "admin")}
    read, subject = ["get", "list", "watch"], user(USER)
    served = [{"apiGroups": ["metrics.k8s.io"], "resources": ["pods", "nodes"], "verbs": read}]
    needed = [
        {"apiGroups": [""], "resources": ["pods", "nodes"], "verbs": read},
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
    ]
    trust = "extension-apiserver-authentication-reader"
    return [
        cluster_role("system:aggregated-metrics-reader", served, aggregated),
        cluster_role(USER, needed, _LABELS),
        binding(USER, USER, subject, labels=_LABELS),
        binding("metrics-server:system:auth-delegator", "system:auth-delegator", subject, labels=_LABELS),
        binding("metrics-server-auth-reader", trust, subject, namespace=NAMESPACE, labels=_LABELS),
    ]


def service() -> Object:
    """The Service that the APIService names."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(_LABELS)},
        "spec": {"ports": [{"name": "https", "port": 443, "protocol": "TCP"}]},
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
