"""From a cluster to a file, while the cluster runs: a copy of what the store holds, the keys, the settings.

SQLite  VACUUM INTO: one read transaction, so writers go on          etcd  its own snapshot, from this machine's member
"""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from ... import GIT_VERSION
from ...store import sqlite_contents
from ...store.contents import Contents
from ...store.store import StoreError
from .. import state
from ..config import ClusterConfig
from . import archive
from .archive import Manifest, SnapshotError


async def save(config: ClusterConfig, target: Path) -> Manifest:
    """Make the file, or leave what is there as it is. SnapshotError, OSError."""
    kind = "etcd" if config.etcd else "sqlite"
    names = [*archive.KEYS, *(archive.ETCD_KEYS if config.etcd else ()), archive.SETTINGS]
    if (config.data_dir / archive.SAMPLE).exists():
        names.append(archive.SAMPLE)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        copy = Path(scratch) / archive.STATES[kind]
        try:
            contents = await _copied(config, copy)
            keys = sum(1 for _ in contents.items)
        except StoreError as error:
            raise SnapshotError(f"the state of the cluster in {config.data_dir} cannot be copied: {error}") from None
        manifest = Manifest(
            version=GIT_VERSION,
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            node=config.node_name,
            store=kind,
            revision=contents.revision,
            keys=keys,
            size=copy.stat().st_size,
        )
        archive.write(target, manifest, {copy.name: copy, **{name: config.data_dir / name for name in names}})
    return manifest


async def _copied(config: ClusterConfig, copy: Path) -> Contents:
    """Copy the state, and read it once. StoreError, OSError."""
    if not config.etcd:
        sqlite_contents.copy(config.database, copy)
        return sqlite_contents.read(copy)
    if not state.owner(config.data_dir):
        raise SnapshotError("etcd is copied while it runs; start the cluster first with: pybernetes up")
    from ...store.etcd import contents
    from ..etcd.certificates import address

    await contents.download(address(config), copy)
    return contents.read(copy)
