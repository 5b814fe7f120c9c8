"""The objects that several add-ons are made of: roles, bindings, and where a part of the control planes serves."""

from collections.abc import Mapping, Sequence
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


def endpoint_slice(service: str, addresses: Sequence[str], ports: list[tuple[str, int, str]]) -> Object:
    """Where a part of the control planes serves, for a Service of kube-system without a selector. ports: (name, number,
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
        "addressType": "IPv6" if ":" in "".join(addresses) else "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
        "ports": [{"name": name, "port": number, "protocol": protocol} for name, number, protocol in ports],
    }


def with_pods(found: Object, pods: Mapping[str, Object]) -> Object:
    """The EndpointSlice, whose addresses say which of the pods (by address) and which node they are."""
    named = [endpoint | pods.get(endpoint["addresses"][0], {}) for endpoint in found["endpoints"]]
    return found | {"endpoints": named}


def pod_at(name: str, uid: str, node_name: str) -> Object:
    """What an address says of its pod, in an EndpointSlice and in Endpoints alike."""
    return {
        "nodeName": node_name,
        "targetRef": {"kind": "Pod", "namespace": "kube-system", "name": name, "uid": uid},
    }


def legacy_endpoints(found: Object) -> Object:
    """The same as Endpoints, for tools that know no EndpointSlices; not to be mirrored into another slice."""
    metadata = found["metadata"]
    addresses = [
        {"ip": endpoint["addresses"][0], **{key: endpoint[key] for key in ("nodeName", "targetRef") if key in endpoint}}
        for endpoint in found["endpoints"]
    ]
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
        },
        "subsets": [{"addresses": addresses, "ports": found["ports"]}],
    }
