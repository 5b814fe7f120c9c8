"""StorageVersions tell only of API servers that live: entries of others go, and so does what is empty then (KEP-2339).

Lease of an API server deleted ─┐
StorageVersion changed ─────────┴─▶ which entries have a Lease ─▶ status written, or the object deleted
"""

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Any

from ..api.coordination import Lease
from ..api.resource import resource
from ..api.status import StatusError, is_not_found
from ..client.informer import Informer
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext

Object = dict[str, Any]

IDENTITY = "apiserver.kubernetes.io/identity=kube-apiserver"
_VERSIONS = resource("storageversions", "internal.apiserver.k8s.io", "v1alpha1")
_CONDITION = "AllEncodingVersionsEqual"


def without_the_dead(version: Object, living: Collection[str], now: datetime) -> Object | None:
    """The StorageVersion without entries of servers that do not live, None when all of them do. Pure.

    What the remaining ones agree on is reckoned anew; with none left there is nothing to keep."""
    status = version.get("status") or {}
    entries = status.get("storageVersions") or []
    kept = [entry for entry in entries if entry["apiServerID"] in living]
    if len(kept) == len(entries):
        return None
    encodings = {entry["encodingVersion"] for entry in kept}
    common = encodings.pop() if len(encodings) == 1 else None
    changed = {key: value for key, value in status.items() if key != "commonEncodingVersion"}
    changed |= {"storageVersions": kept, **({"commonEncodingVersion": common} if common else {})}
    changed["conditions"] = _conditions(status.get("conditions") or [], common is not None, now)
    return version | {"status": changed}


def _conditions(conditions: list[Object], is_set: bool, now: datetime) -> list[Object]:
    word, told = ("Set", "True") if is_set else ("Unset", "False")
    made = {
        "type": _CONDITION,
        "status": told,
        "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": f"CommonEncodingVersion{word}",
        "message": f"Common encoding version {word.lower()}",
    }
    before = next((one for one in conditions if one["type"] == _CONDITION), None)
    if before is not None and before["status"] == told:
        made["lastTransitionTime"] = before.get("lastTransitionTime") or made["lastTransitionTime"]
    return [*(one for one in conditions if one["type"] != _CONDITION), made]


class StorageVersionCollector:
    """See the module docstring. Keys are names of StorageVersions."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._versions: Informer[Object] = context.informers.of(_VERSIONS)
        self._leases = context.informers.of(Lease, namespace="kube-system", label_selector=IDENTITY)
        self._controller = context.controller("storage_version_garbage_collector", self._reconcile, workers=1)
        self._versions.add_handler(self._version_changed)
        self._leases.add_handler(self._lease_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _version_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._controller.enqueue(new["metadata"]["name"])

    def _lease_changed(self, old: Lease | None, new: Lease | None) -> None:
        if new is None:
            for version in self._versions.list():
                self._controller.enqueue(version["metadata"]["name"])

    async def _reconcile(self, key: str) -> Result | None:
        version = self._versions.get(key)
        if version is None:
            return None
        entries = (version.get("status") or {}).get("storageVersions") or []
        living = {entry["apiServerID"] for entry in entries if await self._lives(entry["apiServerID"])}
        changed = without_the_dead(version, living, self._clock.now())
        try:
            if changed is not None and changed["status"]["storageVersions"]:
                await self._client.update_status(changed, resource=_VERSIONS)
            elif changed is not None:
                await self._client.delete(_VERSIONS, key, resource_version=version["metadata"]["resourceVersion"])
        except StatusError as error:
            if not is_not_found(error):
                raise
        return None

    async def _lives(self, server: str) -> bool:
        """Whether there is a Lease; one that memory does not have is asked for: it may have been made just now."""
        if self._leases.get(server, "kube-system") is not None:
            return True
        try:
            await self._client.get(Lease, server, "kube-system")
        except StatusError as error:
            if is_not_found(error):
                return False
            raise
        return True
