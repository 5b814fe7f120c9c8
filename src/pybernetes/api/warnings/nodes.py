"""Labels and fields of nodes that are going away, wherever they are named."""

from typing import Any

from .addresses import ip_range

Object = dict[str, Any]

_DEPRECATED_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": ('deprecated since v1.17; use "topology.kubernetes.io/region" instead'),
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}


def selector(labels: Object | None, path: str) -> list[str]:
    """A map of labels that nodes must have."""
    return [f"{path}[{key}]: {_DEPRECATED_LABELS[key]}" for key in labels or () if key in _DEPRECATED_LABELS]


def key(name: str, path: str) -> list[str]:
    """A label's key in a field of its own."""
    return [f"{path}: {name} is {_DEPRECATED_LABELS[name]}"] if name in _DEPRECATED_LABELS else []


def term(given: Object, path: str) -> list[str]:
    """A NodeSelectorTerm. An empty one, or one with an empty operand, selects nothing; validation tells of that."""
    found: list[str] = []
    for index, row in enumerate(given.get("matchExpressions") or ()):
        found += key(row.get("key") or "", f"{path}.matchExpressions[{index}].key")
    return found


def _node(node: Object, old: Object | None) -> list[str]:
    spec = node.get("spec") or {}
    found: list[str] = []
    if spec.get("configSource") is not None:
        found.append("spec.configSource: the feature is no longer supported")
    if spec.get("externalID"):
        found.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    for index, block in enumerate(spec.get("podCIDRs") or ()):
        found += ip_range(block, f"spec.podCIDRs[{index}]")
    return found


def _runtime_class(runtime_class: Object, old: Object | None) -> list[str]:
    return selector((runtime_class.get("scheduling") or {}).get("nodeSelector"), "scheduling.nodeSelector")


ADVICE = {"nodes": _node, "runtimeclasses.node.k8s.io": _runtime_class}
