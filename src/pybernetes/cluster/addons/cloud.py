"""What a cloud controller manager may do: its own user, and no more than its controllers need.

The rules are those of upstream's roles for the node, route and service controllers, less what only others of their
account use. Pods and EndpointSlices are read by the provider `local`, and callers of its pages are looked up.
"""

from typing import Any

from .objects import RBAC, Object, binding, cluster_role, user

USER = NAME = "system:cloud-controller-manager"
"""The identity in cloud-controller-manager.kubeconfig."""
LEASE = "cloud-controller-manager"
_NAMESPACE = "kube-system"


def objects() -> list[Object]:
    """Roles and bindings."""
    read = ["get", "list", "watch"]
    rules: list[dict[str, Any]] = [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": [*read, "patch", "delete"]},
        {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["services", "pods"], "verbs": read},
        {"apiGroups": [""], "resources": ["services/status"], "verbs": ["patch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
        {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]},
    ]
    leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    leader: Object = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "Role",
        "metadata": {"name": NAME, "namespace": _NAMESPACE},
        "rules": [{**leases, "verbs": ["create"]}, {**leases, "resourceNames": [LEASE], "verbs": ["get", "update"]}],
    }
    subject = user(USER)
    return [
        cluster_role(NAME, rules),
        binding(NAME, NAME, subject),
        leader,
        binding(NAME, NAME, subject, namespace=_NAMESPACE),
    ]
