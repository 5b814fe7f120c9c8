"""A store that somebody else runs: a server that is given it neither starts nor ends it."""

import asyncio
from typing import Any


class SharedStore:
    """The store, but for `serve`."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def serve(self, ready: asyncio.Event) -> None:
        ready.set()
        await asyncio.get_running_loop().create_future()
