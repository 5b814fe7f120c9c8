"""`kubectl top` of the stock client and of ours against the same metrics, to the byte and the exit code."""

import sys
from pathlib import Path

import pytest
from tests.support.kubectl import installed
from tests.support.kubectl_api import KubectlApi, Ran, kubectl_api
from tests.support.metrics_api import Stage, proxied, serving_metrics

LINES = """
nodes
node
no --no-headers
node n2
nodes n1 --no-headers
nodes --sort-by=cpu
nodes --sort-by=memory
nodes --show-capacity
nodes -l zone=n2
nodes -l zone=none
node none
node n1 -l zone=n1
node n1 n2
nodes --sort-by=name
nodes --use-protocol-buffers=false
pods
po
pod web
pod web --containers
pods --containers
pods --containers --no-headers
pods -A
pods -A --containers --sort-by=memory
pods --sort-by=cpu
pods --sort-by=memory --no-headers
pods --sum
pods --sum -A --containers
pods -l app=web
pods -l app=none
pods -n other
pods -n empty
pods -A -l app=none
pods --field-selector=metadata.name=db
pods --field-selector=status.phase=Running
pod young
pod none
pod web -l app=web
pod web db
pods --sort-by=age
"""


async def fill(world: Stage) -> None:
    """Pods in two namespaces, one of several containers, one not measured yet."""
    for name in ("other", "empty"):
        await world.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    capacity = {"cpu": "4", "memory": "8Gi"}
    for name in ("n1", "n2"):
        status = {"status": {"capacity": capacity, "allocatable": {**capacity, "cpu": "3500m"}}}
        await world.api.patch(f"/api/v1/nodes/{name}/status", status)
    await world.pod("web", app="web")
    await world.pod("db", app="db")
    await world.pod("far", "other", "n2", app="web")
    kubelets = world.kubelets
    kubelets.run("n1", "default", "web", {"main": (0.2501, 64 << 20), "side": (0.0004, (3 << 20) + 5)})
    kubelets.run("n1", "default", "db", {"main": (0.25, 900 << 20)})
    kubelets.run("n2", "other", "far", {"main": (1.999, 128 << 20)})
    await world.look()
    await world.look()
    await world.pod("young", app="web")


async def ours(k: KubectlApi, directory: Path, *words: str) -> Ran:
    return await k.run(*words, command=(sys.executable, "-m", "pybernetes", "kubectl"), cache=directory / "own")


@pytest.mark.skipif(not installed(), reason="no kubectl")
async def test_top_says_the_same(tmp_path: Path) -> None:
    async with kubectl_api(tmp_path, **proxied(tmp_path)) as k, serving_metrics(k.api) as world:
        await fill(world)
        differences = []
        for line in LINES.strip().split("\n"):
            words = ("top", *line.split())
            mine, stock = await ours(k, tmp_path, *words), await k.run(*words)
            if mine != stock:
                differences.append(f"{line}\n  ours:  {mine}\n  stock: {stock}")
        assert not differences, "\n\n".join(differences)


@pytest.mark.skipif(not installed(), reason="no kubectl")
async def test_top_without_metrics_says_the_same(tmp_path: Path) -> None:
    async with kubectl_api(tmp_path) as k:
        for words in (("top", "nodes"), ("top", "pods")):
            mine = await ours(k, tmp_path, *words)
            assert mine == await k.run(*words) == Ran(1, "", "error: Metrics API not available\n")


SWAP_OF_NODES = """\
NAME   CPU(cores)   CPU(%)   MEMORY(bytes)   MEMORY(%)   SWAP(bytes)   SWAP(%)
n1     500m         14%      3072Mi          37%         0Mi           0%
n2     1500m        42%      3072Mi          37%         <unknown>     <unknown>
"""
SWAP_OF_PODS = """\
NAME   CPU(cores)   MEMORY(bytes)   SWAP(bytes)
db     250m         900Mi           0Mi
web    251m         67Mi            0Mi
                    ________        ________
                    501m            967Mi         0Mi
"""


@pytest.mark.skipif(not installed(), reason="no kubectl")
async def test_swap_as_clients_show_it_since_1_34(tmp_path: Path) -> None:
    async with kubectl_api(tmp_path, **proxied(tmp_path)) as k, serving_metrics(k.api) as world:
        await fill(world)
        swap = {"status": {"nodeInfo": {"swap": {"capacity": 1_000_000_000}}}}
        await world.api.patch("/api/v1/nodes/n1/status", swap)
        for words, shown in ((("nodes",), SWAP_OF_NODES), (("pods", "--sum"), SWAP_OF_PODS)):
            said = await ours(k, tmp_path, "top", *words, "--show-swap")
            assert [line.rstrip() for line in said.out.split("\n")] == shown.split("\n"), said
