"""The `scale` subresource of any workload, built in or custom, found by the kind a reference names.

Which resource serves a kind is asked of discovery once, and again when a kind is not found.
"""

from typing import Any

import msgspec

from ..api.resource import ResourceInfo
from ..api.status import StatusError
from ..client.client import Client, error_of, read_body
from ..client.discovery import discover

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Scale(msgspec.Struct):
    """A workload's size: as asked for, as it is, and the selector of its pods. `wire` is the whole Scale object."""

    resource: ResourceInfo
    replicas: int
    current: int
    selector: str
    uid: str
    wire: dict[str, Any]


class Scales:
    """Reads and writes scales as one client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._resources: dict[tuple[str, str], ResourceInfo] = {}

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Scale:
        """The scale of one workload. StatusError NotFound when it does not exist or has none."""
        resource = await self.resource(api_version, kind)
        response = await self._client.request("GET", resource.path(namespace, name, "scale"))
        data = await read_body(response)
        if response.status != 200:
            raise error_of(response.status, data)
        return _scale(resource, _decode(data))

    async def set(self, scale: Scale, replicas: int) -> Scale:
        """Resize a workload, only if it is still in the state the scale was read in. StatusError Conflict if not."""
        meta = scale.wire["metadata"]
        body = {**scale.wire, "spec": {**(scale.wire.get("spec") or {}), "replicas": replicas}}
        path = scale.resource.path(meta.get("namespace"), meta["name"], "scale")
        headers = [("content-type", "application/json")]
        response = await self._client.request("PUT", path, body=_encode(body), headers=headers)
        data = await read_body(response)
        if response.status not in (200, 201):
            raise error_of(response.status, data)
        return _scale(scale.resource, _decode(data))

    async def resource(self, api_version: str, kind: str) -> ResourceInfo:
        """The resource that serves a kind. StatusError NotFound when none does."""
        key = (api_version.rpartition("/")[0], kind)
        if key not in self._resources:
            discovered = await discover(self._client)
            # The first of a kind is the resource itself; subresources are not listed here.
            for info in reversed(discovered.resources):
                self._resources[info.group, info.kind] = info
        try:
            return self._resources[key]
        except KeyError:
            group = f' in group "{key[0]}"' if key[0] else ""
            raise StatusError(404, "NotFound", f'no matches for kind "{kind}"{group}') from None


def _scale(resource: ResourceInfo, wire: dict[str, Any]) -> Scale:
    status = wire.get("status") or {}
    return Scale(
        resource=resource,
        replicas=(wire.get("spec") or {}).get("replicas") or 0,
        current=status.get("replicas") or 0,
        selector=status.get("selector") or "",
        uid=wire["metadata"].get("uid") or "",
        wire=wire,
    )
