"""Nodes and pods at one moment, kept current change by change.

The informers' handlers and the scheduler itself change it between two decisions; a decision reads it from one end to
the other without giving way to anybody, so it sees one moment without a copy being made.

A pod that was given a node but whose binding has not come back through the watch is *assumed*: it counts as being
there. The watch confirms it; a binding that fails makes the scheduler forget it. There is no expiry: an assumed pod
leaves by confirmation, by `forget`, or when the watch says it was deleted, and a relist repeats what a broken watch
missed.

Two indexes make decisions about other pods cheap, because they are kept current instead of being recounted per pod:
`counts` (how many pods a matcher selects on each node) and `terms` (which nodes have pods with a certain affinity
term).
"""

from collections.abc import Iterable

import msgspec

from pybernetes.api.core import Node
from pybernetes.scheduler.journal import SILENT, Journal, Silent
from pybernetes.scheduler.matching import PodMatcher
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import AffinityTerm, PodInfo

_MAX_COUNTS = 512
TERM_KINDS = ("affinity", "anti_affinity", "preferred_affinity", "preferred_anti_affinity")


class Placed(msgspec.Struct, gc=False):
    """A pod on a node."""

    pod: PodInfo
    node_name: str
    assumed: bool


class PodCounts:
    """How many pods a matcher selects, by node name; nodes without any are absent."""

    __slots__ = ("by_node", "journal", "matcher", "used")

    def __init__(self, matcher: PodMatcher) -> None:
        self.matcher = matcher
        self.by_node: dict[str, int] = {}
        self.journal: Journal[tuple[str, int]] | Silent = SILENT
        """(node name, sign) of every change, once somebody follows."""
        self.used = True
        """Whether somebody asked since the last clean-up."""

    def change(self, pod: PodInfo, node_name: str, sign: int) -> None:
        """A pod of a namespace in question came to or left a node."""
        if pod.terminating and not self.matcher.terminating:
            return
        if self.matcher.labels_match(pod.labels):
            _change(self.by_node, node_name, sign)
            self.journal.append((node_name, sign))


class TermUse:
    """A term that pods have, and how many of them per node name."""

    __slots__ = ("by_node", "journal", "term", "used")

    def __init__(self, term: AffinityTerm) -> None:
        self.term = term
        self.by_node: dict[str, int] = {}
        self.journal: Journal[tuple[str, int]] | Silent = SILENT
        self.used = True


def _change(by_node: dict[str, int], node_name: str, sign: int) -> None:
    left = by_node.get(node_name, 0) + sign
    if left:
        by_node[node_name] = left
    else:
        by_node.pop(node_name, None)


