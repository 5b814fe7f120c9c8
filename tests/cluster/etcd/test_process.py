"""This machine's member of a real etcd: founded, joined, killed, started again, bereft of its data, removed."""

import asyncio
import contextlib
import os
import shutil
import signal
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from tests.support.clock import eventually
from tests.support.etcd import needs_etcd
from tests.support.ports import free_port

from pybernetes.base.observed import ObservedPart
from pybernetes.base.tasks import running
from pybernetes.cluster import pki, shared_keys, state
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.etcd import certificates
from pybernetes.cluster.etcd.membership import EtcdError, Start, known, leave
from pybernetes.cluster.etcd.process import Member, command
from pybernetes.cluster.etcd.store import StackedStore
from pybernetes.cluster.progress import Progress
from pybernetes.store.etcd.members import Members

pytestmark = needs_etcd


def machine(directory: Path, name: str) -> ClusterConfig:
    """Settings of a machine, all of them on loopback."""
    config = ClusterConfig(
        data_dir=directory / name,
        node_name=name,
        node_ip="127.0.0.1",
        etcd=True,
        etcd_port=free_port(),
        etcd_peer_port=free_port(),
    )
    config.data_dir.mkdir()
    return config


def joining(first: ClusterConfig, second: ClusterConfig) -> ClusterConfig:
    """The second one with what it gets from the first one."""
    shared = shared_keys.of_this_machine(first, (certificates.urls(first).client,))
    shared.write(second)
    config = shared.applied_to(second)
    certificates.ensure(config)
    return config


@asynccontextmanager
async def member(config: ClusterConfig, part: ObservedPart | None = None):
    try:
        async with asyncio.timeout(120), running("etcd", Member(config, Progress(), part).serve):
            yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


async def names(config: ClusterConfig) -> dict[str, bool]:
    """Who belongs to it, and whether they have a vote."""
    async with Members(certificates.address(config)) as members:
        return {found.name: not found.is_learner for found in await members.list()}


def process_of(config: ClusterConfig) -> int:
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if f"--data-dir={config.etcd_dir}".encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                return int(entry.name)
    return 0


@pytest.fixture
def first(tmp_path) -> ClusterConfig:
    config = machine(tmp_path, "cp1")
    pki.ensure(config)
    certificates.ensure(config)
    return config


async def test_a_store_comes_with_its_member_and_keeps_what_was_written(first):
    for turn in range(2):
        part = ObservedPart()
        store = StackedStore(first, Progress(), part)
        async with asyncio.timeout(60), running("store", store.serve):
            await part.look()
            assert part.is_ready, part.problem
            if turn == 0:
                await store.put("/a", b"1")
            found = await store.get("/a")
            assert found is not None
            assert found.value == b"1"
        assert process_of(first) == 0
    assert oct(first.etcd_dir.stat().st_mode & 0o777) == "0o700"


async def test_who_was_a_member_never_founds_a_cluster_of_its_own(first):
    """Its disk may only not be mounted yet."""
    store = StackedStore(first, Progress())
    async with asyncio.timeout(60), running("store", store.serve):
        pass
    again = state.load(first.data_dir)
    assert again is not None
    assert again.etcd_servers == (certificates.urls(first).client,)
    shutil.rmtree(first.etcd_dir)
    with pytest.raises(EtcdError, match=r"/etcd is empty, but this machine has been a member of etcd; put it back"):
        async with member(again):
            pass


async def test_a_killed_member_is_started_again_and_that_is_known(first):
    part = ObservedPart()
    async with member(first, part):
        before = process_of(first)
        assert (part.pid, part.is_ready, part.restarts) == (before, True, 0)
        os.kill(before, signal.SIGKILL)
        async with asyncio.timeout(60):
            while process_of(first) in (0, before):  # noqa: ASYNC110 (another process tells nobody)
                await asyncio.sleep(0.05)
        assert await names(first) == {"cp1": True}
        await eventually(lambda: part.is_ready)
        assert part.last_end is not None
        assert (part.last_end.pid, part.last_end.exit_code, part.restarts) == (before, 137, 1)
        assert part.pid == process_of(first)


async def test_a_second_machine_joins_comes_back_loses_its_data_and_leaves(first, tmp_path):
    async with member(first):
        second = joining(first, machine(tmp_path, "cp2"))
        async with member(second):
            assert await names(second) == {"cp1": True, "cp2": True}
            assert (await known(second)).others == (certificates.urls(first).client,)
        async with member(second):
            assert await names(first) == {"cp1": True, "cp2": True}
            await leave(second, second.etcd_servers)
            assert await names(first) == {"cp1": True}
        with pytest.raises(EtcdError, match="this machine's member was removed from the cluster"):
            async with member(second):
                pass
        shutil.rmtree(second.etcd_dir)
        async with member(second):
            assert await names(first) == {"cp1": True, "cp2": True}


async def test_a_start_that_was_cut_short_is_gone_on_with(first, tmp_path):
    async with member(first):
        second = joining(first, machine(tmp_path, "cp2"))
        async with Members(certificates.address(first)) as members:
            await members.add_learner(certificates.urls(second).peer)
        assert await names(first) == {"": False, "cp1": True}
        async with member(second):
            assert await names(first) == {"cp1": True, "cp2": True}


async def test_what_stands_in_the_way_is_one_line(first, tmp_path):
    nowhere = joining(first, machine(tmp_path, "cp2"))
    with pytest.raises(EtcdError, match=r"etcd does not answer at https://127\.0\.0\.1:\d+ .*; check the network"):
        async with member(nowhere):
            pass
    first.etcd_dir.mkdir(mode=0o700)
    (first.etcd_dir / "member").write_text("in the way")
    with pytest.raises(EtcdError, match=r"etcd ended at once: .*; see .*etcd\.log"):
        async with member(first):
            pass


def test_it_listens_on_loopback_and_the_nodes_address_only(first):
    elsewhere = msgspec.structs.replace(first, node_ip="10.0.0.1", etcd_port=2379, etcd_peer_port=2380)
    flags = dict(word[2:].split("=", 1) for word in command(elsewhere, Start("cp1=x", "new")) if "=" in word)
    assert flags["listen-client-urls"] == "https://127.0.0.1:2379,https://10.0.0.1:2379"
    assert flags["listen-peer-urls"] == "https://10.0.0.1:2380"
    assert (flags["client-cert-auth"], flags["peer-client-cert-auth"]) == ("true", "true")
    assert (flags["initial-cluster"], flags["initial-cluster-state"]) == ("cp1=x", "new")
