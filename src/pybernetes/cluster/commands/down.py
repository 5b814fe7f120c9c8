"""`down`: stop the cluster and everything it started; with `--purge` nothing of it is left."""

import argparse
import asyncio
import os
import shutil
import signal

from .. import state
from ..config import ClusterConfig, completed
from ..teardown import clean
from .settings import CommandError

__all__ = ["CommandError", "main"]

_STOP_SECONDS = 30.0


def main(arguments: argparse.Namespace) -> int:
    """Idempotent: says so when there is nothing to stop."""
    data_dir = arguments.data_dir.expanduser().absolute()
    known = state.load(data_dir)
    if known is None and not data_dir.exists():
        print(f"There is no cluster in {data_dir}; nothing to do.")
        return 0
    config = known.config if known else completed(ClusterConfig(data_dir=data_dir))
    if state.is_running(known):
        assert known is not None
        print("Stopping the control plane and the node", flush=True)
        asyncio.run(_stop(known.pid))
    if config.has_containers and os.geteuid() == 0:
        print("Removing pods, mounts, cgroups and packet rules", flush=True)
        asyncio.run(clean(config))
    if known is not None:
        state.save(state.ClusterState(config=config, sample_deployed=known.sample_deployed))
    if arguments.purge:
        shutil.rmtree(data_dir, ignore_errors=False)
        print(f"Removed {data_dir}")
    print("The cluster is down.")
    return 0


async def _stop(pid: int) -> None:
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
