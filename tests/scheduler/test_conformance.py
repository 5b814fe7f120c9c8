"""The behaviours that the conformance suite has under [sig-scheduling], each against the real API server in memory."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
from tests.support.control_plane import control_plane
from tests.support.scheduling import node, pod

from pybernetes.api.apps import ReplicaSet
from pybernetes.api.core import ContainerPort, LimitRange, Node, Pod
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.scheduling import PriorityClass
from pybernetes.api.status import StatusError, is_not_found
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.informers import Informers
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.testing import ADMIN, api_server

OFF = ("ServiceAccount", "TaintNodesByCondition")


async def register(client: Client, *nodes: Node) -> None:
    for one in nodes:
        one.metadata.uid = None
        made = await client.create(one)
        if made.spec.taints:  # no controller sees here that the node is ready
            await client.patch(Node, one.metadata.name or "", body={"spec": {"taints": None}})
        await client.update_status(one)


@asynccontextmanager
async def cluster(*nodes: Node):
    """A client of a server with these nodes and a scheduler."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(api_server(disable_admission=OFF))
        client = Client(InProcessTransport(server.app, ADMIN))
        await register(client, *nodes)
        informers = Informers(client)
        await stack.enter_async_context(running("informers", informers.serve))
        await stack.enter_async_context(running("scheduler", Scheduler(client, informers).serve))
        yield client


async def create(client: Client, one: Pod) -> Pod:
    one.metadata.uid = None
    return await client.create(one)


async def until(client: Client, name: str, holds) -> Pod:
    """The pod once it is so; it may not be there yet."""
    async with asyncio.timeout(60):
        listed = await client.list(Pod, "default", field_selector=f"metadata.name={name}")
        for one in listed.items:
            if holds(one):
                return one
        selector = f"metadata.name={name}"
        version = listed.resource_version
        async for event in client.watch(Pod, "default", resource_version=version, field_selector=selector):
            if holds(event.object):
                return event.object
    raise AssertionError("the watch ended")


def scheduled(one: Pod) -> bool:
    return bool(one.spec.node_name)


def rejected(one: Pod) -> bool:
    return any(row.type == "PodScheduled" and row.status == "False" for row in one.status.conditions or ())


def why(one: Pod) -> str:
    return next(row.message for row in one.status.conditions if row.type == "PodScheduled")


# LimitRange


def limits(name: str, **labels: str) -> LimitRange:
    item = {
        "type": "Container",
        "min": {"cpu": "50m", "memory": "100Mi"},
        "max": {"cpu": "500m", "memory": "500Mi"},
        "default": {"cpu": "500m", "memory": "500Mi"},
        "defaultRequest": {"cpu": "100m", "memory": "200Mi"},
    }
    metadata = {"name": name, "namespace": "default", "labels": labels}
    return msgspec.convert({"metadata": metadata, "spec": {"limits": [item]}}, LimitRange)


async def refused(client: Client, one: Pod) -> bool:
    """Whether the pod may not be."""
    try:
        await create(client, one)
    except StatusError as error:
        assert error.code in (403, 422)
        return True
    return False


async def test_a_limit_range_gives_pods_its_defaults_and_enforces_its_bounds():
    async with cluster() as client:
        await client.create(limits("limits"))
        plain = await create(client, pod("plain"))
        resources = plain.spec.containers[0].resources
        assert resources.requests == {"cpu": "100m", "memory": "200Mi"}
        assert resources.limits == {"cpu": "500m", "memory": "500Mi"}
        partial = await create(client, pod("partial", cpu="300m", memory="150Mi"))
        resources = partial.spec.containers[0].resources
        assert resources.requests == {"cpu": "300m", "memory": "150Mi"}
        assert resources.limits == {"cpu": "500m", "memory": "500Mi"}
        small, large = pod("small", cpu="10m", memory="50Mi"), pod("large", cpu="600m", memory="600Mi")
        assert [await refused(client, one) for one in (small, large)] == [True, True]
        found = await client.get(LimitRange, "limits", "default")
        found.spec.limits[0].min = {"cpu": "9m", "memory": "49Mi"}
        await client.update(found)
        assert [await refused(client, one) for one in (small, large)] == [False, True]
        await client.delete(LimitRange, "limits", "default")
        assert not (await client.list(LimitRange, "default")).items
        assert not await refused(client, large)


