"""Claims on a node: a driver on a socket, an API server in memory."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.kubelet.pods import pod_of
from tests.support.dra_driver import DraDriver

from pybernetes.api.core import Container, Pod
from pybernetes.api.dynamic_resource import ResourceClaim, ResourceSlice
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.tasks import running
from pybernetes.client.client import MERGE_PATCH, Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.kubelet.devices.manager import DeviceManager, DevicesOfContainer
from pybernetes.kubelet.dynamic_resources.claims import ClaimError
from pybernetes.kubelet.dynamic_resources.drivers import PLUGIN_TYPE, DraDrivers
from pybernetes.kubelet.dynamic_resources.manager import ClaimManager
from pybernetes.kubelet.node_devices import NodeDevices
from pybernetes.kubelet.parts import DeviceError
from pybernetes.kubelet.plugins.watcher import PluginWatcher
from pybernetes.testing import ADMIN, api_server

DRIVER = "dra.example.com"


class Setup:
    """One node's claims."""

    def __init__(self, client: Client, root: Path) -> None:
        self.client = client
        self.root = root
        self.registry = root / "r"
        self.cdi = root / "cdi"
        self.restarted()

    def restarted(self) -> None:
        self.drivers = DraDrivers(self.client, "n1", sleep=lambda _seconds: asyncio.sleep(0))
        self.manager = ClaimManager(self.client, str(self.root), self.drivers, (str(self.cdi),))

    @asynccontextmanager
    async def driver(self, **options: Any) -> AsyncIterator[DraDriver]:
        """A driver that is registered, with its CDI file."""
        self.registry.mkdir(exist_ok=True)
        watcher = PluginWatcher(str(self.registry), {PLUGIN_TYPE: self.drivers})
        found = DraDriver(DRIVER, str(self.registry), **options)
        found.write_cdi(str(self.cdi))
        async with running("drivers", self.drivers.serve), running("plugins", watcher.serve):
            await found.start()
            try:
                await asyncio.wait_for(found.told.wait(), 60)
                yield found
            finally:
                await found.stop()

    async def claim(self, name: str = "c", *pods: str, allocated: bool = True) -> ResourceClaim:
        """A claim that is reserved for these pods, by uid."""
        request = {"name": "req", "exactly": {"deviceClassName": "things"}}
        body = {"metadata": {"name": name, "namespace": "default"}, "spec": {"devices": {"requests": [request]}}}
        await self.client.create(msgspec.convert(body, ResourceClaim))
        result = {"request": "req", "driver": DRIVER, "pool": "pool", "device": "one"}
        reserved = [{"resource": "pods", "name": f"pod-{uid}", "uid": uid} for uid in pods or ("u1",)]
        status: dict[str, Any] = {"allocation": {"devices": {"results": [result]}}, "reservedFor": reserved}
        if not allocated:
            return await self.client.get(ResourceClaim, name, "default")
        return await self.client.patch(
            ResourceClaim,
            name,
            "default",
            body={"status": status},
            content_type=MERGE_PATCH,
            subresource="status",
        )

    async def error(self, pod: Pod) -> str:
        with pytest.raises(ClaimError) as caught:
            await self.manager.prepare(pod)
        return str(caught.value).removeprefix("prepare dynamic resources: ")


def pod(uid: str = "u1", claim: str = "c", request: str = "") -> Pod:
    asked = {"name": "mine", **({"request": request} if request else {})}
    spec = {
        "containers": [{"name": "with", "resources": {"claims": [asked]}}, {"name": "without"}],
        "resourceClaims": [{"name": "mine", "resourceClaimName": claim}],
    }
    return pod_of(spec, uid=uid, name=f"pod-{uid}")


def container(pod: Pod, index: int = 0) -> Container:
    return pod.spec.containers[index]


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    with tempfile.TemporaryDirectory(prefix="dra") as directory:
        async with api_server() as server:
            yield Setup(Client(InProcessTransport(server.app, ADMIN)), Path(directory))


async def test_a_claim_is_prepared_given_to_containers_and_given_back(setup: Setup) -> None:
    await setup.claim()
    async with setup.driver() as driver:
        await setup.manager.prepare(pod())
        await setup.manager.prepare(pod())  # the sandbox was made anew
        assert driver.calls == [("prepare", ["c"])]
        found = setup.manager.devices(pod(), container(pod()))
        assert found.environment == {"ALL": "1", "THING": "one"}
        (device,), (mount,) = found.devices, found.mounts
        assert (device.container_path, device.host_path, device.permissions) == ("/dev/thing", "/dev/null", "rwm")
        assert (mount.container_path, mount.host_path, mount.readonly) == ("/cdi", str(setup.cdi), True)
        assert setup.manager.devices(pod(), container(pod(), 1)) == DevicesOfContainer()
        assert setup.manager.devices(pod(request="req"), container(pod(request="req"))) == found
        (claim,) = setup.manager.held(pod(), container(pod()))
        assert (claim.name, claim.namespace, [device.driver for device in claim.devices]) == ("c", "default", [DRIVER])
        assert setup.manager.held(pod(), container(pod(), 1)) == []
        await setup.manager.unprepare("u1")
        await setup.manager.unprepare("u1")
        assert driver.calls[1:] == [("unprepare", ["c"])]


