"""A part that waits for its rights begins once both of them are there, and not before."""

import asyncio
from typing import Any

from pybernetes.api.resource import ResourceInfo
from pybernetes.apiserver.reader import Listener
from pybernetes.cluster.addons.access import after, granted


class Reader:
    """What subscribers are told by hand."""

    def __init__(self) -> None:
        self._listeners: dict[str, Listener] = {}

    def get(self, resource: ResourceInfo, namespace: str, name: str) -> None:
        raise AssertionError

    def list(self, resource: ResourceInfo, namespace: str = "") -> list[dict[str, Any]]:
        raise AssertionError

    def subscribe(self, resource: ResourceInfo, listener: Listener) -> None:
        self._listeners[resource.plural] = listener

    def tell(self, resource: str, name: str) -> None:
        self._listeners[resource](None, {"metadata": {"name": name}})


async def test_the_role_and_its_binding_are_both_needed() -> None:
    reader = Reader()
    event = granted(reader, "system:coredns")
    ready, began = asyncio.Event(), []

    async def serve(ready: asyncio.Event) -> None:
        began.append(event.is_set())
        ready.set()

    part = asyncio.create_task(after(event, lambda: serve)(ready))
    for kind, name in (("clusterrolebindings", "system:coredns"), ("clusterroles", "system:other")):
        reader.tell(kind, name)
        await asyncio.sleep(0)
        assert not ready.is_set()
    reader.tell("clusterroles", "system:coredns")
    await part
    assert began == [True]
