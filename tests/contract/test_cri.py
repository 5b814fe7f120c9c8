"""The runtime contract against the in-memory twin and against a real containerd, and what only a real one can show."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from pybernetes.kubelet.cri.containerd import Containerd
from pybernetes.kubelet.cri.fake import FakeRuntime
from pybernetes.kubelet.cri.protocol import ContainerRuntime, RuntimeServiceError

from tests.contract.containerd_node import ContainerdNode, containerd_node, missing  # isort: skip
from tests.contract.cri import BUSYBOX, SLEEP, Pod, RuntimeContract, ended  # isort: skip


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


class TestFakeRuntime(RuntimeContract):
    @pytest.fixture
    async def runtime(self) -> AsyncIterator[ContainerRuntime]:
        fake = FakeRuntime()
        fake.add_image(BUSYBOX)
        yield fake
        await fake.close()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerdNode]:
    with containerd_node(tmp_path_factory.mktemp("node")) as started:
        yield started


@pytest.mark.e2e
@pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")
class TestContainerd(RuntimeContract):
    @pytest.fixture
    async def runtime(self, node: ContainerdNode) -> AsyncIterator[ContainerRuntime]:
        client = Containerd(node.socket)
        yield client
        await client.close()

    async def test_exit_code_and_log_of_a_command(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.start("c", "sh", "-c", "echo $COLOR; echo oops >&2; exit 3")
        status = await ended(runtime, container_id)
        assert (status.exit_code, status.reason) == (3, "Error")
        lines = Path(status.log_path).read_text().splitlines()
        assert sorted(line.split(" ", 1)[1] for line in lines) == ["stderr F oops", "stdout F blue"]

    async def test_oom_kill_has_its_reason(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.start("c", "sh", "-c", "x=aaaaaaaaaa; while true; do x=$x$x; done")
        assert (await ended(runtime, container_id)).exit_code == 137
        async with asyncio.timeout(60):  # the kernel tells of the kill beside the end
            while (await runtime.container_status(container_id)).reason != "OOMKilled":  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def test_command_that_is_not_there(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.create("c", "/no/such/thing")
        with pytest.raises(RuntimeServiceError, match="no such file or directory"):
            await runtime.start_container(container_id)

    async def test_exec_output_exit_code_and_timeout(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.start("c", *SLEEP)
        answer = await runtime.exec_sync(container_id, ["sh", "-c", "echo out; echo err >&2; exit 7"], 60)
        assert (answer.stdout, answer.stderr, answer.exit_code) == (b"out\n", b"err\n", 7)
        with pytest.raises(RuntimeServiceError) as caught:
            await runtime.exec_sync(container_id, ["sleep", "100"], 1)
        assert caught.value.code == "DEADLINE_EXCEEDED"

    async def test_stop_waits_for_the_grace_period(self, runtime: ContainerRuntime, pod: Pod) -> None:
        container_id = await pod.start("c", "sh", "-c", "trap 'exit 9' TERM; echo set; while true; do sleep 0.1; done")
        log = Path(pod.config.log_directory, "c", "0.log")
        while not log.exists() or not log.read_text():  # noqa: ASYNC110 (a file tells nobody)
            await asyncio.sleep(0.01)
        await runtime.stop_container(container_id, 60)
        assert (await ended(runtime, container_id)).exit_code == 9


async def test_nobody_answers(tmp_path: Path) -> None:
    client = Containerd(str(tmp_path / "nothing.sock"))
    with pytest.raises(RuntimeServiceError) as caught:
        await client.version()
    assert caught.value.code == "UNAVAILABLE"
    await client.close()
