"""Bring the API in line with wire-form objects: create what is missing, patch what differs."""

from typing import Any

import orjson

from ...api import status
from ...api.resource import ResourceInfo, resource_for_kind
from ...base.http.message import Response
from ...client.client import Client


def _resource(obj: dict[str, Any]) -> ResourceInfo:
    return resource_for_kind(obj["apiVersion"], obj["kind"])


async def _body(response: Response) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    return b"".join([chunk async for chunk in response.body])  # type: ignore[union-attr]


async def apply(client: Client, objects: list[dict[str, Any]]) -> list[str]:
    """Create each object, or merge-patch it where it exists; the `kind/name` of those that were created.

    StatusError when the API refuses."""
    created = []
    headers = [("content-type", "application/json")]
    for obj in objects:
        info = _resource(obj)
        meta = obj["metadata"]
        namespace = meta.get("namespace", "")
        body = orjson.dumps(obj)
        try:
            await client.request("POST", info.path(namespace), body=body, headers=headers)
            created.append(f"{info.singular}/{meta['name']}")
        except status.StatusError as error:
            if not status.is_already_exists(error):
                raise
            patch = [("content-type", "application/merge-patch+json")]
            path = info.path(namespace, meta["name"])
            await client.request("PATCH", path, body=body, headers=patch)
    return created


async def exists(client: Client, obj: dict[str, Any]) -> bool:
    """Whether an object of that name is there."""
    info, meta = _resource(obj), obj["metadata"]
    try:
        await client.request("GET", info.path(meta.get("namespace", ""), meta["name"]))
    except status.StatusError as error:
        if status.is_not_found(error):
            return False
        raise
    return True
