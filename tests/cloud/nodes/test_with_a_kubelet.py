"""A kubelet with --cloud-provider=external and the cloud node controller share one Node."""

import asyncio
from typing import Any

import pytest
from tests.support.clock import START
from tests.support.cloud import RecordingCloud, cloud_world

from pybernetes.api.core import Node, NodeAddress
from pybernetes.base.tasks import running
from pybernetes.cluster.node import UNINITIALIZED
from pybernetes.kubelet.config import KubeletConfig
from pybernetes.kubelet.cri.messages import Image
from pybernetes.kubelet.machine import Machine
from pybernetes.kubelet.node_reporter import NodeReporter
from pybernetes.kubelet.node_status import NodeHealth, node_object

MACHINE = Machine(cpus=2, memory_bytes=4 << 30, disk_bytes=100 << 30)


async def no_images() -> list[Image]:
    return []


def config(**more: Any) -> KubeletConfig:
    return KubeletConfig(node_name="n1", node_ips=("10.1.0.1",), **more)


EXTERNAL = config(external_cloud_provider=True, taints=(UNINITIALIZED,))


async def test_the_clouds_addresses_outlast_the_kubelets_reports() -> None:
    cloud = RecordingCloud()
    outer = NodeAddress(type="ExternalIP", address="192.0.2.1")
    other = NodeAddress(type="InternalIP", address="10.9.0.9")
    cloud.machine("n1", addresses=(other, NodeAddress(type="InternalIP", address="10.1.0.1"), outer))
    async with cloud_world(cloud, "cloud-node-controller") as world:
        health = NodeHealth(runtime_version="containerd://1")
        reporter = NodeReporter(EXTERNAL, world.client, MACHINE, health, no_images, world.clock)
        async with running("kubelet", reporter.serve):

            async def is_complete() -> bool:
                node = await world.client.get(Node, "n1")
                return bool(node.spec.provider_id) and any(
                    c.type == "Ready" and c.reason == "KubeletNotReady" for c in node.status.conditions or ()
                )

            await world.until(is_complete)
            health.runtime_problem = ""
            reporter.changed()

            async def is_ready() -> bool:
                node = await world.client.get(Node, "n1")
                return any(c.type == "Ready" and c.status == "True" for c in node.status.conditions or ())

            await world.until(is_ready)
            await asyncio.sleep(400)  # past a report that is due in any case
        node = await world.client.get(Node, "n1")
        assert [(a.type, a.address) for a in node.status.addresses or ()] == [
            ("InternalIP", "10.1.0.1"), ("ExternalIP", "192.0.2.1"), ("Hostname", "n1"),
        ]  # fmt: skip
        assert not any(taint.key == UNINITIALIZED[0] for taint in node.spec.taints or ())


@pytest.mark.parametrize("is_external", [True, False])
def test_only_for_a_cloud_the_kubelet_notes_its_address(is_external: bool) -> None:
    settings = config(external_cloud_provider=is_external)
    found = node_object(settings, MACHINE, NodeHealth(), START)
    noted = (found.metadata.annotations or {}).get("alpha.kubernetes.io/provided-node-ip")
    assert noted == ("10.1.0.1" if is_external else None)
