"""In a cluster of one process the controllers show themselves beside the ports of its node."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from tests.support.ports import free_port

from pybernetes.api.user import AUTHENTICATED, UserInfo
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import Request
from pybernetes.base.tasks import running
from pybernetes.base.x509 import client_context
from pybernetes.client.client import Client, read_body
from pybernetes.client.in_process import InProcessTransport
from pybernetes.cluster.clients import controller_user
from pybernetes.cluster.config import ClusterConfig
from pybernetes.cluster.control_plane import controller_manager_parts
from pybernetes.cluster.pki import ensure
from pybernetes.testing import api_server


async def test_the_controllers_of_a_cluster_of_one_process(tmp_path: Path) -> None:
    port = free_port()
    config = ClusterConfig(data_dir=tmp_path, node_name="n", node_ip="127.0.0.1", kubelet_port=port - 7)
    keys = ensure(config)
    monitor = keys.ca.issue("prometheus", organizations=("system:monitoring",))
    async with api_server(authorization_modes=("RBAC",)) as server, AsyncExitStack() as stack:

        def client_for(name: str) -> Client:
            return Client(InProcessTransport(server.app, controller_user(name)))

        for name, make in controller_manager_parts(config, keys, client_for).items():
            await stack.enter_async_context(running(name, make()))
        transport = HttpTransport(f"https://127.0.0.1:{port}", tls=client_context(None, monitor))
        stack.push_async_callback(transport.close)

        async def get(path: str) -> tuple[int, bytes]:
            response = await transport(Request("GET", path))
            return response.status, await read_body(response)

        assert await get("/healthz") == (200, b"ok")
        async with asyncio.timeout(60):
            while True:
                status, text = await get("/metrics")
                assert status == 200
                if b'running_managed_controllers{name="garbage-collector-controller"' in text:
                    break
                await asyncio.sleep(0.1)
        assert b'leader_election_master_status{name="kube-controller-manager"} 1' in text
        for queue in (b"replicaset", b"job", b"claims", b"orphaned_pods_nodes", b"endpoint_slice"):
            assert b'workqueue_depth{name="%b"}' % queue in text


async def test_hollow_nodes_have_no_pages(tmp_path: Path) -> None:
    config = ClusterConfig(data_dir=tmp_path, node_name="n", node_ip="127.0.0.1", hollow_nodes=1)
    user = UserInfo("system:kube-controller-manager", groups=(AUTHENTICATED,))
    async with api_server() as server:
        parts = controller_manager_parts(
            config, ensure(config), lambda name: Client(InProcessTransport(server.app, user))
        )
        assert list(parts) == ["controller-manager"]
