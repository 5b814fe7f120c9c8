"""The TTL controller: nodes are told how long they may keep secrets and config maps before asking again.

The annotation `node.alpha.kubernetes.io/ttl` grows with the cluster, in steps that overlap, so that a cluster at a
border does not change all its nodes again and again.
"""

import asyncio
from typing import NamedTuple

from ..api.core import Node
from ..api.status import StatusError, is_not_found
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext

ANNOTATION = "node.alpha.kubernetes.io/ttl"
_UNBOUNDED = 1 << 31


class _Step(NamedTuple):
    """Left for the step below when there are fewer than `low` nodes, for the one above with more than `high`."""

    low: int
    high: int
    seconds: int


STEPS = (
    _Step(0, 100, 0),
    _Step(90, 500, 15),
    _Step(450, 1000, 30),
    _Step(900, 2000, 60),
    _Step(1800, 10000, 300),
    _Step(9000, _UNBOUNDED, 600),
)


def step_for(nodes: int, current: int) -> int:
    """The step for so many nodes, from the current one on."""
    while nodes > STEPS[current].high:
        current += 1
    while nodes < STEPS[current].low:
        current -= 1
    return current


class NodeTTL:
    """See the module docstring. Keys are node names."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._step = 0
        self._nodes = context.informers.of(Node)
        self._controller = context.controller("ttlcontroller", self._reconcile)
        self._nodes.add_handler(self._node_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        step = step_for(len(self._nodes), self._step)
        if step != self._step:
            self._step = step
            for node in self._nodes.list():
                self._controller.enqueue(node.metadata.name or "")
        elif new is not None and (old is None or _ttl_of(old) != _ttl_of(new)):
            self._controller.enqueue(new.metadata.name or "")

    async def _reconcile(self, key: str) -> Result | None:
        node = self._nodes.get(key)
        wanted = str(STEPS[self._step].seconds)
        if node is None or _ttl_of(node) == wanted:
            return None
        try:
            await self._client.patch(Node, key, body={"metadata": {"annotations": {ANNOTATION: wanted}}})
        except StatusError as error:
            if not is_not_found(error):
                raise
        return None


def _ttl_of(node: Node) -> str | None:
    return (node.metadata.annotations or {}).get(ANNOTATION)
