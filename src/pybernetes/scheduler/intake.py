"""From what the informers show to what the scheduler works with.

A pod with a node goes to the snapshot, one without to the queue, a nominated one to the nominations as well; whatever
may make room or otherwise help wakes the pods that wait for such a thing. All of it is synchronous, so that the
informers' caches and the snapshot never tell different stories.
"""

from collections.abc import Callable, Container
from typing import Any

from pybernetes.api.core import Node, Pod
from pybernetes.scheduler.events import NONE, node_actions, pod_actions
from pybernetes.scheduler.framework import Action, ClusterEvent
from pybernetes.scheduler.nominations import Nominations
from pybernetes.scheduler.permit import Permits
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.queue import SchedulingQueue
from pybernetes.scheduler.snapshot import Snapshot


class Intake:
    """Handlers for informers; see `client.informer` for their contract."""

    def __init__(
        self,
        scheduler_names: Container[str],
        snapshot: Snapshot,
        queue: SchedulingQueue,
        nominations: Nominations,
        permits: Permits,
    ) -> None:
        self._scheduler_names = scheduler_names
        self._snapshot = snapshot
        self._queue = queue
        self._nominations = nominations
        self._permits = permits

    def node_changed(self, old: Node | None, new: Node | None) -> None:
        """A node came, changed or went."""
        if new is None:
            assert old is not None
            self._snapshot.remove_node(old.metadata.name or "")
            self._queue.on_event(ClusterEvent("Node", Action.DELETE, old))
            return
        if old is None:
            self._snapshot.set_node(new)
            self._queue.on_event(ClusterEvent("Node", Action.ADD, None, new))
            return
        actions = node_actions(old, new)
        if actions:
            self._snapshot.set_node(new)
            self._queue.on_event(ClusterEvent("Node", actions, old, new))

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """A pod came, changed or went."""
        pod = new if new is not None else old
        assert pod is not None
        uid = pod.metadata.uid or f"{pod.metadata.namespace}/{pod.metadata.name}"
        if new is None or new.status.phase in ("Succeeded", "Failed"):
            self._queue.remove(uid)
            self._permits.reject(uid, "", "removed")
            self._pod_left(uid)
        elif new.spec.node_name:
            self._queue.remove(uid)
            self._pod_placed(uid, new)
        elif (new.spec.scheduler_name or "") in self._scheduler_names and not self._snapshot.is_assumed(uid):
            if new.metadata.deletion_timestamp is not None:
                self._queue.remove(uid)
                self._withdraw(uid)
                return
            info = PodInfo(new)
            nominated = new.status.nominated_node_name or ""
            if old is not None and nominated == (old.status.nominated_node_name or ""):
                nominated = self._nominations.node_of(uid)  # decided here, and perhaps not written yet
            self._nominations.set(info, nominated)
            self._queue.update(info)

    def _pod_placed(self, uid: str, pod: Pod) -> None:
        """The watch shows the pod on a node."""
        self._nominations.remove(uid)
        node_name = pod.spec.node_name or ""
        known = self._snapshot.placed.get(uid)
        if known is None or known.assumed or known.node_name != node_name:
            info = PodInfo(pod)
            self._snapshot.set_pod(info, node_name)
            self._queue.on_event(ClusterEvent("Pod", Action.ADD, None, info))
            return
        before = known.pod
        info = before.renewed(pod) if _only_status_differs(before.pod, pod) else PodInfo(pod)
        self._snapshot.set_pod(info, node_name)
        actions = pod_actions(before, info)
        if actions is not NONE:
            self._queue.on_event(ClusterEvent("Pod", actions, before, info))

    def _pod_left(self, uid: str) -> None:
        """The pod is gone or has ended: its room is free."""
        if self._nominations.node_of(uid):
            self._withdraw(uid)
        gone = self._snapshot.remove_pod(uid)
        if gone is not None:
            self._queue.on_event(ClusterEvent("Pod", Action.DELETE, gone))

    def _withdraw(self, uid: str) -> None:
        """A nominated pod that goes away leaves the room made for it to others."""
        nominated = self._nominations.node_of(uid)
        if nominated:
            pod = next(pod for pod in self._nominations.on(nominated) if pod.uid == uid)
            self._nominations.remove(uid)
            self._queue.on_event(ClusterEvent("Pod", Action.DELETE, pod))

    def storage_handler(self, kind: str) -> Callable[[Any, Any], None]:
        """A handler for objects that only wake pods."""

        def changed(old: Any, new: Any) -> None:
            action = Action.DELETE if new is None else Action.ADD if old is None else Action.UPDATE
            self._queue.on_event(ClusterEvent(kind, action, old, new))

        return changed


def _only_status_differs(old: Pod, new: Pod) -> bool:
    """Whether nothing that a PodInfo is computed from changed (the generation counts changes of the spec)."""
    before, after = old.metadata, new.metadata
    return (
        before.generation is not None
        and before.generation == after.generation
        and before.labels == after.labels
        and before.deletion_timestamp == after.deletion_timestamp
    )
