"""Node IPAM: every node gets a range of pod addresses out of the cluster's.

    cluster 10.244.0.0/16, nodes /24:   n1 10.244.0.0/24 · n2 10.244.1.0/24 · …      256 nodes

Ranges are handed out in a circle, so that one given back is not reused at once. Nodes that have a range keep it; what
is in use is learned from the nodes themselves, so a restart forgets nothing.
"""

import asyncio
from ipaddress import IPv4Network, IPv6Network, ip_network

from ..api.core import Node
from ..reconcile.controller import Result, TerminalError
from ..reconcile.manager import ControllerContext
from ..reconcile.sources import source

RETRY_SECONDS = 60.0


class RangeSet:
    """The ranges of one cluster CIDR: pure book-keeping by index."""

    def __init__(self, cluster: str, prefix_length: int) -> None:
        """ValueError when the prefix is not longer than the cluster's, or the cluster has more than 2^16 ranges."""
        self.cluster: IPv4Network | IPv6Network = ip_network(cluster)
        if prefix_length < self.cluster.prefixlen:
            raise ValueError(f"node ranges of /{prefix_length} do not fit into {cluster}")
        self.size = min(1 << (prefix_length - self.cluster.prefixlen), 1 << 16)
        self._prefix_length = prefix_length
        self._used: set[int] = set()
        self._next = 0

    def occupy(self, cidr: str) -> None:
        """Mark what a node already has; ranges outside of the cluster's are ignored."""
        self._used.update(self._indexes(cidr))

    def release(self, cidr: str) -> None:
        """Give a range back."""
        self._used.difference_update(self._indexes(cidr))

    def allocate(self) -> str | None:
        """A free range, None when all are in use."""
        for step in range(self.size):
            index = (self._next + step) % self.size
            if index not in self._used:
                self._used.add(index)
                self._next = (index + 1) % self.size
                return self._network(index)
        return None

    def _network(self, index: int) -> str:
        step = 1 << (self.cluster.max_prefixlen - self._prefix_length)
        address = self.cluster.network_address + index * step
        return f"{address}/{self._prefix_length}"

    def _indexes(self, cidr: str) -> range:
        try:
            found = ip_network(cidr, strict=False)
        except ValueError:
            return range(0)
        if found.version != self.cluster.version or not found.overlaps(self.cluster):
            return range(0)
        step = 1 << (self.cluster.max_prefixlen - self._prefix_length)
        first = max(0, int(found.network_address) - int(self.cluster.network_address)) // step
        last = (int(found.broadcast_address) - int(self.cluster.network_address)) // step
        return range(first, min(last, self.size - 1) + 1)


class NodeIPAM:
    """See the module docstring. Keys are node names."""

    def __init__(self, context: ControllerContext) -> None:
        config = context.config
        self._client = context.client
        self._recorder = context.recorder("cidrAllocator")
        self._is_enabled = config.allocate_node_cidrs
        masks = {4: config.node_cidr_mask_ipv4, 6: config.node_cidr_mask_ipv6}
        self._sets = [RangeSet(cidr, masks[ip_network(cidr).version]) for cidr in config.cluster_cidrs]
        for cidr in config.service_cidrs:
            for ranges in self._sets:
                ranges.occupy(cidr)
        self._assigned: dict[str, list[str]] = {}
        self._nodes = context.informers.of(Node)
        self._controller = context.controller("cidrallocator", self._reconcile, workers=1)
        self._nodes.add_handler(self._node_changed)
        source(
            self._nodes,
            self._controller.enqueue,
            keys=lambda node: [node.metadata.name],
            when=lambda old, new: self._is_enabled and new is not None and not new.spec.pod_cidr,
        )

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        """Keep the books: what nodes have is occupied, what deleted nodes had is free."""
        node = new or old
        assert node is not None
        name = node.metadata.name or ""
        if new is None:
            for cidr in {*self._assigned.pop(name, ()), *(node.spec.pod_cidrs or ())}:
                for ranges in self._sets:
                    ranges.release(cidr)
        elif old is None or old.spec.pod_cidrs != new.spec.pod_cidrs:
            for cidr in new.spec.pod_cidrs or ():
                for ranges in self._sets:
                    ranges.occupy(cidr)

    async def _reconcile(self, key: str) -> Result | None:
        node = self._nodes.get(key)
        if node is None or node.spec.pod_cidr or not self._sets:
            return None
        cidrs = self._assigned.get(key) or self._allocate()
        if cidrs is None:
            self._recorder.normal(node, "CIDRNotAvailable", f"Node {key} status is now: CIDRNotAvailable")
            return Result(RETRY_SECONDS)
        self._assigned[key] = cidrs
        body = {"metadata": {"uid": node.metadata.uid}, "spec": {"podCIDR": cidrs[0], "podCIDRs": cidrs}}
        try:
            await self._client.patch(Node, key, body=body)
        except Exception as error:
            if getattr(error, "reason", "") == "Invalid":
                self._recorder.normal(node, "CIDRAssignmentFailed", f"Node {key} status is now: CIDRAssignmentFailed")
                raise TerminalError(str(error)) from error
            raise
        return None

    def _allocate(self) -> list[str] | None:
        """One range of every cluster CIDR; None (and nothing taken) when one of them has none left."""
        taken: list[str] = []
        for ranges in self._sets:
            found = ranges.allocate()
            if found is None:
                for earlier, cidr in zip(self._sets, taken, strict=False):
                    earlier.release(cidr)
                return None
            taken.append(found)
        return taken
