"""Mode Node: a kubelet (`system:node:NAME` in `system:nodes`) reads what its own pods need, and nothing else.

Secrets, config maps, claims, volumes, accounts and pods are answered from the graph; leases and CSINodes by name; lists
and watches of pods and nodes only with the field selector that narrows them to the node (KEP-4601). Everything else
follows the fixed rules of the `system:node` role. What a node may write is narrowed further by NodeRestriction.
"""

from ...api.resource import load_data
from ...api.user import UserInfo
from ..reader import ObjectReader
from .authorizer import ALLOW, NO_OPINION, Attributes, Decision
from .node_graph import NodeGraph
from .rules import Rule, compile_rule

NODE_PREFIX = "system:node:"
NODES_GROUP = "system:nodes"
_LEASE_NAMESPACE = "kube-node-lease"
_OWN_OBJECT_VERBS = ("get", "create", "update", "patch", "delete")


def node_name(user: UserInfo) -> str | None:
    """The node this user is; None for anybody else, "" for a member of system:nodes without a node's name."""
    if NODES_GROUP not in user.groups:
        return None
    return user.name.removeprefix(NODE_PREFIX) if user.name.startswith(NODE_PREFIX) else None


class NodeAuthorizer:
    """See the module docstring. It never denies; what it does not allow is left to the next mode."""

    def __init__(self, reader: ObjectReader) -> None:
        self._graph = NodeGraph(reader)
        self._rules: tuple[Rule, ...] | None = None

    async def authorize(self, attributes: Attributes) -> Decision:
        """See Authorizer."""
        return self.decide(attributes)

    def decide(self, attributes: Attributes) -> Decision:
        """The decision, from memory."""
        node = node_name(attributes.user)
        if node is None:
            return NO_OPINION
        if not node:
            return Decision(reason=f'unknown node for user "{attributes.user.name}"')
        if attributes.is_resource:
            match attributes.resource, attributes.group:
                case (("secrets" | "configmaps"), ""):
                    return self._read_namespaced(node, attributes)
                case "persistentvolumeclaims", "":
                    if attributes.subresource == "status":
                        return self._update_status(node, attributes)
                    return self._get(node, attributes)
                case ("persistentvolumes", "") | ("resourceclaims", "resource.k8s.io"):
                    return self._get(node, attributes)
                case "volumeattachments", "storage.k8s.io":
                    return self._get(node, attributes)
                case "serviceaccounts", "":
                    return self._service_account(node, attributes)
                case "leases", "coordination.k8s.io":
                    return _lease(node, attributes)
                case "resourceslices", "resource.k8s.io":
                    return self._resource_slice(node, attributes)
                case "csinodes", "storage.k8s.io":
                    return _csi_node(node, attributes)
                case "nodes", "":
                    return _node(node, attributes)
                case "pods", "":
                    return self._pod(node, attributes)
        return self._by_rules(attributes)

    def rules_for(
        self, user: UserInfo, namespace: str
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], bool]:
        """See Authorizer: what a node may do hangs on its pods, so the answer is always incomplete."""
        return [], [], node_name(user) is not None

    def _by_rules(self, attributes: Attributes) -> Decision:
        if self._rules is None:
            role = load_data("wellknown")["rbac"]["clusterRoles"]["system:node"]
            self._rules = tuple(
                compile_rule({"apiGroups": rule["g"], "resources": rule["r"], "verbs": rule["v"]})
                for rule in role["rules"]
            )
        return ALLOW if any(rule.allows(attributes) for rule in self._rules) else NO_OPINION

    def _related(self, node: str, attributes: Attributes) -> Decision:
        if not attributes.name:
            return Decision(reason="No Object name found")
        if self._graph.reaches(node, (attributes.resource, attributes.namespace, attributes.name)):
            return ALLOW
        return Decision(reason=f"no relationship found between node '{node}' and this object")

    def _read_namespaced(self, node: str, attributes: Attributes) -> Decision:
        if attributes.verb not in ("get", "list", "watch"):
            return Decision(reason="can only read resources of this type")
        if attributes.subresource:
            return Decision(reason="cannot read subresource")
        if not attributes.namespace:
            return Decision(reason="can only read namespaced object of this type")
        return self._related(node, attributes)

    def _get(self, node: str, attributes: Attributes) -> Decision:
        if attributes.verb != "get":
            return Decision(reason="can only get individual resources of this type")
        if attributes.subresource:
            return Decision(reason="cannot get subresource")
        return self._related(node, attributes)

    def _update_status(self, node: str, attributes: Attributes) -> Decision:
        if attributes.verb not in ("update", "patch"):
            return Decision(reason="can only get/update/patch this type")
        return self._related(node, attributes)

    def _service_account(self, node: str, attributes: Attributes) -> Decision:
        if attributes.verb == "get" and not attributes.subresource:
            return self._related(node, attributes)
        if attributes.verb != "create" or not attributes.name:
            return Decision(reason="can only create tokens for individual service accounts")
        if attributes.subresource != "token":
            return Decision(reason="can only create token subresource of service account")
        return self._related(node, attributes)

    def _resource_slice(self, node: str, attributes: Attributes) -> Decision:
        if attributes.subresource:
            return Decision(reason="cannot authorize ResourceSlice subresources")
        match attributes.verb:
            case "create":  # NodeRestriction sees which node's
                return ALLOW
            case "get" | "update" | "patch" | "delete":
                return self._related(node, attributes)
            case "watch" | "list" | "deletecollection":
                if _selects(attributes.field_selector, "spec.nodeName", node):
                    return ALLOW
                words = "can only list/watch/deletecollection resourceslices with nodeName field selector"
                return Decision(reason=words)
        return Decision(
            reason="only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, "
            "delete, deletecollection"
        )

    def _pod(self, node: str, attributes: Attributes) -> Decision:
        match attributes.subresource, attributes.verb:
            case "", "get":
                return self._get(node, attributes)
            case "", ("list" | "watch"):
                if _selects(attributes.field_selector, "spec.nodeName", node):
                    return ALLOW
                if attributes.name:
                    return self._related(node, attributes)
                return Decision(reason="can only list/watch pods with spec.nodeName field selector")
            case ("", ("create" | "delete")) | ("status", ("update" | "patch")) | ("eviction", "create"):
                return ALLOW
        return NO_OPINION


