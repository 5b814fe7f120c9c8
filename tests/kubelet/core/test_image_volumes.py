"""Volumes that are images (KEP-4639): pulled with the container that mounts them, given back with the pod."""

from pathlib import Path

from tests.kubelet.builders import container
from tests.kubelet.core.harness import node, ready, waiting

from pybernetes.api.core import ImageVolumeSource, Pod, Volume, VolumeMount

DATA = "localhost/data:1"


def of_image(policy: str = "IfNotPresent") -> Volume:
    return Volume(name="data", image=ImageVolumeSource(reference=DATA, pull_policy=policy))


def mounting() -> VolumeMount:
    return VolumeMount(name="data", mount_path="/data")


async def test_an_image_is_pulled_mounted_once_and_given_back(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        image = n.runtime.add_image(DATA, in_registry=True)
        both = [container("a", volume_mounts=[mounting()]), container("b", volume_mounts=[mounting()])]
        created = await n.run(*both, volumes=[of_image()])
        pod = await n.until(ready)
        assert n.kernel.mounts == [("/volumes/data", f"/images/{image.id} (ro)")]
        key = f"image-volume-{created.metadata.uid}-data"
        assert n.runtime.views == {key: image.id}
        (made,) = [c for c in n.runtime.configs.values() if c.metadata is not None and c.metadata.name == "a"]
        assert ("/data", "/volumes/data") in [(mount.container_path, mount.host_path) for mount in made.mounts]
        assert [reason for _, reason, message in await n.events() if DATA in message] == ["Pulling", "Pulled"]
        assert [s.restart_count for s in pod.status.container_statuses or ()] == [0, 0]
        await n.client.delete(Pod, "web", "default", grace_period_seconds=1)
        await n.until_gone()
        assert n.runtime.views == {}


async def test_containers_that_do_not_mount_it_do_not_wait_for_it(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container("web", volume_mounts=[mounting()]), container("free"), volumes=[of_image("Never")])
        pod = await n.until(
            lambda p: waiting(p) == "ErrImageNeverPull" and p.status.container_statuses[1].state.running
        )
        assert pod.status.phase == "Pending"


async def test_what_cannot_be_mounted_is_told_and_tried_again(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.add_image(DATA)
        n.runtime.fail("view_image", message="no room")
        await n.run(container(volume_mounts=[mounting()]), volumes=[of_image()])
        pod = await n.until(lambda p: waiting(p) == "CreateContainerError")
        state = (pod.status.container_statuses or [])[0].state.waiting
        assert state is not None and state.message == (
            'failed to mount image volume "data": rpc error: code = Unknown desc = no room'
        )
        await n.until(ready)
