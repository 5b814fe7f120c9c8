"""Components of the host as mirror pods: made, told about, healed, kept over restarts, deleted."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.kubelet.components import component
from tests.kubelet.core.harness import NODE, World, condition, world
from tests.support.clock import eventually

from pybernetes.api.core import Node, Pod, PodStatus
from pybernetes.base.observed import End
from pybernetes.client.client import STRATEGIC_MERGE_PATCH
from pybernetes.kubelet.host_component import HostComponent

SPACE = "kube-system"
NAME = f"kube-scheduler-{NODE}"
PID = 4711


@pytest.fixture
async def n(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


def begun(n: World, name: str = "kube-scheduler", **given: Any) -> HostComponent:
    """A component that runs and is up."""
    made = component(name, clock=n.clock, **given)
    made.part.began(PID)
    made.part.up()
    return made


async def shown(n: World, holds: Callable[[Pod], Any] = lambda pod: pod.status.container_statuses) -> Pod:
    """The scheduler's pod once this holds for it."""

    async def look() -> Pod | None:
        found = [pod for pod in (await n.client.list(Pod, SPACE)).items if pod.metadata.name == NAME]
        return found[0] if found and holds(found[0]) else None

    pod: Pod = await eventually(look)
    return pod


def is_ready(pod: Pod) -> bool:
    return condition(pod, "Ready") == "True"


def is_unready(pod: Pod) -> bool:
    return condition(pod, "Ready") == "False"


def container(status: PodStatus) -> Any:
    assert status.container_statuses is not None
    return status.container_statuses[0]


async def test_a_component_is_a_pod_as_kubeadm_would_have_it(n: World) -> None:
    scheduler = begun(n)
    async with n.kubelet_running(components=[scheduler]):
        pod = await shown(n, is_ready)
        node = await n.node()
    meta, spec, status = pod.metadata, pod.spec, pod.status
    assert meta.labels == {"component": "kube-scheduler", "tier": "control-plane"}
    annotations = meta.annotations or {}
    assert annotations["kubernetes.io/config.mirror"] == annotations["kubernetes.io/config.hash"]
    assert annotations["kubernetes.io/config.source"] == "host" and annotations["kubernetes.io/config.seen"]
    owner = (meta.owner_references or [])[0]
    assert (owner.kind, owner.name, owner.uid, owner.controller) == ("Node", NODE, node.metadata.uid, True)
    assert (spec.host_network, spec.node_name) == (True, NODE)
    assert (spec.priority_class_name, spec.priority) == ("system-node-critical", 2000001000)
    assert [(t.key, t.operator, t.effect) for t in spec.tolerations or ()] == [(None, "Exists", "NoExecute")]
    (only,) = spec.containers or ()
    assert (only.name, only.image, only.command) == ("kube-scheduler", "pybernetes:1", ["pybernetes", "server"])
    assert only.resources is None or not only.resources.requests
    assert (status.phase, status.pod_ip, status.host_ip, status.qos_class) == (
        "Running",
        "172.30.0.11",
        "172.30.0.11",
        "BestEffort",
    )
    assert {c.type: c.status for c in status.conditions or ()} == dict.fromkeys(
        ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True"
    )
    found = container(status)
    assert (found.ready, found.started, found.restart_count) == (True, True, 0)
    assert found.container_id == f"pybernetes://{PID}"
    started = scheduler.part.started_at
    assert started is not None
    assert found.state.running.started_at == status.start_time == started.replace(microsecond=0)


async def test_nothing_is_made_before_the_node_is_ready(n: World) -> None:
    n.runtime.network_ready = False
    async with n.kubelet_running(components=[begun(n)]):
        await asyncio.sleep(30)
        assert not (await n.client.list(Pod, SPACE)).items
        n.runtime.network_ready = True
        await shown(n)
        assert next(c.status for c in (await n.node()).status.conditions or () if c.type == "Ready") == "True"


async def test_the_runtime_and_the_pod_loops_never_hear_of_it(n: World) -> None:
    async with n.kubelet_running(components=[begun(n)]) as kubelet:
        await shown(n, is_ready)
        await asyncio.sleep(60)
        assert not n.runtime.sandboxes and not kubelet.pods() and not n.cgroups.removed
        assert [pod.metadata.name for pod in kubelet.host.pods()] == [NAME]


async def test_a_crash_is_told_and_so_is_the_recovery(n: World) -> None:
    scheduler = begun(n)
    async with n.kubelet_running(components=[scheduler]):
        first = await shown(n, is_ready)
        await asyncio.sleep(5)
        scheduler.part.ended(1, "ValueError: x")
        pod = await shown(n, is_unready)
        ended = container(pod.status).state.terminated
        assert (ended.exit_code, ended.reason, ended.message) == (1, "Error", "ValueError: x")
        assert pod.status.phase == "Running"
        await asyncio.sleep(2)
        scheduler.part.began(PID)
        scheduler.part.up()
        pod = await shown(n, is_ready)
    found = container(pod.status)
    assert found.restart_count == 1 and pod.metadata.uid == first.metadata.uid
    assert found.last_state.terminated == ended
    assert ended.finished_at <= found.state.running.started_at
    assert pod.status.start_time == first.status.start_time


