"""Resources as OpenAPI paths: one path item per collection, object and subresource.

Clients read `x-kubernetes-group-version-kind` and `x-kubernetes-action` (kubectl explain) and the parameters of PATCH
(kubectl asks there whether `fieldValidation` and `dryRun` are understood).
"""

from collections.abc import Iterator
from typing import Any

from ...api.resource import ResourceInfo, SubresourceInfo
from ...api.schema.table import type_of
from .definitions import Schemas

_JSON = ("application/json", "application/yaml")
_PROTOBUF = "application/vnd.kubernetes.protobuf"
_WATCH = ("application/json;stream=watch", _PROTOBUF + ";stream=watch")
_STRATEGIC = "application/strategic-merge-patch+json"
_PATCH = ("application/json-patch+json", "application/merge-patch+json", _STRATEGIC, "application/apply-patch+yaml")
_METHODS = {
    "get": "get",
    "list": "get",
    "create": "post",
    "update": "put",
    "patch": "patch",
    "delete": "delete",
    "deletecollection": "delete",
}
_COLLECTION_VERBS = ("list", "create", "deletecollection")
_ACTIONS = {"create": "post", "update": "put"}
_LIST_QUERY = {
    "allowWatchBookmarks": "boolean",
    "continue": "string",
    "fieldSelector": "string",
    "labelSelector": "string",
    "limit": "integer",
    "resourceVersion": "string",
    "resourceVersionMatch": "string",
    "sendInitialEvents": "boolean",
    "timeoutSeconds": "integer",
    "watch": "boolean",
}
_WRITE_QUERY = {"dryRun": "string", "fieldManager": "string", "fieldValidation": "string"}
_DELETE_QUERY = {
    "dryRun": "string",
    "gracePeriodSeconds": "integer",
    "orphanDependents": "boolean",
    "propagationPolicy": "string",
}
_QUERY: dict[str, dict[str, str]] = {
    "list": _LIST_QUERY,
    "create": _WRITE_QUERY,
    "update": _WRITE_QUERY,
    "patch": _WRITE_QUERY | {"force": "boolean"},
    "delete": _DELETE_QUERY,
    "deletecollection": _LIST_QUERY | _DELETE_QUERY,
}


