"""A CustomResourceDefinition, read once per change."""

from typing import Any

from ...api.resource import ResourceInfo, SubresourceInfo
from ...api.structural.schema import Structural
from ..registry import ScalePaths

Object = dict[str, Any]

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_TWO_VERBS = ("get", "patch", "update")


class Version:
    """One entry of spec.versions."""

    __slots__ = ("columns", "has_status", "name", "raw", "scale", "schema", "selectable", "served", "storage")

    def __init__(self, raw: Object) -> None:
        self.raw = raw
        self.name: str = raw["name"]
        self.served = bool(raw.get("served"))
        self.storage = bool(raw.get("storage"))
        schema = (raw.get("schema") or {}).get("openAPIV3Schema")
        self.schema = Structural(schema or {"x-kubernetes-preserve-unknown-fields": True}, root=True)
        self.columns: list[Object] = list(raw.get("additionalPrinterColumns") or ())
        paths = [entry["jsonPath"].removeprefix(".") for entry in raw.get("selectableFields") or ()]
        self.selectable: tuple[str, ...] = tuple(paths)
        subresources = raw.get("subresources") or {}
        self.has_status = subresources.get("status") is not None
        scale = subresources.get("scale")
        self.scale: ScalePaths | None = None
        if scale is not None:
            selector = scale.get("labelSelectorPath") or ""
            self.scale = ScalePaths(scale["specReplicasPath"], scale["statusReplicasPath"], selector)


class Definition:
    """The parts of a definition that serving needs. `names` are the accepted ones."""

    def __init__(self, obj: Object) -> None:
        spec, status = obj["spec"], obj.get("status") or {}
        metadata = obj["metadata"]
        self.name: str = metadata["name"]
        self.uid: str = metadata.get("uid") or ""
        self.revision = int(metadata.get("resourceVersion") or 0)
        self.spec: Object = spec
        self.group: str = spec["group"]
        self.names: Object = status.get("acceptedNames") or {}
        self.namespaced = spec.get("scope") == "Namespaced"
        self.versions = [Version(raw) for raw in spec.get("versions") or ()]
        self.conversion: Object = spec.get("conversion") or {"strategy": "None"}
        self.deleting = bool(metadata.get("deletionTimestamp"))
        self.established = is_true(obj, "Established")
        self.unchanged_since = 0 if metadata.get("generation") == 1 else self.revision
        """Objects stored after this revision were stored under this very definition."""

    @property
    def storage(self) -> Version:
        return next(version for version in self.versions if version.storage)

    @property
    def served(self) -> list[Version]:
        return [version for version in self.versions if version.served]

    @property
    def prefix(self) -> str:
        """Where the objects are in the store."""
        return f"/registry/{self.group}/{self.spec['names']['plural']}"

    def info(self, version: Version) -> ResourceInfo:
        """A version as what discovery shows and requests find."""
        names, group_version = self.names, f"{self.group}/{version.name}"
        subresources: dict[str, SubresourceInfo] = {}
        if version.has_status:
            subresources["status"] = SubresourceInfo("status", names["kind"], _TWO_VERBS, group_version)
        if version.scale is not None:
            subresources["scale"] = SubresourceInfo("scale", "Scale", _TWO_VERBS, "autoscaling/v1")
        return ResourceInfo(
            group=self.group,
            version=version.name,
            plural=names["plural"],
            kind=names["kind"],
            singular=names.get("singular") or names["kind"].lower(),
            namespaced=self.namespaced,
            verbs=VERBS,
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources=subresources,
            storage_prefix=self.prefix,
            storage_version=f"{self.group}/{self.storage.name}",
            field_labels=("metadata.name", "metadata.namespace", *version.selectable),
            schema=f"{self.group}/{version.name}.{names['kind']}",
            requires_resource_version=True,
            list_name=names.get("listKind") or "",
            deprecation=_deprecation(version.raw, group_version, names["kind"]),
        )


def _deprecation(raw: Object, group_version: str, kind: str) -> str:
    """What clients of a deprecated version are told."""
    if not raw.get("deprecated"):
        return ""
    given = raw.get("deprecationWarning")
    return str(given) if given is not None else f"{group_version} {kind} is deprecated"


def condition(obj: Object, kind: str) -> Object | None:
    """One condition of a definition's status."""
    for found in (obj.get("status") or {}).get("conditions") or ():
        if found.get("type") == kind:
            result: Object = found
            return result
    return None


def is_true(obj: Object, kind: str) -> bool:
    found = condition(obj, kind)
    return found is not None and found.get("status") == "True"