def _lease(node: str, attributes: Attributes) -> Decision:
    if attributes.verb not in _OWN_OBJECT_VERBS:
        return Decision(reason="can only get, create, update, patch, or delete a node lease")
    if attributes.namespace != _LEASE_NAMESPACE:
        return Decision(reason=f'can only access leases in the "{_LEASE_NAMESPACE}" system namespace')
    if attributes.verb != "create" and attributes.name != node:
        return Decision(reason="can only access node lease with the same name as the requesting node")
    return ALLOW


def _csi_node(node: str, attributes: Attributes) -> Decision:
    if attributes.verb not in _OWN_OBJECT_VERBS:
        return Decision(reason="can only get, create, update, patch, or delete a CSINode")
    if attributes.subresource:
        return Decision(reason="cannot authorize CSINode subresources")
    if attributes.verb != "create" and attributes.name != node:
        return Decision(reason="can only access CSINode with the same name as the requesting node")
    return ALLOW


def _node(node: str, attributes: Attributes) -> Decision:
    match attributes.subresource, attributes.verb:
        case ("", ("create" | "update" | "patch")) | ("status", ("update" | "patch")):
            return ALLOW
        case "", ("get" | "list" | "watch"):
            if attributes.name == node:
                return ALLOW
            if not attributes.name:
                return Decision(reason=f"node '{node}' cannot read all nodes, only its own Node object")
            return Decision(reason=f"node '{node}' cannot read '{attributes.name}', only its own Node object")
    return NO_OPINION


def _selects(field_selector: str, field: str, value: str) -> bool:
    """Whether one term of the selector is `field=value`."""
    for term in field_selector.split(","):
        key, equals, wanted = term.partition("=")
        if equals and not key.endswith("!") and key.strip() == field and wanted.removeprefix("=").strip() == value:
            return True
    return False
