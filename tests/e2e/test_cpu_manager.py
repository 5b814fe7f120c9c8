"""CPUs of their own on a real node: what a Guaranteed pod has nobody else runs on, as long as it lives."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Cluster, cluster_on
from tests.e2e.objects import SLEEP, pod, shell
from tests.support.machine import machine
from tests.support.pods import Pods
from tests.support.waiting import until

from pybernetes.kubelet.plugins.channel import PluginChannel
from pybernetes.kubelet.podresources import messages as m

CPUS = sorted(os.sched_getaffinity(0))

pytestmark = pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")


@pytest.fixture(scope="module")
def pinning() -> Iterator[Cluster]:
    words = ("cpu-manager-policy=static", f"reserved-cpus={CPUS[0]}")
    with machine("m9") as host, cluster_on(host, *(f"--kubelet-arg={word}" for word in words)) as found:
        yield found


def guaranteed(cpu: str) -> dict[str, Any]:
    amounts = {"cpu": cpu, "memory": "32Mi"}
    return {"resources": {"limits": amounts, "requests": amounts}}


async def ask(socket: str) -> tuple[list[int], dict[str, list[int]]]:
    """What the pod resources API tells: the CPUs that can be had alone, and those of each pod of one container."""
    channel = PluginChannel(socket)
    try:
        service = "/v1.PodResourcesLister/"
        can = await channel.call(service + "GetAllocatableResources", m.Empty(), m.AllocatableResponse, 60)
        found = await channel.call(service + "List", m.Empty(), m.ListResponse, 60)
        return can.cpu_ids, {pod.name: pod.containers[0].cpu_ids for pod in found.pod_resources}
    finally:
        await channel.close()


def test_whole_cpus_of_a_guaranteed_pod_are_its_own_until_it_goes(pinning: Cluster) -> None:
    pods = Pods(pinning.kubectl, "default")

    def allowed(name: str) -> set[int]:
        text = pods.seen(name, "grep Cpus_allowed_list /proc/self/status").split()[1]
        found: set[int] = set()
        for part in text.split(","):
            first, _, last = part.partition("-")
            found |= set(range(int(first), int(last or first) + 1))
        return found

    pods("delete", "deployment", "hello")  # the sample's pods have asked for most of the node
    (node,) = pinning.kubectl.json("get", "nodes")["items"]
    assert node["status"]["allocatable"]["cpu"] == str(len(CPUS) - 1)
    pinning.kubectl.apply(pod("all", "default", shell("c", SLEEP)))
    pods.ready("all")
    assert allowed("all") == set(CPUS)
    pinning.kubectl.apply(pod("own", "default", shell("c", SLEEP, **guaranteed("1"))))
    pods.ready("own")
    own = allowed("own")
    assert len(own) == 1
    assert CPUS[0] not in own
    until(lambda: allowed("all") == set(CPUS) - own)
    uid = pods.get("own")["metadata"]["uid"]
    quotas = [path.read_text().strip() for path in Path("/sys/fs/cgroup/cpu").glob(f"*/pod{uid}/**/cpu.cfs_quota_us")]
    assert set(quotas) <= {"-1"}, "its CPUs are its own"
    state = json.loads((pinning.data_dir / "kubelet/cpu_manager_state").read_bytes())
    assert list(state["entries"].values()) == [{"c": str(*own)}]
    allocatable, told = asyncio.run(ask(str(pinning.data_dir / "kubelet/pod-resources/kubelet.sock")))
    assert allocatable == CPUS[1:]
    assert (told["own"], told["all"]) == (sorted(own), [])
    pods("delete", "pod", "own")
    until(lambda: allowed("all") == set(CPUS))
