"""ReplicaSets: the wanted number, whom to delete first, adoption and release."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.support.clock import START
from tests.support.control_plane import control_plane, pod, replica_set

from pybernetes.api.apps import ReplicaSet
from pybernetes.api.core import Pod, PodCondition, PodSpec, PodStatus
from pybernetes.api.meta import ObjectMeta
from pybernetes.base.http.message import Request
from pybernetes.reconcile.pods import DELETION_COST
from pybernetes.reconcile.replicas import plan

ONLY = ("replicaset-controller",)


def make(
    name: str,
    *,
    node: str = "n",
    phase: str = "Running",
    ready_for: float | None = 100,
    cost: str = "",
    age: float = 1000,
) -> Pod:
    conditions = []
    if ready_for is not None:
        since = START - timedelta(seconds=ready_for)
        conditions = [PodCondition(type="Ready", status="True", last_transition_time=since)]
    return Pod(
        metadata=ObjectMeta(
            name=name,
            uid=name,
            creation_timestamp=START - timedelta(seconds=age),
            annotations={DELETION_COST: cost} if cost else None,
        ),
        spec=PodSpec(node_name=node or None),
        status=PodStatus(phase=phase, conditions=conditions),
    )


@pytest.mark.parametrize(
    ("goes", "stays"),
    [
        (
            make("unscheduled", node="", phase="Pending", ready_for=None),
            make("scheduled", phase="Pending", ready_for=None),
        ),
        (make("pending", phase="Pending", ready_for=None), make("running", ready_for=None)),
        (make("not-ready", ready_for=None), make("ready")),
        (make("cheap", cost="-5"), make("dear", cost="5")),
        (make("ready-shortly", ready_for=5), make("ready-long", ready_for=900)),
        (make("young", age=10), make("old", age=5000)),
    ],
    ids=lambda found: found.metadata.name,
)
def test_least_useful_pod_is_deleted_first(goes: Pod, stays: Pod) -> None:
    for order in ([goes, stays], [stays, goes]):
        assert plan(1, order, order, START).delete == (goes,)


def test_pod_on_the_fuller_node_is_deleted_first() -> None:
    crowded = [make("a", node="full"), make("b", node="full")]
    lonely = make("c", node="empty")
    assert plan(2, [lonely, *crowded], [lonely, *crowded], START).delete[0] in crowded


def test_creations_are_bounded_per_run() -> None:
    assert plan(2000, [], [], START).create == 500


async def test_deleted_pod_is_replaced() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(replica_set("web", 2))
        await world.until(lambda: ready(world, 2))
        victim = (await world.list(Pod))[0]
        await world.client.delete(Pod, victim.metadata.name or "", "default")

        async def replaced() -> bool:
            names = {found.metadata.name for found in await world.list(Pod)}
            return len(names) == 2 and victim.metadata.name not in names

        await world.until(replaced)


async def ready(world: Any, count: int, name: str = "web") -> bool:
    return (await world.get(ReplicaSet, name)).status.ready_replicas == count


async def test_matching_orphan_is_adopted_and_counted() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(pod("orphan", labels={"app": "web"}))
        await world.create(replica_set("web", 1))

        async def adopted() -> bool:
            references = (await world.get(Pod, "orphan")).metadata.owner_references or []
            return [reference.name for reference in references] == ["web"]

        await world.until(adopted)
        assert len(await world.list(Pod)) == 1


async def test_pod_that_loses_the_label_is_released_and_replaced() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(replica_set("web", 1))

        async def has_pods(count: int) -> bool:
            return len(await world.list(Pod)) == count

        await world.until(lambda: has_pods(1))
        first = (await world.list(Pod))[0]
        await world.client.patch(
            Pod, first.metadata.name or "", "default", body={"metadata": {"labels": {"app": None}}}
        )
        await world.until(lambda: has_pods(2))
        assert not (await world.get(Pod, first.metadata.name or "")).metadata.owner_references


async def test_refused_creation_is_reported_and_not_hammered() -> None:
    async with control_plane(*ONLY) as world:
        attempts: list[str] = []

        def refuse(request: Request) -> bool:
            is_creation = request.method == "POST" and request.path.endswith("/pods")
            if is_creation:
                attempts.append(request.path)
            return is_creation

        world.refuse = refuse
        await world.create(replica_set("web", 50))

        async def failed() -> bool:
            conditions = (await world.get(ReplicaSet, "web")).status.conditions or []
            return [(c.type, c.reason) for c in conditions] == [("ReplicaFailure", "FailedCreate")]

        await world.until(failed)
        await asyncio.sleep(60)
        assert len(attempts) < 20
        world.refuse = lambda request: False

        async def has_all() -> bool:
            status = (await world.get(ReplicaSet, "web")).status
            return status.replicas == 50 and not status.conditions

        await world.until(has_all)


async def test_status_counts_what_there_is() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(replica_set("web", 3))
        await world.until(lambda: ready(world, 3))
        status = (await world.get(ReplicaSet, "web")).status
        assert (status.replicas, status.fully_labeled_replicas, status.available_replicas) == (3, 3, 3)
        assert status.observed_generation == 1