async def test_a_claim_of_two_pods_goes_with_the_second(setup: Setup) -> None:
    await setup.claim("c", "u1", "u2")
    async with setup.driver() as driver:
        for uid in ("u1", "u2"):
            await setup.manager.prepare(pod(uid))
        await setup.manager.unprepare("u1")
        assert driver.calls == [("prepare", ["c"])]
        await setup.manager.unprepare("u2")
        assert driver.calls[1:] == [("unprepare", ["c"])]


async def test_a_restarted_kubelet_knows_its_claims(setup: Setup) -> None:
    await setup.claim()
    async with setup.driver():
        await setup.manager.prepare(pod())
        found = setup.manager.devices(pod(), container(pod()))
    setup.restarted()
    assert setup.manager.devices(pod(), container(pod())) == found
    assert setup.manager.pods() == {"u1"}
    devices = NodeDevices(DeviceManager(str(setup.root / "d"), SYSTEM_CLOCK), setup.manager)
    with pytest.raises(DeviceError) as caught:
        await devices.release("u1")
    assert str(caught.value) == f"unprepare dynamic resources: DRA driver {DRIVER} is not registered"
    async with setup.driver() as driver:
        await devices.sweep({"u1"})
        assert driver.calls == []
        await devices.sweep(set())
        assert driver.calls == [("unprepare", ["c"])]


async def test_errors_are_upstreams(setup: Setup) -> None:
    assert await setup.error(pod()) == 'fetch ResourceClaim c: resourceclaims.resource.k8s.io "c" not found'
    claim = await setup.claim()
    assert await setup.error(pod()) == f"DRA driver {DRIVER} is not registered"
    text = f"pod pod-u9 (u9) is not allowed to use ResourceClaim c ({claim.metadata.uid})"
    assert await setup.error(pod("u9")) == text
    generated = pod_of({"resourceClaims": [{"name": "mine", "resourceClaimTemplateName": "t"}]})
    assert await setup.error(generated) == 'pod "default/web": ResourceClaim not created yet'
    assert setup.manager.pods() == set()  # the pod may go although its driver is missing
    async with setup.driver() as driver:
        driver.errors["c"] = "broken"
        assert await setup.error(pod()) == "NodePrepareResources failed for ResourceClaim c: broken"
        driver.errors.clear()
        driver.skips.add("c")
        assert await setup.error(pod()) == "NodePrepareResources skipped 1 ResourceClaims"
        driver.skips.clear()
        await setup.manager.prepare(pod())
        driver.errors["c"] = "in use"
        with pytest.raises(ClaimError) as caught:
            await setup.manager.unprepare("u1")
        assert str(caught.value) == (
            "unprepare dynamic resources: NodeUnprepareResources failed for ResourceClaim c: in use"
        )
        driver.errors.clear()
        await setup.manager.unprepare("u1")


async def test_a_device_without_cdi_file_is_told_when_the_container_starts(setup: Setup) -> None:
    await setup.claim()
    async with setup.driver():
        devices = NodeDevices(DeviceManager(str(setup.root / "d"), SYSTEM_CLOCK), setup.manager)
        await devices.prepare(pod())
        for name in os.listdir(setup.cdi):
            (setup.cdi / name).unlink()
        with pytest.raises(DeviceError) as caught:
            await devices.allocate(pod(), container(pod()))
        assert str(caught.value) == f"CDI device injection failed: unresolvable CDI devices {DRIVER}/thing=one"
        assert caught.value.reason == "CreateContainerError"


async def test_slices_of_a_driver_that_is_gone_are_deleted(setup: Setup) -> None:
    pool = {"name": "pool", "generation": 1, "resourceSliceCount": 1}
    for name, node in (("mine", "n1"), ("other", "n2")):
        spec = {"driver": DRIVER, "nodeName": node, "pool": {**pool, "name": node}, "devices": [{"name": "one"}]}
        await setup.client.create(msgspec.convert({"metadata": {"name": name}, "spec": spec}, ResourceSlice))
    async with setup.driver() as driver:
        await driver.stop()
        async with asyncio.timeout(60):
            while len((await setup.client.list(ResourceSlice)).items) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    (left,) = (await setup.client.list(ResourceSlice)).items
    assert left.metadata.name == "other"


async def test_a_driver_of_another_age_is_refused(setup: Setup) -> None:
    async with setup.driver(versions=("v9.DRAPlugin",)) as driver:
        assert driver.statuses[0].error == (
            "RegisterPlugin error -- plugin validation failed with err: none of services supported by the plugin "
            '(["v9.DRAPlugin"]) are supported by the kubelet (["v1.DRAPlugin" "v1beta1.DRAPlugin"])'
        )
