"""The versions of a resource, for webhooks that want another one than the client speaks."""

from typing import TYPE_CHECKING, Any, Protocol

from ....api.managed_fields import MergeSchema
from ....api.resource import ResourceInfo

if TYPE_CHECKING:
    from ...registry import ScalePaths

Object = dict[str, Any]


class Versions(Protocol):
    """Implemented over the registry of served resources (`apiserver/versions.py`)."""

    def equivalents(self, info: ResourceInfo) -> list[ResourceInfo]:
        """Every served version of the same stored resource, the given one among them."""

    async def convert(self, obj: Object, start: ResourceInfo, end: ResourceInfo) -> Object:
        """An object of one version in another. StatusError when a conversion webhook fails."""

    def of_kind(self, api_version: str, kind: str) -> ResourceInfo | None:
        """The served resource of a kind."""

    def merging(self, info: ResourceInfo) -> MergeSchema:
        """How objects of a version merge."""

    def scale_paths(self, info: ResourceInfo) -> "ScalePaths | None":
        """Where a custom resource has the numbers of its scale; None for the usual places."""

    async def shown(self, obj: Object, info: ResourceInfo) -> Object:
        """A stored object in this version."""

    async def conform(self, obj: Object, info: ResourceInfo) -> Object:
        """A changed object made sound again: unknown fields pruned, defaults filled in. StatusError 400, 422."""
