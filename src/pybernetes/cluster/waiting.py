"""Waiting for the API to show something, by watch."""

from collections.abc import Callable
from typing import TypeVar

from ..api.apps import Deployment
from ..api.core import Node
from ..client.client import Client

T = TypeVar("T")


async def wait_for(client: Client, kind: type[T], name: str, namespace: str, holds: Callable[[T], bool]) -> T:
    """The object of that name ("" is any) as soon as `holds` is true of it; waits for ever, so give it a timeout."""
    selector = f"metadata.name={name}" if name else ""
    while True:
        listed = await client.list(kind, namespace, field_selector=selector)
        for found in listed.items or ():
            if holds(found):
                return found
        version = listed.resource_version
        async for event in client.watch(kind, namespace, resource_version=version, field_selector=selector):
            if event.type in ("ADDED", "MODIFIED") and event.object is not None and holds(event.object):
                return event.object


def is_node_ready(node: Node) -> bool:
    conditions = node.status.conditions if node.status else None
    return any(c.type == "Ready" and c.status == "True" for c in conditions or ())


def is_deployment_available(deployment: Deployment) -> bool:
    spec, status = deployment.spec, deployment.status
    wanted = spec.replicas if spec and spec.replicas is not None else 1
    return bool(status and (status.available_replicas or 0) >= wanted)
