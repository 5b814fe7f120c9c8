"""The contract of providers, the providers there are, and the manager's choice of controllers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from tests.contract.cloud_provider import InstancesContract, LoadBalancerContract, RoutesContract
from tests.support.clock import LoopClock, eventually
from tests.support.cloud import RecordingCloud, balanced, cloud_node, cloud_world, ingress

from pybernetes.api.coordination import Lease
from pybernetes.api.core import Node
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.informers import Informers
from pybernetes.cloud import providers
from pybernetes.cloud.local import LocalProvider
from pybernetes.cloud.manager import CLOUD_NODE, ROUTE, CloudConfig, CloudControllerManager, registrations, selection
from pybernetes.cloud.provider import CloudProvider
from pybernetes.cluster.addons import cloud as access
from pybernetes.testing import ADMIN, api_server


class TestRecordingCloud(LoadBalancerContract, InstancesContract, RoutesContract):
    @asynccontextmanager
    async def provider(self) -> AsyncIterator[CloudProvider]:
        cloud = RecordingCloud()
        cloud.machine("n1")
        cloud.machine("n2")
        yield cloud


class TestLocalProvider(LoadBalancerContract):
    @asynccontextmanager
    async def provider(self) -> AsyncIterator[CloudProvider]:
        async with api_server(clock=LoopClock()) as server:
            informers = Informers(Client(InProcessTransport(server.app, ADMIN)))
            cloud = LocalProvider()
            cloud.follow(informers, lambda key: None)
            async with running("informers", informers.serve):
                yield cloud


def test_the_built_in_provider() -> None:
    found = providers.provider("local")
    assert found.name == "local" and found.load_balancers is not None
    assert (found.instances, found.routes) == (None, None)


def test_a_provider_of_an_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("recording", "tests.support.cloud:RecordingCloud", providers.GROUP)

    def entry_points(**wanted: Any) -> list[EntryPoint]:
        return [point] if wanted.get("name") in (None, "recording") else []

    monkeypatch.setattr(providers, "entry_points", entry_points)
    assert providers.names() == ["local", "recording"]
    found = providers.provider("recording", "zone: eu-1a")
    assert isinstance(found, RecordingCloud) and found.config == "zone: eu-1a"
    with pytest.raises(ValueError, match="unknown cloud provider 'other'; known are: local, recording"):
        providers.provider("other")


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (("*",), ("*",)),
        (("*", "-service"), ("*", "-service-lb-controller")),
        (("cloud-node", "route"), ("cloud-node-controller", "node-route-controller")),
    ],
)
def test_controllers_by_their_names(items: tuple[str, ...], expected: tuple[str, ...]) -> None:
    served = registrations(RecordingCloud(), CloudConfig(cluster_cidrs=("10.244.0.0/16",)))
    assert selection(items, served) == expected


def test_a_controller_that_is_not_there() -> None:
    served = registrations(LocalProvider(), CloudConfig())
    assert list(served) == ["service-lb-controller"]
    assert selection(("*", "-route"), served) == ("*",)
    with pytest.raises(ValueError, match="does not support it"):
        selection((CLOUD_NODE,), served)
    with pytest.raises(ValueError, match="unknown controller 'deployment'"):
        selection(("deployment",), served)
    off = CloudConfig(cluster_cidrs=("10.244.0.0/16",), configure_cloud_routes=False)
    assert ROUTE not in registrations(RecordingCloud(), off)


async def test_the_managers_own_rights_are_enough() -> None:
    cloud = RecordingCloud()
    cloud.machine("n1")
    taint = {"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"}
    ranges = {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]}
    async with cloud_world(cloud, access=access.objects(), cluster_cidrs=("10.244.0.0/16",)) as world:
        await world.create(cloud_node("n1", spec={"taints": [taint], **ranges}))
        await world.create(cloud_node("n2", ready="False"))
        await world.create(balanced())
        await world.until(lambda: ingress(world))
        await world.until(lambda: cloud.route_table)

        async def is_told() -> bool:
            node = await world.client.get(Node, "n1")
            names = {found.metadata.name for found in await world.list(Node)}
            kinds = {c.type for c in node.status.conditions or ()}
            return "NetworkUnavailable" in kinds and bool(node.spec.provider_id) and "n2" not in names

        await world.until(is_told)
        await world.until(lambda: world.messages("DeletingNode"))
        assert world.denied == []


async def test_the_local_provider_needs_no_other_rights() -> None:
    async with cloud_world(LocalProvider(), access=access.objects()) as world:
        await world.create(cloud_node("n1", "10.1.0.1"))
        await world.create(balanced())
        await world.until(lambda: ingress(world))
        assert world.denied == []


async def test_one_manager_leads() -> None:
    cloud = RecordingCloud()
    clock = LoopClock()
    async with api_server(clock=clock) as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        for name in ("one", "two"):
            manager = CloudControllerManager(lambda _: client, cloud, CloudConfig(identity=name), clock)
            async with running("manager", manager.serve):

                async def leads(name: str = name) -> bool:
                    lease = await client.get(Lease, "cloud-controller-manager", "kube-system")
                    return lease.spec.holder_identity == name

                await eventually(leads)
