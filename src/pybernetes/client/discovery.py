"""What a server serves: its resources, read from aggregated discovery (KEP-3352) in two requests.

Built-in and custom kinds come alike, as `ResourceInfo`, one entry per resource in its group's preferred version.
Groups whose server is not reachable (stale) are left out and named, so that callers can tell "none" from "unknown".
"""

from typing import Any

import msgspec

from ..api.codec import decode
from ..api.resource import ResourceInfo
from .client import Client, error_of, read_body

ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Discovered(msgspec.Struct):
    """The resources of a server, and the group versions it could not tell about."""

    resources: list[ResourceInfo]
    failed: list[str]


async def discover(client: Client) -> Discovered:
    """Every resource in its preferred version. StatusError when the server refuses, OSError when it is away."""
    found = Discovered([], [])
    for path in ("/api", "/apis"):
        response = await client.request("GET", path, headers=[("accept", ACCEPT)])
        data = await read_body(response)
        if response.status != 200:
            raise error_of(response.status, data)
        for group in decode(dict[str, Any], data).get("items") or ():
            _add_group(found, group)
    return found


def _add_group(found: Discovered, group: dict[str, Any]) -> None:
    name = group.get("metadata", {}).get("name", "")
    seen: set[str] = set()
    for version in group.get("versions") or ():
        if version.get("freshness") == "Stale":
            found.failed.append(f"{name}/{version['version']}" if name else version["version"])
            continue
        for entry in version.get("resources") or ():
            plural = entry["resource"]
            if plural in seen:
                continue
            seen.add(plural)
            kind = entry.get("responseKind") or {}
            found.resources.append(
                ResourceInfo(
                    group=name,
                    version=version["version"],
                    plural=plural,
                    kind=kind.get("kind", ""),
                    singular=entry.get("singularResource", ""),
                    namespaced=entry.get("scope") == "Namespaced",
                    verbs=tuple(entry.get("verbs") or ()),
                )
            )
