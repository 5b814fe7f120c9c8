"""Pods on a node whose containers may have CPUs alone: taken, refused, and not resized."""

from pathlib import Path

from tests.kubelet.builders import container
from tests.kubelet.core.harness import World, phase, ready, world
from tests.kubelet.core.test_resizing import resize
from tests.kubelet.cpu_manager.machines import machine

from pybernetes.api.core import Pod, ResourceRequirements
from pybernetes.kubelet.cpu_manager.cpu_set import parse
from pybernetes.kubelet.cpu_manager.manager import CpuManager
from pybernetes.kubelet.cpu_manager.policy import Rules


def guaranteed(cpu: str) -> ResourceRequirements:
    amounts = {"cpu": cpu, "memory": "64Mi"}
    return ResourceRequirements(requests=amounts, limits=dict(amounts))


def cpus(n: World) -> CpuManager:
    return CpuManager(Rules(topology=machine(cores=2), reserved=parse("0")), str(n.directory), n.runtime)


async def test_a_pod_without_cpus_left_is_rejected(tmp_path: Path) -> None:
    async with world(tmp_path) as n:
        n.cpus = cpus(n)
        async with n.kubelet_running():
            await n.run(container(resources=guaranteed("1")))
            pod = await n.until(ready)
            assert n.cpus.of(pod.metadata.uid or "", "web") == {1}
            await n.run(container(resources=guaranteed("1")), name="late")
            late = await n.until(phase("Failed"), "late")
            why = (
                "Allocate failed due to not enough cpus available to satisfy request: requested=1, available=0, "
                "which is unexpected"
            )
            assert (late.status.reason, late.status.message) == (
                "UnexpectedAdmissionError",
                f"Pod was rejected: {why}",
            )
            assert ("Warning", "UnexpectedAdmissionError", why) in await n.events("late")


async def test_cpus_that_are_somebodys_are_not_resized(tmp_path: Path) -> None:
    def told(pod: Pod) -> bool:
        return any(
            c.type == "PodResizePending" and c.reason == "Infeasible" and "CPU Manager policy" in (c.message or "")
            for c in pod.status.conditions or ()
        )

    async with world(tmp_path) as n:
        n.cpus = cpus(n)
        async with n.kubelet_running(cpu_manager_policy="static"):
            await n.run(container(resources=guaranteed("1")))
            await n.until(ready)
            await resize(n, "2", limit="2")
            await n.until(told)
