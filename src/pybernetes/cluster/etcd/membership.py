"""How this machine becomes a member of etcd, and leaves.

    has data ────────────────────────────────▶ is a member already
    founds the cluster ──────────────────────▶ a cluster of one
    joins ─▶ list ─▶ what is there of us? ─▶ nothing: add ─┬▶ start with what the list says
                          │  added, never started: use it ─┤
                          └─ started, but our data is gone: remove, add

Whatever cuts a start short, the next one finds one of these cases. A member is added as a learner, so the others lose
no majority while it is away; `store/etcd/members.py` has the calls.
"""

from functools import partial

import msgspec

from ...store.etcd.members import Member, Members, NotYet, eventually, shown
from ...store.store import StoreError
from ..config import ClusterConfig
from ..state import has_etcd_data
from .certificates import address, urls

CHANGE_SECONDS = 60.0
"""Longer than etcd's five seconds after a start, and than a neighbour's join."""


class EtcdError(StoreError):
    """This machine's etcd cannot do its work; the message is one line that says what to do."""


class Place(msgspec.Struct, frozen=True):
    """What to do with what is there of us: remove `gone`, then add ourselves unless we are `announced`."""

    announced: bool
    gone: int | None = None


def place(members: list[Member], name: str, peer_url: str) -> Place:
    """Our place among these members. EtcdError when another machine has our name."""
    for member in members:
        if peer_url in member.peer_urls:
            return Place(announced=True) if not member.name else Place(announced=False, gone=member.id)
        if member.name == name:
            where = ", ".join(member.peer_urls)
            raise EtcdError(f"another control plane, at {where}, is called {name}; give this one another --node-name")
    return Place(announced=False)


def initial_cluster(members: list[Member], name: str, peer_url: str) -> str:
    """The flag of that name: every member as `name=url`; one that never started goes by its ID."""
    others = [(m.name or shown(m.id), url) for m in members for url in m.peer_urls if url != peer_url]
    return ",".join(f"{who}={url}" for who, url in [*sorted(others), (name, peer_url)])


class Start(msgspec.Struct, frozen=True):
    """The flags of a first start; a member that has data takes no notice of them."""

    cluster: str
    state: str


async def become_member(config: ClusterConfig) -> Start:
    """See to it that the others expect this machine. EtcdError."""
    own = urls(config)
    if has_etcd_data(config) or not config.etcd_servers:
        return Start(f"{config.node_name}={own.peer}", "new")
    through = tuple(server for server in config.etcd_servers if server != own.client)
    if not through:
        hint = "put it back from a copy, or join the cluster's other control planes again with: pybernetes up --join"
        raise EtcdError(f"{config.etcd_dir} is empty, but this machine has been a member of etcd; {hint}")
    try:
        async with Members(address(config, through)) as cluster:
            found = place(list(await cluster.list()), config.node_name, own.peer)
            if found.gone is not None:
                await eventually(partial(cluster.remove, found.gone), CHANGE_SECONDS)
            if not found.announced:
                await eventually(partial(cluster.add_learner, own.peer), CHANGE_SECONDS)
            return Start(initial_cluster(list(await cluster.list()), config.node_name, own.peer), "existing")
    except EtcdError:
        raise
    except NotYet as error:
        hint = "see on another control plane, with: pybernetes status, whether all members answer, then try again"
        raise EtcdError(f"etcd takes no further member now ({error}); {hint}") from None
    except StoreError as error:
        where = ", ".join(through)
        raise EtcdError(f"etcd does not answer at {where} ({error}); check the network and the clock") from None


class Known(msgspec.Struct, frozen=True):
    """Client URLs of the members, as this machine's one knows them."""

    own: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.own, *self.others)


async def known(config: ClusterConfig) -> Known:
    """Asked from this machine's member. StoreError."""
    async with Members(address(config)) as cluster:
        members = await cluster.list()
    ours, others = (
        tuple(url for member in members if is_ours(member, config) is mine for url in member.client_urls)
        for mine in (True, False)
    )
    return Known(ours, others)


def is_ours(member: Member, config: ClusterConfig) -> bool:
    """Whether a member is this machine's: by name, or by address before it was started."""
    return member.name == config.node_name or urls(config).peer in member.peer_urls


async def leave(config: ClusterConfig, through: tuple[str, ...]) -> None:
    """Take this machine's member out, by means of the others. StoreError."""
    async with Members(address(config, through)) as cluster:
        for identifier in [member.id for member in await cluster.list() if is_ours(member, config)]:
            await eventually(partial(cluster.remove, identifier), CHANGE_SECONDS)
