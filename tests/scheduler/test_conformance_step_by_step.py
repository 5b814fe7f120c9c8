"""[sig-scheduling], step by step: preemption and predicates as the suite goes through them."""

import asyncio

import msgspec
from tests.scheduler.test_conformance import (
    cluster,
    create,
    priority,
    register,
    rejected,
    replica_set,
    scheduled,
    until,
)
from tests.support.control_plane import control_plane
from tests.support.scheduling import node, pod

from pybernetes.api.core import Pod
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.informers import Informers
from pybernetes.scheduler.scheduler import Scheduler

FOO = "scheduling.k8s.io/foo"


async def classes(client: Client) -> None:
    for name, value in (("low", 1), ("medium", 100), ("high", 1000)):
        await priority(client, name, value)


def asking(name: str, class_name: str, amount: str = "2", resource: str = FOO, **more) -> Pod:
    requests = {resource: amount}
    more.setdefault("termination_grace_period_seconds", 0)
    one = pod(name, requests=requests, priority_class_name=class_name, **more)
    one.spec.containers[0].resources.limits = requests
    return one


def on(name: str, one: Pod) -> Pod:
    """Bound to a node by a field of it."""
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    one.spec.affinity = msgspec.convert(affinity, type(one.spec).__annotations__["affinity"])
    return one


async def living(client: Client, namespace: str = "default") -> set[str]:
    return {one.metadata.name for one in await client.list(Pod, namespace) if one.metadata.deletion_timestamp is None}


async def test_the_least_important_pod_alone_gives_way():
    """validates basic preemption works; validates lower priority pod preemption by critical pod."""
    async with cluster(node("a", **{FOO: "5"}), node("b", **{FOO: "5"})) as client:
        await classes(client)
        for number, (name, class_name) in enumerate((("a", "low"), ("a", "medium"), ("b", "medium"), ("b", "medium"))):
            await create(client, on(name, asking(f"pod{number}", class_name)))
            await until(client, f"pod{number}", scheduled)
        await create(client, asking("preemptor", "high"))
        assert (await until(client, "preemptor", scheduled)).spec.node_name == "a"
        assert await living(client) == {"pod1", "pod2", "pod3", "preemptor"}
        critical = asking("critical", "system-cluster-critical")
        critical.metadata.namespace = "kube-system"
        await create(client, critical)

        async def placed() -> None:
            async for event in client.watch(Pod, "kube-system"):
                if scheduled(event.object):
                    return

        await asyncio.wait_for(placed(), 60)
        assert len(await living(client)) == 3 and "preemptor" in await living(client)


async def test_sets_lose_each_pod_once():
    """PreemptionExecutionPath runs ReplicaSets to verify preemption running path."""
    async with control_plane("replicaset-controller") as world:
        client = world.client
        await register(client, node("a", **{"example.com/fakecpu": "1000"}))
        for i in range(1, 5):
            await priority(client, f"p{i}", i)
        informers, seen = Informers(client), {}
        pods = informers.of(Pod)
        async with (
            running("informers", informers.serve),
            running("scheduler", Scheduler(client, informers, clock=world.clock).serve),
        ):

            async def placed(**wanted: int) -> bool:
                found: dict[str, int] = {}
                for one in pods.list():
                    name = one.metadata.labels["name"]
                    seen.setdefault(name, set()).add(one.metadata.name)
                    if one.spec.node_name and one.metadata.deletion_timestamp is None:
                        found[name] = found.get(name, 0) + 1
                return found == wanted

            for i, amount in ((1, "200"), (2, "300"), (3, "450")):
                await client.create(replica_set(f"pod{i}", 1, amount, f"p{i}"))
            await world.until(lambda: placed(pod1=1, pod2=1, pod3=1))
            await create(client, asking("pod4", "p4", "500", "example.com/fakecpu", labels={"name": "pod4"}))
            await world.until(lambda: placed(pod3=1, pod4=1))

            async def made_again() -> bool:
                await placed()
                return [len(seen[f"pod{i}"]) for i in (1, 2, 3)] == [2, 2, 1]

            await world.until(made_again)


async def test_the_spread_of_pods_is_kept_by_preemption():
    """PodTopologySpread Preemption validates proper pods are preempted."""
    fake, key = "example.com/fakePTSRes", "kubernetes.io/e2e-pts-preemption"
    nodes = [node(name, labels={key: name}, **{fake: "10"}) for name in ("a", "b")]
    async with cluster(*nodes) as client:
        await classes(client)
        labels = {"e2e-pts-preemption": ""}
        await create(client, asking("high", "high", "9", fake, labels=labels))
        await until(client, "high", scheduled)
        for number in (1, 2, 3):
            await create(client, asking(f"low-{number}", "low", "3", fake, labels=labels))
            await until(client, f"low-{number}", scheduled)
        medium = asking("medium", "medium", "3", fake, labels=labels)
        selector = {"matchExpressions": [{"key": "e2e-pts-preemption", "operator": "Exists"}]}
        spread = {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}
        wire = msgspec.to_builtins(medium)
        wire["spec"]["topologySpreadConstraints"] = [spread]
        await create(client, msgspec.convert(wire, Pod))
        await until(client, "medium", scheduled)
        left = await living(client)
        assert {name.partition("-")[0] for name in left} == {"high", "medium", "low"} and len(left) == 3


