"""Volumes that are images (KEP-4639): pulled as a container's image is, and shown read-only where the volume is.

    start of a container ──▶ pull by the volume's policy ──▶ a view of the content ──▶ mount ──▶ its volumeMounts
    end of the pod ──▶ the volume manager unmounts ──▶ the view is given back

Debian 12's containerd cannot mount an image for us, so the kubelet mounts what containerd has unpacked: read-only and
not executable. The view keeps the layers there for as long as the pod is, whatever becomes of the image.
"""

from collections.abc import Mapping, Sequence

from ..api.core import Container, EphemeralContainer, Pod, Volume
from ..base.log import logger
from .cri.messages import PodSandboxConfig
from .cri.protocol import ContainerRuntime, FileMount, RuntimeServiceError
from .images import ImageManager
from .kernel.protocol import Kernel
from .parts import ImageMounts
from .pod_worker import pod_id

log = logger(__name__)


class KernelImageMounts:
    """`parts.ImageMounts` on a kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def is_shown(self, target: str) -> bool:
        return self._kernel.is_mount_point(target)

    def show(self, target: str, mounts: Sequence[FileMount]) -> None:
        for mount in mounts:
            self._kernel.mount_read_only(mount.type, mount.source, target, mount.options)


class ImageVolumeError(Exception):
    """The content of an image could not be mounted."""


class ImageVolumes:
    """For all pods of a node; what is mounted is looked up, not remembered."""

    def __init__(self, runtime: ContainerRuntime, images: ImageManager, mounts: ImageMounts) -> None:
        self._runtime = runtime
        self._images = images
        self._mounts = mounts

    async def mount(
        self,
        pod: Pod,
        container: Container | EphemeralContainer,
        paths: Mapping[str, str],
        sandbox: PodSandboxConfig,
    ) -> None:
        """Show the images whose volumes a container mounts. ImageError; ImageVolumeError."""
        wanted = {mount.name for mount in container.volume_mounts or ()}
        for volume in _image_volumes(pod):
            path = paths.get(volume.name or "", "")
            if volume.name not in wanted or not path or self._mounts.is_shown(path):
                continue
            source = volume.image
            assert source is not None
            as_container = Container(name="", image=source.reference, image_pull_policy=source.pull_policy)
            image = await self._images.ensure(pod, as_container, sandbox)
            try:
                self._mounts.show(path, await self._runtime.view_image(image.id, _key(pod, volume)))
            except (RuntimeServiceError, OSError) as error:
                raise ImageVolumeError(f'failed to mount image volume "{volume.name}": {error}') from None

    async def release(self, pod: Pod) -> None:
        """Give the pod's views back, once nothing is mounted any more."""
        for volume in _image_volumes(pod):
            try:
                await self._runtime.remove_view(_key(pod, volume))
            except RuntimeServiceError as error:
                log.warning("View of an image was not removed", pod=pod_id(pod), volume=volume.name, err=error)


def _image_volumes(pod: Pod) -> list[Volume]:
    return [volume for volume in pod.spec.volumes or () if volume.image is not None]


def _key(pod: Pod, volume: Volume) -> str:
    """The name of a volume's view at containerd."""
    return f"image-volume-{pod.metadata.uid}-{volume.name}"
