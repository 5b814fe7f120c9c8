"""Bindings, one by one and together, against the real API server: what happens to each is the same."""

import asyncio

import pytest
from tests.support.scheduling import node, pod

from pybernetes.api.core import Pod
from pybernetes.api.status import StatusError, is_conflict, is_not_found
from pybernetes.base.http.message import Request, Response
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.scheduler.framework import CycleState
from pybernetes.scheduler.plugins.default_binder import DefaultBinder
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.testing import ADMIN, api_server


class Recording:
    """An App that notes the paths it is asked, and may not know bindings in bulk."""

    def __init__(self, app, *, bulk=True):
        self._app = app
        self._bulk = bulk
        self.posts = []

    async def __call__(self, request: Request) -> Response:
        if request.path.endswith(("binding", "bindings")):
            self.posts.append(request.path.rsplit("/", 1)[-1])
            await asyncio.sleep(0)
            if request.path.endswith("bindings") and not self._bulk:
                return Response(415, [], b"")
        return await InProcessTransport(self._app, ADMIN)(request)


async def _made(client: Client, number: int, namespace: str = "default") -> list[PodInfo]:
    found = []
    for i in range(number):
        one = pod(f"p{i}", namespace=namespace)
        one.metadata.uid = None
        found.append(PodInfo(await client.create(one)))
    return found


async def _bind(binder: DefaultBinder, pods: list[PodInfo], node_name: str = "a"):
    """The outcomes of bindings asked for at the same time."""
    return await asyncio.gather(*(binder.bind(CycleState(), one, node_name) for one in pods), return_exceptions=True)


@pytest.mark.parametrize("bulk", [True, False], ids=["known", "unknown"])
async def test_many_at_once_are_all_bound(bulk):
    async with api_server() as server:
        app = Recording(server.app, bulk=bulk)
        client = Client(app)
        pods = await _made(client, 40)
        binder = DefaultBinder(client)
        assert await _bind(binder, pods) == [None] * 40
        found = (await client.list(Pod, "default")).items
        assert {one.spec.node_name for one in found} == {"a"}
        for one in found:
            condition = next(row for row in one.status.conditions if row.type == "PodScheduled")
            assert condition.status == "True"
        if bulk:
            assert len(app.posts) < 10
        else:
            assert app.posts.count("binding") == 40
            assert app.posts.count("bindings") <= 2  # asked once per way, then never again
        assert await _bind(binder, pods[:1], "b") != [None]


async def test_a_single_binding_is_the_ordinary_request():
    async with api_server() as server:
        app = Recording(server.app)
        client = Client(app)
        assert await _bind(DefaultBinder(client), await _made(client, 1)) == [None]
        assert app.posts == ["binding"]


async def test_each_has_its_own_answer():
    async with api_server() as server:
        client = Client(Recording(server.app))
        pods = await _made(client, 10)
        await client.delete(Pod, "p1", "default", grace_period_seconds=0)
        await client.delete(Pod, "p2", "default", grace_period_seconds=0)
        again = pod("p2")
        again.metadata.uid = None
        await client.create(again)
        assert await _bind(DefaultBinder(client), pods[3:4], "elsewhere") == [None]
        outcomes = await _bind(DefaultBinder(client), pods)
        assert is_not_found(outcomes[1])
        assert is_conflict(outcomes[2])
        assert "UID in precondition" in str(outcomes[2])
        assert is_conflict(outcomes[3])
        assert 'already assigned to node "elsewhere"' in str(outcomes[3])
        assert outcomes[0] is None
        assert outcomes[4:] == [None] * 6


async def test_namespaces_are_separate_requests():
    async with api_server() as server:
        client = Client(Recording(server.app))
        from pybernetes.api.core import Namespace
        from pybernetes.api.meta import ObjectMeta

        for name in ("x", "y"):
            await client.create(Namespace(metadata=ObjectMeta(name=name)))
        pods = [one for name in ("default", "x", "y") for one in await _made(client, 5, name)]
        assert await _bind(DefaultBinder(client), pods) == [None] * 15


async def test_who_is_cancelled_leaves_the_others_their_turn():
    async with api_server() as server:
        client = Client(Recording(server.app))
        pods = await _made(client, 12)
        binder = DefaultBinder(client)
        tasks = [asyncio.ensure_future(binder.bind(CycleState(), one, "a")) for one in pods]
        await asyncio.sleep(0)
        tasks[0].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(outcomes[0], asyncio.CancelledError)
        assert outcomes[1:] == [None] * 11
        assert binder._under_way == 0
        assert not binder._waiting


async def test_the_body_and_the_rights_are_checked():
    async with api_server(authorization_modes=("RBAC",)) as server:
        admin = Client(InProcessTransport(server.app, ADMIN))
        path = "/api/v1/namespaces/default/bindings"
        headers = [("content-type", "application/vnd.pybernetes.bindings+json")]
        for body in (b"{", b"{}", b'[["p"]]', b'[["p","","n"]]'):
            assert (await admin.request("POST", path, body=body, headers=headers)).status == 400
        from pybernetes.api.user import AUTHENTICATED, UserInfo

        jane = Client(InProcessTransport(server.app, UserInfo("jane", groups=(AUTHENTICATED,))))
        assert (await jane.request("POST", path, body=b"[]", headers=headers)).status == 403
        with pytest.raises(StatusError):
            await jane.create(node("n"))
