"""Membership of a real etcd cluster: a member joins as a learner, gets its vote, and is removed again."""

import asyncio
from collections.abc import Sequence

import pytest
from tests.support.etcd import Etcd, Member, etcd, needs_etcd

from pybernetes.store.etcd import messages as m
from pybernetes.store.etcd.members import Members, NotYet, eventually, shown
from pybernetes.store.store import StoreError

pytestmark = needs_etcd

_DEADLINE_SECONDS = 60.0


def asking(server: Etcd, *, seconds: float = _DEADLINE_SECONDS) -> Members:
    return Members(server.address(call_timeout_seconds=seconds))


async def published(members: Members) -> Sequence[m.Member]:
    """The members, once each has told its name and addresses: the last thing it does when it starts."""
    async with asyncio.timeout(_DEADLINE_SECONDS):
        while True:
            found = await members.list()
            if all(member.client_urls for member in found):
                return found
            await asyncio.sleep(0.05)


async def test_a_member_joins_as_a_learner_is_promoted_and_removed(tmp_path):
    with etcd(tmp_path) as server:
        joining = Member("late", tmp_path, [])
        async with asking(server) as members:
            (first,) = await published(members)
            assert (first.name, first.is_learner, first.client_urls) == ("member0", False, list(server.urls))
            added = await members.add_learner(joining.peer_url)
            assert (added.name, added.is_learner, added.peer_urls) == ("", True, [joining.peer_url])
            with pytest.raises(NotYet, match="too many learner"):
                await members.add_learner("http://127.0.0.1:1")
            with pytest.raises(NotYet, match="in sync with leader"):
                await eventually(lambda: members.promote(added.id), 0.0)
            assert [h.error for h in await members.health(_DEADLINE_SECONDS)] == ["never started", ""]

            joining.start(f"member0={first.peer_urls[0]},late={joining.peer_url}", state="existing")
            try:
                await eventually(lambda: members.promote(added.id), _DEADLINE_SECONDS)
                await members.promote(added.id)  # has its vote: nothing to do
                late, old = await published(members)
                assert (late.name, late.is_learner, old.name) == ("late", False, "member0")
                healths = await members.health(_DEADLINE_SECONDS)
                assert [h.error for h in healths] == ["", ""]
                assert [h.member.name for h in healths if h.is_leader] == ["member0"]

                await eventually(lambda: members.remove(late.id), _DEADLINE_SECONDS)
                await members.remove(late.id)
                assert [member.name for member in await members.list()] == ["member0"]
            finally:
                joining.kill()


async def test_without_a_majority_members_are_listed_but_not_changed(tmp_path):
    with etcd(tmp_path, members=3) as server:
        async with asking(server) as members:
            assert len(await published(members)) == 3
            for member in server.members[1:]:
                member.kill()
            healths = await members.health(10.0)
            assert [h.error for h in healths] == ["", "no answer", "no answer"]
        async with asking(server, seconds=1.0) as members:
            with pytest.raises(StoreError):
                await members.add_learner("http://127.0.0.1:1")


def test_an_id_is_shown_as_etcdctl_does():
    assert (shown(-1), shown(0x8E9E05C52164694D)) == ("ffffffffffffffff", "8e9e05c52164694d")
