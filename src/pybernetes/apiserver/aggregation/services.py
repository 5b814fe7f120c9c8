"""The APIServices there are, as the proxy, discovery and the availability check need them."""

from collections.abc import Callable
from typing import Any

import msgspec

from ...api.resource import resource
from ..reader import Object, ObjectReader

GROUP = "apiregistration.k8s.io"


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """One group version that another server answers."""

    name: str
    group: str
    version: str
    namespace: str
    service: str
    port: int
    authority: str
    """Base64 of the CA bundle; "" trusts the system's."""
    insecure: bool
    group_priority: int
    version_priority: int

    @property
    def host(self) -> str:
        """The name in the server's certificate."""
        return f"{self.service}.{self.namespace}.svc"

    @property
    def path(self) -> str:
        return f"/apis/{self.group}/{self.version}"


def remote_of(obj: Object) -> Remote | None:
    """The remote behind an APIService; None for a local one."""
    spec = obj.get("spec") or {}
    service = spec.get("service")
    if service is None:
        return None
    return Remote(
        name=obj["metadata"]["name"],
        group=str(spec.get("group") or ""),
        version=str(spec.get("version") or ""),
        namespace=str(service.get("namespace")),
        service=str(service.get("name")),
        port=int(service.get("port") or 443),
        authority=str(spec.get("caBundle") or ""),
        insecure=bool(spec.get("insecureSkipTLSVerify")),
        group_priority=int(spec.get("groupPriorityMinimum") or 0),
        version_priority=int(spec.get("versionPriority") or 0),
    )


def is_available(obj: Object) -> bool:
    """Whether requests may be sent there."""
    conditions: list[dict[str, Any]] = (obj.get("status") or {}).get("conditions") or []
    return any(row.get("type") == "Available" and row.get("status") == "True" for row in conditions)


class ApiServices:
    """`remotes` by (group, version); `changed` is called with the name of whatever changes."""

    def __init__(self, reader: ObjectReader) -> None:
        self.remotes: dict[tuple[str, str], Remote] = {}
        self.available: set[str] = set()
        self._listeners: list[Callable[[str], None]] = []
        self.info = resource("apiservices", GROUP)
        reader.subscribe(self.info, self._changed)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call with the name of every APIService that changes."""
        self._listeners.append(listener)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        before = remote_of(old) if old is not None else None
        after = remote_of(new) if new is not None else None
        if before is not None:
            self.remotes.pop((before.group, before.version), None)
            self.available.discard(before.name)
        if after is not None and new is not None:
            self.remotes[after.group, after.version] = after
            if is_available(new):
                self.available.add(after.name)
        name = str((new or old or {})["metadata"]["name"])
        for listener in self._listeners:
            listener(name)
