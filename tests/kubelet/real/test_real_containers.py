"""The kubelet's core with a real containerd: what only real containers can show."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.contract.containerd_node import ContainerdNode, containerd_node, missing
from tests.kubelet.builders import container, sidecar
from tests.kubelet.core.harness import World, ready, status, waiting, world

from pybernetes.api.core import EnvVar, Pod
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.kubelet.cri.containerd import Containerd

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")]


@pytest.fixture(scope="module")
def runtime_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerdNode]:
    with containerd_node(tmp_path_factory.mktemp("node"), subnet="10.244.8.0/24") as started:
        yield started


class NoCgroupParent:
    """The containers of these tests live in the runtime's default cgroup."""

    def ensure(self, pod: Pod) -> str:
        return ""

    def grows(self, pod: Pod) -> bool:
        return True

    def update(self, pod: Pod) -> None: ...

    def remove(self, pod_uid: str) -> None: ...

    def remove_orphans(self, known_uids: Collection[str]) -> None: ...


@asynccontextmanager
async def real_world(directory: Path, node: ContainerdNode) -> AsyncIterator[World]:
    """A world on the real runtime and in real time."""
    async with world(directory, SYSTEM_CLOCK) as made:
        made.cri = Containerd(node.socket)
        made.cgroups = NoCgroupParent()  # type: ignore[assignment]
        yield made
        await made.cri.close()


async def until_logged(path: str | None, text: str) -> None:
    assert path is not None
    for _ in range(6000):
        if text in Path(path).read_text():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{text!r} was never logged: {Path(path).read_text()!r}")


async def test_life_of_a_pod(tmp_path: Path, runtime_node: ContainerdNode) -> None:
    async with real_world(tmp_path, runtime_node) as n:
        async with n.kubelet_running():
            began = time.monotonic()
            script = "echo $COLOR $HOSTNAME; sleep 1000"
            await n.run(container(command=["sh", "-c", script], env=[EnvVar(name="COLOR", value="blue")]))
            pod = await n.until(ready, seconds=60)
            print(f"bound to ready in {time.monotonic() - began:.3f} s")
            assert (pod.status.pod_ip or "").startswith("10.244.8.")
            assert (status(pod).container_id or "").startswith("containerd://")
            await until_logged(n.kubelet.log_path(pod, "web"), "stdout F blue web")
            container_id = n.kubelet.container_id(pod.metadata.uid or "", "web")
            assert container_id is not None
            hosts = await n.cri.exec_sync(container_id, ["cat", "/etc/hosts"])
            assert hosts.stdout.decode() == f"{pod.status.pod_ip} web\n"
        # The container goes on without its kubelet, and the next one takes it over.
        assert (await n.cri.container_status(container_id)).state == 1
        async with n.kubelet_running():
            await asyncio.sleep(0.5)
            again = await n.until(ready, seconds=60)
            assert status(again).container_id == status(pod).container_id and status(again).restart_count == 0
            began = time.monotonic()
            await n.client.delete(Pod, "web", "default", grace_period_seconds=1)
            await n.until_gone(seconds=60)
            await n.until_swept()
            print(f"deleted in {time.monotonic() - began:.3f} s")
            assert await n.cri.list_sandboxes(pod_uid=pod.metadata.uid or "") == []


async def test_killed_process_is_restarted_at_once(tmp_path: Path, runtime_node: ContainerdNode) -> None:
    async with real_world(tmp_path, runtime_node) as n, n.kubelet_running():
        created = await n.run(container(command=["sh", "-c", "trap 'exit 7' TERM; while true; do sleep 0.05; done"]))
        await n.until(ready, seconds=60)
        container_id = n.kubelet.container_id(created.metadata.uid or "", "web") or ""
        began = time.monotonic()
        await n.cri.exec_sync(container_id, ["kill", "-TERM", "1"])
        pod = await n.until(lambda p: status(p).restart_count == 1 and ready(p), seconds=60)
        print(f"restarted in {time.monotonic() - began:.3f} s")
        ended = status(pod).last_state.terminated
        assert ended is not None and (ended.exit_code, ended.reason) == (7, "Error")
        await n.client.delete(Pod, "web", "default", grace_period_seconds=1)
        await n.until_gone(seconds=60)
        await n.until_swept()


async def test_init_sidecar_and_main_share_the_pod(tmp_path: Path, runtime_node: ContainerdNode) -> None:
    async with real_world(tmp_path, runtime_node) as n, n.kubelet_running():
        script = "until wget -qO- http://127.0.0.1:8080/hello; do sleep 0.1; done; sleep 1000"
        await n.run(
            container("main", command=["sh", "-c", script]),
            init=[
                container("setup", command=["true"]),
                sidecar("files", command=["sh", "-c", "echo hi > /tmp/hello; exec httpd -f -p 8080 -h /tmp"]),
            ],
        )
        pod = await n.until(ready, seconds=60)
        await until_logged(n.kubelet.log_path(pod, "main"), "stdout F hi")
        await n.client.delete(Pod, "web", "default", grace_period_seconds=1)
        await n.until_gone(seconds=60)
        await n.until_swept()


async def test_unknown_command_and_missing_image(tmp_path: Path, runtime_node: ContainerdNode) -> None:
    async with real_world(tmp_path, runtime_node) as n, n.kubelet_running():
        await n.run(container("web", command=["/no/such/thing"]), container("img", image="127.0.0.1:1/none:1"))
        pod = await n.until(lambda p: waiting(p) in ("RunContainerError", "CrashLoopBackOff"), seconds=60)
        await n.until(lambda p: waiting(p, "img") in ("ErrImagePull", "ImagePullBackOff"), seconds=60)
        ended = (await n.until(lambda p: status(p).last_state.terminated, seconds=60)).status.container_statuses
        assert ended is not None and pod.status.phase == "Pending"
        terminated = ended[0].last_state.terminated
        assert terminated is not None and terminated.reason == "StartError" and terminated.exit_code == 128
        await n.client.delete(Pod, "web", "default", grace_period_seconds=1)
        await n.until_gone(seconds=60)
        await n.until_swept()
