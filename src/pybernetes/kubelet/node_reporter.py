"""Keeps the Node object in the API: registers it, and reports its status.

Every `node_status_update_seconds` (10) the node looks at itself; it writes when something has changed, and every
`node_status_report_seconds` (300) in any case. `changed()` makes it look at once. The node's own watch tells its pod
range, which the CNI configuration waits for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from ..api.codec import to_wire
from ..api.core import Node, NodeStatus
from ..api.status import StatusError, is_already_exists, is_not_found
from ..base.clock import Clock
from ..base.log import logger
from ..client.client import MERGE_PATCH, STRATEGIC_MERGE_PATCH, Client
from .config import KubeletConfig
from .cri.messages import Image
from .machine import Machine
from .node_status import NodeHealth, node_object, node_status, pressure_news, same_but_heartbeat

log = logger(__name__)

RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)

LookAgain = Callable[[], Awaitable[list[Image]]]
"""Brings `NodeHealth` up to date and answers the images on the node."""


class NodeReporter:
    """One node's object. `node` is what the API last answered."""

    def __init__(
        self,
        config: KubeletConfig,
        client: Client,
        machine: Machine,
        health: NodeHealth,
        look: LookAgain,
        clock: Clock,
    ) -> None:
        self._config = config
        self._client = client
        self._machine = machine
        self._health = health
        self._look = look
        self._clock = clock
        self._wake = asyncio.Event()
        self._reported: NodeStatus | None = None
        self._reported_at = 0.0
        self.node: Node | None = None
        self.on_ready_change: Callable[[Node, bool], None] = lambda _node, _ready: None
        self.volumes_in_use: Callable[[], list[str]] = list
        """The attached volumes that pods here use (`volumesInUse`)."""
        self.devices: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
        """(capacity, allocatable) of device plugins."""
        self.on_news: Callable[[Node, str], None] = lambda _node, _reason: None
        """Pressures that came or went, by the reasons of their events."""

    def changed(self) -> None:
        """Something about the node changed: look now."""
        self._wake.set()

    async def register(self) -> Node:
        """Create the node, or adopt the one of this name; tries until it works."""
        attempt = 0
        while True:
            try:
                self.node = await self._register_once()
                return self.node
            except (StatusError, OSError) as error:
                log.warning("Node was not registered", node=self._config.node_name, err=error)
                await self._clock.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
                attempt += 1

    async def _register_once(self) -> Node:
        wanted = node_object(self._config, self._machine, self._health, self._clock.now())
        try:
            if not self._config.register_node:
                return await self._client.get(Node, self._config.node_name)
            return await self._client.create(wanted)
        except StatusError as error:
            if not is_already_exists(error):
                raise
        found = await self._client.get(Node, self._config.node_name)
        labels = wanted.metadata.labels or {}
        if any((found.metadata.labels or {}).get(key) != value for key, value in labels.items()):
            body = {"metadata": {"labels": labels}}
            found = await self._client.patch(Node, self._config.node_name, body=body, content_type=MERGE_PATCH)
        return found

    async def serve(self, ready: asyncio.Event) -> None:
        """Report until cancelled; ready after the first report."""
        while True:
            self._wake.clear()
            try:
                await self._report()
                ready.set()
                delay = self._config.node_status_update_seconds
            except (StatusError, OSError) as error:
                log.warning("Node status was not written", node=self._config.node_name, err=error)
                delay = 1.0
            await self._wait(delay)

    async def _wait(self, seconds: float) -> None:
        sleeper = asyncio.ensure_future(self._clock.sleep(seconds))
        waker = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({sleeper, waker}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            waker.cancel()

    async def _report(self) -> None:
        images = await self._look()
        node = self.node if self.node is not None else await self.register()
        previous = (self._reported or node.status).conditions or []
        status = node_status(self._config, self._machine, self._health, images, previous, self._clock.now())
        if self._config.external_cloud_provider and node.status.addresses:
            status.addresses = None
        status.capacity = {**(status.capacity or {}), **self.devices[0]}
        status.allocatable = {**(status.allocatable or {}), **self.devices[1]}
        status.volumes_in_use = self.volumes_in_use() or None
        due = self._clock.monotonic() - self._reported_at >= self._config.node_status_report_seconds
        if self._reported is not None and not due and same_but_heartbeat(self._reported, status):
            return
        await self._write(status)

    async def _write(self, status: NodeStatus) -> None:
        wire = {"images": None, "volumesInUse": None, **to_wire(status)}
        if len(self._config.node_ips) > 1 and wire.get("addresses"):
            # The list is merged by type, of which two addresses have the same one: it can only be replaced whole.
            wire["addresses"] = [*wire["addresses"], {"$patch": "replace"}]
        try:
            self.node = await self._client.patch(
                Node,
                self._config.node_name,
                body={"status": wire},
                content_type=STRATEGIC_MERGE_PATCH,
                subresource="status",
            )
        except StatusError as error:
            if is_not_found(error):
                # Somebody deleted the node while its kubelet lives: it registers again, as upstream's does.
                self._reported = None
                await self.register()
            raise
        node = self.node
        for reason in pressure_news(self._reported, status):
            self.on_news(node, reason)
        was, now_ready = _is_ready(self._reported), _is_ready(status)
        self._reported, self._reported_at = status, self._clock.monotonic()
        if was != now_ready:
            self.on_ready_change(node, now_ready)


def _is_ready(status: NodeStatus | None) -> bool:
    return status is not None and any(c.type == "Ready" and c.status == "True" for c in status.conditions or ())
