"""The documents themselves, encoded once when first asked for and dropped when what is served changes."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import orjson

from ... import GIT_VERSION
from ...api import status
from ...api.resource import ResourceInfo
from ...api.schema.table import table as types
from ...base.http.message import Request, Response
from . import openapi_protobuf, swagger_protobuf
from .definitions import Schemas, closure, schema_name
from .operations import Operations

Build = Callable[[], dict[str, Any]]

_JSON = "application/json"
_AS_JSON = (_JSON, "application/*", "*/*")
_INFO = {"title": "Kubernetes", "version": GIT_VERSION}


def _roots(infos: list[ResourceInfo]) -> list[str]:
    """The types that a group version's document describes: its kinds, their lists, and what every verb uses."""
    found = ["meta/v1.Status", "meta/v1.DeleteOptions", "meta/v1.ObjectMeta", "meta/v1.ListMeta"]
    for info in infos:
        found.append(info.schema)
        if "list" in info.verbs:
            found.append(info.schema + "List")
        for sub in info.subresources.values():
            group, _, version = (sub.group_version or info.group_version).rpartition("/")
            package = info.schema.rpartition(".")[0]
            if sub.group_version and sub.group_version != info.group_version:
                package = f"{group.removesuffix('.k8s.io')}/{version}"
            found.append(f"{package}.{sub.kind}")
    return [name for name in found if name in types()]


class Published(Protocol):
    """The schemas of a custom resource in one version."""

    model: str
    list_model: str
    digest: str

    def schemas(self, openapi: int) -> dict[str, Any]:
        """Model name -> schema, for OpenAPI 2 or 3."""


class Protobuf(Protocol):
    """A module that writes documents of one version of OpenAPI."""

    MEDIA_TYPE: str
    ANSWERED_TYPE: str

    @property
    def encode(self) -> Callable[[dict[str, Any]], bytes]: ...


class OpenApi:
    """Answers `/openapi/v2`, `/openapi/v3` and `/openapi/v3/...`."""

    def __init__(
        self, resources: Iterable[ResourceInfo], custom: Mapping[str, Published] | None = None, *, enums: bool = True
    ) -> None:
        """`enums`: whether the values of closed sets are listed."""
        self._enums = enums
        self.update(resources, custom)

    def update(self, resources: Iterable[ResourceInfo], custom: Mapping[str, Published] | None = None) -> None:
        """Describe these resources from now on; `custom` holds the schemas of types that are not in the table."""
        self._resources = list(resources)
        self._custom = dict(custom or {})
        self._models = {name: found.model for name, found in self._custom.items()}
        self._models |= {f"{name}List": found.list_model for name, found in self._custom.items()}
        self._cache: dict[str, tuple[bytes, str]] = {}

    def handle(self, request: Request) -> Response | None:
        """The document of this path; None when there is none."""
        path = request.path.rstrip("/")
        if path == "/openapi/v2":
            return self._respond(request, path, self._v2, swagger_protobuf)
        if path == "/openapi/v3":
            return self._respond(request, path, self._index)
        if path.startswith("/openapi/v3/"):
            where = path.removeprefix("/openapi/v3/")
            infos = self._by_path().get(where)
            return self._respond(request, path, lambda: self._v3(infos), openapi_protobuf) if infos else None
        return None

    def _respond(self, request: Request, key: str, build: Build, codec: Protobuf | None = None) -> Response:
        """The document in the first form that the client accepts: JSON, or by `codec`. StatusError 406."""
        accept = request.header("accept") or "*/*"
        media = _JSON
        encode: Callable[[dict[str, Any]], bytes] = orjson.dumps
        if codec is not None and not any(found in accept for found in _AS_JSON):
            if codec.MEDIA_TYPE not in accept and codec.ANSWERED_TYPE not in accept:
                raise status.not_acceptable([_JSON, codec.MEDIA_TYPE])
            media, encode = codec.ANSWERED_TYPE, codec.encode
        body, etag = self._encoded(f"{key} {media}", build, encode)
        headers = [("etag", etag), ("vary", "Accept-Encoding, Accept"), ("cache-control", "no-cache, private")]
        if "hash=" in request.query:
            headers[2] = ("cache-control", "public, immutable")
        if request.header("if-none-match") == etag:
            return Response(304, headers)
        return Response(200, [("content-type", media), *headers], body)

    def _encoded(self, key: str, build: Build, encode: Callable[[Any], bytes]) -> tuple[bytes, str]:
        if key not in self._cache:
            body = encode(build())
            self._cache[key] = (body, '"' + hashlib.sha512(body).hexdigest().upper() + '"')
        return self._cache[key]

    def _by_path(self) -> dict[str, list[ResourceInfo]]:
        found: dict[str, list[ResourceInfo]] = {}
        for info in self._resources:
            where = f"apis/{info.group_version}" if info.group else f"api/{info.version}"
            found.setdefault(where, []).append(info)
        return found

    def _index(self) -> dict[str, Any]:
        """The hash names the resources and the release, so that it is known without building the document."""
        paths = {}
        for where, infos in self._by_path().items():
            custom = [self._custom[info.schema].digest for info in infos if info.schema in self._custom]
            names = [info.group_resource for info in infos]
            digest = hashlib.sha256(orjson.dumps([GIT_VERSION, names, *custom])).hexdigest()
            paths[where] = {"serverRelativeURL": f"/openapi/v3/{where}?hash={digest[:64].upper()}"}
        return {"paths": paths}

    def _paths(self, version: int, infos: list[ResourceInfo], schemas: Schemas) -> dict[str, Any]:
        operations = Operations(version, schemas)
        return {path: item for info in infos for path, item in operations.paths(info)}

    def _definitions(self, infos: list[ResourceInfo], schemas: Schemas) -> dict[str, Any]:
        found = {schema_name(name): schemas.definition(name) for name in closure(_roots(infos))}
        for info in infos:
            published = self._custom.get(info.schema)
            if published is not None:
                found.update(published.schemas(schemas.version))
        return found

    def _v3(self, infos: list[ResourceInfo]) -> dict[str, Any]:
        schemas = Schemas(3, self._models, enums=self._enums)
        return {
            "openapi": "3.0.0",
            "info": _INFO,
            "paths": self._paths(3, infos, schemas),
            "components": {
                "schemas": self._definitions(infos, schemas),
                "securitySchemes": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
            },
        }

    def _v2(self) -> dict[str, Any]:
        schemas = Schemas(2, self._models, enums=self._enums)
        return {
            "swagger": "2.0",
            "info": _INFO,
            "paths": self._paths(2, self._resources, schemas),
            "definitions": self._definitions(self._resources, schemas),
            "securityDefinitions": {"BearerToken": {"type": "apiKey", "name": "authorization", "in": "header"}},
            "security": [{"BearerToken": []}],
        }
