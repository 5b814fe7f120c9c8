"""One object a command works on: where it is on the server and, once known, what it holds."""

from __future__ import annotations

from ..client import JSON, PATCHES, query_of, segment
from ..errors import CommandError, StatusFailure
from ..output.go_json import compact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..client import Client
    from ..discovery import Resource


class Item:
    """An object's place and, in `obj`, its content (from a file, or as last seen on the server)."""

    __slots__ = ("client", "name", "namespace", "obj", "part_of", "resource", "source")

    def __init__(
        self,
        client: Client,
        resource: Resource,
        namespace: str,
        name: str,
        obj: dict[str, Any] | None = None,
        source: str = "",
    ) -> None:
        self.client = client
        self.resource = resource
        self.namespace = namespace
        self.name = name
        self.obj: dict[str, Any] = obj if obj is not None else {}
        self.source = source
        self.part_of = 0
        """The number of the List in its files that has it; 0 for an object of its own."""

    def label(self) -> str:
        """`deployment.apps/web`."""
        return f"{self.resource.kind_name}/{self.name}"

    def path(self, subresource: str = "") -> str:
        """CommandError when it has no name: that would be the path of all of its type."""
        if not self.name:
            raise CommandError("resource name may not be empty")
        return self.resource.path(self.namespace, self.name, subresource)

    def get(self, subresource: str = "", **parameters: str) -> dict[str, Any]:
        """Fetch it; also kept in `obj`. StatusFailure."""
        self.obj = self.client.object("GET", self.path(subresource) + query_of(parameters.items()))
        return self.obj

    def look(self, subresource: str = "", **parameters: str) -> dict[str, Any]:
        """As `get`; where its namespace is not there either, that is told. StatusFailure."""
        try:
            return self.get(subresource, **parameters)
        except StatusFailure as failure:
            raise self.absent(failure) from None

    def absent(self, failure: StatusFailure) -> StatusFailure:
        """The failure, or that of its namespace when both are not found."""
        if failure.reason == "NotFound" and self.namespace not in ("", "default"):
            try:
                self.client.get(f"/api/v1/namespaces/{segment(self.namespace)}")
            except StatusFailure as other:
                if other.reason == "NotFound":
                    return other
        return failure

    def create(self, obj: dict[str, Any], **parameters: str) -> dict[str, Any]:
        """POST to the collection; the server's answer is kept."""
        path = self.resource.path(self.namespace) + query_of(parameters.items())
        self.obj = self.client.object("POST", path, body=compact(obj).encode())
        self.name = (self.obj.get("metadata") or {}).get("name") or self.name
        return self.obj

    def replace(self, obj: dict[str, Any], subresource: str = "", **parameters: str) -> dict[str, Any]:
        path = self.path(subresource) + query_of(parameters.items())
        self.obj = self.client.object("PUT", path, body=compact(obj).encode())
        return self.obj

    def patch(self, kind: str, body: bytes, subresource: str = "", **parameters: str) -> dict[str, Any]:
        """PATCH with one of the kinds json, merge, strategic, apply."""
        path = self.path(subresource) + query_of(parameters.items())
        self.obj = self.client.object("PATCH", path, body=body, content_type=PATCHES[kind])
        return self.obj

    def delete(self, options: dict[str, Any]) -> dict[str, Any]:
        """DELETE; the object as it is now, or a Status."""
        body = compact({"kind": "DeleteOptions", "apiVersion": "v1", **options}, ordered=True).encode()
        return self.client.object("DELETE", self.path(), body=body, content_type=JSON)
