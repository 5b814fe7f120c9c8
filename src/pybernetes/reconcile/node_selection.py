"""Which nodes a pod may be on by its own wish: `nodeName`, `nodeSelector` and required node affinity."""

from collections.abc import Mapping

from ..api.core import Node, NodeSelectorRequirement, NodeSelectorTerm, PodSpec


def selects_node(spec: PodSpec, node: Node) -> bool:
    """Whether the pod's selectors allow this node."""
    name = node.metadata.name or ""
    labels = node.metadata.labels or {}
    if spec.node_name and spec.node_name != name:
        return False
    if not (spec.node_selector or {}).items() <= labels.items():
        return False
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    if required is None:
        return True
    return any(_term_matches(term, name, labels) for term in required.node_selector_terms or ())


def _term_matches(term: NodeSelectorTerm, name: str, labels: Mapping[str, str]) -> bool:
    """All requirements of a term hold; a term without any matches nothing."""
    expressions, fields = term.match_expressions or [], term.match_fields or []
    if not expressions and not fields:
        return False
    return all(_matches(found, labels) for found in expressions) and all(
        _matches(found, {"metadata.name": name}) for found in fields
    )


def _matches(requirement: NodeSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    values = requirement.values or []
    match requirement.operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as operator:
            try:
                found, bound = int(value or ""), int(values[0])
            except (ValueError, IndexError):
                return False
            return found > bound if operator == "Gt" else found < bound
    return False
