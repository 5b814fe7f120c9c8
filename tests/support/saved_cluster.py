"""A data directory as a stopped cluster leaves it, for snapshots: keys, settings and a few objects in SQLite."""

import asyncio
from pathlib import Path

from pybernetes.base.tasks import running
from pybernetes.cluster import pki, state
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.control_plane import open_store
from pybernetes.store.store import Store


def stopped_cluster(directory: Path, *objects: str, name: str = "n1") -> ClusterConfig:
    """`objects` are names of keys with their own name as value; each was written twice."""
    directory.mkdir(mode=0o711)
    config = ClusterConfig(data_dir=directory, node_name=name, node_ip="127.0.0.1", hollow_nodes=1)
    pki.ensure(config)
    state.save(config)
    asyncio.run(_written(open_store(config), objects))
    return config


async def _written(store: Store, objects: tuple[str, ...]) -> None:
    async with running("store", store.serve):
        for turn in (b"before", b""):
            for name in objects:
                await store.put(f"/registry/configmaps/{name}", turn or name.encode())


def objects_in(config: ClusterConfig) -> dict[str, tuple[str, int]]:
    """Value and resource version by name, from a store that works."""
    return asyncio.run(_objects(open_store(config)))


async def _objects(store: Store) -> dict[str, tuple[str, int]]:
    async with asyncio.timeout(60), running("store", store.serve):
        before = await store.revision()
        assert await store.put("/probe", b"") == before + 1
        await store.delete("/probe")
        page = await store.list("/registry/")
        return {kv.key.rpartition("/")[2]: (kv.value.decode(), kv.mod_revision) for kv in page.items}
