"""PersistentVolumes stay while they are bound to a claim (finalizer `kubernetes.io/pv-protection`)."""

from ..api.core import PersistentVolume
from ..reconcile.manager import ControllerContext
from ..reconcile.protection import ProtectionController

FINALIZER = "kubernetes.io/pv-protection"


class PVProtection(ProtectionController[PersistentVolume]):
    """See the module docstring."""

    def __init__(self, context: ControllerContext) -> None:
        super().__init__(context, PersistentVolume, FINALIZER, "pvprotection")

    async def is_used(self, obj: PersistentVolume) -> bool:
        return obj.status.phase == "Bound"
