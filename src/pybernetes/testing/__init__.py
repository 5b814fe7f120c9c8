"""A whole API server inside a test: in memory, without sockets.

    async with api_server() as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        await client.create(pod)

Authorization is AlwaysAllow, the ServiceAccount admission plugin is off (no controller makes accounts here), and no
APIServices, no FlowSchemas and no Lease of the server are kept unless a test says otherwise; every other part is the
real one. A cluster for clients that need a socket, with controllers, scheduler and nodes, is in `testing/cluster.py`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ..api.user import AUTHENTICATED, SYSTEM_MASTERS, UserInfo
from ..base.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from ..apiserver.server import ApiServer
    from ..store.store import Store

ADMIN = UserInfo("kubernetes-admin", groups=(SYSTEM_MASTERS, AUTHENTICATED))
"""A user who may do everything."""


@asynccontextmanager
async def api_server(
    *, store: "Store | None" = None, clock: Clock = SYSTEM_CLOCK, **config: Any
) -> "AsyncIterator[ApiServer]":
    """A running server; keywords are fields of `ApiServerConfig`."""
    from ..apiserver.config import ApiServerConfig
    from ..apiserver.server import ApiServer
    from ..base.tasks import running
    from ..store.memory import MemoryStore

    settings: dict[str, Any] = {
        "authorization_modes": ("AlwaysAllow",),
        "disable_admission": ("ServiceAccount",),
        "aggregation": False,
        "keep_flow_control_objects": False,
        "keep_identity_lease": False,
        **config,
    }
    store = MemoryStore(clock=clock) if store is None else store
    server = ApiServer(ApiServerConfig(**settings), store, clock=clock)
    try:
        async with running("store", store.serve), running("apiserver", server.serve):
            yield server
    except BaseExceptionGroup as group:
        # A failing test shows its own failure, not the groups of the parts around it.
        inner: BaseException = group
        while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
            inner = inner.exceptions[0]
        raise inner from None
