"""The cloud node controller: a node that joins is told what the cloud knows of it (concept page "Cloud Controller
Manager").

    Node with the taint uninitialized ──▶ provider.metadata ──▶ addresses ──▶ providerID, labels, taint off
    Node without it, at the start and every 5 min ──────────▶ addresses and the cloud's labels, where they changed

The taint goes last, so that a node is complete when pods may run there.
"""

import asyncio
from typing import Any

from ...api.codec import to_wire
from ...api.core import Node, NodeAddress
from ...base.log import logger
from ...reconcile.controller import Result
from ...reconcile.manager import ControllerContext
from ...reconcile.sources import source
from ...reconcile.status_patches import patch_status
from ...reconcile.taints import taints_patch
from ..provider import RETRY_SECONDS, CloudProvider, Instances, ProviderError, asked
from .plan import UNINITIALIZED, addresses_of, initialisation, is_uninitialized, refreshed_labels, without

log = logger(__name__)


class CloudNodeController:
    """See the module docstring. Keys are names of nodes; `refresh_seconds` is --node-status-update-frequency."""

    def __init__(self, context: ControllerContext, provider: CloudProvider, refresh_seconds: float = 300.0) -> None:
        """ValueError when the provider has no instances."""
        if provider.instances is None:
            raise ValueError("cloud provider does not support instances")
        self._instances: Instances = provider.instances
        self._client = context.client
        self._clock = context.clock
        self._refresh_seconds = refresh_seconds
        self._recorder = context.recorder("cloud-node-controller")
        self._due: dict[str, float] = {}
        self._nodes = context.informers.of(Node)
        self._controller = context.controller("cloud_node", self._reconcile, workers=1)
        source(self._nodes, self._controller.enqueue, when=_concerns)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        node = self._nodes.get(key)
        if node is None:
            self._due.pop(key, None)
            return None
        try:
            return await self._sync(key, node)
        except ProviderError as error:
            log.warning("Node not synced with the cloud; trying again", node=key, err=error)
            return Result(RETRY_SECONDS)

    async def _sync(self, key: str, node: Node) -> Result:
        now = self._clock.monotonic()
        if is_uninitialized(node):
            if not await self._initialise(node):
                return Result(self._refresh_seconds)
            self._due[key] = now + self._refresh_seconds
        elif now >= self._due.get(key, 0.0):
            await self._refresh(node)
            self._due[key] = now + self._refresh_seconds
        else:
            await self._label(node, refreshed_labels(None, node.metadata.labels or {}))
        return Result(self._due[key] - now)

    async def _initialise(self, node: Node) -> bool:
        """False when the cloud does not say anything yet."""
        found = await asked(self._instances.metadata(node))
        if found is None:
            return False
        body = initialisation(node, found)
        await self._address(node, addresses_of(node, found))
        # One write and no more: under the resourceVersion that the taints were read at there is nothing to lose.
        current = await self._client.get(Node, node.metadata.name or "")
        taints = taints_patch(current, without(current, UNINITIALIZED))
        body["spec"] |= taints["spec"]
        body["metadata"] |= taints["metadata"]
        await self._client.patch(Node, node.metadata.name or "", body=body)
        self._recorder.normal(node, "Synced", "Node synced successfully")
        return True

    async def _refresh(self, node: Node) -> None:
        found = await asked(self._instances.metadata(node))
        if found is not None:
            await self._address(node, addresses_of(node, found))
        await self._label(node, refreshed_labels(found, node.metadata.labels or {}))

    async def _label(self, node: Node, labels: dict[str, str]) -> None:
        if labels:
            body = {"metadata": {"uid": node.metadata.uid, "labels": labels}}
            await self._client.patch(Node, node.metadata.name or "", body=body)

    async def _address(self, node: Node, addresses: list[NodeAddress] | None) -> None:
        if addresses is None:
            return
        wire: list[Any] = [to_wire(address) for address in addresses]
        await patch_status(self._client, node, {"addresses": [*wire, {"$patch": "replace"}]})


def _concerns(old: Node | None, new: Node | None) -> bool:
    """Heartbeats concern nobody."""
    if old is None or new is None:
        return True
    return is_uninitialized(old) != is_uninitialized(new) or old.metadata.labels != new.metadata.labels
