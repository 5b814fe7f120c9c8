"""Which nodes a pod selects or tolerates, for all rows at once. The array form of `matching.py`."""

from collections.abc import Sequence

import numpy as np

from pybernetes.api.core import NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration
from pybernetes.scheduler.matching import PREFER_NO_SCHEDULE, requirement_holds, tolerates
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.vector.columns import Bools, Columns, Ints


def affinity_mask(spec: PodSpec, columns: Columns, snapshot: Snapshot) -> Bools:
    """The rows that nodeSelector and required node affinity select."""
    mask = np.ones(columns.size, np.bool_)
    for key, value in (spec.node_selector or {}).items():
        mask &= _equals(columns, key, (value,))
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    if required is not None:
        any_term = np.zeros(columns.size, np.bool_)
        for term in required.node_selector_terms or ():
            any_term |= term_mask(term, columns, snapshot)
        mask &= any_term
    return mask


def term_mask(term: NodeSelectorTerm, columns: Columns, snapshot: Snapshot) -> Bools:
    """The rows of which all requirements of a term hold."""
    if not term.match_expressions and not term.match_fields:
        return np.zeros(columns.size, np.bool_)
    mask = np.ones(columns.size, np.bool_)
    for requirement in term.match_expressions or ():
        if requirement.operator == "In":
            mask &= _equals(columns, requirement.key, requirement.values or ())
        else:
            mask &= _holds(columns, requirement)
    for requirement in term.match_fields or ():
        mask &= _names(requirement, columns, snapshot)
    return mask


def _equals(columns: Columns, key: str, values: Sequence[str]) -> Bools:
    found = columns.labels(key)
    numbers = [found.index[value] for value in values if value in found.index]
    if not numbers:
        return np.zeros(columns.size, np.bool_)
    if len(numbers) == 1:
        same: Bools = found.ids == numbers[0]
        return same
    table = np.zeros(len(found.values) + 1, np.bool_)
    table[numbers] = True
    return table[found.ids]


def _holds(columns: Columns, requirement: NodeSelectorRequirement) -> Bools:
    key = requirement.key
    found = columns.labels(key)
    table = found.table(
        lambda value: requirement_holds(requirement, {key: value}), requirement_holds(requirement, {}), np.bool_
    )
    mask: Bools = table[found.ids]
    return mask


def _names(requirement: NodeSelectorRequirement, columns: Columns, snapshot: Snapshot) -> Bools:
    if requirement.key != "metadata.name" or requirement.operator not in ("In", "NotIn"):
        return np.array(
            [requirement_holds(requirement, {"metadata.name": node.name}) for node in snapshot.rows], np.bool_
        )
    mask = np.zeros(columns.size, np.bool_)
    for name in requirement.values or ():
        node = snapshot.node(name)
        if node is not None:
            mask[node.row] = True
    return mask if requirement.operator == "In" else ~mask


def untolerated_mask(tolerations: Sequence[Toleration] | None, columns: Columns) -> Bools:
    """The rows with a NoSchedule or NoExecute taint that nothing tolerates."""

    def untolerated(taints: tuple[tuple[str, str, str], ...]) -> bool:
        return any(
            effect != PREFER_NO_SCHEDULE and not tolerates(tolerations, Taint(key=key, value=value, effect=effect))
            for key, value, effect in taints
        )

    mask: Bools = columns.taints.table(untolerated, False, np.bool_)[columns.taints.ids]
    return mask


def unwanted_taints(tolerations: Sequence[Toleration] | None, columns: Columns) -> Ints | None:
    """Per row how many PreferNoSchedule taints nothing tolerates; None when there are none anywhere."""
    soft = [row for row in tolerations or () if not row.effect or row.effect == PREFER_NO_SCHEDULE]

    def count(taints: tuple[tuple[str, str, str], ...]) -> int:
        return sum(
            effect == PREFER_NO_SCHEDULE and not tolerates(soft, Taint(key=key, value=value, effect=effect))
            for key, value, effect in taints
        )

    table = columns.taints.table(count, 0, np.int64)
    if not table.any():
        return None
    counts: Ints = table[columns.taints.ids]
    return counts
