"""Which nodes a pod's nodeSelector and required node affinity select. Pure.

The scheduler asks before it places a pod, the kubelet again before it takes one (page "Assigning Pods to Nodes").
"""

from collections.abc import Mapping

from pybernetes.api.core import NodeSelectorRequirement, NodeSelectorTerm, PodSpec


def node_affinity_matches(spec: PodSpec, name: str, labels: Mapping[str, str]) -> bool:
    """Whether the pod's nodeSelector and its required node affinity select a node of that name and labels."""
    for key, value in (spec.node_selector or {}).items():
        if labels.get(key) != value:
            return False
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    if required is None:
        return True
    return any(node_term_matches(term, name, labels) for term in required.node_selector_terms or ())


def node_term_matches(term: NodeSelectorTerm, name: str, labels: Mapping[str, str]) -> bool:
    """Whether all requirements of a term hold; a term without any matches nothing."""
    if not term.match_expressions and not term.match_fields:
        return False
    return all(requirement_holds(requirement, labels) for requirement in term.match_expressions or ()) and all(
        requirement_holds(requirement, {"metadata.name": name}) for requirement in term.match_fields or ()
    )


def requirement_holds(requirement: NodeSelectorRequirement, labels: Mapping[str, str]) -> bool:
    """Whether labels (or fields) meet one requirement."""
    value = labels.get(requirement.key)
    values = requirement.values or ()
    match requirement.operator:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            try:
                left, right = int(value or ""), int("".join(values))
            except ValueError:
                return False
            return left > right if requirement.operator == "Gt" else left < right
    return False
