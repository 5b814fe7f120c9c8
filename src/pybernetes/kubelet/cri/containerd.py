"""The container runtime over gRPC: CRI v1 on a unix socket, and containerd's event service beside it.

Messages are the Structs of `messages.py`, turned into bytes by `base.protobuf`; grpc only carries bytes, so one channel
serves every method. Containers and sandboxes end without anybody asking: `events()` subscribes to containerd's own
event service on the same socket (containerd 1.6 answers the CRI's GetContainerEvents with UNIMPLEMENTED), filtered on
the server to the few topics that change a pod, so an idle node costs nothing.
"""

import os
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

# Read when grpc is imported: its fork handlers are of no use here and log a line for every process we start.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc
import grpc.aio
import msgspec

from pybernetes.base.protobuf import Message, decode, encode

from . import containerd_events as ctr
from . import containerd_snapshots as snapshots
from . import messages as m
from .protocol import POD_UID_LABEL, RuntimeEvent, RuntimeServiceError

M = TypeVar("M", bound=Message)

RUNTIME = "/runtime.v1.RuntimeService/"
IMAGES = "/runtime.v1.ImageService/"
SUBSCRIBE = "/containerd.services.events.v1.Events/Subscribe"
NAMESPACE = "k8s.io"
"""The containerd namespace in which its CRI plugin keeps everything."""
_METADATA = (("containerd-namespace", NAMESPACE),)

CALL_TIMEOUT_SECONDS = 120.0
"""Upstream's runtimeRequestTimeout: for calls that should be quick but start processes."""

MAX_MESSAGE_BYTES = 16 << 20

TOPICS = {"/tasks/exit": "exited", "/tasks/oom": "oom", "/containers/delete": "deleted"}


