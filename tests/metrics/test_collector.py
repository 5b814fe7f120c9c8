"""When the collector looks, on virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.clock import LoopClock, settled
from tests.support.control_plane import node
from tests.support.kubelet_usage import FakeKubelets

from pybernetes.api.core import Node
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.informer import Informer
from pybernetes.metrics.collector import Collector, Rhythm
from pybernetes.metrics.numbers import ServerNumbers
from pybernetes.testing import ADMIN, api_server


class Stage:
    def __init__(self, client: Client, kubelets: FakeKubelets, collector: Collector) -> None:
        self.client = client
        self.kubelets = kubelets
        self.collector = collector

    def times(self, name: str = "n1") -> list[int]:
        """The whole seconds at which a kubelet was asked, and forget them."""
        found = [round(at) for at, asked in self.kubelets.asked if asked == name]
        self.kubelets.asked.clear()
        return found


@asynccontextmanager
async def stage(*nodes: str, **rhythm: Any) -> AsyncIterator[Stage]:
    clock = LoopClock()
    async with api_server(clock=clock) as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        informer, kubelets = Informer(client, Node), FakeKubelets(clock)
        collector = Collector(informer, kubelets, clock, ServerNumbers(), Rhythm(**rhythm))
        for name in nodes:
            kubelets.use(name, 0.5, 1 << 30)
            await client.create(node(name))
        async with running("nodes", informer.serve), running("collector", collector.serve):
            await settled()
            yield Stage(client, kubelets, collector)


def close(found: list[int], expected: list[int]) -> bool:
    return len(found) == len(expected) and all(abs(a - b) <= 1 for a, b in zip(found, expected, strict=True))


async def test_a_node_is_looked_at_twice_in_seconds_and_then_once_a_minute() -> None:
    async with stage("n1") as found:
        await asyncio.sleep(200)
        assert close(found.times(), [0, 3, 18, 78, 138, 198])
        usage = found.collector.points.node("n1")
        assert usage is not None and usage.cpu_nanocores == 500_000_000


async def test_while_somebody_asks_it_looks_every_quarter_minute_and_five_minutes_longer() -> None:
    async with stage("n1") as found:
        await asyncio.sleep(100)
        found.times()
        await found.collector.asked()
        await asyncio.sleep(700)
        times = [at - 100 for at in found.times()]
        assert close(times, [0, *range(15, 300, 15), *range(345, 700, 60)]), times


async def test_the_first_question_after_a_pause_is_answered_with_a_fresh_look() -> None:
    async with stage("n1") as found:
        await asyncio.sleep(100)
        found.kubelets.use("n1", 2.0, 1 << 30)
        await asyncio.sleep(30)
        await found.collector.asked()
        usage = found.collector.points.node("n1")
        assert usage is not None
        assert abs(usage.at - LoopClock().now().timestamp()) < 1
        assert usage.window_seconds <= 60


async def test_a_question_shortly_after_a_look_causes_none() -> None:
    async with stage("n1") as found:
        await asyncio.sleep(81)
        found.times()
        await found.collector.asked()
        assert found.times() == []
        await asyncio.sleep(13)
        assert close(found.times(), [93])


async def test_a_question_does_not_wait_long_for_a_kubelet_that_hangs() -> None:
    async with stage("n1") as found:
        await asyncio.sleep(110)

        async def hang(node: Node) -> str:
            await asyncio.sleep(3600)
            return ""

        found.kubelets.read = hang  # type: ignore[method-assign]
        loop = asyncio.get_running_loop()
        began = loop.time()
        await found.collector.asked()
        assert loop.time() - began == 2.0


async def test_without_nodes_nothing_runs() -> None:
    async with stage() as found:
        await found.collector.asked()
        await asyncio.sleep(3600)
        assert found.kubelets.asked == [] and found.collector.trouble == ""
        await found.client.create(node("n1"))
        await asyncio.sleep(20)
        assert close([at - 3600 for at in found.times()], [0, 3, 18])
        await found.client.delete(Node, "n1")
        await asyncio.sleep(600)
        assert found.times() == []


async def test_nodes_that_come_together_are_looked_at_together() -> None:
    async with stage("n1") as found:
        await asyncio.sleep(100)
        found.times()
        for number in range(20):
            await found.client.create(node(f"m{number}"))
            await asyncio.sleep(0.1)
        await asyncio.sleep(20)
        assert len(found.times()) <= 4


async def test_a_kubelet_that_does_not_answer_hides_nobody_else() -> None:
    async with stage("n1", "n2") as found:
        found.kubelets.silent.add("n2")
        await asyncio.sleep(20)
        assert found.collector.points.node("n1") is not None
        assert found.collector.points.node("n2") is None
        found.kubelets.silent.clear()
        await found.collector.asked()
        await asyncio.sleep(31)
        assert found.collector.points.node("n2") is not None


async def test_it_is_ready_after_two_looks() -> None:
    async with stage("n1") as found:
        assert found.collector.trouble
        await asyncio.sleep(4)
        assert found.collector.trouble == ""


async def test_connections_to_nodes_that_are_gone_are_given_up() -> None:
    async with stage("n1", "n2") as found:
        await asyncio.sleep(20)
        assert found.kubelets.kept[-1] == ["n1", "n2"]
        await found.client.delete(Node, "n2")
        await asyncio.sleep(61)
        assert found.kubelets.kept[-1] == ["n1"]
