"""The kubelet's core: from the pods of this node to loops, and from loops to statuses.

    PodSources ──▶ PodLoop per pod ──▶ StatusManager ──▶ API
    LifecycleEvents ──▶ wakes the loop of the pod concerned        probes, volumes ──▶ wake it too
    NodeReporter, NodeLease ──▶ Node, Lease ;  podCIDR ──▶ cni.py ──▶ network ready

It knows the runtime, the kernel and the volumes only through Protocols; it offers `RuntimeView` to the 10250 server
and `evict` and `set_pressures` to the eviction manager. Everything waits for events or timers; an idle node does
nothing but renew its lease and look at itself every ten seconds.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from ..api.core import Node, Pod, Service
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.log import logger
from ..base.tasks import running
from ..client.client import Client
from ..client.events import EventRecorder
from ..client.informer import Informer
from . import preemption
from .admission import NodeState, Refusal, refusal
from .cni import write_network
from .config import KubeletConfig
from .cpu_manager.policy import STATIC as STATIC_CPUS
from .cri.messages import Image
from .cri.protocol import ContainerRuntime, RuntimeServiceError
from .host_component import HostComponent
from .host_pods import HostPods
from .host_status import SOURCE as HOST
from .image_gc import ImageCollector
from .images import ImageManager
from .kernel.resources import is_critical
from .lifecycle_events import LifecycleEvents
from .loop_services import LoopServices
from .machine import Machine, read_machine
from .mirror_pods import MirrorPods, source_of
from .node_lease import NodeLease
from .node_reporter import NodeReporter
from .node_services import NodeServices
from .node_shutdown import EVENT_MESSAGE, EVENT_REASON, NODE_PROBLEM, NodeShutdown, ShutdownPeriod, two_periods
from .node_status import NodeHealth, allocatable_of, capacity_of
from .parts import Parts, ProbeKind
from .pod_loop import PodLoop
from .pod_observer import PodObserver
from .pod_sources import PodSources
from .pod_sync import PodSync
from .pod_view import PodView
from .pod_worker import Termination, default_grace_seconds, pod_id
from .pulled_images import PulledImages
from .resize import Pending, verdict
from .runtime_health import check_runtime
from .runtime_recovery import remove_file_orphans, remove_runtime_orphans
from .static_pods import SOURCE as STATIC
from .static_pods import StaticPods, is_static
from .status_manager import StatusManager

log = logger(__name__)

IMAGES_LISTED_EVERY_SECONDS = 60.0
NETWORK_CHECK_SECONDS = 0.05
NETWORK_CHECKS = 200
RESTART_LOOP_SECONDS = 5.0
SWEEPS_PER_COLLECTION = 5


class Kubelet(PodView):
    """One node's kubelet. `parts` bring their own `serve`; whoever builds them runs them around this one's."""

    def __init__(
        self,
        config: KubeletConfig,
        client: Client,
        runtime: ContainerRuntime,
        parts: Parts,
        recorder: EventRecorder,
        *,
        clock: Clock = SYSTEM_CLOCK,
        machine: Machine | None = None,
        components: Sequence[HostComponent] = (),
    ) -> None:
        super().__init__(config, runtime)
        self._client = client
        self._parts = parts
        self._recorder = recorder
        self._clock = clock
        self._machine = machine or read_machine(config.root_directory)
        self._health = NodeHealth(network_problem="cni plugin not initialized")
        self._allocatable = allocatable_of(config, capacity_of(config, self._machine))
        self._pods: Informer[Pod] = Informer(client, Pod, field_selector=f"spec.nodeName={config.node_name}")
        self._nodes: Informer[Node] = Informer(client, Node, field_selector=f"metadata.name={config.node_name}")
        self._service_informer: Informer[Service] = Informer(client, Service)
        self._node = NodeServices(
            client,
            self._service_informer,
            list(config.node_ips),
            self._allocatable,
            self._event,
            config.runtime_handler,
        )
        self.images = ImageManager(
            runtime,
            self._node.keyrings,
            self._event,
            clock,
            pulled=PulledImages(
                config.root_directory, config.image_credentials_policy, config.image_credentials_allowlist
            ),
            serialize=config.serialize_image_pulls,
            max_parallel=config.max_parallel_image_pulls,
        )
        self.collector = ImageCollector(
            runtime,
            clock,
            self.images.used_at,
            high_percent=config.image_gc_high_percent,
            low_percent=config.image_gc_low_percent,
            minimum_age_seconds=config.image_minimum_age_seconds,
            kept=config.images_kept,
        )
        self._statuses = StatusManager(client, clock, self._api_identity)
        self._lifecycle = LifecycleEvents(runtime, clock, self._runtime_changed, config.relist_seconds)
        self._lifecycle.on_availability = self._runtime_available
        self._reporter = NodeReporter(config, client, self._machine, self._health, self._look, clock)
        self._reporter.on_ready_change = self._node_ready_changed
        self._reporter.on_news = self._tell_of_node
        self._lease = NodeLease(
            client,
            config.node_name,
            clock,
            renew_seconds=config.lease_renew_seconds,
            duration_seconds=config.lease_duration_seconds,
        )
        self.host = HostPods(
            components, config.node_name, config.node_ips, client, self._statuses, clock, self._own_node
        )
        mirrors = MirrorPods(client, self._own_node)
        self._sources = PodSources(self, self._name_taken, {STATIC: mirrors, HOST: self.host.mirrors})
        self._files = StaticPods(config.static_pod_directory, config.node_name, mirrors, self._sources.from_files)
        self._sync = PodSync(config, runtime, parts, self.images, self._node, self._event, clock)
        self._images: list[Image] = []
        self._images_at = float("-inf")
        self._group: asyncio.TaskGroup | None = None
        self._shows_host = False
        self.on_node: Callable[[Node], None] = lambda _node: None
        """Told of the node as the API has it, whenever it changes."""
        self._release = asyncio.Event()
        periods = [ShutdownPeriod(*entry) for entry in config.shutdown_by_priority]
        self._shutdown = NodeShutdown(
            periods or two_periods(config.shutdown_grace_seconds, config.shutdown_critical_seconds),
            self,
            self._shutdown_began,
            clock,
        )
        parts.probes.on_result = self._probe_result

    def healthy(self) -> str:
        """What is wrong with the kubelet, "" when nothing is."""
        return "" if self._lifecycle.available else "container runtime is down"

    # For the shutdown, the eviction manager and whoever builds the node.

    async def shut_down(self) -> None:
        """The machine goes down: end the pods, if the node has a shutdown grace period, and write how they ended."""
        await self._shutdown.run()
        if self._shutdown.under_way:
            await self._statuses.settled()
            await self._recorder.flush()

    def active_pods(self) -> list[Pod]:
        """The pods that have not ended."""
        return [loop.pod for loop in self._loops.values() if loop.counts]

    async def ended(self, pod_uids: Sequence[str]) -> None:
        """Return once nothing of these pods runs."""
        while any(uid in self._loops and not self._loops[uid].released for uid in pod_uids):
            await self._release.wait()

    def evict(
        self, pod_uid: str, reason: str, message: str, grace_seconds: int, *, disruption: str | None = None
    ) -> bool:
        """End a pod as Failed with this reason; False if it is not running here. `disruption` is what its condition
        DisruptionTarget says, "" for none; else it is the message."""
        loop = self._loops.get(pod_uid)
        if loop is None:
            return False
        loop.terminate(
            Termination(
                cause="evicted",
                since=self._clock.now(),
                grace_seconds=grace_seconds,
                phase_reason=reason,
                message=message,
                disruption=message if disruption is None else disruption,
            )
        )
        return True

    def set_pressures(self, pressures: frozenset[str]) -> None:
        """MemoryPressure, DiskPressure, PIDPressure: those that hold now."""
        if pressures != self._health.pressures:
            self._health.pressures = pressures
            self._reporter.changed()

    def report_volumes(self, in_use: Callable[[], list[str]]) -> Callable[[], None]:
        """Have the node's status name the attached volumes in use; what to call when they have changed."""
        self._reporter.volumes_in_use = in_use
        return self._reporter.changed

    def set_devices(self, capacity: Mapping[str, str], allocatable: Mapping[str, str]) -> None:
        """What device plugins add to the node's resources."""
        self._allocatable.update(allocatable)
        self._reporter.devices = (capacity, allocatable)
        self._reporter.changed()

    def is_known(self, pod_uid: str) -> bool:
        """Whether the pod is on this node."""
        return pod_uid in self._loops

    def allocatable(self) -> Mapping[str, str]:
        """What pods may use together."""
        return self._allocatable

    def pod_changed(self, pod_uid: str) -> None:
        """Something a pod waits for has changed (an object its volumes need)."""
        loop = self._loops.get(pod_uid)
        if loop is not None:
            loop.poke()

    # Life.

    async def serve(self, ready: asyncio.Event) -> None:
        """Run the node until cancelled; ready once it is registered and its pods are known."""
        async with (
            running("pod statuses", self._statuses.serve),
            running("node pods", self._pods.serve),
            running("node", self._nodes.serve),
            running("services", self._service_informer.serve),
            asyncio.TaskGroup() as self._group,
        ):
            node = await self._reporter.register()
            self._recorder.event(node, "Normal", "Starting", "Starting kubelet.")
            self._lease.node = node
            async with running("node lease", self._lease.serve):
                self._nodes.add_handler(self._node_changed)
                if node.spec.pod_cidr:
                    self._network_assigned(node)
                await self._check_runtime()
                self._group.create_task(self._lifecycle.serve(asyncio.Event()), name="runtime")
                self._group.create_task(self._reporter.serve(asyncio.Event()), name="node status")
                self._sources.follow(self._pods)
                async with running("static pods", self._files.serve):
                    ready.set()
                    await self._keep_house()

    async def _keep_house(self) -> None:
        """Sweep away what belongs to no pod, and images nobody needs."""
        turn = 0
        while True:
            await self._clock.sleep(self.config.housekeeping_seconds if turn else 1.0)
            if not self._lifecycle.available:
                continue
            known = set(self._loops)
            try:
                await remove_runtime_orphans(self.cri, known, list(self._lifecycle.pods))
                await remove_file_orphans(self._parts, self.config.root_directory, self.config.logs_directory, known)
                self._parts.cgroups.remove_orphans(self._loops)
                if turn % SWEEPS_PER_COLLECTION == 0:
                    images = await self.cri.list_images()
                    await self.collector.collect(images)
                    self.images.pulled.prune({image.id for image in images})
            except (RuntimeServiceError, OSError) as error:
                log.warning("Housekeeping was interrupted", err=error)
            turn += 1

    # PodSink: what the sources say.

    def pod_set(self, pod: Pod) -> None:
        loop = self._loops.get(pod.metadata.uid or "")
        if loop is not None:
            self._statuses.observed(pod)
            loop.update(pod)
        else:
            self._begin_loop(pod)

    def pod_gone(self, pod: Pod) -> None:
        loop = self._loops.get(pod.metadata.uid or "")
        if loop is not None:
            loop.removed()

    def mirror_changed(self, pod: Pod) -> None:
        if source_of(pod) == HOST:
            self.host.mirror_changed(pod)
            return
        for loop in self._loops.values():
            if is_static(loop.pod) and loop.pod.metadata.name == pod.metadata.name:
                loop.poke()

    def _name_taken(self, pod: Pod) -> bool:
        key = (pod.metadata.namespace, pod.metadata.name)
        return any((p.pod.metadata.namespace, p.pod.metadata.name) == key for p in self._loops.values())

    def _begin_loop(self, pod: Pod) -> None:
        if self._group is None:
            return
        uid = pod.metadata.uid or ""
        loop = PodLoop(pod, self._loop_services(), PodObserver(self.cri, self._lifecycle, uid))
        state = self._state(uid)
        problem = refusal(pod, state)
        leaving: list[str] = []
        if problem is None and is_critical(pod) and pod.status.start_time is None:
            problem, leaving = self._make_room(pod, state)
        problem = problem or self._parts.admit(pod)
        if problem is not None:
            self._recorder.event(pod, "Warning", problem.reason, problem.message)
            loop.terminate(
                Termination(
                    cause="refused",
                    since=self._clock.now(),
                    grace_seconds=1,
                    phase_reason=problem.reason,
                    message=problem.status_message,
                )
            )
        self._loops[uid] = loop
        self._group.create_task(self._run_loop(uid, loop, leaving), name=f"pod {pod_id(pod)}")

    def _make_room(self, pod: Pod, state: NodeState) -> tuple[Refusal | None, list[str]]:
        """End the pods that stand in a critical one's way; why it cannot be admitted all the same, or their uids."""
        found = preemption.victims(pod, state)
        if isinstance(found, Refusal):
            return found, []
        leaving = []
        for victim in found:
            uid, grace = victim.metadata.uid or "", default_grace_seconds(victim)
            leaving.append(uid)
            self._event(victim, "", "Warning", preemption.REASON, preemption.MESSAGE)
            self.evict(uid, preemption.REASON, preemption.MESSAGE, grace, disruption=preemption.DISRUPTION_MESSAGE)
        return None, leaving

    def _loop_services(self) -> LoopServices:
        return LoopServices(
            sync=self._sync,
            images=self.images,
            probes=self._parts.probes,
            statuses=self._statuses,
            event=self._event,
            clock=self._clock,
            host_ips=lambda: list(self._node.host_ips),
            runtime_name=lambda: self._health.runtime_version.partition(":")[0] or "containerd",
            grant=self._grant,
            room_made=self._room_made,
            crash_loop_maximum_seconds=self.config.crash_loop_maximum_seconds,
        )

    async def _run_loop(self, uid: str, loop: PodLoop, after: Sequence[str]) -> None:
        """Run a pod's loop once others have left; one that breaks is begun again, without touching the others."""
        await self.ended(after)
        while True:
            try:
                await loop.run()
                break
            except Exception:
                log.exception("Pod loop broke", pod=pod_id(loop.pod))
                await self._clock.sleep(RESTART_LOOP_SECONDS)
                fresh = PodLoop(loop.pod, self._loop_services(), PodObserver(self.cri, self._lifecycle, uid))
                if loop.is_removed:
                    fresh.removed()
                loop = self._loops[uid] = fresh
        del self._loops[uid]
        self._statuses.forget(uid)
        self._sources.name_free()

    def _api_identity(self, pod: Pod) -> tuple[str, str] | None:
        if not is_static(pod):
            return pod.metadata.uid or "", pod.metadata.name or ""
        mirror = self._files.mirrors.mirror(pod)
        return (mirror.metadata.uid or "", mirror.metadata.name or "") if mirror is not None else None

    # What wakes loops.

    def _runtime_changed(self, pod_uid: str, thing_id: str, kind: str) -> None:
        loop = self._loops.get(pod_uid)
        if loop is not None:
            loop.runtime_changed(thing_id, kind)

    def _probe_result(self, pod_uid: str, container: str, kind: ProbeKind, success: bool, _message: str) -> None:
        loop = self._loops.get(pod_uid)
        if loop is not None:
            loop.probe_result(container, kind, success)

    def _event(self, pod: Pod, container_name: str, type_: str, reason: str, message: str) -> None:
        """An event about a pod, or about one of its containers."""
        self._recorder.event(pod, type_, reason, message, field_path=_field_path(pod, container_name))

    # The node itself.

    def _own_node(self) -> Node | None:
        return self._nodes.get(self.config.node_name) or self._reporter.node

    def _others(self, uid: str) -> list[Pod]:
        """The other pods that count, with what they are allocated."""
        return [loop.resizer.allocated for other, loop in self._loops.items() if other != uid and loop.counts]

    def _grant(self, pod: Pod, allocated: Pod) -> Pending | None:
        pinned = allocated if self.config.cpu_manager_policy == STATIC_CPUS else None
        return verdict(pod, self._others(pod.metadata.uid or ""), self._allocatable, pinned)

    def _state(self, uid: str) -> NodeState:
        return NodeState(
            node=self._own_node(),
            allocatable=self._allocatable,
            others=self._others(uid),
            pressures=self._health.pressures,
            allowed_unsafe_sysctls=self.config.allowed_unsafe_sysctls,
            shuts_down=self._shutdown.under_way,
            apparmor=self._machine.apparmor,
        )

    def _room_made(self) -> None:
        """A pod has ended or shrunk: those whose wish was deferred ask again, the more important ones first."""
        self._release.set()
        self._release = asyncio.Event()
        deferred = [loop for loop in self._loops.values() if loop.resizer.resources.pending is not None]
        for loop in sorted(deferred, key=lambda loop: -(loop.pod.spec.priority or 0)):
            loop.poke()

    def _node_changed(self, _old: Node | None, new: Node | None) -> None:
        if new is not None:
            self.on_node(new)
        if new is not None and new.spec.pod_cidr:
            self._network_assigned(new)

    def _network_assigned(self, node: Node) -> None:
        """The node has its range: write the pod network, and say so as soon as the runtime has taken it."""
        if not self.config.cni_config_directory or self._node.network.is_set() or self._group is None:
            return
        cidrs = node.spec.pod_cidrs or [node.spec.pod_cidr or ""]
        write_network(self.config.cni_config_directory, cidrs, self.config.cni_data_directory, self.config.cni_mtu)
        self._group.create_task(self._await_network(), name="pod network")

    async def _await_network(self) -> None:
        for _ in range(NETWORK_CHECKS):
            await self._check_runtime()
            if self._node.network.is_set():
                self._reporter.changed()
                return
            await self._clock.sleep(NETWORK_CHECK_SECONDS)

    async def _check_runtime(self) -> None:
        network = await check_runtime(self.cri, self._health)
        if network:
            self._node.network.set()
        elif network is not None:
            self._node.network.clear()

    async def _look(self) -> list[Image]:
        """Bring the node's health up to date; the images, listed now and then."""
        await self._check_runtime()
        self.host.look()
        now = self._clock.monotonic()
        if not self._health.runtime_problem and now - self._images_at >= IMAGES_LISTED_EVERY_SECONDS:
            try:
                self._images = await self.cri.list_images()
                self._images_at = now
            except RuntimeServiceError as error:
                log.warning("Images were not listed", err=error)
        return self._images

    def _runtime_available(self, available: bool, _why: str) -> None:
        if not available:
            self._health.runtime_problem = "container runtime is down"
        self._reporter.changed()

    def _node_ready_changed(self, node: Node, is_ready: bool) -> None:
        if is_ready and not self._shows_host and self._group is not None:
            self._shows_host = True
            self._group.create_task(self.host.serve(asyncio.Event()), name="host components")
        self._tell_of_node(node, "NodeReady" if is_ready else "NodeNotReady")

    def _shutdown_began(self) -> None:
        self._health.shutdown_problem = NODE_PROBLEM
        self._reporter.changed()
        if self._reporter.node is not None:
            self._recorder.event(self._reporter.node, "Normal", EVENT_REASON, EVENT_MESSAGE)

    def _tell_of_node(self, node: Node, reason: str) -> None:
        self._recorder.event(node, "Normal", reason, f"Node {self.config.node_name} status is now: {reason}")


def _field_path(pod: Pod, container: str) -> str:
    """`spec.containers{web}` for an event about a container."""
    if not container:
        return ""
    groups = (("initContainers", pod.spec.init_containers), ("ephemeralContainers", pod.spec.ephemeral_containers))
    for field, containers in groups:
        if any(c.name == container for c in containers or ()):
            return f"spec.{field}{{{container}}}"
    return f"spec.containers{{{container}}}"
