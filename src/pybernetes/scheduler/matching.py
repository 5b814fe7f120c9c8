"""Does this select that? Node selectors and affinity against nodes, tolerations against taints, terms against pods.

Pure. Several plugins ask the same questions (spreading honours node affinity and taints), so the answers live here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pybernetes.api.core import Taint, Toleration
from pybernetes.api.node_affinity import node_affinity_matches as node_affinity_matches
from pybernetes.api.node_affinity import node_term_matches as node_term_matches
from pybernetes.api.node_affinity import requirement_holds as requirement_holds
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
