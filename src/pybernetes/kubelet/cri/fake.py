"""An in-memory container runtime that records calls and can be scripted: the twin of `containerd.py`.

Containers run until told otherwise. A test makes the world move with `finish` (a container's process ends), `oom`,
`kill_sandbox`, `restart` (the runtime goes away and comes back), and prepares it with `add_image`, `fail` (the next
calls of a method raise), `exits` (what containers of a name do once started) and `on_exec`. Every mutating call is
appended to `calls` as (method, name or id).
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from ...base.clock import SYSTEM_CLOCK, Clock
from . import messages as m
from .protocol import POD_UID_LABEL, FileMount, RuntimeEvent, RuntimeServiceError

EVENT_QUEUE_SIZE = 1000


class FakeRuntime:
    """`ContainerRuntime` in memory. `subnet` is the prefix sandboxes get their addresses from, `second_subnet` that
    of their second ones (`fd00:`)."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK, subnet: str = "10.244.0", second_subnet: str = "") -> None:
        self.calls: list[tuple[str, str]] = []
        self.sandboxes: dict[str, m.PodSandboxStatus] = {}
        self.containers: dict[str, m.ContainerStatus] = {}
        self.configs: dict[str, m.ContainerConfig] = {}
        self.sandbox_configs: dict[str, m.PodSandboxConfig] = {}
        self.sandbox_of: dict[str, str] = {}
        self.images: dict[str, m.Image] = {}
        self.registry: dict[str, m.Image] = {}
        self.views: dict[str, str] = {}
        """Key -> the id of the image that is shown."""
        self.pull_seconds = 0.0
        self.exits: dict[str, list[int]] = defaultdict(list)
        """Container name -> exit codes of its coming runs, each ending as soon as it is started."""
        self.on_exec: Callable[[str, Sequence[str]], tuple[int, bytes]] = lambda _id, _command: (0, b"")
        self.ignores_stop: set[str] = set()
        """Names of containers that only end by SIGKILL, after the whole grace period."""
        self.ends_well: set[str] = set()
        """Names of containers that exit with 0 when they are stopped."""
        self.network_ready = True
        self.available = True
        self._clock = clock
        self._subnet = subnet
        self.second_subnet = second_subnet
        self._numbers = itertools.count(1)
        self._addresses = itertools.count(2)
        self._failures: dict[str, list[RuntimeServiceError]] = defaultdict(list)
        self._listeners: list[asyncio.Queue[RuntimeEvent | None]] = []

    # What a test does to the world.

    def add_image(self, name: str, *, user: str = "", uid: int | None = None, in_registry: bool = False) -> m.Image:
        """An image on the node, or one that can be pulled."""
        digest = f"{abs(hash(name)):016x}".ljust(64, "0")
        image = m.Image(
            id=f"sha256:{digest}",
            repo_tags=[name],
            repo_digests=[f"{name.rsplit(':', 1)[0]}@sha256:{digest}"],
            size=1000,
            username=user,
            uid=uid,
            spec=m.ImageSpec(image=name),
        )
        (self.registry if in_registry else self.images)[name] = image
        return image

    def fail(self, method: str, code: str = "UNKNOWN", message: str = "scripted failure", times: int = 1) -> None:
        """Let the next calls of a method raise."""
        self._failures[method] += [RuntimeServiceError(code, message)] * times

    def container(self, name: str) -> m.ContainerStatus:
        """The newest container of that name."""
        found = [c for c in self.containers.values() if c.metadata is not None and c.metadata.name == name]
        return max(found, key=lambda c: (c.created_at, c.id))

    def finish(self, container_id: str, exit_code: int = 0, reason: str = "", message: str = "") -> None:
        """The container's process ends."""
        status = self.containers[container_id]
        if status.state == m.ContainerState.EXITED:
            return
        self.containers[container_id] = msgspec.structs.replace(
            status,
            state=m.ContainerState.EXITED,
            finished_at=self._now(),
            exit_code=exit_code,
            reason=reason or ("Completed" if exit_code == 0 else "Error"),
            message=message,
        )
        self._emit(RuntimeEvent("exited", container_id))

    def oom(self, container_id: str) -> None:
        """The kernel kills the container for its memory."""
        self._emit(RuntimeEvent("oom", container_id))
        self.finish(container_id, 137, "OOMKilled")

    def kill_sandbox(self, sandbox_id: str) -> None:
        """The sandbox dies, and all containers in it."""
        for container_id in [c for c, s in self.sandbox_of.items() if s == sandbox_id]:
            self.finish(container_id, 137)
        old = self.sandboxes[sandbox_id]
        self.sandboxes[sandbox_id] = msgspec.structs.replace(old, state=m.SandboxState.NOT_READY)
        self._emit(RuntimeEvent("exited", sandbox_id))

    def disconnect(self) -> None:
        """End all event streams, as a restart of the runtime does."""
        for queue in self._listeners:
            queue.put_nowait(None)

    def _emit(self, event: RuntimeEvent) -> None:
        for queue in self._listeners:
            queue.put_nowait(event)

    def _now(self) -> int:
        return int(self._clock.now().timestamp() * 1e9)

    def _enter(self, method: str, subject: str = "") -> None:
        if not self.available:
            raise RuntimeServiceError("UNAVAILABLE", "connection refused")
        if subject:
            self.calls.append((method, subject))
        if self._failures[method]:
            raise self._failures[method].pop(0)

    def _container(self, container_id: str) -> m.ContainerStatus:
        if container_id not in self.containers:
            raise RuntimeServiceError("NOT_FOUND", f'an error occurred when try to find container "{container_id}"')
        return self.containers[container_id]

    # The contract.

    async def version(self) -> m.VersionResponse:
        self._enter("version")
        return m.VersionResponse(
            version="0.1.0", runtime_name="fake", runtime_version="1.0.0", runtime_api_version="v1"
        )

    async def status(self) -> m.RuntimeStatus:
        self._enter("status")
        network = m.RuntimeCondition(type="NetworkReady", status=self.network_ready)
        return m.RuntimeStatus(conditions=[m.RuntimeCondition(type="RuntimeReady", status=True), network])

    async def run_sandbox(self, config: m.PodSandboxConfig, runtime_handler: str = "") -> str:
        metadata = config.metadata or m.PodSandboxMetadata()
        self._enter("run_sandbox", metadata.name)
        sandbox_id = f"sandbox{next(self._numbers)}"
        security = config.linux.security_context if config.linux is not None else None
        namespaces = (security.namespace_options if security is not None else None) or m.NamespaceOption()
        on_host = namespaces.network == m.NamespaceMode.NODE
        self.sandboxes[sandbox_id] = m.PodSandboxStatus(
            id=sandbox_id,
            metadata=metadata,
            state=m.SandboxState.READY,
            created_at=self._now(),
            network=m.PodSandboxNetworkStatus() if on_host else self._network(),
            linux=m.LinuxPodSandboxStatus(namespaces=m.Namespace(options=namespaces)),
            labels=config.labels,
            annotations=config.annotations,
            runtime_handler=runtime_handler,
        )
        self.sandbox_configs[sandbox_id] = config
        return sandbox_id

    def _network(self) -> m.PodSandboxNetworkStatus:
        number = next(self._addresses)
        more = [m.PodIP(ip=f"{self.second_subnet}:{number:x}")] if self.second_subnet else []
        return m.PodSandboxNetworkStatus(ip=f"{self._subnet}.{number}", additional_ips=more)

    async def stop_sandbox(self, sandbox_id: str) -> None:
        self._enter("stop_sandbox", sandbox_id)
        if sandbox_id in self.sandboxes and self.sandboxes[sandbox_id].state == m.SandboxState.READY:
            self.kill_sandbox(sandbox_id)

    async def remove_sandbox(self, sandbox_id: str) -> None:
        self._enter("remove_sandbox", sandbox_id)
        for container_id in [c for c, s in self.sandbox_of.items() if s == sandbox_id]:
            self._forget(container_id)
        self.sandboxes.pop(sandbox_id, None)

    async def list_sandboxes(self, *, pod_uid: str = "") -> list[m.PodSandbox]:
        self._enter("list_sandboxes")
        return [
            m.PodSandbox(
                id=s.id,
                metadata=s.metadata,
                state=s.state,
                created_at=s.created_at,
                labels=s.labels,
                annotations=s.annotations,
            )
            for s in self.sandboxes.values()
            if pod_uid in ("", s.labels.get(POD_UID_LABEL))
        ]

    async def sandbox_status(self, sandbox_id: str) -> m.PodSandboxStatus:
        self._enter("sandbox_status")
        if sandbox_id not in self.sandboxes:
            raise RuntimeServiceError("NOT_FOUND", f'an error occurred when try to find sandbox "{sandbox_id}"')
        return self.sandboxes[sandbox_id]

    async def create_container(self, sandbox_id: str, config: m.ContainerConfig, sandbox: m.PodSandboxConfig) -> str:
        metadata = config.metadata or m.ContainerMetadata()
        self._enter("create_container", metadata.name)
        if sandbox_id not in self.sandboxes:
            raise RuntimeServiceError("NOT_FOUND", f'failed to find sandbox id "{sandbox_id}"')
        image = self._find_image(config.image.image if config.image is not None else "")
        if image is None:
            raise RuntimeServiceError("NOT_FOUND", "failed to resolve the image")
        container_id = f"container{next(self._numbers)}"
        self.containers[container_id] = m.ContainerStatus(
            id=container_id,
            metadata=metadata,
            state=m.ContainerState.CREATED,
            created_at=self._now(),
            image=m.ImageSpec(image=image.repo_tags[0]),
            image_ref=image.id,
            labels=config.labels,
            annotations=config.annotations,
            mounts=config.mounts,
            log_path=f"{sandbox.log_directory}/{config.log_path}",
        )
        self.configs[container_id] = config
        self.sandbox_of[container_id] = sandbox_id
        return container_id

    async def start_container(self, container_id: str) -> None:
        status = self._container(container_id)
        name = status.metadata.name if status.metadata is not None else ""
        self._enter("start_container", name)
        self.containers[container_id] = msgspec.structs.replace(
            status, state=m.ContainerState.RUNNING, started_at=self._now()
        )
        if self.exits[name]:
            self.finish(container_id, self.exits[name].pop(0))

    async def stop_container(self, container_id: str, timeout_seconds: int) -> None:
        if container_id not in self.containers:
            return
        status = self.containers[container_id]
        name = status.metadata.name if status.metadata is not None else ""
        self._enter("stop_container", name)
        if status.state != m.ContainerState.RUNNING:
            return
        if name in self.ignores_stop:
            await self._clock.sleep(timeout_seconds)
            self.finish(container_id, 137)
        else:
            self.finish(container_id, 0 if name in self.ends_well else 143)

    async def remove_container(self, container_id: str) -> None:
        self._enter("remove_container", container_id)
        self._forget(container_id)

    def _forget(self, container_id: str) -> None:
        if container_id in self.containers:
            self.finish(container_id, 137)
            del self.containers[container_id], self.configs[container_id], self.sandbox_of[container_id]
            self._emit(RuntimeEvent("deleted", container_id))

    async def list_containers(self, *, pod_uid: str = "", sandbox_id: str = "") -> list[m.Container]:
        self._enter("list_containers")
        return [
            m.Container(
                id=c.id,
                pod_sandbox_id=self.sandbox_of[c.id],
                metadata=c.metadata,
                image=c.image,
                image_ref=c.image_ref,
                state=c.state,
                created_at=c.created_at,
                labels=c.labels,
                annotations=c.annotations,
            )
            for c in self.containers.values()
            if pod_uid in ("", c.labels.get(POD_UID_LABEL)) and sandbox_id in ("", self.sandbox_of[c.id])
        ]

    async def container_status(self, container_id: str) -> m.ContainerStatus:
        self._enter("container_status")
        return self._container(container_id)

    async def update_resources(self, container_id: str, resources: m.LinuxContainerResources) -> None:
        self._enter("update_resources", container_id)
        status = self._container(container_id)
        self.containers[container_id] = msgspec.structs.replace(status, resources=m.ContainerResources(linux=resources))

    async def reopen_log(self, container_id: str) -> None:
        self._enter("reopen_log", container_id)
        self._container(container_id)

    async def exec_sync(
        self, container_id: str, command: Sequence[str], timeout_seconds: int = 0
    ) -> m.ExecSyncResponse:
        self._enter("exec_sync", container_id)
        if self._container(container_id).state != m.ContainerState.RUNNING:
            raise RuntimeServiceError("UNKNOWN", "container is not running")
        exit_code, output = self.on_exec(container_id, command)
        return m.ExecSyncResponse(stdout=output, exit_code=exit_code)

    async def exec_url(
        self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        self._enter("exec_url", container_id)
        self._container(container_id)
        return f"http://127.0.0.1:1/exec/{container_id}"

    async def attach_url(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> str:
        self._enter("attach_url", container_id)
        self._container(container_id)
        return f"http://127.0.0.1:1/attach/{container_id}"

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int]) -> str:
        self._enter("port_forward_url", sandbox_id)
        return f"http://127.0.0.1:1/portforward/{sandbox_id}"

    async def container_stats(self, container_id: str) -> m.ContainerStats:
        self._enter("container_stats")
        status = self._container(container_id)
        return m.ContainerStats(
            attributes=m.ContainerAttributes(id=status.id, metadata=status.metadata, labels=status.labels),
            cpu=m.CpuUsage(timestamp=self._now(), usage_core_nano_seconds=0),
            memory=m.MemoryUsage(timestamp=self._now(), working_set_bytes=0),
        )

    async def list_stats(self, *, pod_uid: str = "") -> list[m.ContainerStats]:
        found = await self.list_containers(pod_uid=pod_uid)
        return [await self.container_stats(c.id) for c in found if c.state == m.ContainerState.RUNNING]

    async def list_sandbox_stats(self) -> list[m.PodSandboxStats]:
        self._enter("list_sandbox_stats")
        return []

    def _find_image(self, image: str) -> m.Image | None:
        for found in self.images.values():
            if image == found.id or image in found.repo_tags or image in found.repo_digests:
                return found
        return None

    async def pull_image(
        self, image: str, auth: m.AuthConfig | None = None, sandbox: m.PodSandboxConfig | None = None
    ) -> str:
        self._enter("pull_image", image)
        if self.pull_seconds:
            await self._clock.sleep(self.pull_seconds)
        found = self.registry.get(image)
        if found is None:
            why = (
                f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": {image}: not found'
            )
            raise RuntimeServiceError("NOT_FOUND", why)
        self.images[image] = found
        return found.id

    async def image_status(self, image: str) -> m.Image | None:
        self._enter("image_status")
        return self._find_image(image)

    async def list_images(self) -> list[m.Image]:
        self._enter("list_images")
        return list(self.images.values())

    async def remove_image(self, image: str) -> None:
        self._enter("remove_image", image)
        found = self._find_image(image)
        if found is not None:
            self.images = {name: kept for name, kept in self.images.items() if kept.id != found.id}

    async def view_image(self, image: str, key: str) -> list[FileMount]:
        self._enter("view_image", key)
        if self._find_image(image) is None:
            raise RuntimeServiceError("NOT_FOUND", f"image {image} not found")
        self.views[key] = image
        return [FileMount(type="bind", source=f"/images/{image}", options=["ro", "rbind"])]

    async def remove_view(self, key: str) -> None:
        self._enter("remove_view", key)
        self.views.pop(key, None)

    async def image_fs_info(self) -> list[m.FilesystemUsage]:
        self._enter("image_fs_info")
        used = sum(image.size for image in self.images.values())
        return [m.FilesystemUsage(timestamp=self._now(), fs_id=m.FilesystemIdentifier(mountpoint="/"), used_bytes=used)]

    async def events(self) -> AsyncIterator[RuntimeEvent]:
        if not self.available:
            raise RuntimeServiceError("UNAVAILABLE", "connection refused")
        queue: asyncio.Queue[RuntimeEvent | None] = asyncio.Queue(EVENT_QUEUE_SIZE)
        self._listeners.append(queue)
        try:
            while True:
                event = await queue.get()
                if event is None:
                    raise RuntimeServiceError("UNAVAILABLE", "Socket closed")
                yield event
        finally:
            self._listeners.remove(queue)

    async def close(self) -> None:
        self.disconnect()
