"""Does this select that? Node selectors and affinity against nodes, tolerations against taints, terms against pods.

Pure. Several plugins ask the same questions (spreading honours node affinity and taints), so the answers live here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pybernetes.api.core import NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration
from pybernetes.api.selectors import EQUALS, IN, Labels

NO_SCHEDULE, PREFER_NO_SCHEDULE, NO_EXECUTE = "NoSchedule", "PreferNoSchedule", "NoExecute"


def tolerates(tolerations: Sequence[Toleration] | None, taint: Taint) -> bool:
    """Whether one of the tolerations tolerates the taint."""
    for toleration in tolerations or ():
        if toleration.effect and toleration.effect != taint.effect:
            continue
        if toleration.key and toleration.key != taint.key:
            continue
        if toleration.operator == "Exists":
            return True
        equal = toleration.key and (toleration.operator or "Equal") == "Equal"
        if equal and (toleration.value or "") == (taint.value or ""):
            return True
    return False


def first_untolerated(tolerations: Sequence[Toleration] | None, taints: Iterable[Taint]) -> Taint | None:
    """The first taint that nothing tolerates."""
    for taint in taints:
        if not tolerates(tolerations, taint):
            return taint
    return None


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


class PodMatcher:
    """Selects pods by namespace and labels. Two matchers with equal `key` select the same pods.

    namespaces None: every namespace. A null label selector (`from_label_selector(None)`) selects nothing.
    """

    __slots__ = ("_pairs", "_selectors", "key", "namespaces", "pair", "terminating")

    def __init__(
        self,
        namespaces: frozenset[str] | None,
        selectors: Sequence[Labels],
        *,
        pairs: Mapping[str, str] | None = None,
        terminating: bool = True,
    ) -> None:
        """pairs: labels that must be there besides; terminating: whether pods that are being deleted count."""
        self.namespaces = namespaces
        self.terminating = terminating
        self._selectors = tuple(selectors)
        self._pairs = dict(pairs or {})
        self.key = (namespaces, terminating, self._selectors, tuple(sorted(self._pairs.items())))
        self.pair = next(iter(self._fixed_labels()), None)
        """A label that every selected pod has; None when no single one is certain."""

    def _fixed_labels(self) -> Iterator[tuple[str, str]]:
        yield from self._pairs.items()
        for selector in self._selectors:
            for requirement in selector.requirements:
                if requirement.operator in (EQUALS, IN) and len(requirement.values) == 1:
                    yield requirement.key, requirement.values[0]

    def matches(self, namespace: str, labels: dict[str, str]) -> bool:
        """Whether a pod of that namespace and labels is selected."""
        return (self.namespaces is None or namespace in self.namespaces) and self.labels_match(labels)

    def labels_match(self, labels: dict[str, str]) -> bool:
        """Whether the labels alone are selected."""
        for key, value in self._pairs.items():
            if labels.get(key) != value:
                return False
        return all(selector.matches(labels) for selector in self._selectors)
