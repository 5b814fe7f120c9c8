"""The store of a control plane that has a member of etcd beside it: one starts and ends with the other."""

import asyncio

import msgspec

from ...base.observed import ObservedPart
from ...base.tasks import running
from ...store.etcd import EtcdStore
from .. import state
from ..config import ClusterConfig
from ..progress import Progress
from .certificates import address, ensure
from .membership import known
from .process import Member


class StackedStore(EtcdStore):
    """`EtcdStore` over this machine's member, which runs while `serve` does."""

    def __init__(self, config: ClusterConfig, progress: Progress, part: ObservedPart | None = None) -> None:
        """part: who is told of the member; its health is that it knows the newest revision, as etcd's /health asks."""
        super().__init__(address(config))
        self._config = config
        self._progress = progress
        self._part = part or ObservedPart()
        self._part.health = self._trouble

    async def serve(self, ready: asyncio.Event) -> None:
        """Until cancelled; the member ends after the last write. EtcdError and what EtcdStore raises."""
        ensure(self._config)
        async with running("etcd", Member(self._config, self._progress, self._part).serve):
            await self._remember()
            await super().serve(ready)

    async def _trouble(self) -> str:
        await self.revision()
        return ""

    async def _remember(self) -> None:
        """Keep who the members are: a machine that lost its data must not begin a cluster of its own."""
        members = await known(self._config)
        self._progress.tell("etcd", members=len(members.all))
        if members.all != self._config.etcd_servers:
            state.save(msgspec.structs.replace(self._config, etcd_servers=members.all))
