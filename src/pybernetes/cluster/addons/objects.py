"""The objects that several add-ons are made of: roles, bindings, and the endpoints of a part of this process."""

from typing import Any

Object = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"
CLUSTER_ROLE = "ClusterRole"


def cluster_role(name: str, rules: list[Object], labels: dict[str, str] | None = None) -> Object:
    """What somebody may do."""
    metadata = {"name": name, "labels": dict(labels)} if labels else {"name": name}
    return {"apiVersion": f"{RBAC}/v1", "kind": CLUSTER_ROLE, "metadata": metadata, "rules": rules}


def user(name: str) -> Object:
    """A subject."""
    return {"kind": "User", "apiGroup": RBAC, "name": name}


def group(name: str) -> Object:
    """A subject."""
    return {"kind": "Group", "apiGroup": RBAC, "name": name}


def binding(
    name: str, role: str, subject: Object, *, namespace: str = "", labels: dict[str, str] | None = None
) -> Object:
    """Gives a ClusterRole to a subject; with a namespace a Role of that namespace."""
    metadata: Object = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = dict(labels)
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": "Role" if namespace else CLUSTER_ROLE, "name": role},
        "subjects": [subject],
    }


def endpoint_slice(service: str, ip: str, ports: list[tuple[str, int, str]]) -> Object:
    """Where a part of this process serves, for a Service of kube-system without a selector. ports: (name, number,
    protocol)."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": service,
            "namespace": "kube-system",
            "labels": {
                "kubernetes.io/service-name": service,
                "endpointslice.kubernetes.io/managed-by": "pybernetes",
            },
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [ip], "conditions": {"ready": True}}],
        "ports": [{"name": name, "port": number, "protocol": protocol} for name, number, protocol in ports],
    }