class Operations:
    """Builds path items for OpenAPI 2 or 3."""

    def __init__(self, version: int, schemas: Schemas) -> None:
        self._version = version
        self._schemas = schemas

    def paths(self, info: ResourceInfo) -> Iterator[tuple[str, dict[str, Any]]]:
        """(path, path item) of everything a resource serves."""
        scope = "{namespace}" if info.namespaced else None
        collection = info.path(scope)
        item = info.path(scope, "{name}")
        collection_verbs = [verb for verb in info.verbs if verb in _COLLECTION_VERBS]
        if collection_verbs:
            yield collection, self._item(info, collection_verbs, collection)
        if info.namespaced and "list" in info.verbs:
            everywhere = info.path()
            yield everywhere, self._item(info, ["list"], everywhere)
        single_verbs = [verb for verb in info.verbs if verb in ("get", "update", "patch", "delete")]
        if single_verbs:
            yield item, self._item(info, single_verbs, item)
        for name, sub in sorted(info.subresources.items()):
            path = f"{item}/{name}"
            verbs = [verb for verb in sub.verbs if verb in _METHODS]
            if verbs:
                yield path, self._item(info, verbs, path, sub)

    def _parameter(self, place: str, name: str, kind: str) -> dict[str, Any]:
        typed: dict[str, Any] = {"uniqueItems": True, "type": kind} if kind != "object" else {"type": kind}
        if self._version == 3:
            typed = {"schema": typed}
        return {"name": name, "in": place, **({"required": True} if place == "path" else {}), **typed}

    def _item(
        self, info: ResourceInfo, verbs: list[str], path: str, sub: SubresourceInfo | None = None
    ) -> dict[str, Any]:
        item: dict[str, Any] = {_METHODS[verb]: self._operation(info, verb, path, sub) for verb in verbs}
        names = [name for name in ("name", "namespace") if f"{{{name}}}" in path]
        item["parameters"] = [self._parameter("path", name, "string") for name in names]
        item["parameters"].append(self._parameter("query", "pretty", "string"))
        return item

    def _operation(self, info: ResourceInfo, verb: str, path: str, sub: SubresourceInfo | None) -> dict[str, Any]:
        group_version = (sub.group_version if sub else "") or info.group_version
        kind = sub.kind if sub else info.kind
        group, _, version = group_version.rpartition("/")
        operation: dict[str, Any] = {
            "operationId": _operation_id(info, verb, path, sub),
            "tags": [_tag(info)],
            "x-kubernetes-action": _ACTIONS.get(verb, verb),
            "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind},
        }
        type_name = _type_name(info, kind, group_version)
        parameters = [self._parameter("query", name, kind_) for name, kind_ in sorted(_QUERY.get(verb, {}).items())]
        result = type_name and (type_name + "List" if verb == "list" else type_name)
        if verb in ("delete", "deletecollection"):
            result = "meta/v1.Status"
        body = {"create": type_name, "update": type_name, "patch": "meta/v1.Patch"}.get(verb)
        schema = self._schemas.reference(result) if result else {"type": "string"}
        media = _media(info, verb)
        responses = {"200": self._content(schema, media), "401": {"description": "Unauthorized"}}
        if verb in ("create", "update", "patch"):
            responses["201"] = self._content(schema, media)
        if body:
            body_schema = {"type": "object"} if verb == "patch" else self._schemas.reference(body)
            bodies = _patches(info) if verb == "patch" else _media(info, "")
            if self._version == 2:
                parameters.append({"name": "body", "in": "body", "required": True, "schema": body_schema})
                operation["consumes"] = list(bodies)
            else:
                content = {kind_: {"schema": body_schema} for kind_ in bodies}
                operation["requestBody"] = {"required": True, "content": content}
        if self._version == 2:
            operation["produces"] = list(_media(info, verb))
        if parameters:
            operation["parameters"] = parameters
        operation["responses"] = responses
        return operation

    def _content(self, schema: dict[str, Any], media: tuple[str, ...]) -> dict[str, Any]:
        if self._version == 2:
            return {"description": "OK", "schema": schema}
        return {"description": "OK", "content": {kind: {"schema": schema} for kind in media}}


def _is_built_in(info: ResourceInfo) -> bool:
    return type_of(info.group_version, info.kind) is not None


def _media(info: ResourceInfo, verb: str) -> tuple[str, ...]:
    """The media types of answers (of bodies, for no verb)."""
    if not _is_built_in(info):
        return _JSON
    return (*_JSON, _PROTOBUF, *(_WATCH if verb == "list" else ()))


def _patches(info: ResourceInfo) -> tuple[str, ...]:
    """The media types of patches; strategic merge is for built-in kinds."""
    return _PATCH if _is_built_in(info) else tuple(media for media in _PATCH if media != _STRATEGIC)


def _camel(text: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in text.replace("-", ".").split("."))


def _tag(info: ResourceInfo) -> str:
    group = info.group.removesuffix(".k8s.io").replace(".", "_") or "core"
    return f"{group}_{info.version}"


def _operation_id(info: ResourceInfo, verb: str, path: str, sub: SubresourceInfo | None) -> str:
    action = {"get": "read", "update": "replace"}.get(verb, verb)
    group = _camel(info.group.removesuffix(".k8s.io")) or "Core"
    scope = "Namespaced" if "{namespace}" in path else ""
    everywhere = "ForAllNamespaces" if info.namespaced and not scope else ""
    if verb == "deletecollection":
        action, group = "delete", f"{group}{info.version.capitalize()}Collection"
    else:
        group = f"{group}{info.version.capitalize()}"
    return f"{action}{group}{scope}{info.kind}{_camel(sub.name) if sub else ''}{everywhere}"


_OPTIONS = ("PodExecOptions", "PodAttachOptions", "PodPortForwardOptions", "PodProxyOptions", "ServiceProxyOptions")


def _type_name(info: ResourceInfo, kind: str, group_version: str) -> str:
    """The type of a (sub)resource's kind in the schema table, "" for plain text and streams."""
    if kind in _OPTIONS or kind == "NodeProxyOptions":
        return ""
    if group_version == info.group_version:
        return info.schema.rpartition(".")[0] + "." + kind
    group, _, version = group_version.rpartition("/")
    return f"{group.removesuffix('.k8s.io')}/{version}.{kind}"
