"""The cloud node lifecycle controller: a node that is not ready and whose instance is gone is deleted.

    Node not Ready ──▶ provider.exists   no   ──▶ Node deleted
                           yes ──▶ is_shutdown ──▶ taint shutdown (NoSchedule)          again in 5 s
    Node Ready ──▶ taint off; the cloud is not asked

A node that has not been initialised yet is given a minute, since its instance may not be known under its name.
"""

import asyncio

from ...api.core import Node
from ...api.status import StatusError, is_not_found
from ...base.log import logger
from ...reconcile.controller import Result
from ...reconcile.manager import ControllerContext
from ...reconcile.sources import source
from ...reconcile.taints import NO_SCHEDULE, replaced, taints_patch
from ..provider import CloudProvider, Instances, ProviderError, asked
from .plan import SHUTDOWN, is_uninitialized

log = logger(__name__)

UNINITIALIZED_SECONDS = 60.0


class CloudNodeLifecycleController:
    """See the module docstring. Keys are names of nodes; `monitor_seconds` is --node-monitor-period."""

    def __init__(self, context: ControllerContext, provider: CloudProvider, monitor_seconds: float = 5.0) -> None:
        """ValueError when the provider has no instances."""
        if provider.instances is None:
            raise ValueError("cloud provider does not support instances")
        self._instances: Instances = provider.instances
        self._client = context.client
        self._clock = context.clock
        self._monitor_seconds = monitor_seconds
        self._recorder = context.recorder("cloud-node-lifecycle-controller")
        self._nodes = context.informers.of(Node)
        self._controller = context.controller("cloud_node_lifecycle", self._reconcile, workers=1)
        source(self._nodes, self._controller.enqueue, when=_concerns)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        node = self._nodes.get(key)
        if node is None or node.metadata.deletion_timestamp is not None:
            return None
        if is_ready(node):
            await self._taint(node, is_shutdown=False)
            return None
        again = Result(self._monitor_seconds)
        if not node.spec.provider_id and is_uninitialized(node) and self._age(node) < UNINITIALIZED_SECONDS:
            return again
        try:
            exists = await asked(self._instances.exists(node))
            is_shutdown = exists and await asked(self._instances.is_shutdown(node))
        except ProviderError as error:
            log.warning("Node not looked up in the cloud; trying again", node=key, err=error)
            return again
        if not exists:
            await self._delete(node)
        elif is_shutdown:
            await self._taint(node, is_shutdown=True)
        return again

    def _age(self, node: Node) -> float:
        created = node.metadata.creation_timestamp
        return (self._clock.now() - created).total_seconds() if created else 0.0

    async def _delete(self, node: Node) -> None:
        name = node.metadata.name or ""
        message = f"Deleting node {name} because it does not exist in the cloud provider"
        self._recorder.normal(node, "DeletingNode", message)
        try:
            await self._client.delete(Node, name, uid=node.metadata.uid or "")
        except StatusError as error:
            if not is_not_found(error):
                self._recorder.warning(node, "DeletingNodeFailed", f"Failed deleting node {name}: {error}")
                raise

    async def _taint(self, node: Node, *, is_shutdown: bool) -> None:
        managed = [(SHUTDOWN, NO_SCHEDULE)]
        taints = replaced(node.spec.taints or (), managed, managed if is_shutdown else (), self._clock.now())
        if taints is not None:
            await self._client.patch(Node, node.metadata.name or "", body=taints_patch(node, taints))


def is_ready(node: Node) -> bool:
    """Whether the node says that it is ready, or the node lifecycle controller still believes so."""
    return any(c.type == "Ready" and c.status == "True" for c in node.status.conditions or ())


def _concerns(old: Node | None, new: Node | None) -> bool:
    """What happens without a change is looked at by the timer."""
    if old is None or new is None:
        return new is not None
    return is_ready(old) != is_ready(new) or old.spec.taints != new.spec.taints