async def test_a_health_check_is_asked_at_the_nodes_own_pace(n: World) -> None:
    scheduler, asked, said = begun(n), [], ""

    def health() -> str:
        asked.append(n.clock.monotonic())
        return said

    scheduler.part.health = health
    async with n.kubelet_running(components=[scheduler]):
        await shown(n, is_ready)
        asked.clear()
        await asyncio.sleep(300)
        assert len(asked) <= 31, "no more often than the node looks at itself"
        version = (await shown(n)).metadata.resource_version
        said = "informers not synced"
        pod = await shown(n, is_unready)
        assert container(pod.status).state.running is not None and not container(pod.status).ready
        said = ""
        pod = await shown(n, is_ready)
        assert pod.metadata.resource_version != version
        await asyncio.sleep(60)
        assert (await shown(n)).metadata.resource_version == pod.metadata.resource_version, (
            "nothing new, nothing written"
        )


async def test_what_is_not_ready_after_a_start_is_looked_at_again_soon(n: World) -> None:
    scheduler, said = begun(n), "informers not synced"
    scheduler.part.health = lambda: said
    async with n.kubelet_running(components=[scheduler], node_status_update_seconds=3600):
        await shown(n, is_unready)
        said = ""
        began = n.clock.monotonic()
        await shown(n, is_ready)
        assert n.clock.monotonic() - began < 10


@pytest.mark.parametrize("grace", [0, 30])
async def test_a_deleted_one_comes_back_and_nothing_is_restarted(n: World, grace: int) -> None:
    async with n.kubelet_running(components=[begun(n)]):
        first = await shown(n, is_ready)
        await n.client.delete(Pod, NAME, SPACE, grace_period_seconds=grace)
        again = await shown(n, lambda pod: pod.metadata.uid != first.metadata.uid and is_ready(pod))
    assert container(again.status) == container(first.status)


async def test_the_pod_outlives_its_kubelet_and_a_new_process_is_another_run(n: World) -> None:
    scheduler = begun(n)
    async with n.kubelet_running(components=[scheduler]):
        first = await shown(n, is_ready)
    async with n.kubelet_running(components=[scheduler]):
        await asyncio.sleep(30)
        same = await shown(n, is_ready)
    assert (same.metadata.uid, container(same.status)) == (first.metadata.uid, container(first.status))
    fresh = begun(n)
    fresh.part.began(PID + 1)
    fresh.part.up()
    fresh.last_end = End(pid=PID, started_at=n.clock.now(), finished_at=n.clock.now(), exit_code=137)
    async with n.kubelet_running(components=[fresh]):
        pod = await shown(n, lambda pod: container(pod.status).container_id == f"pybernetes://{PID + 1}")
    found = container(pod.status)
    assert pod.metadata.uid == first.metadata.uid
    assert found.restart_count == 2, "one for the process, one within it"
    assert found.last_state.terminated.exit_code == 137


async def test_a_new_pod_counts_what_the_supervisor_knows(n: World) -> None:
    scheduler = begun(n)
    scheduler.restarts_before = 3
    async with n.kubelet_running(components=[scheduler]):
        assert container((await shown(n)).status).restart_count == 3


async def test_another_command_line_is_another_pod_and_what_is_gone_goes(n: World) -> None:
    async with n.kubelet_running(components=[begun(n), begun(n, "kube-apiserver")]):
        first = await shown(n, is_ready)
    async with n.kubelet_running(components=[begun(n, command=("pybernetes", "server", "--x"))]):
        other = await shown(n, lambda pod: pod.metadata.uid != first.metadata.uid and is_ready(pod))
        assert (other.spec.containers or [])[0].command == ["pybernetes", "server", "--x"]
        await eventually(lambda: names_are(n, [NAME]))
    async with n.kubelet_running():
        await eventually(lambda: names_are(n, []))


async def names_are(n: World, names: list[str]) -> bool:
    return [pod.metadata.name for pod in (await n.client.list(Pod, SPACE)).items] == names


async def test_a_verdict_of_the_node_lifecycle_controller_is_put_right(n: World) -> None:
    async with n.kubelet_running(components=[begun(n)]):
        pod = await shown(n, is_ready)
        patch = {"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "NodeNotReady"}]}}
        await n.client.patch(Pod, NAME, SPACE, body=patch, content_type=STRATEGIC_MERGE_PATCH, subresource="status")
        again = await shown(n, lambda found: is_ready(found) and found.metadata.generation is not None)
        assert again.metadata.uid == pod.metadata.uid


async def test_a_node_that_registers_anew_owns_the_new_pods(n: World) -> None:
    async with n.kubelet_running(components=[begun(n)]):
        pod = await shown(n, is_ready)
        await n.client.delete(Node, NODE)
        await eventually(lambda: registered_anew(n, pod))
        await n.client.delete(Pod, NAME, SPACE, grace_period_seconds=0)  # as the garbage collector does
        fresh = await shown(n, lambda found: found.metadata.uid != pod.metadata.uid and is_ready(found))
        assert (fresh.metadata.owner_references or [])[0].uid == (await n.node()).metadata.uid


async def registered_anew(n: World, pod: Pod) -> bool:
    owner = (pod.metadata.owner_references or [])[0]
    return any(node.metadata.uid != owner.uid for node in (await n.client.list(Node)).items)


async def test_a_run_whose_end_nobody_saw_is_told_as_one_that_the_runtime_finds_gone(n: World) -> None:
    async with n.kubelet_running(components=[begun(n)]):
        first = await shown(n, is_ready)
    await asyncio.sleep(60)
    fresh = begun(n)
    fresh.part.pid = PID + 1
    async with n.kubelet_running(components=[fresh]):
        pod = await shown(n, lambda pod: container(pod.status).container_id == f"pybernetes://{PID + 1}")
    found, ended = container(pod.status), container(pod.status).last_state.terminated
    assert found.restart_count == 1
    assert (ended.exit_code, ended.reason, ended.container_id) == (255, "Unknown", f"pybernetes://{PID}")
    assert ended.started_at == container(first.status).state.running.started_at < ended.finished_at