class Containerd:
    """`ContainerRuntime` over the CRI socket; connects on first use."""

    def __init__(self, socket_path: str) -> None:
        self.socket_path = socket_path
        self._channel: grpc.aio.Channel | None = None
        self._methods: dict[str, Any] = {}
        self._snapshotter_name = ""

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            options = [
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 3000),
            ]
            self._channel = grpc.aio.insecure_channel(f"unix://{self.socket_path}", options=options)
        return self._channel

    async def _call(
        self, method: str, request: Message, answer: type[M], timeout_seconds: float | None = CALL_TIMEOUT_SECONDS
    ) -> M:
        call = self._methods.get(method)
        if call is None:
            call = self._methods[method] = self._open().unary_unary(method)
        try:
            # The namespace is for containerd's own services; those of the CRI pay no heed to it.
            data: bytes = await call(encode(request), timeout=timeout_seconds, metadata=_METADATA)
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from None
        return decode(answer, data)

    async def _quietly(
        self, method: str, request: Message, timeout_seconds: float | None = CALL_TIMEOUT_SECONDS
    ) -> None:
        """A call whose object may already be gone."""
        try:
            await self._call(method, request, m.Empty, timeout_seconds)
        except RuntimeServiceError as error:
            if error.code != "NOT_FOUND":
                raise

    async def version(self) -> m.VersionResponse:
        return await self._call(RUNTIME + "Version", m.VersionRequest(), m.VersionResponse)

    async def status(self) -> m.RuntimeStatus:
        answer = await self._call(RUNTIME + "Status", m.StatusRequest(), m.StatusResponse)
        return answer.status or m.RuntimeStatus()

    async def run_sandbox(self, config: m.PodSandboxConfig, runtime_handler: str = "") -> str:
        request = m.RunPodSandboxRequest(config=config, runtime_handler=runtime_handler)
        answer = await self._call(RUNTIME + "RunPodSandbox", request, m.RunPodSandboxResponse, 240.0)
        return answer.pod_sandbox_id

    async def stop_sandbox(self, sandbox_id: str) -> None:
        await self._quietly(RUNTIME + "StopPodSandbox", m.PodSandboxRequest(pod_sandbox_id=sandbox_id))

    async def remove_sandbox(self, sandbox_id: str) -> None:
        await self._quietly(RUNTIME + "RemovePodSandbox", m.PodSandboxRequest(pod_sandbox_id=sandbox_id))

    async def list_sandboxes(self, *, pod_uid: str = "") -> list[m.PodSandbox]:
        wanted = m.PodSandboxFilter(label_selector=_of_pod(pod_uid))
        request = m.ListPodSandboxRequest(filter=wanted)
        return (await self._call(RUNTIME + "ListPodSandbox", request, m.ListPodSandboxResponse)).items

    async def sandbox_status(self, sandbox_id: str) -> m.PodSandboxStatus:
        request = m.PodSandboxRequest(pod_sandbox_id=sandbox_id)
        answer = await self._call(RUNTIME + "PodSandboxStatus", request, m.PodSandboxStatusResponse)
        return answer.status or m.PodSandboxStatus(id=sandbox_id)

    async def create_container(self, sandbox_id: str, config: m.ContainerConfig, sandbox: m.PodSandboxConfig) -> str:
        request = m.CreateContainerRequest(pod_sandbox_id=sandbox_id, config=config, sandbox_config=sandbox)
        return (await self._call(RUNTIME + "CreateContainer", request, m.CreateContainerResponse)).container_id

    async def start_container(self, container_id: str) -> None:
        await self._call(RUNTIME + "StartContainer", m.ContainerRequest(container_id=container_id), m.Empty)

    async def stop_container(self, container_id: str, timeout_seconds: int) -> None:
        request = m.StopContainerRequest(container_id=container_id, timeout=timeout_seconds)
        await self._quietly(RUNTIME + "StopContainer", request, timeout_seconds + CALL_TIMEOUT_SECONDS)

    async def remove_container(self, container_id: str) -> None:
        await self._quietly(RUNTIME + "RemoveContainer", m.ContainerRequest(container_id=container_id))

    async def list_containers(self, *, pod_uid: str = "", sandbox_id: str = "") -> list[m.Container]:
        wanted = m.ContainerFilter(pod_sandbox_id=sandbox_id, label_selector=_of_pod(pod_uid))
        request = m.ListContainersRequest(filter=wanted)
        return (await self._call(RUNTIME + "ListContainers", request, m.ListContainersResponse)).containers

    async def container_status(self, container_id: str) -> m.ContainerStatus:
        request = m.ContainerRequest(container_id=container_id)
        answer = await self._call(RUNTIME + "ContainerStatus", request, m.ContainerStatusResponse)
        return answer.status or m.ContainerStatus(id=container_id)

    async def update_resources(self, container_id: str, resources: m.LinuxContainerResources) -> None:
        request = m.UpdateContainerResourcesRequest(container_id=container_id, linux=resources)
        await self._call(RUNTIME + "UpdateContainerResources", request, m.Empty)

    async def reopen_log(self, container_id: str) -> None:
        await self._call(RUNTIME + "ReopenContainerLog", m.ContainerRequest(container_id=container_id), m.Empty)

    async def exec_sync(
        self, container_id: str, command: Sequence[str], timeout_seconds: int = 0
    ) -> m.ExecSyncResponse:
        request = m.ExecSyncRequest(container_id=container_id, cmd=list(command), timeout=timeout_seconds)
        limit = timeout_seconds + CALL_TIMEOUT_SECONDS if timeout_seconds else None
        return await self._call(RUNTIME + "ExecSync", request, m.ExecSyncResponse, limit)

    async def exec_url(
        self, container_id: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> str:
        request = m.ExecRequest(
            container_id=container_id, cmd=list(command), tty=tty, stdin=stdin, stdout=stdout, stderr=stderr
        )
        return (await self._call(RUNTIME + "Exec", request, m.UrlResponse)).url

    async def attach_url(self, container_id: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> str:
        request = m.AttachRequest(container_id=container_id, stdin=stdin, tty=tty, stdout=stdout, stderr=stderr)
        return (await self._call(RUNTIME + "Attach", request, m.UrlResponse)).url

    async def port_forward_url(self, sandbox_id: str, ports: Sequence[int]) -> str:
        request = m.PortForwardRequest(pod_sandbox_id=sandbox_id, port=list(ports))
        return (await self._call(RUNTIME + "PortForward", request, m.UrlResponse)).url

    async def container_stats(self, container_id: str) -> m.ContainerStats:
        request = m.ContainerRequest(container_id=container_id)
        answer = await self._call(RUNTIME + "ContainerStats", request, m.ContainerStatsResponse)
        return answer.stats or m.ContainerStats()

    async def list_stats(self, *, pod_uid: str = "") -> list[m.ContainerStats]:
        wanted = m.ContainerStatsFilter(label_selector=_of_pod(pod_uid))
        request = m.ListContainerStatsRequest(filter=wanted)
        return (await self._call(RUNTIME + "ListContainerStats", request, m.ListContainerStatsResponse)).stats

    async def list_sandbox_stats(self) -> list[m.PodSandboxStats]:
        request = m.ListPodSandboxStatsRequest()
        return (await self._call(RUNTIME + "ListPodSandboxStats", request, m.ListPodSandboxStatsResponse)).stats

    async def pull_image(
        self, image: str, auth: m.AuthConfig | None = None, sandbox: m.PodSandboxConfig | None = None
    ) -> str:
        request = m.PullImageRequest(image=m.ImageSpec(image=image), auth=auth, sandbox_config=sandbox)
        return (await self._call(IMAGES + "PullImage", request, m.PullImageResponse, None)).image_ref

    async def image_status(self, image: str) -> m.Image | None:
        request = m.ImageRequest(image=m.ImageSpec(image=image))
        return (await self._call(IMAGES + "ImageStatus", request, m.ImageStatusResponse)).image

    async def list_images(self) -> list[m.Image]:
        return (await self._call(IMAGES + "ListImages", m.ListImagesRequest(), m.ListImagesResponse)).images

    async def remove_image(self, image: str) -> None:
        await self._quietly(IMAGES + "RemoveImage", m.ImageRequest(image=m.ImageSpec(image=image)))

    async def view_image(self, image: str, key: str) -> list[snapshots.FileMount]:
        request = m.ImageRequest(image=m.ImageSpec(image=image), verbose=True)
        info = (await self._call(IMAGES + "ImageStatus", request, m.ImageStatusResponse)).info
        chain = msgspec.json.decode(info.get("info", "{}")).get("chainID", "")
        if not chain:
            raise RuntimeServiceError("NOT_FOUND", f"image {image} not found")
        snapshotter = await self._snapshotter()
        # containerd's collector would take away a snapshot that nothing it knows refers to.
        labels = {snapshots.ROOT_LABEL: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        view = snapshots.ViewRequest(snapshotter=snapshotter, key=key, parent=chain, labels=labels)
        method, response = snapshots.SNAPSHOTS, snapshots.MountsResponse
        try:
            return (await self._call(method + "View", view, response)).mounts
        except RuntimeServiceError as error:
            if error.code != "ALREADY_EXISTS":
                raise
        known = snapshots.SnapshotRequest(snapshotter=snapshotter, key=key)
        return (await self._call(method + "Mounts", known, response)).mounts

    async def remove_view(self, key: str) -> None:
        request = snapshots.SnapshotRequest(snapshotter=await self._snapshotter(), key=key)
        await self._quietly(snapshots.SNAPSHOTS + "Remove", request)

    async def _snapshotter(self) -> str:
        """The one that the CRI plugin unpacks images with."""
        if not self._snapshotter_name:
            answer = await self._call(RUNTIME + "Status", m.StatusRequest(verbose=True), m.StatusResponse)
            settings = msgspec.json.decode(answer.info.get("config", "{}"))
            self._snapshotter_name = settings.get("containerd", {}).get("snapshotter", "overlayfs")
        return self._snapshotter_name

    async def image_fs_info(self) -> list[m.FilesystemUsage]:
        return (await self._call(IMAGES + "ImageFsInfo", m.Empty(), m.ImageFsInfoResponse)).image_filesystems

    async def events(self) -> AsyncIterator[RuntimeEvent]:
        filters = [f'namespace=="{NAMESPACE}",topic=="{topic}"' for topic in TOPICS]
        request = encode(ctr.SubscribeRequest(filters=filters))
        call = self._open().unary_stream(SUBSCRIBE)(request, wait_for_ready=True)
        try:
            async for data in call:
                event = _event(decode(ctr.Envelope, data))
                if event is not None:
                    yield event
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from None
        finally:
            call.cancel()

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
            self._channel = None
            self._methods.clear()


def _of_pod(pod_uid: str) -> dict[str, str]:
    return {POD_UID_LABEL: pod_uid} if pod_uid else {}


def _translated(error: grpc.aio.AioRpcError) -> RuntimeServiceError:
    return RuntimeServiceError(error.code().name, error.details() or "")


def _event(envelope: ctr.Envelope) -> RuntimeEvent | None:
    """The event in an envelope, or None for one that says nothing about a container (the end of an exec)."""
    body = envelope.event.value if envelope.event is not None else b""
    match envelope.topic:
        case "/tasks/exit":
            ended = decode(ctr.TaskExit, body)
            return RuntimeEvent("exited", ended.container_id) if ended.id in ("", ended.container_id) else None
        case "/tasks/oom":
            return RuntimeEvent("oom", decode(ctr.TaskOOM, body).container_id)
        case "/containers/delete":
            return RuntimeEvent("deleted", decode(ctr.TaskOOM, body).container_id)
    return None
