"""The pod resources API over its socket: what the containers of a node have."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.kubelet.pods import pod_of

from pybernetes.api.core import Container, Pod
from pybernetes.base.protobuf import Message
from pybernetes.base.tasks import running
from pybernetes.kubelet.dynamic_resources.claims import ClaimError
from pybernetes.kubelet.plugins.channel import PluginChannel, RpcError
from pybernetes.kubelet.podresources import messages as m
from pybernetes.kubelet.podresources.listing import HeldClaim, HeldDevice, Listing
from pybernetes.kubelet.podresources.service import PodResourcesService

INITS = [{"name": "init"}, {"name": "side", "restartPolicy": "Always"}]
CLAIM = HeldClaim("claim", "default", [HeldDevice("d.example.com", "pool", "dev", ["d.example.com/c=1"])])
GPUS = [
    m.ContainerDevices(resource_name="x/gpu", device_ids=["a"]),
    m.ContainerDevices(resource_name="x/gpu", device_ids=["b"]),
]


class Node:
    """One pod that runs, `web`, and one that has ended; the container `c` has everything."""

    def __init__(self) -> None:
        self.web, self.ended = pod_of({"containers": [{"name": "c"}], "initContainers": INITS}), pod_of({})
        self.ended.metadata.name = "ended"
        self.allocatable = frozenset({1, 2, 3})

    def active_pods(self) -> list[Pod]:
        return [self.web]

    def pod(self, namespace: str, name: str) -> Pod | None:
        pods = (self.web, self.ended)
        return next((p for p in pods if (p.metadata.namespace, p.metadata.name) == (namespace, name)), None)

    def of(self, pod_uid: str, container: str) -> frozenset[int]:
        return frozenset({3, 1}) if container == "c" else frozenset()

    def usable(self) -> list[tuple[str, str]]:
        return [("x/gpu", "b"), ("x/gpu", "a")]

    def held(self, pod_uid: str, container: str) -> list[tuple[str, str]]:
        return [("x/gpu", "b"), ("x/gpu", "a")] if container == "c" else []


class Claims:
    def __init__(self) -> None:
        self.are_made = True

    def held(self, pod: Pod, container: Container) -> list[HeldClaim]:
        if not self.are_made:
            raise ClaimError("not yet")
        return [CLAIM] if container.name == "c" else []


class Setup:
    def __init__(self, socket: str, claims: Claims) -> None:
        self.channel = PluginChannel(socket)
        self.claims = claims

    async def call(self, method: str, request: Message, answer: type[Message], version: str = "v1") -> Message:
        return await self.channel.call(f"/{version}.PodResourcesLister/{method}", request, answer, 60)


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    with tempfile.TemporaryDirectory() as directory:  # short: the path of a socket has 107 characters at most
        node, claims = Node(), Claims()
        (Path(directory) / "p").mkdir()
        (Path(directory) / "p/kubelet.sock").write_text("left by an earlier kubelet")
        service = PodResourcesService(f"{directory}/p", node, Listing(node, claims, node))
        async with running("pod resources", service.serve):
            made = Setup(f"{directory}/p/kubelet.sock", claims)
            yield made
            await made.channel.close()


SIDE = m.ContainerResources(name="side")
FULL = m.ContainerResources(
    name="c",
    devices=GPUS,
    cpu_ids=[1, 3],
    dynamic_resources=[
        m.DynamicResource(
            claim_name="claim",
            claim_namespace="default",
            claim_resources=[
                m.ClaimResource(
                    cdi_devices=[m.CdiDevice(name="d.example.com/c=1")],
                    driver_name="d.example.com",
                    pool_name="pool",
                    device_name="dev",
                )
            ],
        )
    ],
)


async def test_what_running_pods_have(setup: Setup) -> None:
    web = m.PodResources(name="web", namespace="default", containers=[SIDE, FULL])
    assert await setup.call("List", m.Empty(), m.ListResponse) == m.ListResponse(pod_resources=[web])
    request = m.GetRequest(pod_name="web", pod_namespace="default")
    assert await setup.call("Get", request, m.GetResponse) == m.GetResponse(pod_resources=web)


async def test_a_pod_that_has_ended_is_told_of_when_it_is_asked_for(setup: Setup) -> None:
    request = m.GetRequest(pod_name="ended", pod_namespace="default")
    found = await setup.call("Get", request, m.GetResponse)
    assert isinstance(found, m.GetResponse)
    assert found.pod_resources is not None
    assert found.pod_resources.name == "ended"


async def test_a_pod_that_is_not_there(setup: Setup) -> None:
    with pytest.raises(RpcError, match="code = Unknown desc = pod a in namespace b not found"):
        await setup.call("Get", m.GetRequest(pod_name="a", pod_namespace="b"), m.GetResponse)


async def test_what_there_is_in_all(setup: Setup) -> None:
    found = await setup.call("GetAllocatableResources", m.Empty(), m.AllocatableResponse)
    assert found == m.AllocatableResponse(devices=GPUS, cpu_ids=[1, 2, 3])


async def test_the_old_version_knows_devices_only(setup: Setup) -> None:
    plain = m.ContainerResources(name="c", devices=GPUS)
    web = m.PodResources(name="web", namespace="default", containers=[SIDE, plain])
    assert await setup.call("List", m.Empty(), m.ListResponse, "v1alpha1") == m.ListResponse(pod_resources=[web])


async def test_claims_that_are_not_made_yet_are_left_out(setup: Setup) -> None:
    setup.claims.are_made = False
    found = await setup.call("List", m.Empty(), m.ListResponse)
    assert isinstance(found, m.ListResponse)
    assert [one.dynamic_resources for one in found.pod_resources[0].containers] == [[], []]


async def test_nobody_has_cpus_alone_where_no_policy_gives_them() -> None:
    node = Node()
    listing = Listing(node, Claims(), None)
    assert listing.allocatable().cpu_ids == []
    assert [one.cpu_ids for one in listing.pod(node.web).containers] == [[], []]
