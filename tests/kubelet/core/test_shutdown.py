"""A node that shuts down gracefully: its pods end in order, and everybody is told."""

import asyncio
from pathlib import Path

from tests.kubelet.builders import container
from tests.kubelet.core.harness import node, phase, ready

from pybernetes.api.core import Event

MESSAGE = "Pod was terminated in response to imminent node shutdown."
CRITICAL = "system-node-critical"


async def test_pods_end_by_priority_within_their_time(tmp_path: Path) -> None:
    async with node(tmp_path, shutdown_grace_seconds=30, shutdown_critical_seconds=10) as n:
        n.runtime.ignores_stop = {"web", "db"}
        await n.run(container("web"), name="web")
        await n.run(container("db"), name="db", priority_class_name=CRITICAL, priority=2_000_001_000)
        await n.until(ready)
        await n.until(ready, "db")
        began = n.clock.monotonic()
        await n.kubelet.shut_down()
        assert 30 <= n.clock.monotonic() - began < 35, "20 s for the one, 10 s for the critical one"
        for name in ("web", "db"):
            ended = await n.pod(name)
            assert (ended.status.phase, ended.status.reason, ended.status.message) == ("Failed", "Terminated", MESSAGE)
            told = next(c for c in ended.status.conditions or () if c.type == "DisruptionTarget")
            assert (told.status, told.reason, told.message) == ("True", "TerminationByKubelet", MESSAGE)
        stopped = [name for method, name in n.runtime.calls if method == "stop_container"]
        assert stopped == ["web", "db"]


async def test_the_node_says_so_and_takes_no_pods(tmp_path: Path) -> None:
    async with node(tmp_path, shutdown_grace_seconds=30) as n:
        n.runtime.ignores_stop = {"web"}
        await n.run()
        await n.until(ready)
        shutdown = asyncio.ensure_future(n.kubelet.shut_down())
        await n.run(name="late")
        refused = await n.until(phase("Failed"), "late")
        assert refused.status.reason == "NodeShutdown"
        assert refused.status.message == "Pod was rejected: Pod was rejected as the node is shutting down."
        await shutdown
        found = next(c for c in (await n.node()).status.conditions or () if c.type == "Ready")
        assert (found.status, found.reason, found.message) == ("False", "KubeletNotReady", "node is shutting down")
        events = (await n.client.list(Event, "default", field_selector="involvedObject.name=n1")).items
        assert ("NodeShutdown", "Shutdown manager detected shutdown event") in [(e.reason, e.message) for e in events]


async def test_without_a_grace_period_pods_go_on(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run()
        await n.until(ready)
        await n.kubelet.shut_down()
        assert ready(await n.pod()) and "stop_container" not in [method for method, _ in n.runtime.calls]
