"""Discovery: which groups, versions and resources there are (API concepts, "API discovery").

* aggregated (v2 and v2beta1) at `/api` and `/apis`, one document for everything, with an ETag: what kubectl asks first;
* the older tree `/api`, `/api/v1`, `/apis`, `/apis/GROUP`, `/apis/GROUP/VERSION`.

Every document is encoded once per change of what is served.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import Any

import orjson

from ..api.resource import ResourceInfo, SubresourceInfo, group_order
from ..base.http.message import Request, Response
from .negotiation import indented, is_for_people

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
_VERSIONS = ("v2", "v2beta1")


def _parts(group_version: str) -> tuple[str, str]:
    group, _, version = group_version.rpartition("/")
    return group, version


def _storage_hash(info: ResourceInfo) -> str:
    """Changes when the stored version of a kind does (apiserver `StorageVersionHash`)."""
    group, version = _parts(info.storage_version or info.group_version)
    digest = hashlib.sha256(f"{group}/{version}/{info.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _resource_entry(info: ResourceInfo, *, hashes: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": info.plural,
        "singularName": info.singular,
        "namespaced": info.namespaced,
        "kind": info.kind,
        "verbs": sorted(info.verbs),
    }
    if info.short_names:
        entry["shortNames"] = list(info.short_names)
    if info.categories:
        entry["categories"] = list(info.categories)
    if info.storage_prefix and hashes:
        entry["storageVersionHash"] = _storage_hash(info)
    return entry


def _subresource_entry(info: ResourceInfo, sub: SubresourceInfo) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": f"{info.plural}/{sub.name}",
        "singularName": "",
        "namespaced": info.namespaced,
    }
    if sub.group_version and sub.group_version != info.group_version:
        entry["group"], entry["version"] = _parts(sub.group_version)
    return entry | {"kind": sub.kind, "verbs": sorted(sub.verbs)}


def _response_kind(group_version: str, kind: str) -> dict[str, str]:
    group, version = _parts(group_version)
    return {"group": group, "version": version, "kind": kind}


def _aggregated_entry(info: ResourceInfo) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": info.plural,
        "responseKind": _response_kind(info.group_version, info.kind),
        "scope": "Namespaced" if info.namespaced else "Cluster",
        "singularResource": info.singular,
        "verbs": sorted(info.verbs),
    }
    if info.short_names:
        entry["shortNames"] = list(info.short_names)
    if info.categories:
        entry["categories"] = list(info.categories)
    if info.subresources:
        entry["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": _response_kind(sub.group_version or info.group_version, sub.kind),
                "verbs": sorted(sub.verbs),
            }
            for _, sub in sorted(info.subresources.items())
        ]
    return entry


_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?\Z")
_STAGES = {None: 0, "beta": 1, "alpha": 2}


def version_rank(version: str) -> tuple[int, int, int, str]:
    """The order of versions nobody has ordered: v2, v1, v1beta2, v1alpha1, then names (API versioning, "priority")."""
    found = _VERSION.match(version)
    if found is None:
        return (3, 0, 0, version)
    return (_STAGES[found[2]], -int(found[1]), -int(found[3] or 0), version)


class Discovery:
    """Answers the discovery paths for a set of resources; `update` replaces the set (custom resources come and go)."""

    def __init__(self, resources: Iterable[ResourceInfo], server_address: str = "", *, hashes: bool = True) -> None:
        """`hashes`: whether resources carry their storageVersionHash."""
        self._server_address = server_address
        self._hashes = hashes
        self.update(resources)

    def update(self, resources: Iterable[ResourceInfo]) -> None:
        """Serve these resources from now on, groups and versions in discovery order."""
        served = sorted(resources, key=lambda info: info.plural)
        order = [(row["group"], row["versions"]) for row in group_order()]
        known = {group for group, _ in order}
        extra = sorted({info.group for info in served} - known)
        order += [(group, sorted({i.version for i in served if i.group == group}, key=version_rank)) for group in extra]
        self._tree: dict[str, dict[str, list[ResourceInfo]]] = {}
        for group, versions in order:
            found = {v: [i for i in served if i.group == group and i.version == v] for v in versions}
            found = {version: infos for version, infos in found.items() if infos}
            if found:
                self._tree[group] = found
        self._cache: dict[str, tuple[bytes, str]] = {}

    def handle(self, request: Request) -> Response | None:
        """The document of this path, None when it is not a discovery path or names what is not served."""
        path = request.path.rstrip("/")
        accept = request.header("accept") or ""
        if path in ("/api", "/apis") and "apidiscovery.k8s.io" in accept:
            for version in _VERSIONS:
                if f"v={version};" in accept.replace(" ", "") + ";":
                    return self._aggregated(request, path, version)
        document = self._document(path)
        if document is None:
            return None
        if path not in self._cache:
            self._cache[path] = (orjson.dumps(document), "")
        data = self._cache[path][0]
        return Response(200, [("content-type", "application/json")], indented(data) if is_for_people(request) else data)

    def _aggregated(self, request: Request, path: str, version: str) -> Response:
        key = f"{path} {version}"
        if key not in self._cache:
            groups = [g for g in self._tree if (g == "") == (path == "/api")]
            body = orjson.dumps(
                {
                    "kind": "APIGroupDiscoveryList",
                    "apiVersion": f"apidiscovery.k8s.io/{version}",
                    "metadata": {},
                    "items": [self._aggregated_group(group) for group in groups],
                }
            )
            self._cache[key] = (body, '"' + hashlib.sha512(body).hexdigest().upper() + '"')
        body, etag = self._cache[key]
        headers = [("etag", etag), ("vary", "Accept"), ("cache-control", "public")]
        if request.header("if-none-match") == etag:
            return Response(304, headers)
        return Response(200, [("content-type", _AGGREGATED.format(version)), *headers], body)

    def _aggregated_group(self, group: str) -> dict[str, Any]:
        versions = [
            {"version": v, "resources": [_aggregated_entry(i) for i in infos], "freshness": "Current"}
            for v, infos in self._tree[group].items()
        ]
        return {"metadata": {"name": group} if group else {}, "versions": versions}

    def _document(self, path: str) -> dict[str, Any] | None:
        match path.split("/"):
            case ["", "api"]:
                return self._api_versions()
            case ["", "api", version] if version in self._tree.get("", {}):
                return self._resource_list("", version)
            case ["", "apis"]:
                groups = [self._group(group) for group in self._tree if group]
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
            case ["", "apis", group] if group and group in self._tree:
                return {"kind": "APIGroup", "apiVersion": "v1", **self._group(group)}
            case ["", "apis", group, version] if group and version in self._tree.get(group, {}):
                return self._resource_list(group, version)
        return None

    def _api_versions(self) -> dict[str, Any]:
        return {
            "kind": "APIVersions",
            "versions": list(self._tree.get("", {})),
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": self._server_address}],
        }

    def _group(self, group: str) -> dict[str, Any]:
        versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in self._tree[group]]
        return {"name": group, "versions": versions, "preferredVersion": versions[0]}

    def _resource_list(self, group: str, version: str) -> dict[str, Any]:
        entries: list[dict[str, Any]] = []
        for info in self._tree[group][version]:
            entries.append(_resource_entry(info, hashes=self._hashes))
            entries += [_subresource_entry(info, sub) for _, sub in sorted(info.subresources.items())]
        group_version = f"{group}/{version}" if group else version
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group_version,
            "resources": sorted(entries, key=lambda entry: entry["name"]),
        }
