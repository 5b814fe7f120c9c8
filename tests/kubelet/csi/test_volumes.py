"""CSI volumes of pods: our kubelet's side against a driver on a socket and an API server in memory.

Mounts are kept by a recording kernel that driver and kubelet share, so no test here needs root.
"""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
from tests.kubelet.pods import pod_of
from tests.support.csi_driver import Driver, running_driver

from pybernetes.api.core import Node, PersistentVolume, PersistentVolumeClaim, Pod, Secret, ServiceAccount
from pybernetes.api.storage import CSIDriver, CSINode, StorageClass, VolumeAttachment
from pybernetes.apiserver.service_account_keys import generate_signing_key
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.tasks import running
from pybernetes.client.client import MERGE_PATCH, Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.controllers.attach_detach import plan
from pybernetes.kubelet.csi.messages import Capability
from pybernetes.kubelet.csi.service import CsiService
from pybernetes.kubelet.kernel.recording import RecordingKernel
from pybernetes.kubelet.parts import VolumeError
from pybernetes.kubelet.volumes.manager import VolumeManager
from pybernetes.testing import ADMIN, api_server

DRIVER = "dir.example.com"
SIGNING_KEY = generate_signing_key()


class Setup:
    """One node's volumes. `events` are the reasons and messages told of pods and claims."""

    def __init__(self, client: Client, root: Path) -> None:
        self.client = client
        self.root = root / "kubelet"
        self.content = root / "content"
        self.registry = self.root / "plugins_registry"
        self.kernel = RecordingKernel()
        self.events: list[tuple[str, str]] = []
        self.restarted()

    def restarted(self) -> None:
        """The kubelet anew: what it remembers is on disk alone."""
        self.csi = CsiService(self.client, str(self.root), self.kernel, "n1", self._event, SYSTEM_CLOCK)
        self.manager = VolumeManager(self.client, str(self.root), self.kernel, "n1", csi=self.csi.volumes)

    def _event(self, _obj: Any, _type: str, reason: str, message: str) -> None:
        self.events.append((reason, message))

    @asynccontextmanager
    async def driver(self, **options: Any) -> AsyncIterator[Driver]:
        """A driver that is registered."""
        self.registry.mkdir(parents=True, exist_ok=True)
        directories = (str(self.content), str(self.registry))
        async with (
            running("csi", self.csi.serve),
            running_driver(DRIVER, *directories, self.kernel, **options) as driver,
        ):
            await asyncio.wait_for(driver.told.wait(), 60)
            assert driver.statuses[0].error == ""
            yield driver

    async def about(self, **spec: Any) -> None:
        """The CSIDriver object; a driver that attaches nothing unless spec says so."""
        body = {"metadata": {"name": DRIVER}, "spec": {"attachRequired": False, **spec}}
        await self.client.create(msgspec.convert(body, CSIDriver))

    async def claim(self, name: str = "c", **spec: Any) -> PersistentVolume:
        """A claim bound to a volume of the driver with the id h-NAME."""
        csi = {"driver": DRIVER, "volumeHandle": f"h-{name}", **spec.pop("csi", {})}
        resources = {"requests": {"storage": "1Gi"}}
        modes = spec.pop("accessModes", ["ReadWriteOnce"])
        body: dict[str, Any] = {"metadata": {"name": name, "namespace": "default"}}
        storage_class = {"storageClassName": spec.pop("storageClassName", "")}
        body["spec"] = {"accessModes": modes, "resources": resources, "volumeName": f"pv-{name}", **storage_class}
        claim = await self.client.create(msgspec.convert(body, PersistentVolumeClaim))
        status = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
        await self.patch(PersistentVolumeClaim, name, {"status": status}, "status", "default")
        reference = {"name": name, "namespace": "default", "uid": claim.metadata.uid}
        capacity = {"storage": "1Gi"}
        spec = {"csi": csi, "capacity": capacity, "accessModes": modes, "claimRef": reference, **storage_class, **spec}
        return await self.client.create(
            msgspec.convert({"metadata": {"name": f"pv-{name}"}, "spec": spec}, PersistentVolume)
        )

    async def patch(self, kind: Any, name: str, body: Any, subresource: str = "", namespace: str = "") -> Any:
        return await self.client.patch(
            kind, name, namespace, body=body, content_type=MERGE_PATCH, subresource=subresource
        )

    async def mount(self, *volumes: dict[str, Any], uid: str = "u1", **spec: Any) -> dict[str, Path]:
        paths = await self.manager.mount(pod(uid, *volumes, **spec))
        return {name: Path(path) for name, path in paths.items()}

    async def error(self, volume: dict[str, Any], **spec: Any) -> str:
        with pytest.raises(VolumeError) as caught:
            await self.mount(volume, **spec)
        return str(caught.value)

    def left(self) -> list[str]:
        """Files below the kubelet's directory of pods and drivers."""
        found = []
        for part in ("pods", "plugins"):
            for parent, _, names in os.walk(self.root / part):
                found += [os.path.join(parent, name) for name in names]
        return found


