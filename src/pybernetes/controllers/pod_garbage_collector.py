"""The pod garbage collector: pods nobody else will remove.

* **Orphaned**: bound to a node that does not exist (any more). After 40 s of grace, and a look at the API, they are
  marked Failed (DisruptionTarget, reason DeletionByPodGC) and deleted without waiting for a kubelet.
* **Unscheduled and terminating**: deleted before a node was chosen: no kubelet will confirm.
* **Stuck**: being deleted on a node that is not ready and marked out of service: nobody will ever confirm.
* **Terminated**: beyond the threshold the oldest Succeeded and Failed pods go.
"""

import asyncio
from collections.abc import Iterable

from ..api.core import Node, Pod
from ..api.status import StatusError, is_not_found
from ..client.view import key_of
from ..reconcile.controller import Result
from ..reconcile.disrupting import tell_disruption
from ..reconcile.manager import ControllerContext
from ..reconcile.pod_index import NODE, index_pods
from ..reconcile.pods import EPOCH, is_terminal, node_of
from ..reconcile.taints import OUT_OF_SERVICE

QUARANTINE_SECONDS = 40.0
TERMINATED = "terminated"
_NODE, _POD, _SURPLUS = "node ", "pod ", "surplus"


def surplus_of(terminated: Iterable[Pod], threshold: int) -> list[Pod]:
    """The terminated pods beyond the threshold: evicted ones first, then the oldest."""
    every = list(terminated)
    count = len(every) - threshold
    if threshold <= 0 or count <= 0:
        return []
    every.sort(key=lambda pod: (pod.status.reason != "Evicted", pod.metadata.creation_timestamp or EPOCH))
    return every[:count]


def is_out_of_service(node: Node) -> bool:
    """Whether an administrator gave up a node that is not ready."""
    ready = next((found.status for found in node.status.conditions or () if found.type == "Ready"), "Unknown")
    return ready != "True" and any(taint.key == OUT_OF_SERVICE for taint in node.spec.taints or ())


class PodGarbageCollector:
    """See the module docstring. Keys say what to look at: a node's pods, one pod, or the terminated ones."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._threshold = context.config.terminated_pod_gc_threshold
        self._nodes = context.informers.of(Node)
        self._pods = context.informers.of(Pod)
        index_pods(self._pods)
        self._pods.add_index(TERMINATED, lambda pod: ("yes",) if is_terminal(pod) else ())
        self._controller = context.controller("orphaned_pods_nodes", self._reconcile, workers=1)
        self._nodes.add_handler(self._node_changed)
        self._pods.add_handler(self._pod_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if new is None and old is not None:
            self._controller.enqueue_after(_NODE + (old.metadata.name or ""), QUARANTINE_SECONDS)
        elif new is not None and is_out_of_service(new) and (old is None or not is_out_of_service(old)):
            for pod in self._pods.by_index(NODE, new.metadata.name or ""):
                if pod.metadata.deletion_timestamp is not None:
                    self._controller.enqueue(_POD + key_of(pod))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            return
        node = node_of(new)
        if not node:
            if new.metadata.deletion_timestamp is not None:
                self._controller.enqueue(_POD + key_of(new))
        elif (old is None or node_of(old) != node) and self._nodes.get(node) is None:
            self._controller.enqueue_after(_NODE + node, QUARANTINE_SECONDS)
        elif new.metadata.deletion_timestamp is not None and self._is_stuck(new):
            self._controller.enqueue(_POD + key_of(new))
        if is_terminal(new) and (old is None or not is_terminal(old)) and self._threshold > 0:
            self._controller.enqueue_after(_SURPLUS, 1.0)

    async def _reconcile(self, key: str) -> Result | None:
        if key == _SURPLUS:
            for pod in surplus_of(self._pods.by_index(TERMINATED, "yes"), self._threshold):
                await self._delete(pod)
        elif key.startswith(_NODE):
            await self._collect_orphans(key.removeprefix(_NODE))
        else:
            namespace, _, name = key.removeprefix(_POD).partition("/")
            pod_now = self._pods.get(name, namespace)
            if pod_now is None or pod_now.metadata.deletion_timestamp is None:
                return None
            if self._is_stuck(pod_now):
                await self._fail(pod_now, "PodGC: node is out of service")
                await self._delete(pod_now)
            elif not node_of(pod_now):
                await self._delete(pod_now)
        return None

    def _is_stuck(self, pod: Pod) -> bool:
        """Whether a pod is on a node that will not confirm anything any more."""
        node = self._nodes.get(node_of(pod))
        return node is not None and is_out_of_service(node)

    async def _collect_orphans(self, node: str) -> None:
        pods = self._pods.by_index(NODE, node)
        if not pods or self._nodes.get(node) is not None:
            return
        try:
            await self._client.get(Node, node)
        except StatusError as error:
            if not is_not_found(error):
                raise
        else:
            return
        for pod in pods:
            await self._fail(pod, "PodGC: node no longer exists")
            await self._delete(pod)

    async def _fail(self, pod: Pod, message: str) -> None:
        """Record why the pod ends; one that ended already keeps its phase."""
        if not is_terminal(pod):
            await tell_disruption(self._client, pod, "DeletionByPodGC", message, self._clock.now(), phase="Failed")

    async def _delete(self, pod: Pod) -> None:
        meta = pod.metadata
        try:
            await self._client.delete(
                Pod, meta.name or "", meta.namespace or "", uid=meta.uid or "", grace_period_seconds=0
            )
        except StatusError as error:
            if not is_not_found(error):
                raise
