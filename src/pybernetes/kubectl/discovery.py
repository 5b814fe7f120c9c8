"""What the server serves: its groups and resources, read by aggregated discovery and kept on disk for six hours.

The cache is one small file per server below `--cache-dir`. A server without aggregated discovery is asked group by
group; groups that do not answer (an aggregated API that is down) are left out and named in `failed`.
"""

from __future__ import annotations

import os

from . import discovery_documents as documents
from .client import LimitKept
from .errors import CommandError, StatusFailure, Unreachable, quoted
from .wire.json_read import JsonError, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .client import Client

TTL_SECONDS = 6 * 3600
_ACCEPT = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)
_FORMAT = 1
_SECONDS = 32.0
_TIMEOUT = "?timeout=32s"
"""No server gets more time for one of the documents."""


class Resource:
    """One resource of one version."""

    __slots__ = (
        "categories",
        "group",
        "kind",
        "name",
        "namespaced",
        "short_names",
        "singular",
        "subresources",
        "verbs",
        "version",
    )

    def __init__(
        self,
        group: str,
        version: str,
        name: str,
        kind: str,
        namespaced: bool,
        singular: str = "",
        verbs: list[str] | None = None,
        short_names: list[str] | None = None,
        categories: list[str] | None = None,
        subresources: list[str] | None = None,
    ) -> None:
        self.group = group
        self.version = version
        self.name = name
        self.kind = kind
        self.namespaced = namespaced
        self.singular = singular or kind.lower()
        self.verbs = verbs or []
        self.short_names = short_names or []
        self.categories = categories or []
        self.subresources = subresources or []

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """`deployments.apps`, or `pods`."""
        return f"{self.name}.{self.group}" if self.group else self.name

    @property
    def kind_name(self) -> str:
        """`deployment.apps`, or `pod`: what stands before a slash and a name."""
        return f"{self.kind.lower()}.{self.group}" if self.group else self.kind.lower()

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The path of a collection, an object or its subresource. CommandError for names that are no part of a path."""
        from .client import segment

        for text, what in ((namespace, "namespace"), (name, "resource name")):
            if "/" in text or "%" in text or text in (".", ".."):
                raise CommandError(f"invalid {what} {quoted(text)}: [{_wrong(text)}]")
        parts = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if self.namespaced and namespace:
            parts += ["namespaces", segment(namespace)]
        parts.append(self.name)
        if name:
            parts.append(segment(name))
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


def _wrong(text: str) -> str:
    """Why a text is no part of a path."""
    if text in (".", ".."):
        return f"may not be '{text}'"
    return " ".join(f"may not contain '{letter}'" for letter in "/%" if letter in text)


class Discovery:
    """Groups with their versions, preferred first, and the resources of each version in the server's order."""

    def __init__(self) -> None:
        self.groups: list[tuple[str, list[str]]] = []
        self.resources: list[Resource] = []
        self.failed: dict[str, str] = {}
        self.fresh = True
        """Just read from the server, not from the disk."""

    def dump(self) -> dict[str, Any]:
        rows = [
            [
                r.group,
                r.version,
                r.name,
                r.kind,
                r.namespaced,
                r.singular,
                r.verbs,
                r.short_names,
                r.categories,
                r.subresources,
            ]
            for r in self.resources
        ]
        return {"format": _FORMAT, "groups": self.groups, "resources": rows}

    @staticmethod
    def restored(data: dict[str, Any]) -> Discovery | None:
        """What `dump` made; None when another version made it."""
        if data.get("format") != _FORMAT:
            return None
        found = Discovery()
        found.groups = [(group, versions) for group, versions in data["groups"]]
        found.resources = [Resource(*row) for row in data["resources"]]
        found.fresh = False
        return found


def cache_path(cache_dir: str, server: str) -> str:
    """The file for a server."""
    host = server.partition("://")[2] or server
    safe = "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in host)
    return os.path.join(cache_dir, "discovery", safe, "resources.json")


def cached(client: Client, cache_dir: str) -> Discovery:
    """From the disk when that is recent, else from the server."""
    try:
        data = recent(cache_path(cache_dir, client.target.server))
        found = Discovery.restored(loads(data)) if data is not None else None
        if found is not None:
            return found
    except (JsonError, ValueError, KeyError, TypeError):
        pass
    return refreshed(client, cache_dir)


def refreshed(client: Client, cache_dir: str) -> Discovery:
    """From the server; the disk is brought up to date when everything answered."""
    found = read(client)
    if not found.failed and found.resources:
        from .output.go_json import compact

        keep(cache_path(cache_dir, client.target.server), compact(found.dump()))
    return found


def recent(path: str) -> bytes | None:
    """What is in a file of the cache; None when it is not there, or too old."""
    import time

    try:
        if time.time() - os.stat(path).st_mtime < TTL_SECONDS:
            with open(path, "rb") as file:
                return file.read()
    except OSError:
        pass
    return None


