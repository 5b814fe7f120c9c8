"""Run by test_sqlite_full inside a mount namespace of its own: argv[1] is an empty directory on a small file system."""

import asyncio
import sys
from pathlib import Path

from pybernetes.base.tasks import running
from pybernetes.store.sqlite import SqliteStore
from pybernetes.store.store import Unavailable


async def main(directory: Path) -> None:
    ballast = directory / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    store = SqliteStore(directory / "store.db", cache_bytes=0)
    acknowledged: dict[str, int] = {}
    async with running("store", store.serve):
        for i in range(5000):
            try:
                acknowledged[f"/{i}"] = await store.put(f"/{i}", b"x" * 2000)
            except Unavailable:
                break
        else:
            raise AssertionError("the disk never filled")
        revision = await store.revision()
        assert revision == max(acknowledged.values())
        for key, mod_revision in acknowledged.items():
            found = await store.get(key)
            assert found is not None
            assert found.mod_revision == mod_revision
        ballast.unlink()
        assert await store.put("/again", b"x" * 2000) == revision + 1
    store = SqliteStore(directory / "store.db")
    async with running("store", store.serve):
        assert await store.count("/") == len(acknowledged) + 1
    print("recovered after", len(acknowledged))


asyncio.run(main(Path(sys.argv[1])))