async def test_the_more_important_pods_take_the_room_that_was_made_for_others():
    """validates various priority Pods preempt expectedly with the async preemption."""
    async with cluster(node("a", **{FOO: "10"})) as client:
        await classes(client)
        low = [f"low-{number}" for number in range(10)]
        for name in low:
            await create(client, on("a", asking(name, "low", "1", termination_grace_period_seconds=80)))
        for name in low:
            await until(client, name, scheduled)
        for number in range(10):
            await create(client, asking(f"medium-{number}", "medium", "1"))
        for name in low:
            await until(client, name, lambda one: one.metadata.deletion_timestamp is not None)
        high = [f"high-{number}" for number in range(5)]
        for name in high:
            await create(client, asking(name, "high", "1"))
        for name in high:
            await until(client, name, lambda one: bool(one.status.nominated_node_name))
        for name in low:
            await client.delete(Pod, name, "default", grace_period_seconds=0)
        for name in high:
            await until(client, name, scheduled)

        async def five() -> None:
            listed = await client.list(Pod, "default")
            placed = {one.metadata.name for one in listed if scheduled(one)}
            if len(placed) < 10:
                async for event in client.watch(Pod, "default", resource_version=listed.resource_version):
                    if scheduled(event.object):
                        placed.add(event.object.metadata.name)
                    if len(placed) == 10:
                        break
            assert len([name for name in placed if name.startswith("medium")]) == 5

        await asyncio.wait_for(five(), 60)


async def test_a_pods_overhead_counts():
    """validates pod overhead is considered along with resource limits of pods that are allowed to run."""
    fake = "example.com/beardsecond"
    async with cluster(node("a", **{fake: "1000"})) as client:
        body = {
            "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "test-handler"},
            "handler": "test-handler", "overhead": {"podFixed": {fake: "250"}},
        }  # fmt: skip
        await client.create(body)
        await classes(client)
        await create(client, asking("filler", "low", "700", fake))
        await until(client, "filler", scheduled)
        heavy = asking("additional", "low", "200", fake)
        heavy.spec.runtime_class_name = "test-handler"
        await create(client, heavy)
        found = await until(client, "additional", rejected)
        assert f"1 Insufficient {fake}" in next(
            row.message for row in found.status.conditions if row.type == "PodScheduled"
        )
        await create(client, asking("light", "low", "200", fake))
        await until(client, "light", scheduled)


async def test_pods_are_spread_evenly():
    """PodTopologySpread Filtering validates 4 pods with MaxSkew=1 are evenly distributed into 2 nodes."""
    key = "kubernetes.io/e2e-pts-filter"
    async with control_plane("replicaset-controller") as world:
        await register(world.client, node("a", labels={key: "a"}), node("b", labels={key: "b"}), node("c"))
        informers = Informers(world.client)
        async with (
            running("informers", informers.serve),
            running("scheduler", Scheduler(world.client, informers, clock=world.clock).serve),
        ):
            made = msgspec.to_builtins(replica_set("rs-e2e-pts-filter", 4, "0", ""))
            labels = {"name": "rs-e2e-pts-filter"}
            spread = {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule"}
            spec = made["spec"]["template"]["spec"]
            spec["topologySpreadConstraints"] = [{**spread, "labelSelector": {"matchLabels": labels}}]
            term = {"matchExpressions": [{"key": key, "operator": "Exists"}]}
            required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
            spec["affinity"] = {"nodeAffinity": required}
            spec["containers"][0].pop("resources")
            spec.pop("priorityClassName")
            await world.client.create({**made, "apiVersion": "apps/v1", "kind": "ReplicaSet"})

            async def two_each() -> bool:
                names = [one.spec.node_name for one in await world.list(Pod, "default")]
                return sorted(filter(None, names)) == ["a", "a", "b", "b"]

            await world.until(two_each)


async def test_gated_pods_wait_until_the_last_gate_is_gone():
    """when PVC/gates: validates Pods with non-empty schedulingGates are blocked on scheduling."""
    async with cluster(node("a")) as client:
        wire = msgspec.to_builtins(pod("gated"))
        wire["spec"]["schedulingGates"] = [{"name": "example.com/foo"}, {"name": "example.com/bar"}]
        await create(client, msgspec.convert(wire, Pod))
        found = await until(client, "gated", rejected)
        assert [row.reason for row in found.status.conditions] == ["SchedulingGated"]
        await client.patch(
            Pod,
            "gated",
            "default",
            body={"spec": {"schedulingGates": [{"$patch": "delete", "name": "example.com/foo"}]}},
            content_type="application/strategic-merge-patch+json",
        )
        left = await client.get(Pod, "gated", "default")
        assert [gate.name for gate in left.spec.scheduling_gates or ()] == ["example.com/bar"]
        assert not scheduled(left)
        await client.patch(Pod, "gated", "default", body={"spec": {"schedulingGates": None}})
        await until(client, "gated", scheduled)


async def test_one_host_port_on_other_addresses_and_protocols():
    """HostPort: there is no conflict between pods with same hostPort but different hostIP and protocol."""
    async with cluster(node("a")) as client:
        for name, address, protocol in (
            ("pod1", "127.0.0.1", "TCP"),
            ("pod2", "10.0.0.1", "TCP"),
            ("pod3", "10.0.0.1", "UDP"),
        ):
            wire = msgspec.to_builtins(pod(name))
            port = {"containerPort": 8080, "hostPort": 54323, "hostIP": address, "protocol": protocol}
            wire["spec"]["containers"][0]["ports"] = [port]
            await create(client, msgspec.convert(wire, Pod))
            await until(client, name, scheduled)
