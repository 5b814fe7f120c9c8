"""Fields that are behind feature gates: what a client writes into one whose gate is off is dropped, as upstream's
strategies do (`DropDisabledFields`).

    tree = gated_fields("core/v1.Pod", FeatureGates())
    drop_disabled(new, old, tree)           # old: the stored object, None on create

Which field is behind which gate is data: the `fg` marks of the type table, and `_MORE` for fields without a mark. An
object that uses the feature already keeps it and may change it, so that switching a gate off loses nothing.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .feature_gates import known_gates
from .schema.table import element, fields, is_struct, resolved, table

Object = dict[str, Any]
Tree = tuple[tuple[str, "Tree | str"], ...]
"""(field, the tree below it), of each item where it is a list, or (field, the gate that is off). The field `_EACH`
stands for every value of a map."""

_EACH = "*"

_ALIASES = {"PodCertificateProjection": "PodCertificateRequest"}
"""Marks that are not a gate's name -> the gate."""

_MORE: dict[str, dict[str, str]] = {
    "apps/v1.DeploymentStatus": {"terminatingReplicas": "DeploymentReplicaSetTerminatingReplicas"},
    "apps/v1.ReplicaSetStatus": {"terminatingReplicas": "DeploymentReplicaSetTerminatingReplicas"},
    "core/v1.Lifecycle": {"stopSignal": "ContainerStopSignals"},
    "core/v1.TopologySpreadConstraint": {"matchLabelKeys": "MatchLabelKeysInPodTopologySpread"},
    "core/v1.PodResourceClaim": {"podGroupResourceClaim": "DRAWorkloadResourceClaims"},
}
"""Type -> field -> gate."""


def gated_fields(type_name: str, gates: Mapping[str, bool]) -> Tree:
    """The tree of a kind's fields whose gates are off, empty for most kinds. `type_name` is one of the type table."""
    return _gated(type_name, frozenset(gate for gate, is_on in gates.items() if not is_on))


@lru_cache(maxsize=512)
def _gated(type_name: str, off: frozenset[str]) -> Tree:
    return _tree(type_name, off, ())


def _tree(type_name: str, off: frozenset[str], above: tuple[str, ...]) -> Tree:
    found: list[tuple[str, Tree | str]] = []
    marks = _marks(type_name)
    for name, field in fields(type_name).items():
        closed = next((gate for gate in marks.get(name, ()) if gate in off), "")
        if closed:
            found.append((name, closed))
            continue
        below = element(field.type)
        if is_struct(below) and below not in above and below != type_name:
            tree = _tree(below, off, (*above, type_name))
            if tree:
                found.append((name, ((_EACH, tree),) if field.is_map else tree))
    return tuple(found)


@lru_cache(maxsize=1024)
def _marks(type_name: str) -> dict[str, tuple[str, ...]]:
    """Field -> the gates it needs, all of them."""
    known = known_gates()
    found: dict[str, tuple[str, ...]] = {}
    for row in table()[type_name]["f"]:
        names = [_ALIASES.get(name, name) for mark in row.get("fg", ()) for name in mark.split(",")]
        if row.get("inl") and is_struct(below := resolved(row["t"])):
            found |= _marks(below)
        elif names:
            found[row["n"]] = tuple(name for name in names if name in known)
    for name, gate in _MORE.get(type_name, {}).items():
        found[name] = (*found.get(name, ()), gate)
    return found


def drop_disabled(new: Object, old: Object | None, tree: Tree) -> None:
    """Take fields out of `new` whose gates are off, unless `old` uses a field of the same gate. Costs a pod 3 us,
    and nothing for what it shares with the old one, which uses the same there."""
    found: list[tuple[Object, str, str]] = []
    _find(new, tree, found, old)
    if not found:
        return
    before: list[tuple[Object, str, str]] = []
    if old is not None:
        _find(old, tree, before)
    used = {gate for _, _, gate in before}
    for holder, name, gate in found:
        if gate not in used:
            del holder[name]


def _find(value: Object, tree: Tree, found: list[tuple[Object, str, str]], old: Object | None = None) -> None:
    """Where gated fields are set, but for what is shared with `old`: the object that holds one, its name, the gate."""
    for name, below in tree:
        held = value.get(name) if name is not _EACH else list(value.values())
        if held is None:
            continue
        before = old.get(name) if old is not None else None
        if held is before:
            continue
        if type(below) is str:
            found.append((value, name, below))
        elif type(held) is list:
            for item in held:
                if type(item) is dict:
                    _find(item, below, found)  # type: ignore[arg-type]
        elif type(held) is dict:
            _find(held, below, found, before if type(before) is dict else None)  # type: ignore[arg-type]
