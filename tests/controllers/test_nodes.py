"""Nodes: ranges of addresses, silence, taints, and what becomes of the pods."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.control_plane import World, control_plane, node, pod

from pybernetes.api.coordination import Lease
from pybernetes.api.core import Node, Pod, Taint, Toleration
from pybernetes.api.status import StatusError
from pybernetes.controllers.node_ipam import RangeSet
from pybernetes.controllers.node_lifecycle.plan import Disruption, disruption, eviction_rate
from pybernetes.controllers.node_lifecycle.zones import Zones
from pybernetes.reconcile.taints import toleration_seconds

LIFECYCLE = ("node-lifecycle-controller", "taint-eviction-controller")


async def taints(world: World, name: str) -> set[tuple[str, str]]:
    found = await world.client.get(Node, name)
    return {(taint.key.removeprefix("node.kubernetes.io/"), taint.effect) for taint in found.spec.taints or ()}


async def renew(world: World, name: str) -> None:
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": name, "renewTime": world.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
    }
    try:
        await world.client.create(lease)
    except StatusError:
        await world.client.patch(Lease, name, "kube-node-lease", body={"spec": lease["spec"]})


async def exists(world: World, name: str) -> bool:
    return name in {found.metadata.name for found in await world.list(Pod)}


async def keep_alive(world: World, name: str) -> None:
    while True:
        await renew(world, name)
        await asyncio.sleep(10)


async def test_silent_node_becomes_unknown_and_is_tainted() -> None:
    async with control_plane(*LIFECYCLE) as world, asyncio.TaskGroup() as group:
        alive = group.create_task(keep_alive(world, "alive"))
        await world.create(node("alive"))
        await world.create(node("dead"))

        async def is_tainted() -> bool:
            return await taints(world, "dead") == {("unreachable", "NoSchedule"), ("unreachable", "NoExecute")}

        await world.until(is_tainted)
        assert 49 <= world.clock.monotonic() <= 55
        found = await world.client.get(Node, "dead")
        ready = next(c for c in found.status.conditions or () if c.type == "Ready")
        assert (ready.status, ready.reason) == ("Unknown", "NodeStatusUnknown")
        assert await taints(world, "alive") == set()
        await asyncio.sleep(200)
        assert await taints(world, "alive") == set()
        alive.cancel()


async def test_node_that_comes_back_loses_its_taints() -> None:
    async with control_plane(*LIFECYCLE) as world, asyncio.TaskGroup() as group:
        alive = group.create_task(keep_alive(world, "alive"))
        await world.create(node("alive"))
        await world.create(node("back"))

        async def is_tainted() -> bool:
            return len(await taints(world, "back")) == 2

        await world.until(is_tainted)
        status = node("back")["status"]
        status["conditions"][0]["lastHeartbeatTime"] = world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        await world.client.patch(Node, "back", body={"status": status}, subresource="status")

        async def is_clean() -> bool:
            return not await taints(world, "back")

        await world.until(is_clean, within_seconds=5)
        alive.cancel()


async def test_pods_of_a_dead_node_are_evicted_when_their_tolerations_end() -> None:
    tolerations = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in ("not-ready", "unreachable")
    ]
    async with control_plane(*LIFECYCLE) as world, asyncio.TaskGroup() as group:
        alive = group.create_task(keep_alive(world, "alive"))
        await world.create(node("alive"))
        await world.create(node("dead"))
        await world.create(pod("p", node="dead", tolerations=tolerations))
        await world.create(pod("forever", node="dead", tolerations=[{"operator": "Exists"}]))

        async def is_deleted() -> bool:
            return (await world.get(Pod, "p")).metadata.deletion_timestamp is not None

        await world.until(is_deleted)
        assert 349 <= world.clock.monotonic() <= 360
        found = await world.get(Pod, "p")
        reasons = {c.type: c.reason for c in found.status.conditions or ()}
        assert reasons["DisruptionTarget"] == "DeletionByTaintManager"
        assert (await world.get(Pod, "forever")).metadata.deletion_timestamp is None
        assert "TaintManagerEviction" in await world.reasons()
        alive.cancel()


async def test_cordoned_node_is_tainted_and_uncordoned_again() -> None:
    async with control_plane("node-lifecycle-controller") as world:
        await world.create(node("n1"))
        await world.client.patch(Node, "n1", body={"spec": {"unschedulable": True}})

        async def has(wanted: set[Any]) -> bool:
            return await taints(world, "n1") == wanted

        await world.until(lambda: has({("unschedulable", "NoSchedule")}))
        await world.client.patch(Node, "n1", body={"spec": {"unschedulable": None}})
        await world.until(lambda: has(set()))


async def test_every_node_gets_a_range_of_its_own() -> None:
    async with control_plane("node-ipam-controller", cluster_cidrs=("10.244.0.0/22",)) as world:
        for number in range(3):
            await world.create(node(f"n{number}"))

        async def ranges() -> list[str]:
            return [found.spec.pod_cidr or "" for found in await world.list(Node)]

        async def have_all() -> bool:
            return all(await ranges())

        await world.until(have_all)
        assert sorted(await ranges()) == ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]


async def test_a_node_gets_a_range_of_each_family_or_none() -> None:
    cidrs = ("10.244.0.0/22", "fd00:10:244::/63")
    async with control_plane("node-ipam-controller", cluster_cidrs=cidrs) as world:
        for number in range(2):
            await world.create(node(f"n{number}"))

        async def ranges() -> list[tuple[str, ...]]:
            return sorted(tuple(found.spec.pod_cidrs or ()) for found in await world.list(Node))

        async def have_all() -> bool:
            return all(await ranges())

        await world.until(have_all)
        expected = [("10.244.0.0/24", "fd00:10:244::/64"), ("10.244.1.0/24", "fd00:10:244:1::/64")]
        assert await ranges() == expected
        await world.create(node("late"))

        async def is_told() -> bool:
            return "CIDRNotAvailable" in await world.reasons()

        await world.until(is_told)
        assert await ranges() == [(), *expected]


async def test_range_of_a_deleted_node_is_used_again() -> None:
    async with control_plane("node-ipam-controller", cluster_cidrs=("10.244.0.0/24",)) as world:

        async def has_range(name: str) -> bool:
            return (await world.client.get(Node, name)).spec.pod_cidr == "10.244.0.0/24"

        await world.create(node("a"))
        await world.until(lambda: has_range("a"))
        await world.create(node("b"))

        async def is_told() -> bool:
            return "CIDRNotAvailable" in await world.reasons()

        await world.until(is_told)
        await world.client.delete(Node, "a")
        await world.until(lambda: has_range("b"))


async def test_pods_of_a_node_that_is_gone_are_removed() -> None:
    async with control_plane("pod-garbage-collector-controller") as world:
        await world.create(node("n1"))
        await world.create(pod("p", node="n1"))
        await world.client.delete(Node, "n1")

        async def is_gone() -> bool:
            return not await exists(world, "p")

        await world.until(is_gone)
        assert world.clock.monotonic() >= 40


async def test_terminated_pods_beyond_the_threshold_are_removed() -> None:
    async with control_plane("pod-garbage-collector-controller", terminated_pod_gc_threshold=2) as world:
        await world.create(node("n1"))
        for number in range(4):
            await world.create(pod(f"p{number}", node="n1"))
            await world.report(await world.get(Pod, f"p{number}"), "Succeeded", exit_code=0)
            await asyncio.sleep(2)

        async def has_two() -> bool:
            return {found.metadata.name for found in await world.list(Pod)} == {"p2", "p3"}

        await world.until(has_two)


UNREACHABLE = Taint(key="node.kubernetes.io/unreachable", effect="NoExecute")
OTHER = Taint(key="maintenance", value="now", effect="NoExecute")


@pytest.mark.parametrize(
    ("taints", "tolerations", "seconds"),
    [
        ([UNREACHABLE], [], 0.0),
        ([UNREACHABLE], [Toleration(operator="Exists")], None),
        ([UNREACHABLE], [Toleration(key=UNREACHABLE.key, operator="Exists", toleration_seconds=300)], 300.0),
        ([UNREACHABLE, OTHER], [Toleration(key=UNREACHABLE.key, operator="Exists", toleration_seconds=300)], 0.0),
        (
            [UNREACHABLE, OTHER],
            [
                Toleration(key=UNREACHABLE.key, operator="Exists", toleration_seconds=300),
                Toleration(key="maintenance", value="now", toleration_seconds=20),
            ],
            20.0,
        ),
        ([OTHER], [Toleration(key="maintenance", value="later")], 0.0),
        ([OTHER], [Toleration(key="maintenance", value="now", effect="NoSchedule")], 0.0),
        ([UNREACHABLE], [Toleration(operator="Exists", toleration_seconds=-5)], 0.0),
    ],
)
def test_how_long_a_pod_may_stay(taints: Any, tolerations: Any, seconds: float | None) -> None:
    assert toleration_seconds(taints, tolerations) == seconds


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (["True", "True"], Disruption.NORMAL),
        (["Unknown", "True"], Disruption.NORMAL),
        (["Unknown"] * 3 + ["True"], Disruption.PARTIAL),
        (["Unknown", "False"], Disruption.FULL),
        ([], Disruption.NORMAL),
    ],
)
def test_state_of_a_zone(statuses: list[str], state: Disruption) -> None:
    assert disruption(len(statuses), sum(status != "True" for status in statuses)) is state


def test_nothing_is_evicted_when_every_zone_is_down() -> None:
    assert eviction_rate(Disruption.FULL, [Disruption.FULL, Disruption.FULL], 3, 0.1) == 0.0
    assert eviction_rate(Disruption.FULL, [Disruption.FULL, Disruption.NORMAL], 3, 0.1) == 0.1


def test_ranges_are_handed_out_in_a_circle_and_never_twice() -> None:
    ranges = RangeSet("10.0.0.0/30", 31)
    assert (ranges.allocate(), ranges.allocate(), ranges.allocate()) == ("10.0.0.0/31", "10.0.0.2/31", None)
    ranges.release("10.0.0.0/31")
    assert ranges.allocate() == "10.0.0.0/31"


def test_ranges_in_use_are_learned_from_nodes() -> None:
    ranges = RangeSet("10.0.0.0/22", 24)
    ranges.occupy("10.0.0.0/23")
    assert ranges.allocate() == "10.0.2.0/24"


async def test_no_node_is_evicted_once_all_are_silent() -> None:
    async with control_plane(*LIFECYCLE) as world:
        for name in ("first", "second"):
            await world.create(node(name))
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(keep_alive(world, "second"))

            async def is_evicted(name: str, expected: bool) -> bool:
                return (("unreachable", "NoExecute") in await taints(world, name)) is expected

            await world.until(lambda: is_evicted("first", True))
            beating.cancel()

        async def is_silent() -> bool:
            return ("unreachable", "NoSchedule") in await taints(world, "second")

        await world.until(is_silent)
        # The first is let off again, and neither is evicted: the fault is taken to be ours.
        await world.until(lambda: is_evicted("first", False))
        await asyncio.sleep(300)
        assert await is_evicted("first", False) and await is_evicted("second", False)
        await renew(world, "second")
        conditions = [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T01:00:00Z"}]
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(keep_alive(world, "second"))
            await world.client.patch(Node, "second", body={"status": {"conditions": conditions}}, subresource="status")
            await world.until(lambda: is_evicted("first", True))
            beating.cancel()


async def test_pod_stuck_on_a_node_out_of_service_is_removed() -> None:
    async with control_plane("pod-garbage-collector-controller") as world:
        await world.create(node("n1", ready="False"))
        await world.create(pod("stuck", node="n1"))
        await world.create(pod("stays", node="n1"))
        await world.client.delete(Pod, "stuck", "default")
        await asyncio.sleep(100)
        assert await exists(world, "stuck")
        taint = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
        await world.client.patch(Node, "n1", body={"spec": {"taints": [taint]}})

        async def is_gone() -> bool:
            return not await exists(world, "stuck")

        await world.until(is_gone)
        assert await exists(world, "stays")


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdefghijk"), st.sampled_from(["z1", "z2", "z3", ""]), st.sampled_from([None, 0, 1])
        )
    )
)
def test_zones_counted_step_by_step_are_zones_counted_anew(steps: list[tuple[str, str, int | None]]) -> None:
    zones = Zones()
    nodes: dict[str, tuple[str, int]] = {}
    for name, zone, ready in steps:
        before = zones.states()
        if ready is None:
            nodes.pop(name, None)
            changed = zones.remove(name)
        else:
            nodes[name] = (zone, ready)
            changed = zones.put(name, zone, is_ready=bool(ready))
        statuses: dict[str, list[int]] = {}
        for where, is_ready in nodes.values():
            statuses.setdefault(where, []).append(is_ready)
        assert zones.states() == {where: disruption(len(r), r.count(0)) for where, r in statuses.items()}
        assert changed == (zones.states() != before)
        assert set(zones.not_ready) == {name for name, (_, is_ready) in nodes.items() if not is_ready}
        assert all(zones.size(where) == len(found) for where, found in statuses.items())


@pytest.mark.parametrize(
    ("size", "not_ready", "others", "seconds", "tainted"),
    [
        (10, 3, 5, 15, 2),  # a zone that fares well: one node in ten seconds
        (10, 3, 5, 35, 3),
        (10, 6, 5, 1000, 1),  # a small zone of which much is not ready: none after the first, which was alone
        (60, 36, 5, 350, 5),  # a large one: one node in a hundred seconds
        (5, 5, 5, 35, 4),  # a zone that is down while others are not: as fast as ever
    ],
    ids=["normal", "normal, later", "small and partly down", "large and partly down", "down"],
)
async def test_how_fast_the_nodes_of_a_zone_are_evicted(
    size: int, not_ready: int, others: int, seconds: int, tainted: int
) -> None:
    zone = "topology.kubernetes.io/zone"
    async with control_plane("node-lifecycle-controller", node_monitor_grace_period_seconds=1e6) as world:
        for n in range(others):
            await world.create(node(f"other-{n}", labels={zone: "b"}))
        # All are ready at first: a zone is judged by what is known of it, not by the first node seen.
        for n in range(size):
            await world.create(node(f"n-{n:02}", labels={zone: "a"}))
        await asyncio.sleep(1)
        began = world.clock.monotonic()
        for n in range(not_ready):
            ready = {"type": "Ready", "status": "False", "reason": "KubeletNotReady"}
            body = {"status": {"conditions": [ready]}}
            await world.client.patch(Node, f"n-{n:02}", body=body, subresource="status")

        async def evicted() -> int:
            found = await world.list(Node)
            return sum(any(taint.effect == "NoExecute" for taint in one.spec.taints or ()) for one in found)

        assert world.clock.monotonic() == began
        await asyncio.sleep(seconds)
        assert await evicted() == tainted
