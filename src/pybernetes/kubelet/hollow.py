"""Simulated nodes: Node objects, leases and pods that become Running, without containers, root or a runtime.

    one informer over all bound pods ──▶ queue of pods ──▶ a few workers ──▶ PATCH status / DELETE
    a heap of due times ──▶ one task renews all leases and posts all statuses

Everything a node does costs one request when it is due and nothing in between, so a process carries thousands of them.
Pods get an address of their node's range and are ready at once; graceful deletions take half a second. `stop_node`
lets one die: its lease runs out and its pods stay as they were. What a pod's containers would do is not simulated,
except that a pod annotated `hollow.pybernetes.io/succeed-after: "SECONDS"` ends well after that time.
"""

import asyncio
import heapq
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

from ..api.codec import to_wire
from ..api.core import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStatus,
    HostIP,
    Node,
    Pod,
    PodIP,
    PodStatus,
)
from ..api.resource import resource
from ..api.status import StatusError, is_conflict, is_invalid, is_not_found
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.log import logger
from ..base.tasks import running
from ..client.client import MERGE_PATCH, Client
from ..client.informer import Informer
from ..client.view import PartialObject, View
from .conditions import OWNED, pod_conditions
from .config import KubeletConfig
from .cri.messages import Image
from .hollow_addresses import PodAddresses, made_up_ranges, node_addresses
from .kernel.resources import qos_class
from .machine import Machine
from .node_lease import NodeLease
from .node_reporter import NodeReporter
from .node_status import NodeHealth, node_status
from .restart_policy import is_sidecar

log = logger(__name__)

PREFIX = "hollow-"
SUCCEED_AFTER = "hollow.pybernetes.io/succeed-after"
LABELS = {"pybernetes.io/hollow": "true"}
WORKERS = 16
QUEUE_SIZE = 100_000
RETRY_SECONDS = 2.0
STATUS_SECONDS = 300.0
RANGE_PATIENCE_SECONDS = 5.0
STOP_SECONDS = 0.5
"""How long containers take to end. A StatefulSet's pod that went and came back within a few milliseconds would be taken
by a `kubectl delete` that waits for one that never went: it looks twice, and the second look does not compare uids."""
_POD = View(resource("pods"), PartialObject)
"""The answer to a status is not looked at."""


class HollowNode:
    """One simulated node."""

    def __init__(self, config: KubeletConfig, machine: Machine, client: Client, clock: Clock) -> None:
        self.name = config.node_name
        self.config = config
        self.client = client
        self.machine = machine
        self.health = NodeHealth(runtime_version="hollow://1.0.0", runtime_problem="")
        self.lease = NodeLease(client, self.name, clock, duration_seconds=config.lease_duration_seconds)
        self.stopped = False
        self.registered_at = clock.now()
        self.pods = PodAddresses()


