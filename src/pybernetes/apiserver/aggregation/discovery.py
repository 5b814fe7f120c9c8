"""What extension API servers offer, read from them and merged into our own discovery and OpenAPI documents.

Groups stand in the order of their priority; of a group that both serve, the versions of both are listed.
"""

import hashlib
from typing import Any

import orjson

from ...base.http.message import Request, Response
from .services import Remote

Object = dict[str, Any]

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

_CUSTOM_PRIORITY = 1000
"""Of local groups that are not built in."""


class Offered:
    """What one remote said at the last successful look; `fresh` is False once it stopped answering."""

    def __init__(self, resources: list[Object], preferred: bool = False) -> None:
        self.resources = resources
        self.fresh = True

    def version(self, remote: Remote) -> Object:
        """As a version of an APIGroupDiscovery."""
        freshness = "Current" if self.fresh else "Stale"
        return {"version": remote.version, "resources": self.resources, "freshness": freshness}


def resources_of(document: Object, remote: Remote) -> list[Object] | None:
    """The resources of a remote's group version in either kind of discovery document; None when it has none."""
    if document.get("kind") == "APIGroupDiscoveryList":
        for group in document.get("items") or ():
            if (group.get("metadata") or {}).get("name") == remote.group:
                for version in group.get("versions") or ():
                    if version.get("version") == remote.version:
                        return list(version.get("resources") or ())
        return None
    if document.get("kind") == "APIResourceList":
        return _from_list(document, remote)
    return None


def _from_list(document: Object, remote: Remote) -> list[Object]:
    found: dict[str, Object] = {}
    rows = document.get("resources") or []
    for row in rows:
        if "/" not in row["name"]:
            found[row["name"]] = {
                "resource": row["name"],
                "responseKind": _kind(row, remote),
                "scope": "Namespaced" if row.get("namespaced") else "Cluster",
                "singularResource": row.get("singularName") or row["kind"].lower(),
                "verbs": row.get("verbs") or [],
                **{key: row[key] for key in ("shortNames", "categories") if row.get(key)},
            }
    for row in rows:
        name, slash, subresource = row["name"].partition("/")
        if slash and name in found:
            entry = {"subresource": subresource, "responseKind": _kind(row, remote), "verbs": row.get("verbs") or []}
            found[name].setdefault("subresources", []).append(entry)
    return list(found.values())


def _kind(row: Object, remote: Remote) -> Object:
    return {
        "group": row.get("group") or remote.group,
        "version": row.get("version") or remote.version,
        "kind": row.get("kind", ""),
    }


def merge(document: Object, remotes: list[Remote], offered: dict[str, Offered], priorities: dict[str, int]) -> Object:
    """A local `/apis` document (of any kind) with the remotes' groups; `priorities` are those of local groups."""
    aggregated = document.get("kind") == "APIGroupDiscoveryList"
    key, entry = ("items", _aggregated_entry) if aggregated else ("groups", _group_entry)
    rows: dict[str, Object] = {}
    for row in document.get(key) or ():
        rows[((row.get("metadata") or {}) if aggregated else row).get("name", "")] = row
    order = {name: priorities.get(name, _CUSTOM_PRIORITY) for name in rows}
    for remote in sorted(remotes, key=lambda remote: -remote.version_priority):
        rows[remote.group] = entry(rows.get(remote.group), remote, offered.get(remote.name))
        order[remote.group] = max(order.get(remote.group, 0), remote.group_priority)
    ordered = sorted(rows, key=lambda name: -order[name])
    return {**document, key: [rows[name] for name in ordered]}


def _aggregated_entry(present: Object | None, remote: Remote, offered: Offered | None) -> Object:
    row = present or {"metadata": {"name": remote.group}, "versions": []}
    if offered is None:
        version = {"version": remote.version, "resources": [], "freshness": "Stale"}
    else:
        version = offered.version(remote)
    others = [found for found in row["versions"] if found["version"] != remote.version]
    return {**row, "versions": [*others, version]}


def _group_entry(present: Object | None, remote: Remote, offered: Offered | None) -> Object:
    version = {"groupVersion": f"{remote.group}/{remote.version}", "version": remote.version}
    if present is None:
        return {"name": remote.group, "versions": [version], "preferredVersion": version}
    others = [found for found in present["versions"] if found["version"] != remote.version]
    return {**present, "versions": [*others, version]}


def answer(request: Request, document: Object, content_type: str) -> Response:
    """A document with its ETag; 304 when the client has it."""
    body = orjson.dumps(document)
    etag = '"' + hashlib.sha512(body).hexdigest().upper() + '"'
    headers = [("etag", etag), ("vary", "Accept"), ("cache-control", "public")]
    if request.header("if-none-match") == etag:
        return Response(304, headers)
    return Response(200, [("content-type", content_type), *headers], body)
