"""Which nodes a pod may be on by its own wish: `nodeName`, `nodeSelector` and required node affinity."""

from ..api.core import Node, PodSpec
from ..api.node_affinity import node_affinity_matches


def selects_node(spec: PodSpec, node: Node) -> bool:
    """Whether the pod's selectors allow this node."""
    name = node.metadata.name or ""
    if spec.node_name and spec.node_name != name:
        return False
    return node_affinity_matches(spec, name, node.metadata.labels or {})