class HollowNodes:
    """`count` simulated nodes named hollow-0, hollow-1, ...

    `client_for_node` gives each its own identity. With `pods_client`, which may list all pods, one informer serves all
    nodes; without it every node follows its own pods. `families` are the cluster's: 4, 6, the primary one first.
    """

    def __init__(
        self,
        client_for_node: Callable[[str], Client],
        count: int,
        *,
        pods_client: Client | None = None,
        first: int = 0,
        cpus: int = 4,
        memory_bytes: int = 16 << 30,
        max_pods: int = 110,
        labels: Callable[[int], dict[str, str]] = lambda _index: {},
        families: Sequence[int] = (4,),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._families = families
        self._pods_client = pods_client
        machine = Machine(cpus=cpus, memory_bytes=memory_bytes, disk_bytes=100 << 30, os_image="Hollow")
        self.nodes: dict[str, HollowNode] = {}
        for index in range(first, first + count):
            name = f"{PREFIX}{index}"
            config = KubeletConfig(
                node_name=name,
                node_ips=node_addresses(index, families),
                labels={**LABELS, **labels(index)},
                max_pods=max_pods,
                eviction_hard={"nodefs.available": "10%"},
            )
            self.nodes[name] = HollowNode(config, machine, client_for_node(name), clock)
        self._queue: asyncio.Queue[Pod] = asyncio.Queue(QUEUE_SIZE)
        self._queued: set[str] = set()
        self._latest: dict[str, Pod] = {}
        self._ends: dict[str, datetime] = {}
        self._stopping: dict[str, float] = {}
        self._due: list[tuple[float, int, str, bool]] = []
        self._group: asyncio.TaskGroup | None = None

    def stop_node(self, name: str) -> None:
        """The node dies: no heartbeat, no statuses, no deletions."""
        self.nodes[name].stopped = True

    def start_node(self, name: str) -> None:
        """A stopped node comes back."""
        self.nodes[name].stopped = False
        self._push(self._clock.monotonic(), name, True)
        for pod in self._latest.values():
            if pod.spec.node_name == name:
                self._enqueue(pod)

    async def serve(self, ready: asyncio.Event) -> None:
        """Run the nodes until cancelled; ready once all are registered."""
        await self._register_all()
        informers = self._informers()
        async with asyncio.TaskGroup() as self._group:
            for _ in range(WORKERS):
                self._group.create_task(self._work(), name="hollow pods")
            for informer in informers:
                informer.add_handler(self._pod_changed)
                self._group.create_task(informer.serve(asyncio.Event()), name="hollow pod informer")
            async with AsyncExitStack() as stack:
                for nodes in self._node_informers():
                    nodes.add_handler(self._node_changed)
                    await stack.enter_async_context(running("hollow node informer", nodes.serve))
                ready.set()
                await self._beat()

    def _node_informers(self) -> list[Informer[Node]]:
        """Every node may follow itself alone; who may list all pods may list all nodes."""
        if self._pods_client is not None:
            selector = ",".join(f"{key}={value}" for key, value in LABELS.items())
            return [Informer(self._pods_client, Node, label_selector=selector)]
        return [Informer(n.client, Node, field_selector=f"metadata.name={n.name}") for n in self.nodes.values()]

    def _informers(self) -> list[Informer[Pod]]:
        if self._pods_client is not None:
            return [Informer(self._pods_client, Pod, field_selector="spec.nodeName!=")]
        return [Informer(n.client, Pod, field_selector=f"spec.nodeName={n.name}") for n in self.nodes.values()]

    # Nodes.

    async def _register_all(self) -> None:
        waiting = iter(list(self.nodes.values()))

        async def some() -> None:
            for node in waiting:
                reporter = NodeReporter(node.config, node.client, node.machine, node.health, _no_images, self._clock)
                registered = await reporter.register()
                node.pods.ranges = _ranges(registered)
                node.registered_at = self._clock.now()
                node.lease.node = registered
                await self._beat_once(node, True)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(WORKERS, len(self.nodes))):
                group.create_task(some(), name="hollow registration")
        self._spread()

    def _spread(self) -> None:
        """First due times, spread evenly, so that a thousand nodes make a steady trickle."""
        now = self._clock.monotonic()
        total = max(len(self.nodes), 1)
        for index, node in enumerate(self.nodes.values()):
            self._push(now + node.config.lease_renew_seconds * (index + 1) / total, node.name, False)
            self._push(now + STATUS_SECONDS * (index + 1) / total, node.name, True)

    def _push(self, at: float, name: str, status: bool) -> None:
        heapq.heappush(self._due, (at, len(name), name, status))

    async def _beat(self) -> None:
        """Renew what is due, in the order in which it is due."""
        while True:
            if not self._due:
                await asyncio.get_running_loop().create_future()
            at, _, name, status = self._due[0]
            delay = at - self._clock.monotonic()
            if delay > 0:
                await self._clock.sleep(delay)
                continue
            heapq.heappop(self._due)
            node = self.nodes[name]
            if node.stopped:
                continue
            self._push(at + (STATUS_SECONDS if status else node.config.lease_renew_seconds), name, status)
            await self._beat_once(node, status)

    async def _beat_once(self, node: HollowNode, status: bool) -> None:
        try:
            await node.lease.renew()
            if status:
                found = node_status(node.config, node.machine, node.health, (), [], self._clock.now())
                body = {"status": to_wire(found)}
                await node.client.patch(Node, node.name, body=body, content_type=MERGE_PATCH, subresource="status")
        except (StatusError, OSError) as error:
            log.warning("Hollow node did not report", node=node.name, err=error)

    def _node_changed(self, _old: Node | None, new: Node | None) -> None:
        node = self.nodes.get(new.metadata.name or "") if new is not None else None
        if node is None or new is None or not new.spec.pod_cidr or node.pods.ranges == _ranges(new):
            return
        node.pods.ranges = _ranges(new)
        for pod in self._latest.values():
            if pod.spec.node_name == node.name:
                self._enqueue(pod)

    # Pods.

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            if old is not None and old.spec.node_name in self.nodes:
                uid = old.metadata.uid or ""
                self.nodes[old.spec.node_name].pods.release(uid)
                self._latest.pop(uid, None)
                self._ends.pop(uid, None)
                self._stopping.pop(uid, None)
            return
        if new.spec.node_name in self.nodes:
            self._latest[new.metadata.uid or ""] = new
            self._enqueue(new)

    def _enqueue(self, pod: Pod) -> None:
        uid = pod.metadata.uid or ""
        if uid not in self._queued:
            self._queued.add(uid)
            self._queue.put_nowait(pod)

    async def _work(self) -> None:
        while True:
            pod = await self._queue.get()
            uid = pod.metadata.uid or ""
            self._queued.discard(uid)
            latest = self._latest.get(uid)
            if latest is None:
                continue
            try:
                await self._sync(latest)
            except StatusError as error:
                if not (is_not_found(error) or is_conflict(error) or is_invalid(error)):
                    self._later(latest, RETRY_SECONDS)
            except OSError:
                self._later(latest, RETRY_SECONDS)

    def _later(self, pod: Pod, seconds: float) -> None:
        async def wait() -> None:
            await self._clock.sleep(seconds)
            self._enqueue(pod)

        if self._group is not None:
            self._group.create_task(wait(), name="hollow retry")

    async def _sync(self, pod: Pod) -> None:
        """Finish a deletion, or make the pod what it should be by now."""
        node = self.nodes[pod.spec.node_name or ""]
        meta = pod.metadata
        if node.stopped or pod.status.phase in ("Succeeded", "Failed"):
            if not node.stopped and meta.deletion_timestamp is not None:
                await self._finish(node, pod)
            return
        if meta.deletion_timestamp is not None:
            now = self._clock.monotonic()
            left = self._stopping.setdefault(meta.uid or "", now) + STOP_SECONDS - now
            if left > 0:
                self._later(pod, left)
            else:
                await self._finish(node, pod)
            return
        if not node.pods.ranges and not self._give_ranges(node, pod):
            return
        succeeded = self._has_ended(pod)
        if pod.status.phase == "Running" and not succeeded and _is_ready(pod):
            return
        ips = node.config.node_ips if pod.spec.host_network else node.pods.of(meta.uid or "")
        status = hollow_status(pod, ips, node.config.node_ips, self._clock.now(), succeeded=succeeded)
        body = {"metadata": {"uid": meta.uid}, "status": to_wire(status)}
        await node.client.patch(
            _POD, meta.name or "", meta.namespace or "", body=body, content_type=MERGE_PATCH, subresource="status"
        )

    def _give_ranges(self, node: HollowNode, pod: Pod) -> bool:
        """A node that the cluster has no range left for makes one up after a while; False as long as it waits."""
        waited = (self._clock.now() - node.registered_at).total_seconds()
        if waited < RANGE_PATIENCE_SECONDS:
            self._later(pod, RANGE_PATIENCE_SECONDS - waited)
            return False
        node.pods.ranges = made_up_ranges(int(node.name.removeprefix(PREFIX)), self._families)
        return True

    def _has_ended(self, pod: Pod) -> bool:
        text = (pod.metadata.annotations or {}).get(SUCCEED_AFTER, "")
        if not text.isdigit():
            return False
        uid, now = pod.metadata.uid or "", self._clock.now()
        end = self._ends.get(uid)
        if end is None:
            end = self._ends[uid] = now + timedelta(seconds=int(text))
            self._later(pod, int(text))
        return end <= now

    async def _finish(self, node: HollowNode, pod: Pod) -> None:
        meta = pod.metadata
        await node.client.delete(Pod, meta.name or "", meta.namespace or "", uid=meta.uid or "", grace_period_seconds=0)


