"""What is served: one `ResourceInfo` per group, version and resource, read from `data/resources.json`."""

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

_DATA = Path(__file__).parent / "data"  # importlib.resources would cost 10 ms at start


class SubresourceInfo(msgspec.Struct, frozen=True):
    """One subresource: its kind, that kind's group/version when it differs from the parent's, and its verbs."""

    name: str
    kind: str
    verbs: tuple[str, ...] = ()
    group_version: str = ""


class ResourceInfo(msgspec.Struct, frozen=True):
    """One served resource.

    `storage_prefix` is the key prefix in the store (`/registry/pods`): instances are `prefix[/namespace]/name`.
    `schema` names the type in the schema table (`core/v1.Pod`). `field_labels` are the selectable fields.
    `deprecation` is what clients are warned of when they use this version.
    """

    group: str
    version: str
    plural: str
    kind: str
    singular: str
    namespaced: bool
    verbs: tuple[str, ...]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: dict[str, SubresourceInfo] = {}
    storage_prefix: str = ""
    storage_version: str = ""
    field_labels: tuple[str, ...] = ()
    schema: str = ""
    enabled: bool = True
    default_propagation: str = "background"
    create_on_update: bool = False
    requires_resource_version: bool = False
    delete_returns_object: bool = False
    deprecation: str = ""
    gate: str = ""
    """The feature gate that has to be on besides the version."""
    list_name: str = ""

    @property
    def group_version(self) -> str:
        """`v1` or `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """`pods` or `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def list_kind(self) -> str:
        return self.list_name or self.kind + "List"

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """The URL path of the collection, or of one object, or of its subresource."""
        parts = ["/apis/" + self.group_version if self.group else "/api/" + self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


def load_data(name: str) -> Any:
    """One of the JSON tables in `api/data` (types, resources, defaults, printcolumns, wellknown)."""
    return msgspec.json.decode((_DATA / f"{name}.json").read_bytes())


def _subresource(name: str, row: dict[str, Any]) -> SubresourceInfo:
    return SubresourceInfo(name, row.get("k", ""), tuple(row.get("verbs", ())), row.get("gv", ""))


_MINOR = 36
_DEPRECATED: dict[str, dict[str, str]] = {
    "v1/ComponentStatus": {"deprecated": "1.19"},
    "v1/Endpoints": {"deprecated": "1.33", "replacement": "discovery.k8s.io,v1,EndpointSlice"},
}


def _deprecation(row: dict[str, Any]) -> str:
    """`v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice`, "" while it is not."""
    api_version = f"{row['g']}/{row['v']}" if row["g"] else row["v"]
    life: dict[str, str] = _DEPRECATED.get(f"{api_version}/{row['k']}") or row.get("life") or {}
    deprecated = life.get("deprecated", "")
    if not deprecated or int(deprecated.partition(".")[2]) > _MINOR:
        return ""
    text = f"{api_version} {row['k']} is deprecated in v{deprecated}+"
    if life.get("removed"):
        text += f", unavailable in v{life['removed']}+"
    if life.get("replacement"):
        group, version, kind = life["replacement"].split(",")
        text += f"; use {group}/{version} {kind}"
    return text


def _info(row: dict[str, Any]) -> ResourceInfo:
    return ResourceInfo(
        group=row["g"],
        version=row["v"],
        plural=row["r"],
        kind=row["k"],
        singular=row["sing"],
        namespaced=bool(row["ns"]),
        verbs=tuple(row["verbs"]),
        short_names=tuple(row.get("short", ())),
        categories=tuple(row.get("cat", ())),
        subresources={name: _subresource(name, sub) for name, sub in row.get("sub", {}).items()},
        storage_prefix=row.get("etcd", ""),
        storage_version=row.get("store", ""),
        field_labels=tuple(row.get("fields", ())),
        schema=row["type"],
        enabled=bool(row.get("on")),
        default_propagation=row.get("gc", "background"),
        create_on_update=bool(row.get("createOnUpdate")),
        requires_resource_version=bool(row.get("needRV")),
        delete_returns_object=bool(row.get("delObj")),
        deprecation=_deprecation(row),
        gate=row.get("gate", ""),
    )


@cache
def resources() -> dict[tuple[str, str, str], ResourceInfo]:
    """Every known resource, keyed by (group, version, plural), in the table's order."""
    rows = (row for key, row in load_data("resources").items() if not key.startswith("_"))
    infos = map(_info, rows)
    return {(info.group, info.version, info.plural): info for info in infos}


@cache
def group_order() -> tuple[dict[str, Any], ...]:
    """API groups in discovery order: `group`, `versions`, `preferred`, `enabledByDefault`."""
    return tuple(load_data("resources")["_groups"])


def resource(plural: str, group: str = "", version: str = "v1") -> ResourceInfo:
    """One resource by name: `resource("deployments", "apps")`. KeyError when unknown."""
    return resources()[group, version, plural]


@cache
def resource_for_kind(api_version: str, kind: str) -> ResourceInfo:
    """The resource of `("apps/v1", "Deployment")`. KeyError when unknown."""
    for info in resources().values():
        if info.kind == kind and info.group_version == api_version:
            return info
    raise KeyError(f"no resource for {api_version} {kind}")
