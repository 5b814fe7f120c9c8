"""Taint eviction: pods leave nodes whose NoExecute taints they do not tolerate, at once or after `tolerationSeconds`.

    Node taints, Pod ──▶ key of the pod ──▶ how long may it stay? ──▶ for ever: cancel · until …: timer · not: evict

A pod that is evicted gets the condition DisruptionTarget (reason DeletionByTaintManager) and is deleted, with the event
TaintManagerEviction. The time a pod may stay counts from when we first saw the taint on its node.
"""

import asyncio

from ..api.core import Node, Pod
from ..api.status import StatusError, is_not_found
from ..client.view import key_of, split_key
from ..reconcile.controller import Result
from ..reconcile.disrupting import tell_disruption
from ..reconcile.manager import ControllerContext
from ..reconcile.pod_index import NODE, index_pods
from ..reconcile.pods import node_of
from ..reconcile.taints import no_execute, toleration_seconds


class TaintEvictionController:
    """See the module docstring. Keys are those of pods."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder("taint-eviction-controller")
        self._started: dict[str, tuple[str, float]] = {}
        self._nodes = context.informers.of(Node)
        self._pods = context.informers.of(Pod)
        index_pods(self._pods)
        self._controller = context.controller(
            "noexec_taint_pod", self._reconcile, workers=context.config.concurrent_reconciles
        )
        self._nodes.add_handler(self._node_changed)
        self._pods.add_handler(self._pod_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        before = no_execute(old) if old is not None else []
        after = no_execute(new) if new is not None else []
        if before == after:
            return
        node = new or old
        assert node is not None
        for pod in self._pods.by_index(NODE, node.metadata.name or ""):
            self._controller.enqueue(key_of(pod))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        assert pod is not None
        if new is None:
            self._started.pop(key_of(pod), None)
            return
        if old is not None and node_of(old) == node_of(new) and old.spec.tolerations == new.spec.tolerations:
            return
        node = self._nodes.get(node_of(new))
        if node is not None and no_execute(node):
            self._controller.enqueue(key_of(new))

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        pod = self._pods.get(name, namespace)
        if pod is None or pod.metadata.deletion_timestamp is not None:
            self._started.pop(key, None)
            return None
        node = self._nodes.get(node_of(pod))
        taints = no_execute(node) if node is not None else []
        stays = toleration_seconds(taints, pod.spec.tolerations or ()) if taints else None
        if stays is None:
            if self._started.pop(key, None) is not None:
                self._recorder.normal(pod, "TaintManagerEviction", f"Cancelling deletion of Pod {key}")
            return None
        uid, since = self._started.get(key, ("", 0.0))
        now = self._clock.monotonic()
        if uid != pod.metadata.uid:
            since = now
            self._started[key] = (pod.metadata.uid or "", now)
        remaining = since + stays - now
        if remaining > 0:
            return Result(remaining)
        await self._evict(key, pod)
        return None

    async def _evict(self, key: str, pod: Pod) -> None:
        self._recorder.normal(pod, "TaintManagerEviction", f"Marking for deletion Pod {key}")
        meta = pod.metadata
        message = "Taint manager: deleting due to NoExecute taint"
        try:
            await tell_disruption(self._client, pod, "DeletionByTaintManager", message, self._clock.now())
            await self._client.delete(Pod, meta.name or "", meta.namespace or "", uid=meta.uid or "")
        except StatusError as error:
            if not is_not_found(error):
                raise
        self._started.pop(key, None)
