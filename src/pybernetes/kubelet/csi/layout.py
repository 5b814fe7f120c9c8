"""Where CSI volumes lie below the kubelet's directory, and what is written beside them: upstream's layout.

    pods/UID/volumes/kubernetes.io~csi/NAME/{mount,vol_data.json}       what one pod sees
    pods/UID/volumeDevices/kubernetes.io~csi/NAME                       a link to a block volume's device
    plugins/kubernetes.io/csi/DRIVER/SHA256(id)/{globalmount,vol_data.json}     staged once for the node
    plugins/kubernetes.io/csi/volumeDevices/NAME/data/vol_data.json     of a block volume
    plugins/kubernetes.io/csi/volumeDevices/{staging/NAME, publish/NAME/UID}

`vol_data.json` is what a kubelet that was restarted knows of volumes: drivers and ids are read from it, never
remembered. Whether a volume is in use on the node is answered by looking for pods that have it.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator

import msgspec

PLUGIN = "kubernetes.io~csi"
DATA_FILE = "vol_data.json"


class VolumeData(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """`vol_data.json`."""

    spec_vol_id: str = msgspec.field(name="specVolID", default="")
    volume_handle: str = ""
    driver_name: str = ""
    node_name: str = ""
    attachment_id: str = msgspec.field(name="attachmentID", default="")
    """The VolumeAttachment, "" when the volume needs none."""
    volume_lifecycle_mode: str = ""


def save(directory: str, data: VolumeData) -> None:
    """Write the file whole, so that one cut short by a crash is never read."""
    os.makedirs(directory, 0o750, exist_ok=True)
    target = os.path.join(directory, DATA_FILE)
    with open(target + ".new", "wb") as file:
        file.write(msgspec.json.encode(data))
    os.replace(target + ".new", target)


def load(directory: str) -> VolumeData | None:
    """What the file says; None when there is none or it cannot be read."""
    try:
        with open(os.path.join(directory, DATA_FILE), "rb") as file:
            return msgspec.json.decode(file.read(), type=VolumeData)
    except (OSError, msgspec.DecodeError):
        return None


class PodVolume(msgspec.Struct, frozen=True):
    """One CSI volume of one pod, as found on disk."""

    directory: str
    """Of the pod's volume, or the link of a block volume."""
    target: str
    """What the driver published."""
    data: VolumeData
    is_block: bool


class Layout:
    """Paths below one kubelet's directory."""

    def __init__(self, root: str) -> None:
        self._pods = os.path.join(root, "pods")
        self._csi = os.path.join(root, "plugins", "kubernetes.io", "csi")
        self._devices = os.path.join(self._csi, "volumeDevices")

    def stage_directory(self, driver: str, handle: str) -> str:
        """Holds `globalmount` and `vol_data.json`."""
        return os.path.join(self._csi, driver, hashlib.sha256(handle.encode()).hexdigest())

    def staging_path(self, driver: str, handle: str, name: str, is_block: bool) -> str:
        """Where the volume is staged."""
        if is_block:
            return os.path.join(self._devices, "staging", name)
        return os.path.join(self.stage_directory(driver, handle), "globalmount")

    def pod_volume(self, pod_directory: str, name: str) -> str:
        """Holds `mount` and `vol_data.json`."""
        return os.path.join(pod_directory, "volumes", PLUGIN, name)

    def device_data(self, name: str) -> str:
        return os.path.join(self._devices, name, "data")

    def device_target(self, name: str, pod_uid: str) -> str:
        """Where a driver publishes a block volume."""
        return os.path.join(self._devices, "publish", name, pod_uid)

    def device_link(self, pod_directory: str, name: str) -> str:
        return os.path.join(pod_directory, "volumeDevices", PLUGIN, name)

    def volumes_of(self, pod_directory: str) -> list[PodVolume]:
        """The CSI volumes a pod has, by what is on disk."""
        found = []
        for name in _listed(os.path.join(pod_directory, "volumes", PLUGIN)):
            directory = self.pod_volume(pod_directory, name)
            data = load(directory)
            if data is not None:
                found.append(PodVolume(directory, os.path.join(directory, "mount"), data, is_block=False))
        for name in _listed(os.path.join(pod_directory, "volumeDevices", PLUGIN)):
            data = load(self.device_data(name))
            if data is not None:
                target = self.device_target(name, os.path.basename(pod_directory))
                found.append(PodVolume(self.device_link(pod_directory, name), target, data, is_block=True))
        return found

    def in_use(self) -> Iterator[PodVolume]:
        """The volumes of all pods on disk."""
        for uid in _listed(self._pods):
            yield from self.volumes_of(os.path.join(self._pods, uid))

    def is_in_use(self, driver: str, handle: str, but: PodVolume | None = None) -> bool:
        """Whether some pod has the volume, apart from this one's."""
        return any(
            found.data.driver_name == driver and found.data.volume_handle == handle
            for found in self.in_use()
            if but is None or found.directory != but.directory
        )

    def staged(self, driver: str) -> list[VolumeData]:
        """The volumes of a driver that are staged as file systems, and all its block volumes."""
        directories = [os.path.join(self._csi, driver, name) for name in _listed(os.path.join(self._csi, driver))]
        blocks = [name for name in _listed(self._devices) if name not in ("staging", "publish")]
        directories += [self.device_data(name) for name in blocks]
        found = (load(directory) for directory in directories)
        return [data for data in found if data is not None and data.driver_name == driver]

    def forget_stage(self, data: VolumeData) -> None:
        """Delete what is left of a volume that is not staged any more; never a directory with content."""
        stage = self.stage_directory(data.driver_name, data.volume_handle)
        _remove_directory(os.path.join(stage, "globalmount"))
        _remove_file(os.path.join(stage, DATA_FILE))
        _remove_directory(stage)
        if data.spec_vol_id and os.path.isdir(self.device_data(data.spec_vol_id)):
            _remove_directory(os.path.join(self._devices, "staging", data.spec_vol_id))
            _remove_directory(os.path.join(self._devices, "publish", data.spec_vol_id))
            shutil.rmtree(os.path.join(self._devices, data.spec_vol_id), ignore_errors=True)

    def forget_pod_volume(self, volume: PodVolume) -> None:
        """Delete what is left of a pod's volume; never a directory with content."""
        _remove_directory(volume.target)
        if volume.is_block:
            _remove_file(volume.target)
            _remove_file(volume.directory)
        else:
            _remove_file(os.path.join(volume.directory, DATA_FILE))
            _remove_directory(volume.directory)


def _listed(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove_directory(path: str) -> None:
    try:
        os.rmdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return


def _remove_file(path: str) -> None:
    try:
        os.unlink(path)
    except (FileNotFoundError, IsADirectoryError):
        return