def _ranges(node: Node) -> tuple[str, ...]:
    return tuple(node.spec.pod_cidrs or ([node.spec.pod_cidr] if node.spec.pod_cidr else []))


async def _no_images() -> list[Image]:
    return []


def _is_ready(pod: Pod) -> bool:
    return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or ())


def hollow_status(
    pod: Pod, ips: Sequence[str], host_ips: Sequence[str], now: datetime, *, succeeded: bool = False
) -> PodStatus:
    """The status of a pod whose containers run (or have ended well). Pure."""
    now = now.replace(microsecond=0)
    uid = pod.metadata.uid or ""
    init = [
        _container(c, uid, now, running=is_sidecar(c) and not succeeded, done=not is_sidecar(c))
        for c in pod.spec.init_containers or ()
    ]
    status = PodStatus(
        observed_generation=pod.metadata.generation,
        phase="Succeeded" if succeeded else "Running",
        host_ip=host_ips[0],
        host_ips=[HostIP(ip=host_ip) for host_ip in host_ips],
        pod_ip=ips[0],
        pod_ips=[PodIP(ip=ip) for ip in ips],
        start_time=pod.status.start_time or now,
        init_container_statuses=init or None,
        container_statuses=[_container(c, uid, now, running=not succeeded) for c in pod.spec.containers or ()],
        qos_class=pod.status.qos_class or qos_class(pod),
    )
    previous = [c for c in pod.status.conditions or () if c.type not in OWNED or c.type == "PodScheduled"]
    status.conditions = pod_conditions(pod, status, previous, has_sandbox=not succeeded, initialized=True, now=now)
    return status


def _container(container: Container, uid: str, now: datetime, *, running: bool, done: bool = False) -> ContainerStatus:
    container_id = f"hollow://{uid}-{container.name}"
    state = ContainerState(running=ContainerStateRunning(started_at=now))
    if not running:
        ended = ContainerStateTerminated(
            exit_code=0, reason="Completed", started_at=now, finished_at=now, container_id=container_id
        )
        state = ContainerState(terminated=ended)
    return ContainerStatus(
        name=container.name,
        state=state,
        ready=running or done,
        started=running,
        image=container.image or "",
        container_id=container_id,
    )
