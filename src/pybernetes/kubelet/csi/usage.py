"""How full CSI volumes are, for /stats/summary: asked of the drivers that say so, at most once a minute a volume."""

from collections.abc import Callable
from typing import Any

import msgspec

from pybernetes.api.instants import format_time
from pybernetes.base.clock import Clock
from pybernetes.base.log import logger

from ..plugins.channel import RpcError
from . import messages as m
from .drivers import Drivers, UnknownDriver
from .volumes import Shown

log = logger(__name__)

KEPT_SECONDS = 60.0
_FIELDS = {
    m.Unit.BYTES: ("availableBytes", "capacityBytes", "usedBytes"),
    m.Unit.INODES: ("inodesFree", "inodes", "inodesUsed"),
}


def volume_stats(name: str, shown: Shown, answer: m.NodeGetVolumeStatsResponse, time: str) -> dict[str, Any]:
    """A driver's answer as VolumeStats of stats/v1alpha1. Pure."""
    found: dict[str, Any] = {"time": time}
    for usage in answer.usage:
        fields = _FIELDS.get(m.Unit(usage.unit)) if usage.unit in (m.Unit.BYTES, m.Unit.INODES) else None
        if fields is not None:
            found |= dict(zip(fields, (usage.available, usage.total, usage.used), strict=True))
    found["name"] = name
    if shown.claim is not None:
        found["pvcRef"] = {"name": shown.claim[1], "namespace": shown.claim[0]}
    if answer.volume_condition is not None:
        found["volumeHealthStats"] = {"abnormal": answer.volume_condition.abnormal}
    return found


class _Kept(msgspec.Struct):
    at: float
    stats: dict[str, Any] | None


class VolumeUsage:
    """`of_pod` answers what /stats/summary shows of a pod's CSI volumes."""

    def __init__(self, shown: Callable[[str], dict[str, Shown]], drivers: Drivers, clock: Clock) -> None:
        self._shown = shown
        self._drivers = drivers
        self._clock = clock
        self._kept: dict[tuple[str, str], _Kept] = {}

    async def of_pod(self, uid: str) -> list[dict[str, Any]]:
        """The volumes whose drivers count; none for a driver that does not answer."""
        found = []
        volumes = self._shown(uid)
        for key in [key for key in self._kept if not self._shown(key[0])]:
            del self._kept[key]
        for name, shown in volumes.items():
            kept = self._kept.get((uid, name))
            if kept is None or self._clock.monotonic() - kept.at >= KEPT_SECONDS:
                kept = self._kept[uid, name] = _Kept(self._clock.monotonic(), await self._ask(name, shown))
            if kept.stats is not None:
                found.append(kept.stats)
        return found

    async def _ask(self, name: str, shown: Shown) -> dict[str, Any] | None:
        try:
            driver = self._drivers.get(shown.source.driver)
            if m.Capability.GET_VOLUME_STATS not in await driver.capabilities():
                return None
            request = m.NodeGetVolumeStatsRequest(
                volume_id=shown.source.handle, volume_path=shown.target, staging_target_path=shown.staging
            )
            return volume_stats(name, shown, await driver.stats(request), format_time(self._clock.now()))
        except (UnknownDriver, RpcError) as error:
            log.debug("Volume was not measured", volume=shown.source.spec_name, err=error)
            return None
