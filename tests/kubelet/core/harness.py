"""A kubelet on an in-memory runtime and an in-memory API server, with doubles of the parts it does not own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.kubelet.builders import pod as build_pod
from tests.support.clock import LoopClock

from pybernetes.api.core import Container, ContainerStatus, Event, LifecycleHandler, Namespace, Node, Pod
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.status import StatusError, is_already_exists, is_not_found
from pybernetes.base.clock import Clock
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.events import EventRecorder
from pybernetes.client.in_process import InProcessTransport
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cpu_manager.manager import CpuManager
from pybernetes.kubelet.cri import messages as m
from pybernetes.kubelet.cri.fake import FakeRuntime
from pybernetes.kubelet.cri.protocol import ContainerRuntime
from pybernetes.kubelet.host_component import HostComponent
from pybernetes.kubelet.image_volumes import KernelImageMounts
from pybernetes.kubelet.kernel.recording import RecordingKernel
from pybernetes.kubelet.kubelet import Kubelet
from pybernetes.kubelet.machine import Machine
from pybernetes.kubelet.parts import (
    ExecSync,
    HookError,
    NodeDevices,
    Parts,
    ProbeCallback,
    ProbeKind,
    ProbeResults,
    VolumeError,
)
from pybernetes.testing import ADMIN, api_server

NODE = "n1"
IMAGE = "localhost/busybox:1"
MACHINE = Machine(cpus=2, memory_bytes=4 << 30, disk_bytes=100 << 30, kernel_version="6.1", os_image="Debian")


class FakeVolumes:
    """Every volume is at /volumes/NAME; `problem` makes mounting fail."""

    def __init__(self) -> None:
        self.mounted: list[str] = []
        self.unmounted: list[str] = []
        self.problem = ""

    async def mount(self, pod: Pod) -> dict[str, str]:
        if self.problem:
            raise VolumeError(self.problem)
        self.mounted.append(pod.metadata.uid or "")
        return {v.name: f"/volumes/{v.name}" for v in pod.spec.volumes or ()}

    async def refresh(self, pod: Pod) -> None: ...

    async def unmount(self, pod_uid: str) -> None:
        self.unmounted.append(pod_uid)

    def subpath(self, pod: Pod, volume_path: str, sub_path: str) -> str:
        return f"{volume_path}/{sub_path}"


class FakeProbes:
    """Containers with a startup or readiness probe are not started or ready until `say`."""

    def __init__(self) -> None:
        self.on_result: ProbeCallback | None = None
        self.probed: dict[tuple[str, str], tuple[str, ProbeResults]] = {}

    def start(
        self,
        pod: Pod,
        container_name: str,
        container_id: str,
        pod_ip: str,
        *,
        started_at: Any = None,
        restored: ProbeResults | None = None,
    ) -> None:
        containers = [*(pod.spec.containers or ()), *(pod.spec.init_containers or ())]
        container = next(c for c in containers if c.name == container_name)
        started = container.startup_probe is None
        results = restored or ProbeResults(started, started and container.readiness_probe is None)
        self.probed[pod.metadata.uid or "", container_name] = (container_id, results)

    def stop(self, pod_uid: str, container_name: str | None) -> None:
        self.probed = {k: v for k, v in self.probed.items() if k[0] != pod_uid or container_name not in (None, k[1])}

    def results(self, pod_uid: str, container_name: str) -> ProbeResults:
        return self.probed[pod_uid, container_name][1]

    def say(self, pod_uid: str, name: str, kind: ProbeKind, success: bool) -> None:
        """A probe's verdict changes."""
        container_id, old = self.probed[pod_uid, name]
        started = success if kind == "startup" else old.started
        ready = success if kind == "readiness" else old.ready
        self.probed[pod_uid, name] = (container_id, ProbeResults(started, ready))
        assert self.on_result is not None
        self.on_result(pod_uid, name, kind, success, "")