def keep(path: str, text: str) -> None:
    """Write a file of the cache at once. One that cannot be written (a read-only home) costs time, nothing else."""
    partial = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o750, exist_ok=True)
        with open(partial, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(partial, path)
    except OSError:
        pass


def read(client: Client) -> Discovery:
    """Ask the server. StatusFailure, CommandError when one of `/api` and `/apis` cannot be had."""
    found = Discovery()
    with LimitKept(client) as limit:
        client.limit_seconds = limit or _SECONDS
        core, groups = client.each(lambda path: _index(client, path), ["/api", "/apis"])
        for answer in (core, groups):
            if answer is core and isinstance(answer, StatusFailure) and answer.code == 404:
                # An aggregated server has groups alone.
                continue
            if isinstance(answer, StatusFailure):
                raise unread(answer)
            if isinstance(answer, Exception):
                raise answer
            try:
                _add(client, found, answer)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise CommandError(f"the server's discovery is malformed: {error!r}") from None
    return found


def _add(client: Client, found: Discovery, answer: dict[str, Any]) -> None:
    """What one of the two documents tells."""
    if answer.get("kind") == "APIGroupDiscoveryList":
        for item in answer.get("items") or ():
            _aggregated(found, item)
    elif answer.get("versions") is not None:
        _by_version(client, found, "", [str(version) for version in answer.get("versions") or ()])
    else:
        for group in answer.get("groups") or ():
            versions = [str(entry["version"]) for entry in group.get("versions") or ()]
            preferred = (group.get("preferredVersion") or {}).get("version")
            versions.sort(key=lambda version: version != preferred)
            _by_version(client, found, str(group["name"]), versions)


def _index(client: Client, path: str) -> Any:
    """One of the two documents that tell of the groups."""
    return documents.index(path, client.answered("GET", path + _TIMEOUT, accept=_ACCEPT)[0])


def _version(client: Client, path: str) -> dict[str, Any]:
    """The document of one version."""
    data, response = client.answered("GET", path + _TIMEOUT)
    return documents.version(data, response.header("content-type"))


def unread(failure: StatusFailure) -> StatusFailure:
    """What the stock client makes of a failure: its discovery does not read the Status in the body."""
    from .unexpected import status_of

    if failure.status.get("kind") != "Status":
        return failure
    return StatusFailure(failure.code, status_of(failure.code, b"", "application/json"))


def _why(error: Exception, api_version: str) -> str:
    """What is told of a version that cannot be read."""
    if api_version == "v1" and isinstance(error, StatusFailure) and error.code == 404:
        return f"received empty response for: {api_version}"
    return (isinstance(error, Unreachable) and error.detail) or str(error)


def _aggregated(found: Discovery, item: dict[str, Any]) -> None:
    group = str((item.get("metadata") or {}).get("name") or "")
    versions = []
    for entry in item.get("versions") or ():
        version = str(entry["version"])
        if entry.get("freshness") == "Stale":
            # The aggregator says so itself; that is no failure to be told of.
            found.failed[f"{group}/{version}"] = ""
            continue
        versions.append(version)
        for resource in entry.get("resources") or ():
            kind = resource.get("responseKind") or {}
            subresources = [str(sub["subresource"]) for sub in resource.get("subresources") or ()]
            found.resources.append(
                Resource(
                    group,
                    version,
                    str(resource["resource"]),
                    str(kind.get("kind") or ""),
                    resource.get("scope") == "Namespaced",
                    str(resource.get("singularResource") or ""),
                    resource.get("verbs"),
                    resource.get("shortNames"),
                    resource.get("categories"),
                    subresources,
                )
            )
    if versions:
        found.groups.append((group, versions))


def _by_version(client: Client, found: Discovery, group: str, versions: list[str]) -> None:
    """One list per version, as servers before 1.26 and many aggregated ones have it."""
    served = []
    paths = [f"/apis/{group}/{version}" if group else f"/api/{version}" for version in versions]
    for version, answer in zip(versions, client.each(lambda path: _version(client, path), paths), strict=True):
        name = f"{group}/{version}" if group else version
        if isinstance(answer, Exception):
            found.failed[name] = _why(answer, name)
            continue
        served.append(version)
        listed = list(answer.get("resources") or ())
        if not listed:
            found.failed[name] = f"received empty response for: {name}"
        for entry in listed:
            name = str(entry["name"])
            if "/" in name:
                continue
            subresources = [str(o["name"]).partition("/")[2] for o in listed if str(o["name"]).startswith(name + "/")]
            found.resources.append(
                Resource(
                    group,
                    version,
                    name,
                    str(entry.get("kind") or ""),
                    bool(entry.get("namespaced")),
                    str(entry.get("singularName") or ""),
                    entry.get("verbs"),
                    entry.get("shortNames"),
                    entry.get("categories"),
                    subresources,
                )
            )
    if served:
        found.groups.append((group, served))
