"""APIServices for the groups this server answers itself, and the config map by which extension servers know whom to
believe.

Local APIServices follow what is served: made anew when somebody deletes them, taken away when the last custom resource
of their group version is gone.
"""

import asyncio
from collections.abc import Callable, Iterable

from ...api import status
from ...api.resource import ResourceInfo, load_data, resource, resources
from ...api.status import StatusError
from ...base.log import logger
from ..admission.own_writes import Write
from ..reader import Object, ObjectReader
from .services import GROUP, ApiServices

log = logger(__name__)

LABEL = "kube-aggregator.kubernetes.io/automanaged"


def priorities() -> dict[tuple[str, str], tuple[int, int]]:
    """(group, version) -> (group priority, version priority) of built-in groups."""
    found = {}
    for group_version, group_priority, version_priority in load_data("wellknown")["apiServicePriorities"]["list"]:
        group, _, version = group_version.rpartition("/")
        found[group, version] = (group_priority, version_priority)
    return found


def wanted(infos: Iterable[ResourceInfo]) -> dict[str, Object]:
    """The local APIServices for what is served, by name."""
    known = priorities()
    custom_group, custom_version = load_data("wellknown")["apiServicePriorities"]["crd"]
    found: dict[str, Object] = {}
    for info in infos:
        name = f"{info.version}.{info.group}"
        if name in found or info.group == GROUP:
            continue
        built_in = (info.group, info.version, info.plural) in resources()
        group_priority, version_priority = known.get((info.group, info.version), (custom_group, custom_version))
        spec: Object = {"groupPriorityMinimum": group_priority, "version": info.version}
        if info.group:
            spec["group"] = info.group
        spec["versionPriority"] = version_priority
        labels = {LABEL: "onstart" if built_in else "true"}
        found[name] = {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
        }
    return found


class LocalServices:
    """`serve` keeps them; `changed` tells that other resources are served now."""

    def __init__(
        self, reader: ObjectReader, services: ApiServices, write: Write, infos: Callable[[], Iterable[ResourceInfo]]
    ) -> None:
        self._reader = reader
        self._info = services.info
        self._write = write
        self._infos = infos
        self._woken = asyncio.Event()
        self._woken.set()
        services.on_change(self._object_changed)

    def changed(self) -> None:
        """Look again at what is served."""
        self._woken.set()

    def _object_changed(self, name: str) -> None:
        if self._reader.get(self._info, "", name) is None:
            self._woken.set()

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled; ready at once."""
        ready.set()
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._reconcile()
            except StatusError as error:
                log.warning("Local APIServices could not be written", err=error)

    async def _reconcile(self) -> None:
        objects = wanted(self._infos())
        for name, obj in objects.items():
            if self._reader.get(self._info, "", name) is None:
                try:
                    await self._write("POST", self._info.path(), obj)
                except StatusError as error:
                    if not status.is_already_exists(error):
                        raise
        for present in list(self._reader.list(self._info)):
            labels = present["metadata"].get("labels") or {}
            name = present["metadata"]["name"]
            if labels.get(LABEL) == "true" and name not in objects:
                try:
                    await self._write("DELETE", self._info.path(None, name), {})
                except StatusError as error:
                    if not status.is_not_found(error):
                        raise


async def publish_trust(
    reader: ObjectReader, write: Write, *, client_ca: bytes, request_header_ca: bytes, allowed_names: Iterable[str]
) -> None:
    """`kube-system/extension-apiserver-authentication`: which certificates prove a client, and which our identity."""
    data: dict[str, str] = {}
    if client_ca:
        data["client-ca-file"] = client_ca.decode()
    if request_header_ca:
        import orjson

        data |= {
            "requestheader-allowed-names": orjson.dumps(list(allowed_names)).decode(),
            "requestheader-client-ca-file": request_header_ca.decode(),
            "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
            "requestheader-group-headers": '["X-Remote-Group"]',
            "requestheader-uid-headers": '["X-Remote-Uid"]',
            "requestheader-username-headers": '["X-Remote-User"]',
        }
    if not data:
        return
    info, name = resource("configmaps"), "extension-apiserver-authentication"
    body: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "kube-system"},
        "data": data,
    }
    present = reader.get(info, "kube-system", name)
    if present is not None and present.get("data") == data:
        return
    try:
        await write("POST" if present is None else "PUT", info.path("kube-system", name if present else None), body)
    except StatusError as error:
        if not status.is_already_exists(error):
            raise
        # Another server of the same store was quicker.
        await write("PUT", info.path("kube-system", name), body)
