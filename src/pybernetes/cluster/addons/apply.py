"""Bring the API in line with wire-form objects: create what is missing, patch what differs."""

from typing import Any

from ...api import status
from ...api.resource import ResourceInfo, resource_for_kind
from ...client.client import Client


def _resource(obj: dict[str, Any]) -> ResourceInfo:
    return resource_for_kind(obj["apiVersion"], obj["kind"])


async def apply(client: Client, objects: list[dict[str, Any]]) -> None:
    """Create each object, or merge-patch it where it exists. StatusError when the API refuses."""
    for obj in objects:
        meta = obj["metadata"]
        try:
            await client.create(obj)
        except status.StatusError as error:
            if not status.is_already_exists(error):
                raise
            await client.patch(_resource(obj), meta["name"], meta.get("namespace", ""), body=obj)


async def exists(client: Client, obj: dict[str, Any]) -> bool:
    """Whether an object of that name is there. StatusError when the API refuses."""
    meta = obj["metadata"]
    try:
        await client.get(_resource(obj), meta["name"], meta.get("namespace", ""))
    except status.StatusError as error:
        if status.is_not_found(error):
            return False
        raise
    return True
