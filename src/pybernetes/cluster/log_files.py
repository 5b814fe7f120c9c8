"""What a cluster's processes log does not fill the disk.

    pybernetes.log (this process and its supervisor)   containerd.log   etcd.log

A log that has grown large is copied beside itself as NAME.1, in the place of the one before, and emptied. Its writers
have it open for appending and go on at its new end, so that nobody has to be told; a line that is written between the
copy and the cut, some milliseconds apart, may be lost.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from ..base.log import logger
from .config import ClusterConfig
from .containerd import ContainerdPaths

log = logger(__name__)

LIMIT_BYTES = 32 << 20
INTERVAL_SECONDS = 60.0


def log_files(config: ClusterConfig) -> tuple[Path, ...]:
    """The logs below the data directory that processes of ours, or the ones they start, append to."""
    return config.log_file, ContainerdPaths(config.containerd_dir).log_file, config.data_dir / "etcd.log"


def cut(paths: Iterable[Path], limit_bytes: int = LIMIT_BYTES) -> None:
    """Cut those that are larger."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_size > limit_bytes:
                _cut(path)


def _cut(path: Path) -> None:
    before = path.with_name(f"{path.name}.1")
    try:
        shutil.copy2(path, before)
    except OSError as error:  # a full disk: better no old lines than no room
        before.unlink(missing_ok=True)
        log.warning("Log was emptied without a copy", file=str(path), err=error)
    os.truncate(path, 0)


async def keep_small(config: ClusterConfig) -> None:
    """Look after the logs of a cluster until cancelled."""
    paths = log_files(config)
    while True:
        try:
            await asyncio.to_thread(cut, paths)
        except OSError as error:
            log.warning("Log could not be cut", err=error)
        await asyncio.sleep(INTERVAL_SECONDS)
