"""The contract between the kubelet and a container runtime.

One Protocol, two implementations that pass one contract suite (`tests/contract/cri.py`): `containerd.Containerd`, which
speaks CRI v1 over gRPC, and `fake.FakeRuntime`, an in-memory twin that records calls and can be scripted.

Words: a *sandbox* is a pod's shared namespaces and network; a *container* lives in one sandbox. Both carry labels; the
kubelet finds its own by `io.kubernetes.pod.uid`.

- Every call raises `RuntimeServiceError` on failure; `code` is the gRPC code's name (`NOT_FOUND`, `UNKNOWN`,
  `UNAVAILABLE`, `DEADLINE_EXCEEDED`, ...), `message` the runtime's own words. Nothing is retried here.
- stop_sandbox, remove_sandbox, stop_container, remove_container and remove_image succeed for what is already gone.
- stop_container sends the image's stop signal, waits timeout_seconds and kills; it returns once the container is down.
- exec_sync returns the command's exit code; a command that cannot be started has exit code 126 or 127, or raises.
  One that outlives timeout_seconds (0 = for ever) raises with code `DEADLINE_EXCEEDED`.
- image_status answers None for an image that is not there.
- events() yields what happens from the moment it is first awaited, and raises RuntimeServiceError when the runtime goes
  away; nothing that happened in between is repeated, so subscribe first and list after.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

import msgspec

from .containerd_snapshots import FileMount as FileMount
from .messages import (
    AuthConfig,
    Container,
    ContainerConfig,
    ContainerStats,
    ContainerStatus,
    ExecSyncResponse,
    FilesystemUsage,
    Image,
    LinuxContainerResources,
    PodSandbox,
    PodSandboxConfig,
    PodSandboxStats,
    PodSandboxStatus,
    RuntimeStatus,
    VersionResponse,
)

POD_NAME_LABEL = "io.kubernetes.pod.name"
POD_NAMESPACE_LABEL = "io.kubernetes.pod.namespace"
POD_UID_LABEL = "io.kubernetes.pod.uid"
CONTAINER_NAME_LABEL = "io.kubernetes.container.name"


class RuntimeServiceError(Exception):
    """A call to the runtime failed; see the module for code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"rpc error: code = {self.code.replace('_', ' ').title().replace(' ', '')} desc = {self.message}"


def is_runtime_not_found(error: BaseException) -> bool:
    """The sandbox, container or image does not exist (any more)."""
    return isinstance(error, RuntimeServiceError) and error.code == "NOT_FOUND"


class RuntimeEvent(msgspec.Struct, frozen=True):
    """Something happened to a container or a sandbox (their ids share one space)."""

    kind: Literal["exited", "oom", "deleted"]
    id: str


class ContainerRuntime(Protocol):
    """A container runtime; see the module for the rules that hold for all calls."""

    async def version(self) -> VersionResponse:
        """Name and version of the runtime."""

    async def status(self) -> RuntimeStatus:
        """Conditions RuntimeReady and NetworkReady."""

    async def run_sandbox(self, config: PodSandboxConfig, runtime_handler: str = "") -> str:
        """Create and start a sandbox; its id."""

    async def stop_sandbox(self, sandbox_id: str) -> None:
        """Kill what runs in the sandbox and give its network back."""

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Forget the sandbox and its containers."""

    async def list_sandboxes(self, *, pod_uid: str = "") -> list[PodSandbox]:
        """All sandboxes, or one pod's."""

    async def sandbox_status(self, sandbox_id: str) -> PodSandboxStatus:
        """State, creation time and addresses of one sandbox."""

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: PodSandboxConfig) -> str:
        """Create a container in a sandbox without starting it; its id."""

    async def start_container(self, container_id: str) -> None:
        """Start a created container."""

    async def stop_container(self, container_id: str, timeout_seconds: int) -> None:
        """Stop with a grace period; returns when it is down."""

    async def remove_container(self, container_id: str) -> None:
        """Forget a container, killing it if it runs."""

    async def list_containers(self, *, pod_uid: str = "", sandbox_id: str = "") -> list[Container]:
        """All containers in any state, or one pod's, or one sandbox's."""

    async def container_status(self, container_id: str) -> ContainerStatus:
        """State, times, exit code and reason of one container."""

    async def update_resources(self, container_id: str, resources: LinuxContainerResources) -> None:
        """Change the limits of a running container."""

    async def reopen_log(self, container_id: str) -> None:
        """Close and open the log file by its path: called after rotating it."""

    async def exec_sync(self, container_id: str, command: Sequence[str], timeout_seconds: int = 0) -> ExecSyncResponse:
        """Run a command in a running container and collect its output."""

    async def exec_url(
        self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        """Where to connect for an interactive command."""

    async def attach_url(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> str:
        """Where to connect to the container's own streams."""

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int]) -> str:
        """Where to connect for ports inside the sandbox."""

    async def container_stats(self, container_id: str) -> ContainerStats:
        """CPU, memory and writable layer of one container."""

    async def list_stats(self, *, pod_uid: str = "") -> list[ContainerStats]:
        """The same for all running containers, or one pod's."""

    async def list_sandbox_stats(self) -> list[PodSandboxStats]:
        """CPU, memory and network of the ready sandboxes that have a cgroup parent."""

    async def pull_image(
        self, image: str, auth: AuthConfig | None = None, sandbox: PodSandboxConfig | None = None
    ) -> str:
        """Fetch an image; its reference (a digest)."""

    async def image_status(self, image: str) -> Image | None:
        """The image, or None."""

    async def list_images(self) -> list[Image]:
        """All images of the node."""

    async def remove_image(self, image: str) -> None:
        """Delete an image by id or any of its names."""

    async def view_image(self, image: str, key: str) -> list[FileMount]:
        """How to mount an image's content read-only, by its id. The layers stay until `remove_view` of that key."""

    async def remove_view(self, key: str) -> None:
        """Nothing of the view is mounted any more. Succeeds for one that is not there."""

    async def image_fs_info(self) -> list[FilesystemUsage]:
        """The file systems images live on."""

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """What happens to containers and sandboxes, as it happens."""

    async def close(self) -> None:
        """End the connection."""
