"""The pages of the scheduler over HTTPS, with the API server's word on who may see them."""

import json
import ssl
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from tests.support.ports import free_port
from tests.support.scheduling import node

from pybernetes.api.user import AUTHENTICATED, UserInfo
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import Request
from pybernetes.base.tasks import running
from pybernetes.client.client import Client, read_body
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.informers import Informers
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.control_plane import scheduler_parts
from pybernetes.cluster.pki import ensure
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.configuration.load import load
from pybernetes.scheduler.monitoring import Monitoring
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.testing import ADMIN, api_server

CONFIG = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
percentageOfNodesToScore: 7
profiles:
- schedulerName: mine
  pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 9}}]
"""
TOKENS = 'all,root,1,"system:masters"\nsome,scraper,2,"system:monitoring"\nnone,nobody,3\n'


@asynccontextmanager
async def pages(tmp_path, leads=True):
    """A function from a path and a token to (status, body)."""
    tokens = tmp_path / "tokens.csv"
    tokens.write_text(TOKENS)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(api_server(authorization_modes=("RBAC",), token_file=str(tokens)))
        one = node("a")
        one.metadata.uid = None
        await Client(InProcessTransport(server.app, ADMIN)).create(one)
        user = UserInfo("system:kube-scheduler", groups=(AUTHENTICATED,))
        client = Client(InProcessTransport(server.app, user))
        config = SchedulerConfig.of(load(CONFIG))
        monitoring = Monitoring(config, client, SYSTEM_CLOCK)
        http = monitoring.server("127.0.0.1", 0)
        await stack.enter_async_context(running("pages", http.serve))
        if leads:
            informers = Informers(client)
            await stack.enter_async_context(running("informers", informers.serve))
            scheduler = Scheduler(client, informers, config)
            await stack.enter_async_context(running("scheduler", lambda ready: monitoring.follow(scheduler, ready)))
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        transport = HttpTransport(f"https://127.0.0.1:{http.port}", tls=context)

        async def get(path, token=""):
            headers = [("authorization", f"Bearer {token}")] if token else []
            response = await transport(Request("GET", path, "", headers, b""))
            return response.status, (await read_body(response)).decode()

        yield get
        assert monitoring.scheduler is None or leads


@pytest.mark.parametrize("leads", [True, False], ids=["the leader", "one that waits"])
async def test_health_is_for_everybody(tmp_path, leads):
    async with pages(tmp_path, leads) as get:
        for path in ("/healthz", "/livez", "/readyz"):
            assert await get(path) == (200, "ok")
        assert (await get("/nothing", "all"))[0] == 404


async def test_metrics_are_for_those_who_may(tmp_path):
    async with pages(tmp_path) as get:
        assert (await get("/metrics", "wrong"))[0] == 401
        for token, name in (("", "system:anonymous"), ("none", "nobody")):
            status, text = await get("/metrics", token)
            found = json.loads(text)
            assert (status, found["kind"], found["reason"]) == (403, "Status", "Forbidden")
            assert found["message"] == f'forbidden: User "{name}" cannot get path "/metrics"'
        status, text = await get("/metrics", "some")
        assert status == 200
        assert 'scheduler_cache_size{type="nodes"} 1' in text
        assert "process_cpu_seconds_total" in text
        assert 'rest_client_requests_total{code="200",method="GET",host="' in text


async def test_the_configuration_is_shown(tmp_path):
    async with pages(tmp_path) as get:
        assert (await get("/configz", "some"))[0] == 403
        status, text = await get("/configz", "all")
        assert status == 200
        found = json.loads(text)["componentconfig"]
        assert found["PercentageOfNodesToScore"] == 7
        (profile,) = found["Profiles"]
        assert profile["SchedulerName"] == "mine"
        arguments = {row["Name"]: row["Args"] for row in profile["PluginConfig"]}
        assert arguments["InterPodAffinity"]["HardPodAffinityWeight"] == 9
        assert arguments["NodeResourcesFit"]["ScoringStrategy"]["Type"] == "LeastAllocated"
        assert {"Name": "TaintToleration", "Weight": 3} in profile["Plugins"]["MultiPoint"]["Enabled"]


async def test_flags_and_state_are_shown(tmp_path):
    async with pages(tmp_path) as get:
        status, text = await get("/statusz", "some")
        assert status == 200
        assert text.startswith("\nkube-scheduler statusz\n")
        assert "\nPaths: /configz /flagz /healthz /livez /metrics /readyz /statusz\n" in text
        assert (await get("/statusz"))[0] == 403
        assert (await get("/flagz", "some"))[0] == 200


async def test_one_that_waits_has_no_numbers_of_its_own(tmp_path):
    async with pages(tmp_path, leads=False) as get:
        status, text = await get("/metrics", "all")
        assert status == 200
        assert "scheduler_" not in text


async def test_a_cluster_of_one_process_shows_them_beside_the_ports_of_its_node(tmp_path):
    port = free_port()
    config = ClusterConfig(data_dir=tmp_path, node_name="n", node_ip="127.0.0.1", kubelet_port=port - 9)
    async with api_server(authorization_modes=("RBAC",)) as server:
        client = Client(InProcessTransport(server.app, UserInfo("system:kube-scheduler", groups=(AUTHENTICATED,))))
        async with AsyncExitStack() as stack:
            for name, make in scheduler_parts(config, ensure(config), client).items():
                await stack.enter_async_context(running(name, make()))
            context = ssl._create_unverified_context()
            transport = HttpTransport(f"https://127.0.0.1:{port}", tls=context)
            try:
                response = await transport(Request("GET", "/healthz"))
                assert (response.status, await read_body(response)) == (200, b"ok")
                response = await transport(Request("GET", "/metrics"))
                assert response.status == 403
                await read_body(response)
            finally:
                await transport.close()
