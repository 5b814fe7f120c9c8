"""The expander: claims that ask for more than they have are handed to whoever can grow their volume.

No volume is grown here: CSI volumes are grown by the driver's external resizer, which watches claims for itself. What
is left to do is to say so, so that nobody waits for this controller.
"""

import asyncio

from ..api.core import PersistentVolume, PersistentVolumeClaim
from ..api.quantity import Quantity, QuantityError, parse
from ..client.view import split_key
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.sources import source

CSI = "waiting for an external controller to expand this PVC"
NO_PLUGIN = (
    "Ignoring the PVC: didn't find a plugin capable of expanding the volume; waiting for an external controller to "
    "process this PVC."
)


def wants_more(claim: PersistentVolumeClaim) -> bool:
    """Whether a bound claim asks for more storage than it has."""
    resources = claim.spec.resources
    wanted = _amount((resources.requests or {}).get("storage") if resources is not None else None)
    return claim.status.phase == "Bound" and wanted > _amount((claim.status.capacity or {}).get("storage"))


def _amount(text: str | None) -> Quantity:
    try:
        return parse(text or "0")
    except QuantityError:
        return Quantity.of(0)


class Expander:
    """See the module docstring. Keys are those of claims."""

    def __init__(self, context: ControllerContext) -> None:
        self._recorder = context.recorder("volume_expand")
        self._claims = context.informers.of(PersistentVolumeClaim)
        self._volumes = context.informers.of(PersistentVolume)
        self._controller = context.controller("volume_expand", self._reconcile, workers=1)
        source(self._claims, self._controller.enqueue, when=_grows)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        claim = self._claims.get(name, namespace)
        if claim is None or not wants_more(claim):
            return None
        volume = self._volumes.get(claim.spec.volume_name or "")
        if volume is None:
            return None
        if volume.spec.csi is not None:
            self._recorder.normal(claim, "ExternalExpanding", CSI)
        else:
            self._recorder.warning(claim, "ExternalExpanding", NO_PLUGIN)
        return None


def _grows(old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> bool:
    return new is not None and wants_more(new) and (old is None or old.spec.resources != new.spec.resources)
