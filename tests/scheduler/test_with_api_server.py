"""The scheduler against the real API server in memory."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

from tests.scheduler.test_volumes import claim, with_claim
from tests.support.scheduling import node, pod

from pybernetes.api.core import Event, Node, PersistentVolumeClaim, Pod
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.storage import StorageClass
from pybernetes.api.user import AUTHENTICATED, UserInfo
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.informers import Informers
from pybernetes.scheduler.scheduler import Scheduler
from pybernetes.scheduler.volume_writing import SELECTED_NODE
from pybernetes.testing import ADMIN, api_server


@asynccontextmanager
async def cluster(*nodes: Node):
    async with AsyncExitStack() as stack:
        off = ("ServiceAccount", "TaintNodesByCondition")  # nobody makes accounts or takes taints off here
        server = await stack.enter_async_context(
            api_server(disable_admission=off, authorization_modes=("Node", "RBAC"))
        )
        client = Client(InProcessTransport(server.app, ADMIN))
        own = Client(InProcessTransport(server.app, UserInfo("system:kube-scheduler", groups=(AUTHENTICATED,))))
        for one in nodes:
            one.metadata.uid = None
            await client.create(one)
            await client.update_status(one)
        informers = Informers(own)
        await stack.enter_async_context(running("informers", informers.serve))
        await stack.enter_async_context(running("scheduler", Scheduler(own, informers).serve))
        yield client


async def create(client: Client, one: Pod) -> None:
    one.metadata.uid = None
    await client.create(one)


async def until(client: Client, name: str, condition) -> Pod:
    """The pod once the condition holds."""
    async with asyncio.timeout(60):
        found = await client.get(Pod, name, "default")
        if condition(found):
            return found
        version = found.metadata.resource_version or ""
        selector = f"metadata.name={name}"
        async for event in client.watch(Pod, "default", resource_version=version, field_selector=selector):
            if event.type == "MODIFIED" and condition(event.object):
                return event.object
    raise AssertionError("the watch ended")


async def until_event(client: Client, reason: str) -> Event:
    async with asyncio.timeout(60):
        listed = await client.list(Event, "default")
        for event in listed.items:
            if event.reason == reason:
                return event
        async for change in client.watch(Event, "default", resource_version=listed.resource_version):
            if change.object.reason == reason:
                return change.object
    raise AssertionError("the watch ended")


def condition_of(found: Pod):
    return next((row for row in found.status.conditions or () if row.type == "PodScheduled"), None)


def is_rejected(found: Pod) -> bool:
    condition = condition_of(found)
    return condition is not None and condition.status == "False"


async def test_a_pod_is_bound_with_condition_and_event():
    async with cluster(node("a")) as client:
        await create(client, pod("p", cpu="1"))
        found = await until(client, "p", lambda one: one.spec.node_name)
        assert found.spec.node_name == "a"
        condition = condition_of(found)
        assert condition is not None
        assert condition.status == "True"
        event = await until_event(client, "Scheduled")
        assert event.message == "Successfully assigned default/p to a"


async def test_a_pod_that_fits_nowhere_says_why_and_is_bound_when_there_is_room():
    async with cluster(node("a", cpu="1")) as client:
        await create(client, pod("first", cpu="1"))
        await until(client, "first", lambda one: one.spec.node_name)
        await create(client, pod("second", cpu="1"))
        found = await until(client, "second", is_rejected)
        assert condition_of(found).reason == "Unschedulable"
        assert condition_of(found).message == (
            "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
            "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
        )
        await client.delete(Pod, "first", "default", grace_period_seconds=0)
        found = await until(client, "second", lambda one: one.spec.node_name)
        assert condition_of(found).status == "True"


async def test_preemption_removes_the_less_important_pod():
    async with cluster(node("a", cpu="1")) as client:
        await create(client, pod("low", cpu="1"))
        await until(client, "low", lambda one: one.spec.node_name)
        high = pod("high", cpu="1", priority_class_name="system-cluster-critical", namespace="default")
        await create(client, high)
        found = await until(client, "high", lambda one: one.status.nominated_node_name)
        assert found.status.nominated_node_name == "a"
        event = await until_event(client, "Preempted")
        assert event.involved_object.name == "low"


async def test_a_pod_names_its_node_while_its_volume_is_made_and_is_sent_back_when_that_fails():
    async with cluster(node("a")) as client:
        metadata = ObjectMeta(name="slow")
        waits = StorageClass(metadata=metadata, provisioner="x.example", volume_binding_mode="WaitForFirstConsumer")
        await client.create(waits)
        wanted = claim("data", storage_class="slow")
        wanted.metadata.uid = None
        await client.create(wanted)
        await create(client, with_claim("p", "data"))
        found = await until(client, "p", lambda one: one.status.nominated_node_name)
        assert (found.status.nominated_node_name, found.spec.node_name) == ("a", None)
        async with asyncio.timeout(60):
            async for change in client.watch(PersistentVolumeClaim, "default"):
                if SELECTED_NODE in (change.object.metadata.annotations or {}):
                    break
        taken_back = {"metadata": {"annotations": {SELECTED_NODE: None, "provisioner": "no"}}}
        await client.patch(PersistentVolumeClaim, "data", "default", body=taken_back)
        found = await until(client, "p", is_rejected)
        assert condition_of(found).message.endswith('binding volumes: provisioning failed for PVC "data"')