async def test_limit_ranges_are_listed_patched_and_deleted_as_a_collection():
    async with cluster() as client:
        for name in ("one", "two"):
            await client.create(limits(name, e2e="test"))
        await client.create(limits("other"))
        listed = await client.list(LimitRange, label_selector="e2e=test")
        assert sorted(found.metadata.name for found in listed.items) == ["one", "two"]
        body = {"metadata": {"labels": {"patched": "true"}}}
        patched = await client.patch(LimitRange, "one", "default", body=body)
        assert patched.metadata.labels == {"e2e": "test", "patched": "true"}
        await client.delete_collection(LimitRange, "default", label_selector="patched=true")
        with pytest.raises(StatusError) as error:
            await client.get(LimitRange, "one", "default")
        assert is_not_found(error.value)
        assert len((await client.list(LimitRange, "default")).items) == 2


# Predicates


async def test_resource_limits_of_pods_are_respected():
    async with cluster(node("a", cpu="1"), node("b", cpu="1")) as client:
        for i in range(2):
            await create(client, pod(f"filler{i}", cpu="700m"))
            await until(client, f"filler{i}", scheduled)
        await create(client, pod("additional", cpu="500m"))
        found = await until(client, "additional", rejected)
        assert why(found).startswith("0/2 nodes are available: 2 Insufficient cpu.")


async def test_a_matching_node_selector_is_respected():
    async with cluster(node("a"), node("b", labels={"e2e": "42"}), node("c")) as client:
        await create(client, pod("p", node_selector={"e2e": "42"}))
        assert (await until(client, "p", scheduled)).spec.node_name == "b"


async def test_a_node_selector_that_matches_nothing_leaves_the_pod_pending():
    async with cluster(node("a"), node("b")) as client:
        await create(client, pod("restricted", node_selector={"label": "nonempty"}))
        found = await until(client, "restricted", rejected)
        assert why(found).startswith("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.")


def on_port(name: str, ip: str) -> Pod:
    one = pod(name, node_selector={"kubernetes.io/hostname": "a"})
    port = ContainerPort(container_port=80, host_port=54322, host_ip=ip or None, protocol="TCP")
    one.spec.containers[0].ports = [port]
    return one


@pytest.mark.parametrize(("first", "second"), [("", "127.0.0.1"), ("127.0.0.1", "0.0.0.0")])
async def test_the_same_host_port_conflicts_when_one_of_the_addresses_is_all_of_them(first, second):
    async with cluster(node("a")) as client:
        await create(client, on_port("pod4", first))
        await until(client, "pod4", scheduled)
        await create(client, on_port("pod5", second))
        found = await until(client, "pod5", rejected)
        assert "1 node(s) didn't have free ports for the requested pod ports" in why(found)


# Preemption


async def priority(client: Client, name: str, value: int) -> None:
    await client.create(PriorityClass(metadata=ObjectMeta(name=name), value=value))


def sized(name: str, amount: str, class_name: str) -> Pod:
    requests = {"scheduling.k8s.io/foo": amount}
    one = pod(name, requests=requests, priority_class_name=class_name, termination_grace_period_seconds=0)
    one.spec.containers[0].resources.limits = requests
    return one


def with_foo(name: str) -> Node:
    return node(name, **{"scheduling.k8s.io/foo": "5"})


async def gone(client: Client, name: str) -> None:
    async with asyncio.timeout(60):
        listed = await client.list(Pod, "default")
        if not any(one.metadata.name == name for one in listed.items):
            return
        async for event in client.watch(Pod, "default", resource_version=listed.resource_version):
            if event.type == "DELETED" and event.object.metadata.name == name:
                return
    raise AssertionError("the watch ended")


@pytest.mark.parametrize("critical", [False, True], ids=["basic preemption", "a critical pod"])
async def test_the_less_important_pod_gives_way(critical):
    async with cluster(with_foo("a"), with_foo("b")) as client:
        for name, value in (("low", 1), ("medium", 100), ("high", 1000)):
            await priority(client, name, value)
        for i, class_name in enumerate(("low", "medium", "medium")):
            await create(client, sized(f"pod{i}", "2" if i < 2 else "3", class_name))
            await until(client, f"pod{i}", scheduled)
        await create(client, sized("pod3", "3", "medium"))
        await until(client, "pod3", scheduled)
        victim_node = (await client.get(Pod, "pod0", "default")).spec.node_name
        wanted = "system-cluster-critical" if critical else "high"
        await create(client, sized("preemptor", "2", wanted))
        found = await until(client, "preemptor", scheduled)
        assert found.spec.node_name == victim_node
        await gone(client, "pod0")
        assert len((await client.list(Pod, "default")).items) == 4


