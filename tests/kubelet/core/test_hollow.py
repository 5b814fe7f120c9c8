"""Simulated nodes and their pods."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.kubelet.builders import container, pod, sidecar
from tests.support.clock import LoopClock

from pybernetes.api.coordination import Lease
from pybernetes.api.core import Namespace, Node, Pod
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.status import StatusError
from pybernetes.api.user import component
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.kubelet.hollow import STOP_SECONDS, SUCCEED_AFTER, HollowNodes
from pybernetes.testing import ADMIN, api_server


class Cluster:
    def __init__(self, client: Client, nodes: HollowNodes) -> None:
        self.client = client
        self.nodes = nodes

    async def bind(self, name: str, node: str, annotations: dict[str, str] | None = None, **spec: Any) -> Pod:
        wanted = pod(container(), name=name, node_name=node, **spec)
        wanted.metadata = ObjectMeta(name=name, namespace="default", annotations=annotations)
        return await self.client.create(wanted)

    async def ready(self, name: str) -> Pod:
        async with asyncio.timeout(60):
            while True:
                found = await self.client.get(Pod, name, "default")
                if any(c.type == "Ready" and c.status == "True" for c in found.status.conditions or ()):
                    return found
                await asyncio.sleep(0.05)


@asynccontextmanager
async def cluster(
    count: int, *, shared: bool = True, ranges: Sequence[str] = ("10.244.{}.0/24",), families: Sequence[int] = (4,)
) -> AsyncIterator[Cluster]:
    """A server and hollow nodes that have their pod ranges; unless shared, each acts as the node it is."""
    clock = LoopClock()
    modes = ("AlwaysAllow",) if shared else ("Node", "RBAC")
    async with api_server(clock=clock, authorization_modes=modes) as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        for name in ("default", "kube-node-lease"):
            try:
                await client.create(Namespace(metadata=ObjectMeta(name=name)))
            except StatusError:
                pass

        def client_for(name: str) -> Client:
            user = ADMIN if shared else component(f"system:node:{name}", "system:nodes")
            return Client(InProcessTransport(server.app, user))

        everybody = client if shared else None
        nodes = HollowNodes(client_for, count, pods_client=everybody, clock=clock, families=families)
        async with running("hollow", nodes.serve):
            for index in range(count):
                cidrs = [text.format(index) for text in ranges]
                await client.patch(Node, f"hollow-{index}", body={"spec": {"podCIDR": cidrs[0], "podCIDRs": cidrs}})
            yield Cluster(client, nodes)


async def test_nodes_are_ready_and_have_leases() -> None:
    async with cluster(3) as c:
        nodes = (await c.client.list(Node)).items
        assert sorted(n.metadata.name or "" for n in nodes) == ["hollow-0", "hollow-1", "hollow-2"]
        for node in nodes:
            assert [x.status for x in node.status.conditions or () if x.type == "Ready"] == ["True"]
        assert len((await c.client.list(Lease, "kube-node-lease")).items) == 3


async def test_bound_pods_run_with_addresses_of_their_node() -> None:
    for shared in (True, False):
        async with cluster(2, shared=shared) as c:
            for name, node in (("a", "hollow-0"), ("b", "hollow-1"), ("c", "hollow-1")):
                await c.bind(name, node, init=[container("setup"), sidecar()])
            found = [await c.ready(name) for name in "abc"]
            assert found[0].status.phase == "Running" and (found[0].status.pod_ip or "").startswith("10.244.0.")
            assert found[1].status.pod_ip != found[2].status.pod_ip
            assert all(s.ready for s in found[0].status.init_container_statuses or ())


async def test_pods_of_both_families_have_an_address_of_each() -> None:
    ranges = ("10.244.{}.0/24", "fd00:10:244:{}::/64")
    async with cluster(2, ranges=ranges, families=(4, 6)) as c:
        await c.bind("a", "hollow-1")
        found = await c.ready("a")
        four, six = (entry.ip or "" for entry in found.status.pod_ips or ())
        assert found.status.pod_ip == four
        assert (four.startswith("10.244.1."), six.startswith("fd00:10:244:1::")) == (True, True)
        assert [entry.ip for entry in found.status.host_ips or ()] == ["10.250.0.2", "fd00:10:250::2"]
        await c.bind("b", "hollow-1", host_network=True)
        own = await c.ready("b")
        assert [entry.ip for entry in own.status.pod_ips or ()] == ["10.250.0.2", "fd00:10:250::2"]


async def test_graceful_deletion_is_finished() -> None:
    async with cluster(1) as c:
        await c.bind("a", "hollow-0")
        await c.ready("a")
        await c.client.delete(Pod, "a", "default", grace_period_seconds=30)
        await asyncio.sleep(STOP_SECONDS / 2)
        assert (await c.client.get(Pod, "a", "default")).metadata.deletion_timestamp is not None
        async with asyncio.timeout(120):
            while (await c.client.list(Pod, "default")).items:  # noqa: ASYNC110 (virtual time)
                await asyncio.sleep(0.05)


async def test_stopped_node_lets_its_lease_run_out() -> None:
    async with cluster(2) as c:
        await c.bind("a", "hollow-0")
        await c.ready("a")
        c.nodes.stop_node("hollow-0")
        await asyncio.sleep(60)
        stale = await c.client.get(Lease, "hollow-0", "kube-node-lease")
        fresh = await c.client.get(Lease, "hollow-1", "kube-node-lease")
        assert stale.spec.renew_time is not None and fresh.spec.renew_time is not None
        assert (fresh.spec.renew_time - stale.spec.renew_time).total_seconds() >= 40
        await c.client.delete(Pod, "a", "default")
        await asyncio.sleep(60)
        assert len((await c.client.list(Pod, "default")).items) == 1, "nobody finishes the deletion"
        c.nodes.start_node("hollow-0")
        async with asyncio.timeout(120):
            while (await c.client.list(Pod, "default")).items:  # noqa: ASYNC110 (virtual time)
                await asyncio.sleep(0.05)


async def test_annotated_pod_ends_well() -> None:
    async with cluster(1) as c:
        await c.bind("a", "hollow-0", {SUCCEED_AFTER: "20"}, restart_policy="Never")
        await c.ready("a")
        await asyncio.sleep(25)
        found = await c.client.get(Pod, "a", "default")
        assert found.status.phase == "Succeeded"
        ended = (found.status.container_statuses or [])[0].state.terminated
        assert ended is not None and ended.exit_code == 0