class FakeCgroups:
    def __init__(self) -> None:
        self.removed: list[str] = []
        self.updated: list[Pod] = []
        self.left_over: set[str] = set()

    def ensure(self, pod: Pod) -> str:
        return f"/kpods/pod{pod.metadata.uid}"

    def grows(self, pod: Pod) -> bool:
        return True

    def update(self, pod: Pod) -> None:
        self.updated.append(pod)

    def remove(self, pod_uid: str) -> None:
        self.removed.append(pod_uid)

    def remove_orphans(self, known_uids: Collection[str]) -> None:
        self.left_over.intersection_update(known_uids)


class FakeHooks:
    """Records hooks; those of a container in `failing` fail, and each takes `seconds`."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, str]] = []
        self.failing: set[str] = set()
        self.seconds = 0.0

    async def __call__(
        self,
        handler: LifecycleHandler,
        pod: Pod,
        container: Container,
        container_id: str,
        pod_ip: str,
        timeout: float,
        exec_sync: ExecSync,
    ) -> None:
        await asyncio.sleep(self.seconds)
        self.ran.append((container.name, " ".join((handler.exec.command if handler.exec else None) or ())))
        if container.name in self.failing:
            raise HookError("exit code 1")


def no_resources(pod: Pod, container: Container, allocatable: Mapping[str, str]) -> m.LinuxContainerResources:
    return m.LinuxContainerResources()


def cluster_dns(pod: Pod, servers: Sequence[str], domain: str, host: str) -> m.DNSConfig:
    return m.DNSConfig(servers=list(servers), searches=[domain])


def write_hosts(pod: Pod, pod_ips: Sequence[str], path: str) -> None:
    Path(path).write_text("".join(f"{ip} {pod.metadata.name}\n" for ip in pod_ips))


class World:
    """What a test sees: the API as administrator, the runtime, the parts, the kubelet."""

    def __init__(self, client: Client, server: Any, directory: Path, clock: Clock) -> None:
        self.client = client
        self.server = server
        self.directory = directory
        self.clock = clock
        self.runtime = FakeRuntime(self.clock)
        self.runtime.add_image(IMAGE)
        self.cri: ContainerRuntime = self.runtime
        self.volumes, self.probes, self.cgroups, self.hooks = FakeVolumes(), FakeProbes(), FakeCgroups(), FakeHooks()
        self.kernel = RecordingKernel()
        self.cpus: CpuManager | None = None
        self.devices: NodeDevices | None = None
        self.kubelet: Kubelet = None  # type: ignore[assignment]

    @asynccontextmanager
    async def kubelet_running(
        self, *, components: Sequence[HostComponent] = (), **config: Any
    ) -> AsyncIterator[Kubelet]:
        """A kubelet process; a second one after it is a restart."""
        settings: dict[str, Any] = {
            "node_name": NODE,
            "root_directory": str(self.directory / "kubelet"),
            "logs_directory": str(self.directory / "pods"),
            "node_ips": ("172.30.0.11",),
            "cluster_dns": ("10.96.0.10",),
            **config,
        }
        client = Client(InProcessTransport(self.server.app, ADMIN))
        recorder = EventRecorder(client, "kubelet", NODE, clock=self.clock)
        self.probes.probed.clear()
        parts = Parts(
            volumes=self.volumes,
            probes=self.probes,
            run_hook=self.hooks,
            cgroups=self.cgroups,
            container_resources=no_resources if self.cpus is None else self.cpus.resources,
            admit=(lambda _pod: None) if self.cpus is None else self.cpus.admit,
            devices=self.devices,
            dns_config=cluster_dns,
            write_hosts=write_hosts,
            image_mounts=KernelImageMounts(self.kernel),
        )
        self.kubelet = Kubelet(
            KubeletConfig(**settings),
            client,
            self.cri,
            parts,
            recorder,
            clock=self.clock,
            machine=MACHINE,
            components=components,
        )
        async with running("events", recorder.serve), running("kubelet", self.kubelet.serve):
            yield self.kubelet

    async def run(self, *containers: Container, name: str = "web", **spec: Any) -> Pod:
        """Create a pod that is bound to the node already."""
        wanted = build_pod(*containers, name=name, uid="", node_name=NODE, **spec)
        wanted.metadata.uid = None
        wanted.metadata.generation = None
        return await self.client.create(wanted)

    async def pod(self, name: str = "web") -> Pod:
        return await self.client.get(Pod, name, "default")

    async def until(self, holds: Callable[[Pod], Any], name: str = "web", seconds: float = 900) -> Pod:
        """The pod once the condition holds for it."""
        seen: Pod | None = None
        try:
            async with asyncio.timeout(seconds):
                pause = 0.02
                while True:
                    try:
                        seen = await self.pod(name)
                        if holds(seen):
                            return seen
                    except StatusError as error:
                        assert is_not_found(error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.3, 1.0)
        except TimeoutError:
            raise AssertionError(f"never held; last status {seen.status if seen else None}") from None

    async def until_gone(self, name: str = "web", seconds: float = 900) -> None:
        async with asyncio.timeout(seconds):
            pause = 0.02
            while any(p.metadata.name == name for p in (await self.client.list(Pod, "default")).items):
                await asyncio.sleep(pause)
                pause = min(pause * 1.3, 1.0)

    async def until_swept(self, seconds: float = 60) -> None:
        """Nothing of any pod is left with the kubelet."""
        async with asyncio.timeout(seconds):
            while self.kubelet.pods():  # noqa: ASYNC110 (virtual time)
                await asyncio.sleep(0.05)

    async def events(self, name: str = "web") -> list[tuple[str, str, str]]:
        """(type, reason, message) of the events about an object, in order."""
        await asyncio.sleep(0.1)
        found = (await self.client.list(Event, "default", field_selector=f"involvedObject.name={name}")).items
        found.sort(key=lambda e: (e.first_timestamp, e.metadata.name))
        return [(e.type or "", e.reason or "", e.message or "") for e in found]

    async def node(self) -> Node:
        return await self.client.get(Node, NODE)


def phase(wanted: str) -> Callable[[Pod], bool]:
    return lambda pod: pod.status.phase == wanted


def ready(pod: Pod) -> bool:
    return condition(pod, "Ready") == "True"


def condition(pod: Pod, type_: str) -> str:
    return next((c.status for c in pod.status.conditions or () if c.type == type_), "")


def status(pod: Pod, name: str = "web") -> ContainerStatus:
    known = [*(pod.status.container_statuses or ()), *(pod.status.init_container_statuses or ())]
    return next(s for s in known if s.name == name)


def waiting(pod: Pod, name: str = "web") -> str:
    """The waiting reason of a container, "" if it does not wait."""
    if not pod.status.container_statuses:
        return ""
    state = status(pod, name).state
    return (state.waiting.reason or "") if state.waiting is not None else ""


@asynccontextmanager
async def world(directory: Path, clock: Clock | None = None) -> AsyncIterator[World]:
    """An API server and everything a kubelet needs, in virtual time unless a clock is given. Resizes that no node could
    grant get through, so that the kubelet has to judge them."""
    clock = clock or LoopClock()
    async with api_server(clock=clock, disable_admission=("ServiceAccount", "PodResizeValidator")) as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        for name in ("default", "kube-node-lease"):
            try:
                await client.create(Namespace(metadata=ObjectMeta(name=name)))
            except StatusError as error:
                assert is_already_exists(error), error
        yield World(client, server, directory, clock)


@asynccontextmanager
async def node(directory: Path, **config: Any) -> AsyncIterator[World]:
    """A world with one kubelet running."""
    async with world(directory) as made, made.kubelet_running(**config):
        yield made
