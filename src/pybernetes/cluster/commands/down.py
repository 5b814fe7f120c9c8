"""`down`: stop the cluster and everything it started; with `--purge` nothing of it is left."""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path

from .. import state
from ..config import ClusterConfig, ConfigError
from ..containerd import ContainerdError
from ..teardown import clean, is_dirty
from .settings import CommandError, data_dir

__all__ = ["CommandError", "main"]

_STOP_SECONDS = 30.0


def main(arguments: argparse.Namespace) -> int:
    """Idempotent: says so when there is nothing to stop. Works with damaged files too."""
    directory = data_dir(arguments)
    if not directory.exists():
        print(f"There is no cluster in {directory}; nothing to do.")
        return 0
    owners = [pid for lock in (state.AGENT, state.SERVER) if (pid := state.owner(directory, lock))]
    config = _config(directory)
    clean_node = config.containerd_dir.exists()
    if not owners and not (clean_node and is_dirty(config)) and not arguments.purge:
        print(f"The cluster in {directory} is down already; nothing to do.")
        return 0
    if clean_node and os.geteuid() != 0:
        raise CommandError("real containers need root; run it with sudo")
    if owners:
        print("Stopping the control plane and the node", flush=True)
        asyncio.run(_stop(owners))
    if clean_node:
        print("Removing pods, mounts, cgroups and packet rules", flush=True)
        try:
            asyncio.run(clean(config))
        except ContainerdError as error:
            raise CommandError(str(error)) from None
    if arguments.purge:
        shutil.rmtree(directory)
        print(f"Removed {directory}")
    print("The cluster is down.")
    return 0


def _config(directory: Path) -> ClusterConfig:
    try:
        return state.load(directory) or ClusterConfig(data_dir=directory)
    except ConfigError:
        return ClusterConfig(data_dir=directory)


async def _stop(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            await _end(pid)


async def _end(pid: int) -> None:
    """SIGTERM, then wait; SIGKILL when it takes too long."""
    descriptor = os.pidfd_open(pid)
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, gone.set)
    os.kill(pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await gone.wait()
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        await gone.wait()
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
