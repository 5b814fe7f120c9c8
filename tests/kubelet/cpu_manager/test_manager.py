"""Containers run on the CPUs they were given, across restarts of the kubelet."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.kubelet.builders import NOW
from tests.kubelet.cpu_manager.machines import machine
from tests.kubelet.cpu_manager.test_policy import container, pod
from tests.support.clock import LoopClock, run_virtual

from pybernetes.api.core import Pod
from pybernetes.base.tasks import running
from pybernetes.kubelet.admission import Refusal
from pybernetes.kubelet.cpu_manager.cpu_set import parse
from pybernetes.kubelet.cpu_manager.manager import CpuManager, CpuStateError, check_policy
from pybernetes.kubelet.cpu_manager.policy import Rules
from pybernetes.kubelet.cri import messages as m
from pybernetes.kubelet.cri.fake import FakeRuntime
from pybernetes.kubelet.cri.protocol import CONTAINER_NAME_LABEL, POD_UID_LABEL

RULES = Rules(topology=machine(cores=4), reserved=parse("0"))
ONE = pod(container("a", "2"), container("b", "500m"))


def manager(directory: Path, runtime: FakeRuntime | None = None) -> CpuManager:
    return CpuManager(RULES, str(directory), runtime or FakeRuntime(LoopClock()))


async def started(runtime: FakeRuntime, cpus: CpuManager, one: Pod, name: str) -> str:
    """A running container; its id."""
    runtime.add_image("i")
    uid = one.metadata.uid or ""
    sandbox = m.PodSandboxConfig(metadata=m.PodSandboxMetadata(name=uid, uid=uid, namespace="n"))
    wanted = next(c for c in one.spec.containers if c.name == name)
    config = m.ContainerConfig(
        metadata=m.ContainerMetadata(name=name),
        image=m.ImageSpec(image="i"),
        labels={POD_UID_LABEL: uid, CONTAINER_NAME_LABEL: name},
        linux=m.LinuxContainerConfig(resources=cpus.resources(one, wanted, {})),
    )
    id_ = await runtime.create_container(await runtime.run_sandbox(sandbox), config, sandbox)
    await runtime.start_container(id_)
    return id_


def test_a_container_is_made_on_its_cpus_without_a_quota(tmp_path: Path) -> None:
    cpus = manager(tmp_path)
    assert cpus.admit(ONE) is None
    own, other = (cpus.resources(ONE, one, {}) for one in ONE.spec.containers)
    assert (own.cpuset_cpus, own.cpu_quota) == ("1-2", -1)
    assert (other.cpuset_cpus, other.cpu_quota) == ("0,3", 50_000)
    assert (cpus.has_any(ONE), cpus.has_any(pod(container("a", "2"), uid="u2"))) == (True, False)


def test_the_file_is_upstreams_and_is_gone_on_with(tmp_path: Path) -> None:
    manager(tmp_path).admit(ONE)
    assert json.loads((tmp_path / "cpu_manager_state").read_bytes()) == {
        "policyName": "static", "defaultCpuSet": "0,3", "entries": {"u1": {"a": "1-2"}}, "checksum": 0,
    }  # fmt: skip
    again = manager(tmp_path)
    assert again.of("u1", "a") == {1, 2}
    again.sweep({"u1"})
    assert again.of("u1", "a") == {1, 2}
    again.sweep({"u2"})
    assert again.of("u1", "a") == set()
    assert json.loads((tmp_path / "cpu_manager_state").read_bytes())["defaultCpuSet"] == "0-3"


def test_a_file_that_does_not_go_with_the_settings_ends_the_start(tmp_path: Path) -> None:
    assert check_policy(str(tmp_path), "none") is None
    manager(tmp_path).admit(ONE)
    with pytest.raises(CpuStateError, match='configured policy "none" differs from state checkpoint policy "static"'):
        check_policy(str(tmp_path), "none")
    bigger = Rules(topology=machine(cores=8), reserved=parse("0"))
    with pytest.raises(CpuStateError, match="please drain this node and delete the CPU manager checkpoint file"):
        CpuManager(bigger, str(tmp_path), FakeRuntime(LoopClock()))
    (tmp_path / "cpu_manager_state").write_text("{")
    with pytest.raises(CpuStateError):
        manager(tmp_path)


def test_a_pod_that_has_ended_or_was_taken_before_is_not_refused(tmp_path: Path) -> None:
    cpus, big = manager(tmp_path), pod(container("a", "4"))
    assert isinstance(cpus.admit(big), Refusal)
    big.status.start_time = NOW
    assert cpus.admit(big) is None
    ended = pod(container("a", "2"), uid="u2")
    ended.status.phase = "Succeeded"
    assert cpus.admit(ended) is None
    assert cpus.of("u2", "a") == set()


def test_running_containers_leave_the_cpus_of_others_and_come_back(tmp_path: Path) -> None:
    async def body() -> None:
        runtime = FakeRuntime(LoopClock())
        cpus, shared = manager(tmp_path, runtime), pod({"name": "s"}, uid="u2")
        async with running("cpus", cpus.serve):
            one = await started(runtime, cpus, shared, "s")

            async def is_on(id_: str, where: str) -> None:
                while True:
                    resources = runtime.containers[id_].resources
                    if resources is not None and resources.linux is not None and resources.linux.cpuset_cpus == where:
                        return
                    await asyncio.sleep(0.1)

            async with asyncio.timeout(60):
                await is_on(one, "0-3")
                cpus.admit(ONE)
                other = await started(runtime, cpus, ONE, "a")
                await is_on(one, "0,3")
                await is_on(other, "1-2")
                cpus.release("u1")
                await is_on(one, "0-3")

    run_virtual(body())
