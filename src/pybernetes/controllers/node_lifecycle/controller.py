"""The shell of the node lifecycle controller: one deadline per node, no polling.

    Node status heartbeat or Lease renewal ─▶ "heard from at …"
    deadline passed without one            ─▶ conditions Unknown, pods on it not ready
    any change of conditions               ─▶ taints follow

How long ago a node was heard from is measured on our own clock, by when its heartbeat changed, never by comparing
clocks of two machines; after a restart every node starts with a full grace period.
"""

import asyncio
from datetime import datetime

import msgspec

from ...api.coordination import Lease
from ...api.core import Node, Pod
from ...reconcile.controller import Result
from ...reconcile.manager import ControllerContext
from ...reconcile.pod_index import NODE, index_pods
from ...reconcile.pods import is_ready
from ...reconcile.sources import source
from ...reconcile.status_patches import patch_status
from ...reconcile.taints import replaced, taints_patch
from . import plan
from .metrics import NodeMetrics
from .zones import Zones

LEASE_NAMESPACE = "kube-node-lease"
ZONE_LABELS = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")


class _Health(msgspec.Struct):
    """What was last heard from a node, and when (monotonic seconds)."""

    heard_at: float
    heartbeat: datetime | None = None
    renewed: datetime | None = None


class NodeLifecycleController:
    """See the module docstring. Keys are node names."""

    def __init__(self, context: ControllerContext) -> None:
        config = context.config
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder("node-controller")
        self._grace_seconds = config.node_monitor_grace_period_seconds
        self._startup_grace_seconds = config.node_startup_grace_period_seconds
        self._rate = config.node_eviction_rate
        self._next_taint: dict[str, float] = {}
        self._health: dict[str, _Health] = {}
        self._zones = Zones()
        self._metrics = NodeMetrics(context.metrics, self._zones)
        self._nodes = context.informers.of(Node)
        self._leases = context.informers.of(Lease, namespace=LEASE_NAMESPACE)
        self._pods = context.informers.of(Pod)
        index_pods(self._pods)
        self._controller = context.controller(
            "node_lifecycle_controller", self._reconcile, workers=config.concurrent_reconciles
        )
        self._nodes.add_handler(self._node_changed)
        self._leases.add_handler(self._lease_changed)
        source(self._nodes, self._controller.enqueue, keys=lambda node: [node.metadata.name], when=_matters)
        self._nodes.add_handler(self._zone_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        node = new or old
        assert node is not None
        name = node.metadata.name or ""
        if new is None:
            self._health.pop(name, None)
            self._recorder.normal(node, "RemovingNode", f"Node {name} event: Removing Node {name} from Controller")
            return
        if old is None:
            self._recorder.normal(node, "RegisteredNode", f"Node {name} event: Registered Node {name} in Controller")
        found = plan.condition_of(new, "Ready")
        heartbeat = found.last_heartbeat_time if found is not None else None
        health = self._health.get(name)
        if health is None:
            self._health[name] = _Health(self._clock.monotonic(), heartbeat)
        elif health.heartbeat != heartbeat:
            health.heartbeat = heartbeat
            health.heard_at = self._clock.monotonic()

    def _zone_changed(self, old: Node | None, new: Node | None) -> None:
        """Whether nodes may be evicted depends on how the zones fare: those that are not ready look again."""
        if new is not None:
            self._count(new)
        elif old is not None and self._zones.remove(old.metadata.name or ""):
            self._wake_not_ready()

    def _count(self, node: Node) -> None:
        is_ready = plan.ready_status(node) == "True"
        if self._zones.put(node.metadata.name or "", _zone(node), is_ready=is_ready):
            self._wake_not_ready()

    def _wake_not_ready(self) -> None:
        for name in self._zones.not_ready:
            self._controller.enqueue(name)

    def _lease_changed(self, old: Lease | None, new: Lease | None) -> None:
        if new is None:
            return
        name = new.metadata.name or ""
        health = self._health.get(name)
        renewed = new.spec.renew_time
        if health is None:
            health = self._health[name] = _Health(self._clock.monotonic())
        if health.renewed != renewed:
            health.renewed = renewed
            health.heard_at = self._clock.monotonic()
            node = self._nodes.get(name)
            if node is not None and plan.ready_status(node) == "Unknown":
                self._controller.enqueue(name)

    async def _reconcile(self, key: str) -> Result | None:
        node = self._nodes.get(key)
        if node is None:
            return None
        remaining = self._remaining_seconds(node)
        if remaining <= 0:
            node = await self._mark_silent(node)
        waits = await self._taint(node)
        deadlines = [seconds for seconds in (remaining, waits) if seconds > 0]
        return Result(min(deadlines)) if deadlines else None

    def _remaining_seconds(self, node: Node) -> float:
        """Seconds until the node counts as silent; never positive once it does."""
        health = self._health[node.metadata.name or ""]
        is_starting = plan.condition_of(node, "Ready") is None
        grace = self._startup_grace_seconds if is_starting else self._grace_seconds
        return health.heard_at + grace - self._clock.monotonic()

    async def _mark_silent(self, node: Node) -> Node:
        conditions = plan.silent(node, self._clock.now())
        if conditions is None:
            return node
        was_ready = plan.ready_status(node) == "True"
        status = msgspec.structs.replace(node.status, conditions=conditions)
        node = await self._client.update_status(msgspec.structs.replace(node, status=status))
        if was_ready:
            name = node.metadata.name or ""
            self._recorder.normal(node, "NodeNotReady", f"Node {name} status is now: NodeNotReady")
            await self._mark_pods_not_ready(node)
        return node

    async def _mark_pods_not_ready(self, node: Node) -> None:
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        for pod in self._pods.by_index(NODE, node.metadata.name or ""):
            if not is_ready(pod):
                continue
            condition = {"type": "Ready", "status": "False", "lastTransitionTime": now}
            if await patch_status(self._client, pod, {"conditions": [condition]}):
                self._recorder.warning(pod, "NodeNotReady", "Node is not ready")

    async def _taint(self, node: Node) -> float:
        """Make the taints follow the conditions; seconds until a NoExecute taint may be added, 0 when all is done."""
        if self._nodes.get(node.metadata.name or "") is not None:
            self._count(node)  # the cache may lag behind what was just written: the node in hand is newer
        taints = node.spec.taints or []
        wanted = plan.no_schedule_taints(node)
        evicting = plan.no_execute_taints(node)
        if evicting and plan.is_all_down(self._zones.states().values()):
            # More likely our own network failed than every node: nobody is evicted, and who was to be stays.
            evicting = set()
        is_marked = any((taint.key, taint.effect) in plan.MANAGED_NO_EXECUTE for taint in taints)
        waits = 0.0
        if evicting and not is_marked:
            waits = self._seconds_until_taint(node)
            if waits:
                evicting = set()
        managed = plan.MANAGED_NO_SCHEDULE | plan.MANAGED_NO_EXECUTE
        fresh = replaced(taints, managed, wanted | evicting, self._clock.now())
        if fresh is not None:
            await self._client.patch(Node, node.metadata.name or "", body=taints_patch(node, fresh))
            if evicting and not is_marked:
                self._metrics.evictions.inc((_zone(node),))
        return waits

    def _seconds_until_taint(self, node: Node) -> float:
        """Rate limiting per zone; each call that returns 0 uses up one permit."""
        zone = _zone(node)
        states = self._zones.states()
        state, size = states.get(zone, plan.Disruption.NORMAL), self._zones.size(zone)
        rate = plan.eviction_rate(state, states.values(), size, self._rate)
        if rate == 0.0:
            return self._grace_seconds
        now = self._clock.monotonic()
        due = self._next_taint.get(zone, 0.0)
        if now < due:
            return due - now
        self._next_taint[zone] = now + 1.0 / rate
        return 0.0


def _zone(node: Node) -> str:
    """Region and zone as upstream joins them, the label of metrics; "" without either."""
    labels = node.metadata.labels or {}
    region, zone = (labels.get(label, "") for label in ZONE_LABELS)
    return f"{region}:\x00:{zone}" if region or zone else ""


def _matters(old: Node | None, new: Node | None) -> bool:
    """Whether a change is more than a heartbeat: conditions, taints or schedulability."""
    if old is None or new is None:
        return True
    before = [(found.type, found.status) for found in old.status.conditions or ()]
    after = [(found.type, found.status) for found in new.status.conditions or ()]
    return before != after or old.spec != new.spec
