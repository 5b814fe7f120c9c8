"""`member list | remove`: the control planes as members of etcd; one whose machine will not come back is taken out."""

import argparse
import asyncio
from functools import partial

from ...store.store import StoreError
from .. import state
from ..config import ClusterConfig, ConfigError
from .settings import CommandError, data_dir

__all__ = ["CommandError", "main"]


def main(arguments: argparse.Namespace) -> int:
    directory = data_dir(arguments)
    try:
        config = state.load(directory)
        if config is None or not config.etcd:
            raise CommandError(
                f"there is no control plane with etcd in {directory}; a cluster gets one with: up --etcd"
            )
        asyncio.run(_remove(config, arguments.name) if arguments.action == "remove" else _list(config))
    except (ConfigError, StoreError, OSError) as error:
        raise CommandError(str(error)) from None
    return 0


async def _list(config: ClusterConfig) -> None:
    from ...store.etcd.members import Members, shown
    from ..etcd.certificates import address

    async with Members(address(config)) as members:
        print(f"{'NAME':<20}{'ID':<18}{'ADDRESS':<28}STATUS")
        for health in await members.health():
            member = health.member
            role = "learner" if member.is_learner else "leader" if health.is_leader else "follower"
            where = ",".join(member.client_urls or member.peer_urls)
            print(f"{member.name or '<none>':<20}{shown(member.id):<18}{where:<28}{health.error or role}")


async def _remove(config: ClusterConfig, name: str) -> None:
    from ...store.etcd.members import Members, eventually
    from ..etcd.certificates import address
    from ..etcd.membership import CHANGE_SECONDS

    if name == config.node_name:
        raise CommandError("that is this machine; it leaves with: pybernetes down --purge")
    async with Members(address(config)) as members:
        for identifier in [member.id for member in await members.list() if member.name == name]:
            await eventually(partial(members.remove, identifier), CHANGE_SECONDS)
            print(f'member "{name}" removed; its node, if it is gone too, with: kubectl delete node {name}')
            return
    raise CommandError(f"there is no member {name}; see: pybernetes member list")
