"""The contract of a container runtime (`kubelet/cri/protocol.py`): one suite, run against each implementation.

A subclass gives the fixture `runtime` (a `ContainerRuntime` that has the image BUSYBOX) and `directory` (for logs).
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from pybernetes.kubelet.cri import messages as m
from pybernetes.kubelet.cri.protocol import (
    POD_NAME_LABEL,
    POD_NAMESPACE_LABEL,
    POD_UID_LABEL,
    ContainerRuntime,
    RuntimeEvent,
    RuntimeServiceError,
)

BUSYBOX = "localhost/busybox:1"


class Pod:
    """A sandbox of its own and shortcuts to fill it."""

    def __init__(self, runtime: ContainerRuntime, directory: Path) -> None:
        self.uid = str(uuid.uuid4())
        self.runtime = runtime
        self.labels = {POD_UID_LABEL: self.uid, POD_NAME_LABEL: "p", POD_NAMESPACE_LABEL: "default"}
        self.config = m.PodSandboxConfig(
            metadata=m.PodSandboxMetadata(name="p", uid=self.uid, namespace="default"),
            hostname="p",
            log_directory=str(directory / self.uid),
            labels=self.labels,
            annotations={"a": "1"},
            linux=m.LinuxPodSandboxConfig(
                security_context=m.LinuxSandboxSecurityContext(
                    namespace_options=m.NamespaceOption(pid=m.NamespaceMode.CONTAINER)
                )
            ),
        )
        self.id = ""

    async def run(self) -> str:
        self.id = await self.runtime.run_sandbox(self.config)
        return self.id

    async def create(self, name: str, *command: str, attempt: int = 0) -> str:
        os.makedirs(f"{self.config.log_directory}/{name}", exist_ok=True)
        config = m.ContainerConfig(
            metadata=m.ContainerMetadata(name=name, attempt=attempt),
            image=m.ImageSpec(image=BUSYBOX),
            command=list(command),
            envs=[m.KeyValue(key="COLOR", value="blue")],
            labels=self.labels,
            log_path=f"{name}/{attempt}.log",
            linux=m.LinuxContainerConfig(resources=m.LinuxContainerResources(memory_limit_in_bytes=64 << 20)),
        )
        return await self.runtime.create_container(self.id, config, self.config)

    async def start(self, name: str, *command: str) -> str:
        container_id = await self.create(name, *command)
        await self.runtime.start_container(container_id)
        return container_id


async def ended(runtime: ContainerRuntime, container_id: str) -> m.ContainerStatus:
    """The status once the container is down."""
    while True:
        status = await runtime.container_status(container_id)
        if status.state == m.ContainerState.EXITED:
            return status
        await asyncio.sleep(0.02)


SLEEP = ("sleep", "1000")


class RuntimeContract:
    """Every test of the contract."""

    @pytest.fixture
    async def pod(self, runtime: ContainerRuntime, directory: Path) -> AsyncIterator[Pod]:
        pod = Pod(runtime, directory)
        await pod.run()
        yield pod
        await runtime.stop_sandbox(pod.id)
        await runtime.remove_sandbox(pod.id)

    async def test_version_and_status(self, runtime: ContainerRuntime) -> None:
        assert (await runtime.version()).runtime_name
        conditions = {c.type: c.status for c in (await runtime.status()).conditions}
        assert conditions == {"RuntimeReady": True, "NetworkReady": True}

    async def test_sandbox_has_labels_state_and_address(self, runtime: ContainerRuntime, pod: Pod) -> None:
        (listed,) = await runtime.list_sandboxes(pod_uid=pod.uid)
        assert (listed.id, listed.state, listed.labels) == (pod.id, m.SandboxState.READY, pod.labels)
        assert listed.metadata is not None and listed.metadata.uid == pod.uid
        status = await runtime.sandbox_status(pod.id)
        assert status.network is not None and status.network.ip.startswith("10.244.")
        assert status.annotations["a"] == "1" and status.created_at > 1e18

    async def test_an_image_can_be_viewed_until_the_view_is_removed(self, runtime: ContainerRuntime) -> None:
        image = await runtime.image_status(BUSYBOX)
        assert image is not None
        first = await runtime.view_image(image.id, "view-1")
        assert first and all("ro" in mount.options for mount in first if mount.type == "bind")
        assert await runtime.view_image(image.id, "view-1") == first
        await runtime.remove_view("view-1")
        await runtime.remove_view("view-1")
        with pytest.raises(RuntimeServiceError) as told:
            await runtime.view_image("sha256:" + "0" * 64, "view-2")
        assert told.value.code == "NOT_FOUND"

    async def test_stopped_sandbox_is_not_ready_and_its_containers_have_exited(
        self, runtime: ContainerRuntime, pod: Pod
    ) -> None:
        container_id = await pod.start("c", *SLEEP)
        await runtime.stop_sandbox(pod.id)
        await runtime.stop_sandbox(pod.id)
        assert (await runtime.sandbox_status(pod.id)).state == m.SandboxState.NOT_READY
        assert (await ended(runtime, container_id)).exit_code == 137

    async def test_removed_sandbox_takes_its_containers_with_it(self, runtime: ContainerRuntime, pod: Pod) -> None:
        await pod.start("c", *SLEEP)
        await runtime.stop_sandbox(pod.id)
        await runtime.remove_sandbox(pod.id)
        await runtime.remove_sandbox(pod.id)
        assert await runtime.list_sandboxes(pod_uid=pod.uid) == []
        assert await runtime.list_containers(pod_uid=pod.uid) == []

    async def test_created_container_waits_to_be_started(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.create("c", *SLEEP)
        status = await runtime.container_status(container_id)
        assert (status.state, status.started_at) == (m.ContainerState.CREATED, 0)
        await runtime.start_container(container_id)
        status = await runtime.container_status(container_id)
        assert status.state == m.ContainerState.RUNNING and status.started_at >= status.created_at > 0

    async def test_listing_finds_containers_by_pod_and_by_sandbox(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.start("c", *SLEEP)
        by_pod = await runtime.list_containers(pod_uid=pod.uid)
        assert [(c.id, c.pod_sandbox_id, c.state) for c in by_pod] == [(container_id, pod.id, m.ContainerState.RUNNING)]
        assert by_pod == await runtime.list_containers(sandbox_id=pod.id)
        assert container_id in [c.id for c in await runtime.list_containers()]
        assert await runtime.list_containers(pod_uid="nobody") == []

    async def test_stop_ends_the_container_and_may_be_repeated(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.start("c", *SLEEP)
        await runtime.stop_container(container_id, 0)
        status = await ended(runtime, container_id)
        assert status.exit_code in (137, 143) and status.finished_at >= status.started_at
        await runtime.stop_container(container_id, 0)

    async def test_removed_container_is_unknown(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.start("c", *SLEEP)
        await runtime.remove_container(container_id)
        await runtime.remove_container(container_id)
        with pytest.raises(RuntimeServiceError) as caught:
            await runtime.container_status(container_id)
        assert caught.value.code == "NOT_FOUND"

    async def test_unknown_things_are_not_found(self, runtime: ContainerRuntime) -> None:
        for call in (runtime.sandbox_status("none"), runtime.container_status("none")):
            with pytest.raises(RuntimeServiceError) as caught:
                await call
            assert caught.value.code == "NOT_FOUND"
        await runtime.stop_container("none", 0)
        await runtime.stop_sandbox("none")

    async def test_exec_needs_a_running_container(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.start("c", *SLEEP)
        assert (await runtime.exec_sync(container_id, ["true"], 60)).exit_code == 0
        await runtime.stop_container(container_id, 0)
        with pytest.raises(RuntimeServiceError):
            await runtime.exec_sync(container_id, ["true"], 60)

    async def test_streams_are_reached_by_url(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.start("c", *SLEEP)
        streams = {"stdin": False, "stdout": True, "stderr": True, "tty": False}
        for url in (
            await runtime.exec_url(container_id, ["true"], **streams),
            await runtime.attach_url(container_id, **streams),
            await runtime.port_forward_url(pod.id, [80]),
        ):
            assert url.startswith("http://127.0.0.1:")

    async def test_resources_can_be_updated(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.start("c", *SLEEP)
        await runtime.update_resources(container_id, m.LinuxContainerResources(cpu_period=100_000, cpu_quota=50_000))

    async def test_stats_of_running_containers(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.start("c", *SLEEP)
        one = await runtime.container_stats(container_id)
        assert one.attributes is not None and one.attributes.id == container_id and one.cpu is not None
        assert [s.attributes.id for s in await runtime.list_stats(pod_uid=pod.uid) if s.attributes] == [container_id]

    async def test_images(self, runtime: ContainerRuntime) -> None:
        image = await runtime.image_status(BUSYBOX)
        assert image is not None and image.size > 0 and BUSYBOX in image.repo_tags
        assert image.id in [i.id for i in await runtime.list_images()]
        assert await runtime.image_status("localhost/none:1") is None
        assert await runtime.image_fs_info()
        await runtime.remove_image("localhost/none:1")

    async def test_container_of_a_missing_image_is_refused(self, runtime: ContainerRuntime, pod: Pod) -> None:
        config = m.ContainerConfig(metadata=m.ContainerMetadata(name="c"), image=m.ImageSpec(image="localhost/none:1"))
        with pytest.raises(RuntimeServiceError):
            await runtime.create_container(pod.id, config, pod.config)

    async def test_failing_pull_says_why(self, runtime: ContainerRuntime) -> None:
        with pytest.raises(RuntimeServiceError) as caught:
            await runtime.pull_image("127.0.0.1:1/none:1")
        assert "127.0.0.1:1/none" in caught.value.message

    async def test_events_tell_of_ends_and_removals(self, runtime: ContainerRuntime, pod: Pod) -> None:
        seen: list[RuntimeEvent] = []
        container_id = await pod.start("c", *SLEEP)

        async def listen() -> None:
            async with aclosing(runtime.events()) as events:
                async for event in events:
                    seen.append(event)

        task = asyncio.create_task(listen())
        while not seen:  # nothing else tells that the stream has begun
            other = await pod.start("other", *SLEEP)
            await runtime.stop_container(other, 0)
            await runtime.remove_container(other)
            await asyncio.sleep(0.05)
        await runtime.exec_sync(container_id, ["true"])
        await runtime.stop_container(container_id, 0)
        await runtime.remove_container(container_id)
        wanted = [RuntimeEvent("exited", container_id), RuntimeEvent("deleted", container_id)]
        async with asyncio.timeout(60):
            while not task.done() and [e for e in seen if e.id == container_id] != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert [e for e in seen if e.id == container_id] == wanted
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