class Snapshot:
    """See the module docstring."""

    def __init__(self) -> None:
        self.rows: list[NodeInfo] = []
        """The nodes that exist, in no particular order; `NodeInfo.row` is the position."""
        self.placed: dict[str, Placed] = {}
        """Every pod on a node, by uid."""
        self.image_nodes: dict[str, int] = {}
        """How many nodes have an image, by name."""
        self.terms: dict[str, dict[object, TermUse]] = {kind: {} for kind in TERM_KINDS}
        self.terms_version = 0
        """Changes when a term appears among the terms of running pods, or goes."""
        self.namespaces_version = 0
        """Changes when a namespace appears, goes or gets other labels."""
        self.usage: Journal[int] = Journal()
        """Rows whose pods changed."""
        self.starts: Journal[int] = Journal()
        """Rows of which a pod began to run."""
        self.shapes: Journal[int] = Journal()
        """Rows of which the node itself is another, or looks different."""
        self.images_version = 0
        """Changes when it changes how many nodes have which image."""
        self._nodes: dict[str, NodeInfo] = {}
        self._by_namespace: dict[str, dict[str, Placed]] = {}
        self._counts: dict[object, PodCounts] = {}
        self._counts_of: dict[tuple[str | None, tuple[str, str] | None], list[PodCounts]] = {}
        """By namespace (None: all) and a label that the pods in question must have (None: there is no such label)."""

    def node(self, name: str) -> NodeInfo | None:
        """A node that exists."""
        info = self._nodes.get(name)
        return info if info is not None and info.node is not None else None

    # nodes

    def set_node(self, node: Node) -> NodeInfo:
        """A node appeared or changed."""
        name = node.metadata.name or ""
        info = self._nodes.get(name)
        if info is None:
            info = self._nodes[name] = NodeInfo(name)
        if info.node is None:
            info.row = len(self.rows)
            self.rows.append(info)
            self.images_version += 1
        before = info.images
        info.set_node(node)
        if info.images != before:
            self.images_version += 1
            for image in before:
                _change(self.image_nodes, image, -1)
            for image in info.images:
                _change(self.image_nodes, image, 1)
        self.shapes.append(info.row)
        return info

    def remove_node(self, name: str) -> None:
        """A node is gone. Pods that still claim to be on it are remembered until they go too."""
        info = self._nodes.get(name)
        if info is None or info.node is None:
            return
        self.images_version += 1
        for image in info.images:
            _change(self.image_nodes, image, -1)
        last = self.rows.pop()
        if last is not info:
            self.rows[info.row] = last
            last.row = info.row
        self.shapes.append(info.row)
        info.clear_node()
        info.row = -1
        if not info.pods:
            del self._nodes[name]

    # pods

    def set_pod(self, pod: PodInfo, node_name: str) -> None:
        """The watch shows the pod on that node: added, changed, or an assumption confirmed."""
        known = self.placed.get(pod.uid)
        if known is not None:
            if known.node_name == node_name and _same_demands(known.pod, pod):
                known.assumed = False
                self._replace(known, pod)
                return
            self._remove(known)
        self._add(Placed(pod, node_name, False))

    def _replace(self, known: Placed, pod: PodInfo) -> None:
        """The same pod in a newer version that demands the same."""
        info = self._nodes[known.node_name]
        if known.pod.pod.status.start_time != pod.pod.status.start_time and info.row >= 0:
            self.starts.append(info.row)
        known.pod = pod
        info.pods[pod.uid] = pod

    def remove_pod(self, uid: str) -> PodInfo | None:
        """The pod is gone or has ended; what was known of it on its node."""
        known = self.placed.get(uid)
        if known is None:
            return None
        self._remove(known)
        return known.pod

    def assume(self, pod: PodInfo, node_name: str) -> None:
        """The pod will be bound to that node: count it in already."""
        self._add(Placed(pod, node_name, True))

    def forget(self, uid: str) -> None:
        """The binding of an assumed pod failed. One that was confirmed meanwhile stays."""
        known = self.placed.get(uid)
        if known is not None and known.assumed:
            self._remove(known)

    def is_assumed(self, uid: str) -> bool:
        """Whether the pod has a node that the watch has not shown yet."""
        known = self.placed.get(uid)
        return known is not None and known.assumed

    def _add(self, placed: Placed) -> None:
        pod, node_name = placed.pod, placed.node_name
        self.placed[pod.uid] = placed
        info = self._nodes.get(node_name)
        if info is None:
            info = self._nodes[node_name] = NodeInfo(node_name)
        info.add(pod)
        if info.row >= 0:
            self.usage.append(info.row)
        self._by_namespace.setdefault(pod.namespace, {})[pod.uid] = placed
        if self._counts_of or pod.has_affinity:
            self._recount(pod, node_name, 1)

    def _remove(self, placed: Placed) -> None:
        pod, node_name = placed.pod, placed.node_name
        del self.placed[pod.uid]
        info = self._nodes[node_name]
        info.remove(pod)
        if info.row >= 0:
            self.usage.append(info.row)
        if info.node is None and not info.pods:
            del self._nodes[node_name]
        siblings = self._by_namespace[pod.namespace]
        del siblings[pod.uid]
        if not siblings:
            del self._by_namespace[pod.namespace]
        if self._counts_of or pod.has_affinity:
            self._recount(pod, node_name, -1)

    def _recount(self, pod: PodInfo, node_name: str, sign: int) -> None:
        groups = self._counts_of
        if groups:
            for namespace in (pod.namespace, None):
                for pair in (None, *pod.labels.items()):
                    for counts in groups.get((namespace, pair), ()):
                        counts.change(pod, node_name, sign)
        if pod.has_affinity:
            for kind in TERM_KINDS:
                for term in getattr(pod, kind):
                    self._recount_term(self.terms[kind], term, node_name, sign)

    def _recount_term(self, uses: dict[object, TermUse], term: AffinityTerm, node_name: str, sign: int) -> None:
        use = uses.get(term.key)
        if use is None:
            use = uses[term.key] = TermUse(term)
            self.terms_version += 1
        _change(use.by_node, node_name, sign)
        use.journal.append((node_name, sign))
        if not use.by_node:
            del uses[term.key]
            self.terms_version += 1

    # indexes

    def counts(self, matcher: PodMatcher) -> dict[str, int]:
        """How many pods the matcher selects on each node; nodes without any are absent. Not to be changed.

        The first question counts, later ones with an equal matcher find the number kept current. Questions that were
        not asked for long are forgotten.
        """
        return self.counted(matcher).by_node

    def counted(self, matcher: PodMatcher) -> PodCounts:
        """The same as an object that stays current as long as it is asked for (`is_current`)."""
        found = self._counts.get(matcher.key)
        if found is None:
            found = PodCounts(matcher)
            for placed in self._selected(matcher.namespaces):
                found.change(placed.pod, placed.node_name, 1)
            if len(self._counts) >= _MAX_COUNTS:
                self._forget_counts()
            for group in self._groups_of(matcher):
                group.append(found)
            self._counts[matcher.key] = found
        found.used = True
        return found

    def is_current(self, counts: PodCounts) -> bool:
        """Whether the counts are still kept."""
        return self._counts.get(counts.matcher.key) is counts

    def _groups_of(self, matcher: PodMatcher) -> list[list[PodCounts]]:
        """The lists in which a pod that changes looks for the counts that it may be part of."""
        pair = matcher.pair
        return [
            self._counts_of.setdefault((namespace, pair), [])
            for namespace in (matcher.namespaces if matcher.namespaces is not None else (None,))
        ]

    def _forget_counts(self) -> None:
        """Drop what nobody asked for since the last time; all of it when that is nothing."""
        idle = [found for found in self._counts.values() if not found.used] or list(self._counts.values())
        for found in idle:
            found.used = False
            del self._counts[found.matcher.key]
            for group in self._groups_of(found.matcher):
                group.remove(found)
        for key in [key for key, group in self._counts_of.items() if not group]:
            del self._counts_of[key]
        for found in self._counts.values():
            found.used = False

    def _selected(self, namespaces: frozenset[str] | None) -> Iterable[Placed]:
        if namespaces is None:
            return self.placed.values()
        return [placed for namespace in namespaces for placed in self._by_namespace.get(namespace, {}).values()]


def _same_demands(old: PodInfo, new: PodInfo) -> bool:
    """Whether replacing one by the other changes no count."""
    return (
        old.labels == new.labels
        and old.terminating == new.terminating
        and old.requests == new.requests
        and old.host_ports == new.host_ports
        and old.priority == new.priority
    )
