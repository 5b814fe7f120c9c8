"""Which unscheduled pods were promised which node: preemption makes room there, and others must not take it."""

from pybernetes.scheduler.journal import Journal
from pybernetes.scheduler.pod_info import PodInfo


class Nominations:
    """Pods by the node they are nominated for."""

    def __init__(self) -> None:
        self._by_node: dict[str, dict[str, PodInfo]] = {}
        self._node_of: dict[str, str] = {}
        self.journal: Journal[str] = Journal()
        """The nodes of which the nominated pods changed."""

    def set(self, pod: PodInfo, node_name: str) -> None:
        """Nominate (or renew, or with "" withdraw)."""
        self.remove(pod.uid)
        if node_name:
            self._node_of[pod.uid] = node_name
            self._by_node.setdefault(node_name, {})[pod.uid] = pod
            self.journal.append(node_name)

    def remove(self, uid: str) -> None:
        """The pod is bound or gone."""
        node_name = self._node_of.pop(uid, None)
        if node_name is not None:
            self.journal.append(node_name)
            group = self._by_node[node_name]
            del group[uid]
            if not group:
                del self._by_node[node_name]

    def node_of(self, uid: str) -> str:
        """The node the pod is nominated for, "" for none."""
        return self._node_of.get(uid, "")

    def on(self, node_name: str) -> list[PodInfo]:
        """The pods nominated for a node."""
        return list(self._by_node.get(node_name, {}).values())

    def nodes(self) -> list[str]:
        """The nodes that somebody is nominated for."""
        return list(self._by_node)

    def any_on(self, node_name: str) -> bool:
        """Whether somebody is nominated for the node."""
        return node_name in self._by_node

    def rivals(self, pod: PodInfo, node_name: str) -> list[PodInfo]:
        """The pods nominated for a node that this one may not push aside: of equal or higher priority."""
        group = self._by_node.get(node_name)
        if not group:
            return []
        return [other for other in group.values() if other.priority >= pod.priority and other.uid != pod.uid]

    def __bool__(self) -> bool:
        return bool(self._node_of)
