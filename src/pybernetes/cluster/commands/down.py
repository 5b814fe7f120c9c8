"""`down`: stop the cluster and everything it started; with `--purge` nothing of it is left."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from .. import kubelet_link, state
from ..config import ClusterConfig, ConfigError
from ..containerd import ContainerdError
from ..data_dir import is_taken, remove
from ..teardown import clean, is_dirty
from .kubelet_args import root_link, shutdown_seconds
from .settings import CommandError, data_dir

__all__ = ["CommandError", "main"]

_STOP_SECONDS = 30.0
_LEAVE_SECONDS = 20.0


def main(arguments: argparse.Namespace) -> int:
    """Idempotent: says so when there is nothing to stop. Works with damaged files too."""
    directory = data_dir(arguments)
    if not directory.exists() or is_taken(directory):
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
    leaving = _leaving(config) if arguments.purge and config.etcd else ()
    if len(leaving) == 1 and owners:  # without us the other one has no majority, and can change nothing
        _leave(config, leaving)
        leaving = ()
    if owners:
        print("Stopping the control plane and the node", flush=True)
        asyncio.run(_stop(owners, _STOP_SECONDS + shutdown_seconds(config)))
    if clean_node:
        print("Removing pods, mounts, cgroups and packet rules", flush=True)
        try:
            asyncio.run(clean(config, arguments.grace_period))
        except ContainerdError as error:
            raise CommandError(str(error)) from None
        if link := root_link(config):
            kubelet_link.remove(link, config.kubelet_dir)
    if leaving:
        _leave(config, leaving)
    if arguments.purge:
        left = remove(directory)
        if left:
            print(f"Left in {directory}, since it is not the cluster's: {', '.join(left)}")
        else:
            print(f"{'Emptied' if directory.exists() else 'Removed'} {directory}")
    print("The cluster is down.")
    return 0


def _leaving(config: ClusterConfig) -> tuple[str, ...]:
    """The members of etcd that this machine's one has to be taken out from; its own knows best, while it runs."""
    from ...store.store import StoreError
    from ..etcd.certificates import urls
    from ..etcd.membership import known

    try:
        return asyncio.run(known(config)).others
    except (StoreError, OSError):
        return tuple(server for server in config.etcd_servers if server != urls(config).client)


def _leave(config: ClusterConfig, through: tuple[str, ...]) -> None:
    """Take this machine's member out. The purge goes on without the others."""
    from ...store.store import StoreError
    from ..etcd.membership import leave

    print("Leaving etcd", flush=True)
    try:
        asyncio.run(asyncio.wait_for(leave(config, through), _LEAVE_SECONDS))
    except (StoreError, OSError, TimeoutError) as error:
        reason = str(error) or "no answer"
        hint = f"remove it on another control plane with: pybernetes member remove {config.node_name}"
        print(f"warning: this machine is still a member of etcd ({reason}); {hint}", file=sys.stderr)


def _config(directory: Path) -> ClusterConfig:
    try:
        return state.load(directory) or ClusterConfig(data_dir=directory)
    except ConfigError:
        return ClusterConfig(data_dir=directory)


async def _stop(pids: list[int], seconds: float) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            await _end(pid, seconds)


async def _end(pid: int, seconds: float) -> None:
    """SIGTERM, then wait; SIGKILL when it takes too long."""
    descriptor = os.pidfd_open(pid)
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, gone.set)
    os.kill(pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(seconds):
            await gone.wait()
    except TimeoutError:
        os.kill(pid, signal.SIGKILL)
        await gone.wait()
    finally:
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
