"""VolumeAttributesClasses stay while a claim or a volume refers to them (finalizer `kubernetes.io/vac-protection`).

A claim refers to a class that it asks for, that it has, or that it is being changed to (KEP-3751).
"""

from collections.abc import Iterable

from ..api.core import PersistentVolume, PersistentVolumeClaim
from ..api.storage import VolumeAttributesClass
from ..reconcile.manager import ControllerContext
from ..reconcile.protection import ProtectionController
from ..reconcile.sources import source

FINALIZER = "kubernetes.io/vac-protection"
CLASS = "volume attributes class"


def classes_of_claim(claim: PersistentVolumeClaim) -> set[str]:
    """The classes a claim refers to."""
    modifying = claim.status.modify_volume_status
    names = (
        claim.spec.volume_attributes_class_name,
        claim.status.current_volume_attributes_class_name,
        modifying.target_volume_attributes_class_name if modifying is not None else None,
    )
    return {name for name in names if name}


def _classes_of_volume(volume: PersistentVolume) -> Iterable[str]:
    name = volume.spec.volume_attributes_class_name
    return (name,) if name else ()


class VolumeAttributesClassProtection(ProtectionController[VolumeAttributesClass]):
    """See the module docstring."""

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context, VolumeAttributesClass, FINALIZER, "vacprotection")
        self._claims = context.informers.of(PersistentVolumeClaim)
        self._claims.add_index(CLASS, classes_of_claim)
        self._volumes = context.informers.of(PersistentVolume)
        self._volumes.add_index(CLASS, _classes_of_volume)
        source(self._claims, self._controller.enqueue, keys=classes_of_claim)
        source(self._volumes, self._controller.enqueue, keys=_classes_of_volume)

    async def is_used(self, obj: VolumeAttributesClass) -> bool:
        name = obj.metadata.name or ""
        return bool(self._claims.by_index(CLASS, name) or self._volumes.by_index(CLASS, name))