async def test_a_preempted_pod_has_the_disruption_condition():
    async with cluster(with_foo("a")) as client:
        await priority(client, "low", 1)
        await priority(client, "high", 1000)
        victim = sized("victim", "5", "low")
        victim.metadata.finalizers = ["example.com/test-finalizer"]
        await create(client, victim)
        await until(client, "victim", scheduled)
        await create(client, sized("preemptor", "5", "high"))
        found = await until(client, "victim", lambda one: one.metadata.deletion_timestamp is not None)
        condition = next(row for row in found.status.conditions if row.type == "DisruptionTarget")
        assert (condition.status, condition.reason) == ("True", "PreemptionByScheduler")
        await client.patch(Pod, "victim", "default", body={"metadata": {"finalizers": None}})
        await until(client, "preemptor", scheduled)


async def test_priority_classes_can_be_worked_with_by_every_method():
    async with cluster() as client:
        await priority(client, "p1", 1)
        await priority(client, "p2", 2)
        found = await client.get(PriorityClass, "p1")
        for change in ({"value": 7},):
            with pytest.raises(StatusError) as error:
                await client.patch(PriorityClass, "p1", body=change)
            assert error.value.code == 422
            assert "may not be changed in an update." in error.value.message
        updated = await client.update(msgspec.structs.replace(found, description="updated"))
        assert updated.description == "updated"
        assert (await client.patch(PriorityClass, "p2", body={"description": "patched"})).description == "patched"
        names = {one.metadata.name for one in (await client.list(PriorityClass)).items}
        assert {"p1", "p2", "system-node-critical", "system-cluster-critical"} <= names
        await client.delete(PriorityClass, "p1")
        await client.delete_collection(PriorityClass, field_selector="metadata.name=p2")
        names = {one.metadata.name for one in (await client.list(PriorityClass)).items}
        assert not {"p1", "p2"} & names


def replica_set(name: str, replicas: int, amount: str, class_name: str) -> ReplicaSet:
    labels = {"name": name}
    resources = {"requests": {"example.com/fakecpu": amount}, "limits": {"example.com/fakecpu": amount}}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "priorityClassName": class_name,
                "containers": [{"name": "app", "image": "app:1", "resources": resources}],
            },
        },
    }
    return msgspec.convert({"metadata": {"name": name, "namespace": "default"}, "spec": spec}, ReplicaSet)


async def test_replica_sets_go_through_preemption():
    """The most important set takes what it needs from the others, which come back as far as there is room."""
    async with control_plane("replicaset-controller") as world:
        client = world.client
        await register(client, node("a", **{"example.com/fakecpu": "1000"}))
        for i in range(1, 5):
            await priority(client, f"p{i}", i)
        informers = Informers(client)
        async with (
            running("informers", informers.serve),
            running("scheduler", Scheduler(client, informers, clock=world.clock).serve),
        ):

            async def placed() -> dict[str, int]:
                found: dict[str, int] = {}
                for one in await world.list(Pod, "default"):
                    if one.spec.node_name and one.metadata.deletion_timestamp is None:
                        name = one.metadata.labels["name"]
                        found[name] = found.get(name, 0) + 1
                return found

            for i, (replicas, amount) in enumerate(((5, "60"), (4, "70"), (4, "90")), 1):
                await client.create(replica_set(f"rs-pod{i}", replicas, amount, f"p{i}"))
            first = {"rs-pod1": 5, "rs-pod2": 4, "rs-pod3": 4}

            async def all_there() -> bool:
                return await placed() == first

            await world.until(all_there)
            await client.create(replica_set("rs-pod4", 1, "400", "p4"))

            async def gave_way() -> bool:
                found = await placed()
                return found.get("rs-pod4") == 1 and found.get("rs-pod3") == 4 and found.get("rs-pod1", 0) < 5

            await world.until(gave_way)
