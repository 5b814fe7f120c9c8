"""Who belongs to an etcd cluster: list, add, promote and remove members, and ask each one how it is.

    add (a learner: it has no vote and costs no majority) ─▶ start it ─▶ promote, once it has caught up

A cluster has at most one learner at a time (etcd's own rule), so machines that join at once wait for one another. IDs
are etcd's 64-bit numbers as signed ones; only `shown` prints them as etcdctl does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Self, TypeVar

import msgspec

from pybernetes.base.protobuf import Message
from pybernetes.store.store import StoreError, Unavailable

from . import messages as m
from .connection import Connection, EtcdAddress

__all__ = ["Health", "Member", "Members", "NotYet", "eventually", "shown"]

Member = m.Member


class NotYet(StoreError):
    """The cluster refuses a change for now: another member is joining, the learner has not caught up, or a member was
    not connected for etcd's five seconds. A later try may work."""


_PASSING = ("too many learner", "in sync with leader", "unhealthy cluster")
_RETRY_SECONDS = 0.2
T = TypeVar("T")
M = TypeVar("M", bound=Message)


async def eventually(change: Callable[[], Awaitable[T]], seconds: float) -> T:
    """The result of a change that is tried until the cluster allows it. The last NotYet when the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            return await change()
        except NotYet:
            if loop.time() >= deadline:
                raise
        await asyncio.sleep(_RETRY_SECONDS)


class Health(msgspec.Struct, frozen=True):
    """A member and how it answered. `error` is "" when it did, else why not in two words."""

    member: Member
    leader: int = 0
    """The ID of the leader that it knows, 0 for none."""
    error: str = ""

    @property
    def is_leader(self) -> bool:
        return not self.error and self.leader == self.member.id


def shown(identifier: int) -> str:
    """An ID as etcdctl prints it."""
    return f"{identifier & (1 << 64) - 1:x}"


class Members:
    """Calls about membership, while the `async with` block lasts."""

    def __init__(self, address: EtcdAddress) -> None:
        self._address = address
        self._connection = Connection(address)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def list(self) -> Sequence[Member]:
        """Every member by name, learners and those that never started among them. StoreError."""
        answer = await self._connection.read("Cluster/MemberList", m.MemberListRequest(), m.MembersResponse)
        return sorted(answer.members, key=lambda member: (member.name, member.id))

    async def _change(self, method: str, request: Message, answer: type[M]) -> M:
        try:
            return await self._connection.write(f"Cluster/Member{method}", request, answer)
        except Unavailable as error:
            if any(words in str(error) for words in _PASSING):
                raise NotYet(str(error)) from None
            raise

    async def add_learner(self, peer_url: str) -> Member:
        """Announce a member that is about to start. NotYet, StoreError (no majority, say)."""
        request = m.MemberAddRequest(peer_urls=[peer_url], is_learner=True)
        answer = await self._change("Add", request, m.MemberAddResponse)
        assert answer.member is not None
        return answer.member

    async def promote(self, identifier: int) -> None:
        """Give a learner its vote. NotYet, StoreError. A member that has one already is left as it is."""
        try:
            await self._change("Promote", m.MemberRequest(id=identifier), m.MembersResponse)
        except (NotYet, Unavailable):
            if not any(member.id == identifier and not member.is_learner for member in await self.list()):
                raise

    async def remove(self, identifier: int) -> None:
        """Take a member out, alive or not; nothing happens when it is none. NotYet, StoreError."""
        try:
            await self._change("Remove", m.MemberRequest(id=identifier), m.MembersResponse)
        except Unavailable as error:
            if "member not found" not in str(error):
                raise

    async def status(self) -> m.StatusResponse:
        """What the member in use tells of itself; a learner answers too. StoreError."""
        return await self._connection.read("Maintenance/Status", m.StatusRequest(), m.StatusResponse)

    async def health(self, timeout_seconds: float = 2.0) -> Sequence[Health]:
        """Every member, each asked at its own address at the same time. StoreError when there is no list."""
        return await asyncio.gather(*(self._ask(member, timeout_seconds) for member in await self.list()))

    async def _ask(self, member: Member, timeout_seconds: float) -> Health:
        if not member.client_urls:
            return Health(member, error="never started")
        address = msgspec.structs.replace(
            self._address, servers=tuple(member.client_urls), call_timeout_seconds=timeout_seconds
        )
        async with Members(address) as asked:
            try:
                return Health(member, leader=(await asked.status()).leader)
            except StoreError:
                return Health(member, error="no answer")
