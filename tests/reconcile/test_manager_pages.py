"""What a controller manager shows: health, queues, leadership, who runs, its settings."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from tests.support.clock import LoopClock, eventually
from tests.support.control_plane import deployment, node

from pybernetes.api.core import Node
from pybernetes.api.user import component
from pybernetes.base.http.message import App, Request, Response
from pybernetes.base.tasks import running
from pybernetes.client.client import Client, read_body
from pybernetes.client.in_process import InProcessTransport
from pybernetes.controllers.manager import ControllerManager, ControllerManagerConfig
from pybernetes.reconcile.manager_pages import ManagerPages, flags
from pybernetes.testing import ADMIN, api_server

CONTROLLERS = ("deployment-controller", "node-lifecycle-controller")
Get = Callable[..., Awaitable[tuple[int, str]]]


class Stage:
    """A manager with its pages; `broken` keeps it from the API server."""

    def __init__(self, app: App, clock: LoopClock, config: ControllerManagerConfig) -> None:
        self.client = Client(InProcessTransport(app, ADMIN))
        self.broken = False
        self._app = app
        ask = Client(InProcessTransport(app, component("system:kube-controller-manager")))
        self.pages = ManagerPages(ask, clock)
        own = Client(InProcessTransport(self._through, ADMIN))
        self.manager = ControllerManager(lambda name: own, config, clock)
        self._served = self.pages.server("127.0.0.1", 0).app

    async def _through(self, request: Request) -> Response:
        if self.broken:
            raise OSError("no route")
        return await self._app(request)

    async def get(self, path: str, token: str = "", query: str = "") -> tuple[int, str]:
        headers = [("authorization", f"Bearer {token}")] if token else []
        response = await self._served(Request("GET", path, query, headers, b""))
        return response.status, (await read_body(response)).decode()


@asynccontextmanager
async def stage(tmp_path, **config) -> AsyncIterator[Stage]:
    tokens = tmp_path / "tokens.csv"
    tokens.write_text('some,scraper,2,"system:monitoring"\nall,root,1,"system:masters"\nnone,nobody,3\n')
    clock = LoopClock()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            api_server(clock=clock, authorization_modes=("RBAC",), token_file=str(tokens))
        )
        settings = ControllerManagerConfig(controllers=CONTROLLERS, identity="here", **config)
        found = Stage(server.app, clock, settings)
        await stack.enter_async_context(running("manager", lambda ready: found.pages.follow(found.manager, ready)))
        yield found


async def test_health_names_every_controller(tmp_path) -> None:
    async with stage(tmp_path) as found:
        await eventually(lambda: found.manager.running)
        assert await found.get("/healthz") == (200, "ok")
        # The checks by name and in words are for those who may see them.
        assert (await found.get("/healthz/leaderElection"))[0] == 403
        status, text = await found.get("/healthz", query="verbose")
        assert (status, text.splitlines()[:-1]) == (200, [f"[+]{name} ok" for name in ("leaderElection", *CONTROLLERS)])
        assert (await found.get("/healthz/deployment-controller", "some")) == (200, "ok")
        # As upstream's: a controller manager has no other health pages.
        assert [(await found.get(path, "all"))[0] for path in ("/livez", "/readyz", "/nothing")] == [404, 404, 404]


async def test_who_cannot_renew_and_still_leads_is_not_well(tmp_path, monkeypatch) -> None:
    async with stage(tmp_path) as found:
        await eventually(lambda: found.manager.running)
        elector = found.manager.elector
        assert elector is not None
        assert elector.overdue_seconds == 0
        # A leader that hangs: it neither renews nor gives up.
        monkeypatch.setattr(type(elector), "overdue_seconds", property(lambda self: 20.5))
        assert await found.get("/healthz") == (
            500,
            "[-]leaderElection failed: reason withheld\n"
            + "".join(f"[+]{name} ok\n" for name in CONTROLLERS)
            + "healthz check failed\n",
        )


async def test_a_lost_lease_ends_leading_before_it_is_a_fault(tmp_path) -> None:
    async with stage(tmp_path) as found:
        await eventually(lambda: found.manager.running)
        found.broken = True
        await eventually(lambda: not found.manager.running, within_seconds=15)
        assert await found.get("/healthz") == (200, "ok")
        _, text = await found.get("/metrics", "some")
        assert 'leader_election_master_status{name="kube-controller-manager"} 0' in text
        assert "workqueue_" not in text
        found.broken = False
        await eventually(lambda: found.manager.running)


async def test_numbers_are_shown_under_upstreams_names(tmp_path) -> None:
    async with stage(tmp_path) as found:
        await eventually(lambda: found.manager.running)
        await found.client.create(node("n1"))
        await found.client.create(node("n2", ready="False"))
        await found.client.create(deployment("web", 1))

        async def metrics() -> dict[str, float]:
            status, text = await found.get("/metrics", "some")
            assert status == 200
            rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
            return {name: float(value) for name, _, value in rows}

        async def is_counted() -> bool:
            seen = await metrics()
            return (
                seen['workqueue_adds_total{name="deployment"}'] > 0
                and seen['workqueue_work_duration_seconds_count{name="deployment"}'] > 0
                and seen.get('node_collector_zone_size{zone=""}') == 2
                and seen.get('rest_client_requests_total{code="201",method="POST",host=""}', 0) > 0
            )

        await eventually(is_counted)
        seen = await metrics()
        assert seen['leader_election_master_status{name="kube-controller-manager"}'] == 1
        name, manager = "deployment-controller", "kube-controller-manager"
        assert seen[f'running_managed_controllers{{name="{name}",manager="{manager}"}}'] == 1
        assert seen['node_collector_unhealthy_nodes_in_zone{zone=""}'] == 1
        assert seen['node_collector_zone_health{zone=""}'] == 50
        for one in ("depth", "unfinished_work_seconds", "longest_running_processor_seconds"):
            assert seen[f'workqueue_{one}{{name="deployment"}}'] == 0
        assert seen["process_resident_memory_bytes"] > 0
        await found.client.delete(Node, "n2")
        await asyncio.sleep(1)
        assert (await metrics())['node_collector_zone_size{zone=""}'] == 1


async def test_only_those_who_may_see_them(tmp_path) -> None:
    async with stage(tmp_path) as found:
        for path in ("/metrics", "/configz", "/statusz", "/flagz"):
            assert (await found.get(path, "wrong"))[0] == 401
            for token, name in (("", "system:anonymous"), ("none", "nobody")):
                status, text = await found.get(path, token)
                body = json.loads(text)
                assert (status, body["kind"], body["code"]) == (403, "Status", 403)
                assert body["message"] == f'forbidden: User "{name}" cannot get path "{path}"'
            assert (await found.get(path, "all"))[0] == 200
            assert (await found.get(path, "some"))[0] == (403 if path == "/configz" else 200)


async def test_settings_and_state(tmp_path) -> None:
    async with stage(tmp_path, node_monitor_grace_period_seconds=40.0) as found:
        shown = json.loads((await found.get("/configz", "all"))[1])["kubecontrollermanager.config.k8s.io"]
        assert shown["Generic"]["Controllers"] == list(CONTROLLERS)
        assert shown["NodeLifecycleController"]["NodeMonitorGracePeriod"] == "40s"
        _, text = await found.get("/flagz", "some")
        assert text.startswith("\nkube-controller-manager flags\n")
        assert f"\ncontrollers=[{','.join(CONTROLLERS)}]\n" in text and "\nnode-monitor-grace-period=40s\n" in text
        _, text = await found.get("/statusz", "some")
        assert re.search(r"^Paths: /configz /flagz /healthz /metrics /statusz$", text, re.M)


@pytest.mark.parametrize("secret", ["signing_key", "service_account_key", "root_ca"])
def test_no_secret_is_among_the_flags(secret: str) -> None:
    config = ControllerManagerConfig(**{secret: b"SECRET"})
    assert not any("SECRET" in value for value in flags(config).values())
