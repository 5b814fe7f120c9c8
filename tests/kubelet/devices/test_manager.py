"""Device plugins against the kubelet's side, over real sockets."""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.kubelet.pods import pod_of
from tests.support.device_plugin import Plugin

from pybernetes.api.core import Container, Pod
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.tasks import running
from pybernetes.kubelet.devices import manager as module
from pybernetes.kubelet.devices.allocation import NoDevices
from pybernetes.kubelet.devices.manager import DeviceManager, DevicesOfContainer
from pybernetes.kubelet.devices.messages import Options
from pybernetes.kubelet.devices.registration import DeviceRegistration
from pybernetes.kubelet.plugins.channel import RpcError

GPU = "example.com/gpu"


class Setup:
    """One kubelet's devices; `amounts` are (capacity, allocatable) as last told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.amounts: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self.active = {"u1", "u2", "u3"}
        self.plugins: list[Plugin] = []
        self._told = asyncio.Event()

    @asynccontextmanager
    async def kubelet(self) -> AsyncIterator[DeviceManager]:
        self.manager = DeviceManager(str(self.directory), SYSTEM_CLOCK)
        self.manager.on_change = self._changed
        self.manager.is_active = self.active.__contains__
        async with (
            running("devices", self.manager.serve),
            running("registration", DeviceRegistration(self.manager).serve),
        ):
            yield self.manager

    def _changed(self, capacity: Mapping[str, str], allocatable: Mapping[str, str]) -> None:
        self.amounts = (dict(capacity), dict(allocatable))
        told, self._told = self._told, asyncio.Event()
        told.set()

    async def plugin(self, ids: str = "a b c", **options: Any) -> Plugin:
        """A plugin whose devices the kubelet knows."""
        devices = dict.fromkeys(ids.split(), True)
        made = Plugin(GPU, str(self.directory), devices, **options)
        self.plugins.append(made)
        await made.start()
        await made.register()
        await self.until(str(len(devices)))
        return made

    async def until(self, allocatable: str, capacity: str | None = None) -> None:
        async with asyncio.timeout(60):
            while self.amounts[1].get(GPU) != allocatable or self.amounts[0].get(GPU) != (capacity or allocatable):
                await self._told.wait()

    async def allocate(self, pod: Pod, container: str = "c") -> DevicesOfContainer:
        return await self.manager.allocate(pod, named(pod, container))


def pod(uid: str = "u1", **counts: int) -> Pod:
    """Init containers are those whose names begin with `init`."""

    def container(name: str, count: int) -> dict[str, Any]:
        amounts = {GPU: str(count)}
        return {"name": name, "resources": {"limits": amounts, "requests": amounts}}

    made = {name: container(name, count) for name, count in (counts or {"c": 1}).items()}
    inits = [one for name, one in made.items() if name.startswith("init")]
    others = [one for name, one in made.items() if not name.startswith("init")]
    return pod_of({"initContainers": inits, "containers": others}, uid=uid)


def named(pod: Pod, name: str) -> Container:
    every = [*(pod.spec.init_containers or ()), *pod.spec.containers]
    return next(container for container in every if container.name == name)


def ids(found: DevicesOfContainer) -> list[str]:
    return found.environment["DEVICES"].split(",")


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    with tempfile.TemporaryDirectory(prefix="dev") as directory:
        found = Setup(Path(directory))
        yield found
        for plugin in found.plugins:
            await plugin.stop()


async def test_devices_count_as_resources_of_the_node(setup: Setup) -> None:
    async with setup.kubelet():
        plugin = await setup.plugin()
        plugin.set_devices({"a": True, "b": False, "c": True, "d": True})
        await setup.until("3", "4")
        plugin.set_devices({})
        await setup.until("0")


async def test_a_container_gets_what_the_plugin_says(setup: Setup) -> None:
    async with setup.kubelet():
        plugin = await setup.plugin(options=Options(pre_start_required=True))
        found = await setup.allocate(pod(c=2))
        assert ids(found) == ["a", "b"]
        (device,), (mount,) = found.devices, found.mounts
        assert (device.container_path, device.host_path, device.permissions) == ("/dev/given", "/dev/null", "rw")
        assert (mount.container_path, mount.host_path, mount.readonly) == ("/plugin", str(setup.directory), True)
        assert found.annotations == {"example.com/devices": "yes"}
        assert setup.manager.held("u1", "c") == [(GPU, "a"), (GPU, "b")]
        assert setup.manager.held("u1", "other") == []
        assert setup.manager.usable() == [(GPU, "a"), (GPU, "b"), (GPU, "c")]
        assert plugin.calls == [("allocate", ("a", "b")), ("before start", ("a", "b"))]
        assert await setup.allocate(pod(c=2)) == found  # the container starts again
        assert plugin.calls[2:] == [("before start", ("a", "b"))]
        assert await setup.manager.allocate(pod_of(), named(pod_of(), "web")) == DevicesOfContainer()


async def test_devices_are_given_once_and_free_again_after_the_pod(setup: Setup) -> None:
    async with setup.kubelet():
        await setup.plugin()
        assert ids(await setup.allocate(pod("u1", c=2))) == ["a", "b"]
        with pytest.raises(NoDevices) as caught:
            await setup.allocate(pod("u2", c=2))
        assert str(caught.value) == (
            f"Allocate failed due to requested number of devices unavailable for {GPU}. Requested: 1, Available: 0, "
            "which is unexpected"
        )
        setup.manager.release("u1")
        assert ids(await setup.allocate(pod("u2", c=2))) == ["a", "b"]
        setup.active.discard("u2")  # it went without a word
        assert ids(await setup.allocate(pod("u3", c=3))) == ["a", "b", "c"]


async def test_containers_take_over_what_init_containers_had(setup: Setup) -> None:
    async with setup.kubelet():
        await setup.plugin()
        both = pod(init1=2, one=1, two=2)
        assert ids(await setup.allocate(both, "init1")) == ["a", "b"]
        assert ids(await setup.allocate(both, "one")) == ["a"]
        assert ids(await setup.allocate(both, "two")) == ["b", "c"]


async def test_a_plugin_may_prefer_devices(setup: Setup) -> None:
    async with setup.kubelet():
        plugin = await setup.plugin(options=Options(get_preferred_allocation_available=True))
        plugin.prefers = ["c", "gone"]
        assert ids(await setup.allocate(pod(c=2))) == ["a", "c"]
        assert plugin.calls[0] == ("preferred", ("a", "b", "c"))


async def test_an_allocation_that_fails_leaves_the_devices_free(setup: Setup) -> None:
    async with setup.kubelet():
        plugin = await setup.plugin()
        plugin.failure = "hot"
        with pytest.raises(NoDevices) as caught:
            await setup.allocate(pod(c=3))
        text = "Allocate failed due to rpc error: code = Internal desc = hot, which is unexpected"
        assert str(caught.value) == text
        plugin.failure = ""
        assert ids(await setup.allocate(pod("u2", c=3))) == ["a", "b", "c"]


async def test_a_restarted_kubelet_knows_who_has_what(setup: Setup) -> None:
    async with setup.kubelet():
        plugin = await setup.plugin()
        found = await setup.allocate(pod(c=2))
    await plugin.stop()
    entry = json.loads((setup.directory / "kubelet_internal_checkpoint").read_text())["Data"]["PodDeviceEntries"][0]
    assert (entry["PodUID"], entry["ContainerName"], entry["ResourceName"]) == ("u1", "c", GPU)
    assert entry["DeviceIDs"] == {"-1": ["a", "b"]}
    async with setup.kubelet():
        assert setup.amounts == ({GPU: "0"}, {GPU: "0"})  # until the plugin comes back
        assert await setup.allocate(pod(c=2)) == found
        with pytest.raises(NoDevices):
            await setup.allocate(pod("u2"))
        await setup.plugin()
        assert ids(await setup.allocate(pod("u2"))) == ["c"]


async def test_a_plugin_that_goes_takes_its_devices_along(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.0)
    async with setup.kubelet():
        plugin = await setup.plugin()
        told = []
        changed = setup.manager.on_change
        setup.manager.on_change = lambda capacity, allocatable: (
            told.append((capacity[GPU], allocatable[GPU])),  # type: ignore[func-returns-value]
            changed(capacity, allocatable),
        )[0]
        await plugin.stop()
        await setup.until("0")
        assert told == [("3", "0"), ("0", "0")]
        await setup.plugin("a")


async def test_a_plugin_that_registers_again_takes_its_predecessors_place(setup: Setup) -> None:
    async with setup.kubelet():
        first = await setup.plugin()
        os.unlink(setup.directory / first.endpoint)
        await setup.plugin("x y")
        assert ids(await setup.allocate(pod(c=2))) == ["x", "y"]


@pytest.mark.parametrize(
    ("resource", "version", "error"),
    [
        (GPU, "v9", 'requested API version "v9" is not supported by kubelet. Supported version is ["v1beta1"]'),
        ("gpu", "v1beta1", 'the ResourceName "gpu" is invalid'),
        ("kubernetes.io/gpu", "v1beta1", 'the ResourceName "kubernetes.io/gpu" is invalid'),
    ],
)
async def test_what_is_refused(setup: Setup, resource: str, version: str, error: str) -> None:
    async with setup.kubelet():
        with pytest.raises(RpcError) as caught:
            await Plugin(resource, str(setup.directory), {}, version=version).register()
    assert caught.value.details == error


async def test_sockets_of_earlier_times_are_removed_at_the_start(setup: Setup) -> None:
    async with setup.kubelet():
        pass
    before = await _left(setup.directory)
    async with setup.kubelet():
        assert await _left(setup.directory) == ["kubelet.sock"]
    assert before in ([], ["kubelet.sock"])


async def _left(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))
