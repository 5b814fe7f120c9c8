"""Volumes of pods against an API server in memory: content, errors, updates, clean-up."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.kubelet.object_server import ObjectServer
from tests.kubelet.pods import pod_of
from tests.support.clock import LoopClock, eventually

from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.kubelet.kernel.recording import RecordingKernel
from pybernetes.kubelet.parts import VolumeError
from pybernetes.kubelet.volumes.manager import VolumeManager


class Setup:
    """A manager over a recording kernel and an API server in memory."""

    def __init__(self, root: Path) -> None:
        self.clock = LoopClock()
        self.api = ObjectServer(self.clock)
        self.kernel = RecordingKernel()
        self.root = root
        self.manager = self.restarted()

    def restarted(self) -> VolumeManager:
        return VolumeManager(
            Client(self.api),
            str(self.root),
            self.kernel,
            "node-1",
            node_allocatable=lambda: {"memory": "1Gi", "cpu": "2"},
            clock=self.clock,
        )

    async def mount(self, *volumes: dict[str, Any], **metadata: Any) -> dict[str, Path]:
        paths = await self.manager.mount(pod_of({"volumes": list(volumes)}, **metadata))
        return {name: Path(path) for name, path in paths.items()}

    async def error(self, volume: dict[str, Any]) -> str:
        with pytest.raises(VolumeError) as caught:
            await self.mount({"name": "v", **volume})
        return str(caught.value).removeprefix('MountVolume.SetUp failed for volume "v" : ')

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with running("volumes", self.manager.serve):
            yield


@pytest.fixture
async def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_a_config_map_becomes_files(setup: Setup) -> None:
    setup.api.put("configmaps", "c", "default", data={"a": "1"}, binaryData={"b": encoded("two")})
    paths = await setup.mount({"name": "v", "configMap": {"name": "c"}})
    assert paths["v"] == setup.root / "pods/uid-1/volumes/kubernetes.io~configmap/v"
    assert (paths["v"] / "a").read_text() == "1"
    assert (paths["v"] / "b").read_text() == "two"


async def test_items_choose_keys_paths_and_modes(setup: Setup) -> None:
    setup.api.put("configmaps", "c", "default", data={"a": "1", "b": "2"})
    items = [{"key": "a", "path": "x/y", "mode": 0o400}]
    paths = await setup.mount({"name": "v", "configMap": {"name": "c", "items": items, "defaultMode": 0o644}})
    assert sorted(os.listdir(paths["v"] / "..data")) == ["x"]
    assert (paths["v"] / "x" / "y").stat().st_mode & 0o777 == 0o400


async def test_a_secret_lies_on_a_tmpfs(setup: Setup) -> None:
    setup.api.put("secrets", "s", "default", data={"k": encoded("v")})
    paths = await setup.mount({"name": "v", "secret": {"secretName": "s"}})
    assert (paths["v"] / "k").read_text() == "v"
    assert setup.kernel.mounts == [(str(paths["v"]), "tmpfs")]


async def test_mounting_twice_is_harmless(setup: Setup) -> None:
    setup.api.put("secrets", "s", "default", data={"k": encoded("v")})
    await setup.mount({"name": "v", "secret": {"secretName": "s"}})
    await setup.mount({"name": "v", "secret": {"secretName": "s"}})
    assert len(setup.kernel.mounts) == 1


async def test_missing_objects(setup: Setup) -> None:
    assert await setup.error({"configMap": {"name": "y"}}) == 'configmap "y" not found'
    assert await setup.error({"secret": {"secretName": "y"}}) == 'secret "y" not found'
    setup.api.put("configmaps", "y", "default", data={"a": ""})
    error = await setup.error({"configMap": {"name": "y", "items": [{"key": "k", "path": "p"}]}})
    assert error == "configmap references non-existent config key: k"


async def test_optional_objects_may_miss(setup: Setup) -> None:
    paths = await setup.mount({"name": "v", "configMap": {"name": "y", "optional": True}})
    assert [name for name in os.listdir(paths["v"]) if not name.startswith("..")] == []


async def test_a_projected_volume_merges_its_sources(setup: Setup) -> None:
    setup.api.put("configmaps", "kube-root-ca.crt", "default", data={"ca.crt": "CA"})
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    paths = await setup.mount({"name": "v", "projected": {"sources": sources, "defaultMode": 0o644}})
    assert (paths["v"] / "token").read_text() == "token-1-default-api"
    assert (paths["v"] / "ca.crt").read_text() == "CA"
    assert (paths["v"] / "namespace").read_text() == "default"
    assert (paths["v"] / "token").stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
async def test_a_token_is_private_to_the_user_or_group(setup: Setup) -> None:
    volume = {"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}], "defaultMode": 0o644}}
    pod = pod_of({"volumes": [volume], "securityContext": {"runAsUser": 1000}})
    token = Path((await setup.manager.mount(pod))["v"]) / "token"
    assert (token.stat().st_uid, token.stat().st_mode & 0o777) == (1000, 0o600)
    pod = pod_of({"volumes": [volume], "securityContext": {"fsGroup": 2000}}, uid="uid-2")
    token = Path((await setup.manager.mount(pod))["v"]) / "token"
    assert (token.stat().st_gid, token.stat().st_mode & 0o777) == (2000, 0o640)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
@pytest.mark.parametrize("source", ["configMap", "secret", "downwardAPI", "projected"])
async def test_the_group_of_the_pod_may_read_what_is_shown(setup: Setup, source: str) -> None:
    setup.api.put("configmaps", "c", "default", data={"a": "1"})
    setup.api.put("secrets", "c", "default", data={"a": encoded("1")})
    name = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}
    config_map = {"name": "c", "items": [{"key": "a", "path": "d/name"}]}
    of_kind: dict[str, Any] = {
        "configMap": config_map,
        "secret": {"secretName": "c", "items": config_map["items"]},
        "downwardAPI": {"items": [{**name, "path": "d/name"}]},
        "projected": {"sources": [{"configMap": config_map}]},
    }
    volume = {"name": "v", source: {**of_kind[source], "defaultMode": 0o400}}
    pod = pod_of({"volumes": [volume], "securityContext": {"fsGroup": 2000}})
    path = Path((await setup.manager.mount(pod))["v"])
    seen = [(part.stat().st_gid, part.stat().st_mode & 0o7777) for part in (path / "d", path / "d" / "name")]
    assert seen == [(2000, 0o2755), (2000, 0o440)]
    assert (path.stat().st_gid, path.stat().st_mode & 0o2550) == (2000, 0o2550)


async def test_a_refused_token_fails_the_mount(setup: Setup) -> None:
    setup.api.refuse_tokens = True
    error = await setup.error({"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}})
    assert error == "failed to fetch token: InternalError"


async def test_downward_api_files(setup: Setup) -> None:
    items = [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "cpu", "resourceFieldRef": {"containerName": "web", "resource": "limits.cpu", "divisor": "1m"}},
    ]
    paths = await setup.mount({"name": "v", "downwardAPI": {"items": items}}, labels={"b": "2", "a": '"1"'})
    assert (paths["v"] / "labels").read_text() == 'a="\\"1\\""\nb="2"'
    assert (paths["v"] / "cpu").read_text() == "2000"


async def test_an_empty_dir_outlives_containers_but_not_the_pod(setup: Setup) -> None:
    volume = {"name": "v", "emptyDir": {}}
    path = (await setup.mount(volume))["v"]
    assert path.stat().st_mode & 0o777 == 0o777
    (path / "f").write_text("kept")
    assert (await setup.mount(volume))["v"] == path
    assert (path / "f").read_text() == "kept"
    await setup.manager.unmount("uid-1")
    assert not (setup.root / "pods" / "uid-1").exists()


@pytest.mark.parametrize(("limit", "size"), [("64Mi", 64 << 20), ("8Gi", 1 << 30), (None, 1 << 30)])
async def test_a_memory_empty_dir_has_a_size(setup: Setup, limit: str | None, size: int) -> None:
    path = (await setup.mount({"name": "v", "emptyDir": {"medium": "Memory", "sizeLimit": limit}}))["v"]
    assert ("mount_tmpfs", str(path), size, 0o777) in setup.kernel.calls


@pytest.mark.parametrize(
    ("path", "kind", "error"),
    [
        ("file", "Directory", "hostPath type check failed: {} is not a directory"),
        ("dir", "File", "hostPath type check failed: {} is not a file"),
        ("missing", "File", "hostPath type check failed: {} is not a file"),
        ("file", "Socket", "hostPath type check failed: {} is not a socket file"),
        ("file", "CharDevice", "hostPath type check failed: {} is not a character device"),
        ("file", "BlockDevice", "hostPath type check failed: {} is not a block device"),
        ("file", "DirectoryOrCreate", "hostPath type check failed: {} is not a directory"),
        ("none/file", "FileOrCreate", "open {}: no such file or directory"),
    ],
)
async def test_host_path_types(setup: Setup, path: str, kind: str, error: str) -> None:
    (setup.root / "dir").mkdir()
    (setup.root / "file").write_text("")
    full = str(setup.root / path)
    assert await setup.error({"hostPath": {"path": full, "type": kind}}) == error.format(full)


async def test_host_paths_are_made_on_demand(setup: Setup) -> None:
    directory, file = str(setup.root / "new/dir"), str(setup.root / "new-file")
    paths = await setup.mount(
        {"name": "d", "hostPath": {"path": directory, "type": "DirectoryOrCreate"}},
        {"name": "f", "hostPath": {"path": file, "type": "FileOrCreate"}},
        {"name": "c", "hostPath": {"path": "/dev/null", "type": "CharDevice"}},
        {"name": "any", "hostPath": {"path": str(setup.root / "nowhere"), "type": ""}},
    )
    assert Path(directory).is_dir() and Path(file).is_file()
    assert paths["c"] == Path("/dev/null")


async def test_a_host_path_survives_the_pod(setup: Setup) -> None:
    (setup.root / "dir").mkdir()
    await setup.mount({"name": "v", "hostPath": {"path": str(setup.root / "dir")}})
    await setup.manager.unmount("uid-1")
    assert (setup.root / "dir").is_dir()


def claim(setup: Setup, source: dict[str, Any], phase: str = "Bound") -> dict[str, Any]:
    setup.api.put("persistentvolumeclaims", "data", "default", spec={"volumeName": "pv"}, status={"phase": phase})
    setup.api.put("persistentvolumes", "pv", spec={"claimRef": {"name": "data", "uid": "uid-of-data"}, **source})
    return {"persistentVolumeClaim": {"claimName": "data"}}


async def test_claims_of_host_path_and_local_volumes(setup: Setup) -> None:
    (setup.root / "disk").mkdir()
    disk = str(setup.root / "disk")
    paths = await setup.mount({"name": "v", **claim(setup, {"hostPath": {"path": disk}})})
    assert paths["v"] == Path(disk)
    paths = await setup.mount({"name": "v", **claim(setup, {"local": {"path": disk}})}, uid="uid-2")
    assert setup.kernel.mounts == [(str(paths["v"]), disk)]
    await setup.manager.unmount("uid-2")
    assert setup.kernel.mounts == []
    assert Path(disk).is_dir()


async def test_claims_that_cannot_be_mounted(setup: Setup) -> None:
    pending = claim(setup, {}, phase="Pending")
    assert await setup.error(pending) == "error processing PVC default/data: PVC is not bound"
    driver = claim(setup, {"csi": {"driver": "x", "volumeHandle": "h"}})
    assert "needs a storage driver" in await setup.error(driver)
    missing = {"persistentVolumeClaim": {"claimName": "none"}}
    assert 'persistentvolumeclaims "none" not found' in await setup.error(missing)


async def test_kinds_this_kubelet_does_not_have(setup: Setup) -> None:
    error = await setup.error({"nfs": {"server": "s", "path": "/"}})
    assert error == "volumes of type nfs are not supported by this kubelet"
    error = await setup.error({"projected": {"sources": [{"clusterTrustBundle": {"path": "p"}}]}})
    assert "clusterTrustBundle" in error


async def test_a_changed_config_map_reaches_the_volume(setup: Setup) -> None:
    setup.api.put("configmaps", "c", "default", data={"a": "1"})
    async with setup.serving():
        path = (await setup.mount({"name": "v", "configMap": {"name": "c"}}))["v"]
        await eventually(lambda: setup.api.watched("configmaps", "c", "default"))
        setup.api.put("configmaps", "c", "default", data={"a": "2"})
        await eventually(lambda: (path / "a").read_text() == "2")


async def test_the_first_list_of_a_watch_changes_nothing(setup: Setup) -> None:
    setup.api.put("configmaps", "c", "default", data={"a": "1"})
    async with setup.serving():
        path = (await setup.mount({"name": "v", "configMap": {"name": "c"}}))["v"]
        before = os.readlink(path / "..data")
        await eventually(lambda: setup.api.watched("configmaps", "c", "default"))
        assert os.readlink(path / "..data") == before


async def test_a_deleted_config_map_leaves_its_last_content(setup: Setup) -> None:
    setup.api.put("configmaps", "c", "default", data={"a": "1"})
    async with setup.serving():
        path = (await setup.mount({"name": "v", "configMap": {"name": "c"}}))["v"]
        await eventually(lambda: setup.api.watched("configmaps", "c", "default"))
        setup.api.remove("configmaps", "c", "default")
        await asyncio.sleep(1)
        assert (path / "a").read_text() == "1"


async def test_a_missing_object_that_appears_calls_for_another_try(setup: Setup) -> None:
    tries: list[str] = []
    setup.manager.on_change = tries.append
    async with setup.serving():
        await setup.error({"configMap": {"name": "late"}})
        await eventually(lambda: setup.api.watched("configmaps", "late", "default"))
        setup.api.put("configmaps", "late", "default", data={})
        await eventually(lambda: tries == ["uid-1"])


async def test_watches_end_with_the_last_pod(setup: Setup) -> None:
    setup.api.put("configmaps", "c", "default", data={"a": "1"})
    volume = {"name": "v", "configMap": {"name": "c"}}
    async with setup.serving():
        await setup.mount(volume)
        await setup.mount(volume, uid="uid-2")
        await eventually(lambda: setup.api.watched("configmaps", "c", "default"))
        await setup.manager.unmount("uid-1")
        await asyncio.sleep(1)
        assert setup.api.watched("configmaps", "c", "default")
        await setup.manager.unmount("uid-2")
        await eventually(lambda: not setup.api.watched("configmaps", "c", "default"))


async def test_a_token_is_renewed_at_80_percent_of_its_life(setup: Setup) -> None:
    source = {"serviceAccountToken": {"path": "token", "expirationSeconds": 1000}}
    async with setup.serving():
        token = (await setup.mount({"name": "v", "projected": {"sources": [source]}}))["v"] / "token"
        await asyncio.sleep(785)
        assert token.read_text().startswith("token-1-")
        await asyncio.sleep(20)
        assert token.read_text().startswith("token-2-")


async def test_a_failed_renewal_keeps_the_old_token(setup: Setup) -> None:
    source = {"serviceAccountToken": {"path": "token", "expirationSeconds": 1000}}
    async with setup.serving():
        token = (await setup.mount({"name": "v", "projected": {"sources": [source]}}))["v"] / "token"
        setup.api.refuse_tokens = True
        await asyncio.sleep(810)
        assert token.read_text().startswith("token-1-")
        setup.api.refuse_tokens = False
        await asyncio.sleep(70)
        assert token.read_text().startswith("token-2-")


async def test_a_restarted_kubelet_cleans_what_the_last_one_mounted(setup: Setup) -> None:
    setup.api.put("secrets", "s", "default", data={"k": encoded("v")})
    await setup.mount({"name": "v", "secret": {"secretName": "s"}}, uid="dead")
    manager = setup.restarted()
    assert manager.pods_on_disk() == ["dead"]
    await manager.unmount("dead")
    assert setup.kernel.mounts == []
    assert manager.pods_on_disk() == []


async def test_nothing_is_deleted_through_a_mount_that_stays(setup: Setup) -> None:
    setup.api.put("secrets", "s", "default", data={"k": encoded("v")})
    path = (await setup.mount({"name": "v", "secret": {"secretName": "s"}}))["v"]
    setup.kernel.failures["unmount"] = OSError(16, "Device or resource busy")
    with pytest.raises(VolumeError, match="unmounting"):
        await setup.manager.unmount("uid-1")
    assert (path / "k").exists()


async def test_a_subpath_that_leaves_the_volume(setup: Setup) -> None:
    pod = pod_of({"volumes": [{"name": "v", "emptyDir": {}}]})
    path = (await setup.manager.mount(pod))["v"]
    assert setup.manager.subpath(pod, path, "a/b").startswith(str(setup.root / "pods/uid-1/volume-subpaths/"))
    os.symlink("/etc", os.path.join(path, "link"))
    with pytest.raises(VolumeError, match="not within volume path"):
        setup.manager.subpath(pod, path, "link")