def pod(uid: str, *volumes: dict[str, Any], **spec: Any) -> Pod:
    return pod_of({"volumes": list(volumes), "serviceAccountName": "sa", **spec}, uid=uid, name=f"pod-{uid}")


def of_claim(name: str = "c", volume: str = "v", **source: Any) -> dict[str, Any]:
    return {"name": volume, "persistentVolumeClaim": {"claimName": name, **source}}


def inline(**csi: Any) -> dict[str, Any]:
    return {"name": "v", "csi": {"driver": DRIVER, **csi}}


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 (the driver's side is told by nothing else)
            await asyncio.sleep(0.005)


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    with tempfile.TemporaryDirectory(prefix="csi") as directory:  # short: a socket's path has 107 characters at most
        async with api_server(service_account_signing_key=SIGNING_KEY) as server:
            client = Client(InProcessTransport(server.app, ADMIN))
            await client.create(msgspec.convert({"metadata": {"name": "n1"}}, Node))
            yield Setup(client, Path(directory))


async def test_a_claims_volume_is_staged_once_and_published_for_every_pod(setup: Setup) -> None:
    await setup.about()
    await setup.claim(csi={"fsType": "ext4", "volumeAttributes": {"a": "1"}}, mountOptions=["noatime"])
    async with setup.driver() as driver:
        paths = await setup.mount(of_claim())
        assert paths["v"] == setup.root / "pods/u1/volumes/kubernetes.io~csi/pv-c/mount"
        await setup.mount(of_claim(readOnly=True), uid="u2")
        assert driver.order() == ["Stage", "Publish", "Publish"]
        (stage,) = driver.seen("NodeStageVolume")
        assert (stage.volume_id, stage.volume_context, stage.publish_context) == ("h-c", {"a": "1"}, {})
        assert stage.volume_capability.mount.fs_type == "ext4"
        assert stage.volume_capability.mount.mount_flags == ["noatime"]
        assert stage.staging_target_path.startswith(f"{setup.root}/plugins/kubernetes.io/csi/{DRIVER}/")
        first, second = driver.seen("NodePublishVolume")
        assert first.staging_target_path == stage.staging_target_path
        assert (first.target_path, first.readonly, second.readonly) == (str(paths["v"]), False, True)
        data = json.loads((paths["v"].parent / "vol_data.json").read_text())
        assert data == {
            "specVolID": "pv-c",
            "volumeHandle": "h-c",
            "driverName": DRIVER,
            "nodeName": "n1",
            "volumeLifecycleMode": "Persistent",
        }

        await setup.manager.unmount("u1")
        assert driver.order()[3:] == ["Unpublish"]
        await setup.manager.unmount("u2")
        assert driver.order()[4:] == ["Unpublish", "Unstage"]
    assert setup.kernel.mounts == [] and setup.left() == []


async def test_a_driver_that_does_not_stage(setup: Setup) -> None:
    await setup.about()
    await setup.claim()
    async with setup.driver(can=()) as driver:
        await setup.mount(of_claim())
        await setup.manager.unmount("u1")
        assert driver.order() == ["Publish", "Unpublish"]
        assert driver.seen("NodePublishVolume")[0].staging_target_path == ""


async def test_an_inline_volume_lives_as_long_as_its_pod(setup: Setup) -> None:
    await setup.about(podInfoOnMount=True, volumeLifecycleModes=["Ephemeral"])
    await setup.client.create(
        msgspec.convert({"metadata": {"name": "s", "namespace": "default"}, "stringData": {"k": "x"}}, Secret)
    )
    async with setup.driver() as driver:
        await setup.mount(inline(volumeAttributes={"a": "1"}, nodePublishSecretRef={"name": "s"}))
        (published,) = driver.seen("NodePublishVolume")
        assert published.volume_id.startswith("csi-") and published.secrets == {"k": "x"}
        assert published.volume_context == {
            "a": "1",
            "csi.storage.k8s.io/pod.name": "pod-u1",
            "csi.storage.k8s.io/pod.namespace": "default",
            "csi.storage.k8s.io/pod.uid": "u1",
            "csi.storage.k8s.io/serviceAccount.name": "sa",
            "csi.storage.k8s.io/ephemeral": "true",
        }
        await setup.manager.unmount("u1")
        assert driver.order() == ["Publish", "Unpublish"]
    assert setup.left() == []


async def test_tokens_of_the_pods_account(setup: Setup) -> None:
    await setup.client.create(msgspec.convert({"metadata": {"name": "sa", "namespace": "default"}}, ServiceAccount))
    made = await setup.client.create(pod("u1", inline()))
    await setup.about(volumeLifecycleModes=["Ephemeral"], tokenRequests=[{"audience": "vault"}])
    async with setup.driver() as driver:
        await setup.manager.mount(made)
    key = "csi.storage.k8s.io/serviceAccount.tokens"
    tokens = json.loads(driver.seen("NodePublishVolume")[0].volume_context[key])
    assert list(tokens) == ["vault"] and set(tokens["vault"]) == {"token", "expirationTimestamp"}


async def test_errors_are_upstreams(setup: Setup) -> None:
    await setup.claim()
    start = 'MountVolume.NewMounter initialization failed for volume "v" : volume mode "Ephemeral" not supported by '
    assert await setup.error(inline()) == start + f"driver {DRIVER} (no CSIDriver object)"
    await setup.about(volumeLifecycleModes=["Persistent", "Ephemeral"])
    unknown = f"driver name {DRIVER} not found in the list of registered CSI drivers"
    assert await setup.error(inline()) == (
        'MountVolume.SetUp failed for volume "v" : kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: '
        f"{unknown}"
    )
    assert await setup.error(of_claim()) == (
        'MountVolume.MountDevice failed for volume "pv-c" : kubernetes.io/csi: attacher.MountDevice failed to create '
        f"newCsiDriverClient: {unknown}"
    )
    async with setup.driver() as driver:
        driver.failures["NodeStageVolume"] = (grpc.StatusCode.INTERNAL, "no disk")
        assert await setup.error(of_claim()) == (
            'MountVolume.MountDevice failed for volume "pv-c" : rpc error: code = Internal desc = no disk'
        )
        driver.failures["NodePublishVolume"] = (grpc.StatusCode.INVALID_ARGUMENT, "bad path")
        assert await setup.error(of_claim()) == (
            'MountVolume.SetUp failed for volume "pv-c" : rpc error: code = InvalidArgument desc = bad path'
        )
        assert await setup.error(inline(nodePublishSecretRef={"name": "gone"})) == (
            'MountVolume.SetUp failed for volume "v" : fetching NodePublishSecretRef default/gone failed: '
            "kubernetes.io/csi: failed to find the secret gone in the namespace default with error: "
            'secrets "gone" not found'
        )
        driver.failures["NodeUnpublishVolume"] = (grpc.StatusCode.ABORTED, "busy")
        with pytest.raises(VolumeError) as caught:
            await setup.manager.unmount("u1")
        assert "UnmountVolume.TearDown failed" in str(caught.value) and "desc = busy" in str(caught.value)
        await setup.manager.unmount("u1")
    assert setup.left() == []


async def test_a_pod_that_never_had_its_driver_can_go(setup: Setup) -> None:
    await setup.about()
    await setup.claim()
    await setup.error(of_claim())
    await setup.manager.unmount("u1")
    assert setup.left() == [] and setup.csi.attachments.in_use() == []


async def test_a_volume_is_used_once_it_is_attached_and_in_use_while_a_pod_has_it(setup: Setup) -> None:
    await setup.about(attachRequired=True)
    volume = await setup.claim()
    attachment = await setup.client.create(plan.attachment_of(volume, "n1"))
    device = plan.device_of(volume)
    attachments = setup.csi.attachments
    async with setup.driver() as driver:
        mounting = asyncio.ensure_future(setup.mount(of_claim()))
        await until(lambda: attachments.in_use() == [device])
        status = {"attached": True, "attachmentMetadata": {"lun": "3"}}
        await setup.patch(VolumeAttachment, attachment.metadata.name or "", {"status": status}, "status")
        body = {"status": {"volumesAttached": [{"name": device, "devicePath": ""}]}}
        attachments.node_changed(await setup.patch(Node, "n1", body, "status"))
        await asyncio.sleep(0)
        assert not mounting.done() and driver.order() == []  # the node has not said yet that it uses the volume
        body = {"status": {"volumesInUse": attachments.in_use()}}
        attachments.node_changed(await setup.patch(Node, "n1", body, "status"))
        await mounting
        assert driver.seen("NodeStageVolume")[0].publish_context == {"lun": "3"}
        assert driver.seen("NodePublishVolume")[0].publish_context == {"lun": "3"}

        setup.restarted()
        assert setup.csi.attachments.in_use() == [device]
    async with setup.driver():
        await setup.manager.unmount("u1")
        assert setup.csi.attachments.in_use() == []


async def test_a_restarted_kubelet_leaves_mounts_alone_and_takes_them_away_at_the_end(setup: Setup) -> None:
    await setup.about()
    await setup.claim()
    async with setup.driver():
        paths = await setup.mount(of_claim())
    setup.restarted()
    assert await setup.mount(of_claim()) == paths  # the driver is not registered again yet
    async with setup.driver() as driver:
        assert driver.order() == []
        setup.restarted()
    async with setup.driver() as driver:
        await setup.manager.unmount("u1")  # of a pod this kubelet never saw
        assert driver.order() == ["Unpublish", "Unstage"]
    assert setup.kernel.mounts == [] and setup.left() == []


async def test_what_was_left_staged_is_unstaged_when_the_driver_comes(setup: Setup) -> None:
    await setup.about()
    await setup.claim()
    async with setup.driver() as driver:
        driver.failures["NodePublishVolume"] = (grpc.StatusCode.INTERNAL, "x")
        await setup.error(of_claim())
    for path in setup.left():  # the pod's directory is gone, as after a crash between two steps
        if "/pods/" in path:
            os.unlink(path)
    setup.restarted()
    async with setup.driver() as driver:
        await until(lambda: driver.order() == ["Unstage"] and setup.left() == [])


async def test_the_group_gets_the_files(setup: Setup) -> None:
    await setup.about(fsGroupPolicy="File")
    await setup.claim()
    security = {"fsGroup": os.getgid(), "fsGroupChangePolicy": "Always"}
    async with setup.driver():
        paths = await setup.mount(of_claim(), securityContext=security)
    assert paths["v"].stat().st_mode & 0o2770 == 0o2770


async def test_a_block_volume_is_a_device(setup: Setup) -> None:
    await setup.about()
    await setup.claim(volumeMode="Block")
    with pytest.raises(VolumeError, match=r'MapVolume\.SetUpDevice failed for volume "pv-c" : .*not found') as caught:
        await setup.mount(of_claim())
    assert caught.value.reason == "FailedMapVolume"
    async with setup.driver() as driver:
        paths = await setup.mount(of_claim())
        devices = setup.root / "plugins/kubernetes.io/csi/volumeDevices"
        assert paths["v"] == devices / "publish/pv-c/u1"
        link = setup.root / "pods/u1/volumeDevices/kubernetes.io~csi/pv-c"
        assert link.readlink() == paths["v"]
        (stage,) = driver.seen("NodeStageVolume")
        assert stage.staging_target_path == str(devices / "staging/pv-c")
        assert stage.volume_capability.block is not None and stage.volume_capability.mount is None
        setup.restarted()
    async with setup.driver() as driver:
        await setup.manager.unmount("u1")
        assert driver.order() == ["Unpublish", "Unstage"]
    assert setup.left() == [] and not link.exists()


async def test_a_claim_that_grows_is_expanded_on_the_node(setup: Setup) -> None:
    await setup.about()
    grows = {"metadata": {"name": "grows"}, "provisioner": DRIVER, "allowVolumeExpansion": True}
    await setup.client.create(msgspec.convert(grows, StorageClass))
    await setup.claim(storageClassName="grows")
    async with setup.driver() as driver:
        await setup.mount(of_claim())
        asked = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
        await setup.patch(PersistentVolumeClaim, "c", asked, "", "default")
        await setup.manager.refresh(pod("u1", of_claim()))
        assert driver.seen("NodeExpandVolume") == []  # the volume has not grown yet
        await setup.patch(PersistentVolume, "pv-c", {"spec": {"capacity": {"storage": "2Gi"}}})
        resizing = {"type": "FileSystemResizePending", "status": "True"}
        status = {"conditions": [resizing], "allocatedResourceStatuses": {"storage": "NodeResizePending"}}
        await setup.patch(PersistentVolumeClaim, "c", {"status": status}, "status", "default")
        driver.failures["NodeExpandVolume"] = (grpc.StatusCode.INTERNAL, "x")
        await setup.manager.refresh(pod("u1", of_claim()))
        text = 'NodeExpandVolume.NodeExpandVolume failed for volume "pv-c" : rpc error: code = Internal desc = x'
        assert setup.events.pop() == ("VolumeResizeFailed", text)
        await setup.manager.refresh(pod("u1", of_claim()))
        expand = driver.seen("NodeExpandVolume")[-1]
        assert expand.capacity_range.required_bytes == 2 << 30
        assert expand.volume_path.endswith("/pv-c/mount") and expand.staging_target_path.endswith("/globalmount")
    claim = await setup.client.get(PersistentVolumeClaim, "c", "default")
    assert claim.status.capacity == {"storage": "2Gi"}
    assert not claim.status.conditions and not claim.status.allocated_resource_statuses
    text = 'MountVolume.NodeExpandVolume succeeded for volume "pv-c" n1'
    assert setup.events == [("FileSystemResizeSuccessful", text)] * 2


async def test_a_driver_that_wants_it_publishes_again(setup: Setup) -> None:
    await setup.about(requiresRepublish=True, volumeLifecycleModes=["Ephemeral"])
    async with setup.driver() as driver:
        await setup.mount(inline())
        assert setup.csi.volumes.next_due("u1") is not None
        await setup.manager.refresh(pod("u1", inline()))
        assert driver.order() == ["Publish", "Publish"]


async def test_how_full_a_volume_is(setup: Setup) -> None:
    await setup.about()
    await setup.claim()
    async with setup.driver() as driver:
        await setup.mount(of_claim())
        for _ in range(2):
            (found,) = await setup.csi.usage.of_pod("u1")
        assert len(driver.seen("NodeGetVolumeStats")) == 1  # asked again after a minute
        assert found.pop("time")
        assert found == {
            "name": "v",
            "pvcRef": {"name": "c", "namespace": "default"},
            "availableBytes": 60,
            "capacityBytes": 100,
            "usedBytes": 40,
            "inodesFree": 7,
            "inodes": 10,
            "inodesUsed": 3,
        }
        await setup.manager.unmount("u1")
        assert await setup.csi.usage.of_pod("u1") == []


async def test_a_driver_registers_in_the_csi_node_and_leaves_it(setup: Setup) -> None:
    async with setup.driver(limit=9, segments={"rack": "r1"}) as driver:
        (entry,) = (await setup.client.get(CSINode, "n1")).spec.drivers or []
        assert (entry.name, entry.node_id, entry.topology_keys) == (DRIVER, "node-of-driver", ["rack"])
        assert entry.allocatable is not None and entry.allocatable.count == 9
        await driver.stop()
        async with asyncio.timeout(60):
            while (await setup.client.get(CSINode, "n1")).spec.drivers:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("versions", [(), ("0.3.0",), ("v2.0.0", "x")])
async def test_a_driver_of_another_age_is_refused(setup: Setup, versions: tuple[str, ...]) -> None:
    setup.registry.mkdir(parents=True)
    directories = (str(setup.content), str(setup.registry))
    async with (
        running("csi", setup.csi.serve),
        running_driver(DRIVER, *directories, setup.kernel, versions=versions) as driver,
    ):
        await asyncio.wait_for(driver.told.wait(), 60)
    assert f'ValidatePlugin for CSI driver "{DRIVER}" failed.' in driver.statuses[0].error


async def test_capabilities_reach_the_driver_in_its_words(setup: Setup) -> None:
    await setup.about()
    await setup.claim(accessModes=["ReadWriteOncePod"])
    async with setup.driver(can=(Capability.VOLUME_MOUNT_GROUP,)) as driver:
        await setup.mount(of_claim(), securityContext={"fsGroup": 77})
    capability = driver.seen("NodePublishVolume")[0].volume_capability
    assert (capability.mount.volume_mount_group, capability.access_mode.mode) == ("77", 1)
