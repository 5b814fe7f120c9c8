"""Every volume kind of this kubelet, by the attribute of `Volume` that selects it.

What is not listed is refused by name: the kinds upstream removed from its own tree and those that have drivers of CSI.
"""

from pybernetes.api.core import Volume

from .config_map import ConfigMapVolume
from .csi import CsiVolume
from .downward_api import DownwardAPIVolume
from .empty_dir import EmptyDirVolume
from .host_path import HostPathVolume
from .image import ImageVolume
from .persistent_volume_claim import PersistentVolumeClaimVolume
from .projected import ProjectedVolume
from .secret import SecretVolume
from .volume import SetUpError, VolumeKind

_CLAIM = PersistentVolumeClaimVolume()

KINDS: dict[str, VolumeKind] = {
    "empty_dir": EmptyDirVolume(),
    "host_path": HostPathVolume(),
    "config_map": ConfigMapVolume(),
    "secret": SecretVolume(),
    "downward_api": DownwardAPIVolume(),
    "projected": ProjectedVolume(),
    "persistent_volume_claim": _CLAIM,
    "ephemeral": _CLAIM,
    "csi": CsiVolume(),
    "image": ImageVolume(),
}


def kind_of(volume: Volume) -> VolumeKind:
    """The kind that sets this volume up. SetUpError for one this kubelet does not have."""
    for attribute, kind in KINDS.items():
        if getattr(volume, attribute) is not None:
            return kind
    for attribute in volume.__struct_fields__:
        if attribute != "name" and getattr(volume, attribute) is not None:
            wire = dict(zip(volume.__struct_fields__, volume.__struct_encode_fields__, strict=True))[attribute]
            raise SetUpError(f"volumes of type {wire} are not supported by this kubelet")
    raise SetUpError("no volume plugin matched")
