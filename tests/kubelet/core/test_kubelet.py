"""Pods on a node, from binding to the end, on the in-memory runtime."""

import itertools
from pathlib import Path

from tests.kubelet.builders import container, sidecar
from tests.kubelet.core.harness import node, phase, ready, status, waiting

from pybernetes.api.core import Pod


async def test_bound_pod_becomes_running_and_ready(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run()
        pod = await n.until(ready)
        assert pod.status.phase == "Running"
        assert pod.status.pod_ip == "10.244.0.2" and pod.status.host_ip == "172.30.0.11"
        assert status(pod).state.running is not None and status(pod).ready and status(pod).started
        assert (status(pod).container_id or "").startswith("fake://container")
        assert pod.status.qos_class == "BestEffort" and pod.status.start_time is not None
        types = [c.type for c in pod.status.conditions or ()]
        assert sorted(types) == ["ContainersReady", "Initialized", "PodReadyToStartContainers", "PodScheduled", "Ready"]


async def test_events_of_a_start_tell_the_story(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run()
        await n.until(ready)
        message = 'Container image "localhost/busybox:1" already present on machine and can be accessed by the pod'
        assert await n.events() == [
            ("Normal", "Pulled", message),
            ("Normal", "Created", "Container created"),
            ("Normal", "Started", "Container started"),
        ]


async def test_deleted_pod_is_stopped_and_leaves_nothing(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        created = await n.run()
        await n.until(ready)
        await n.client.delete(Pod, "web", "default", grace_period_seconds=5)
        await n.until_gone()
        await n.until_swept()
        uid = created.metadata.uid
        assert n.runtime.containers == {} and n.runtime.sandboxes == {}
        assert n.volumes.unmounted == [uid] and n.cgroups.removed == [uid]
        assert n.kubelet.pods() == [] and list((tmp_path / "pods").iterdir()) == []
        assert ("Normal", "Killing", "Stopping container web") in await n.events()


async def test_stubborn_container_gets_its_whole_grace_period(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run()
        await n.until(ready)
        n.runtime.ignores_stop.add("web")
        before = n.clock.monotonic()
        await n.client.delete(Pod, "web", "default", grace_period_seconds=20)
        await n.until_gone()
        assert 20 <= n.clock.monotonic() - before < 21


async def test_shortened_grace_period_wins(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run()
        await n.until(ready)
        n.runtime.ignores_stop.add("web")
        before = n.clock.monotonic()
        await n.client.delete(Pod, "web", "default", grace_period_seconds=600)
        await n.until(lambda p: p.metadata.deletion_timestamp is not None)
        await n.client.delete(Pod, "web", "default", grace_period_seconds=3)
        await n.until_gone()
        assert n.clock.monotonic() - before < 5


async def test_ended_process_is_restarted_and_counted(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run()
        await n.until(ready)
        n.runtime.finish(n.runtime.container("web").id, 3)
        pod = await n.until(lambda p: status(p).restart_count == 1 and ready(p))
        ended = status(pod).last_state.terminated
        assert ended is not None and (ended.exit_code, ended.reason) == (3, "Error")


async def test_oom_killed_container_says_so(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run()
        await n.until(ready)
        n.runtime.oom(n.runtime.container("web").id)
        pod = await n.until(lambda p: status(p).restart_count == 1)
        ended = status(pod).last_state.terminated
        assert ended is not None and (ended.exit_code, ended.reason) == (137, "OOMKilled")


async def test_crash_loop_backs_off_from_ten_seconds_to_five_minutes(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.exits["web"] = [1] * 9
        await n.run()
        starts: list[float] = []
        for restarts in range(9):
            await n.until(
                lambda p, r=restarts: p.status.container_statuses and status(p).restart_count >= r, seconds=400
            )
            starts.append(n.clock.monotonic())
        gaps = [round(b - a, -1) for a, b in itertools.pairwise(starts)]
        assert gaps[1:] == [10, 20, 40, 80, 160, 300, 300]
        pod = await n.until(lambda p: waiting(p) == "CrashLoopBackOff")
        message = status(pod).state.waiting.message or ""  # type: ignore[union-attr]
        assert message.startswith("back-off 5m0s restarting failed container=web pod=web_default(")
        back_offs = [e for e in await n.events() if e[1] == "BackOff"]
        assert (
            back_offs[0][0] == "Warning"
            and "Back-off restarting failed container web in pod web_default(" in back_offs[0][2]
        )


async def test_pod_that_ends_well_has_succeeded(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.exits["web"] = [0]
        created = await n.run(restart_policy="Never")
        pod = await n.until(phase("Succeeded"))
        ended = status(pod).state.terminated
        assert ended is not None and (ended.exit_code, ended.reason) == (0, "Completed")
        assert [c.reason for c in pod.status.conditions or () if c.type == "Ready"] == ["PodCompleted"]
        await n.until(lambda p: created.metadata.uid in n.volumes.unmounted)
        assert len(n.runtime.containers) == 1, "its logs stay readable"
        await n.client.delete(Pod, "web", "default")
        await n.until_gone()
        await n.until_swept()
        assert n.runtime.containers == {}


async def test_pod_that_ends_badly_has_failed(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.exits["web"] = [2]
        await n.run(restart_policy="Never")
        pod = await n.until(phase("Failed"))
        assert [c.reason for c in pod.status.conditions or () if c.type == "Ready"] == ["PodFailed"]


async def test_init_containers_then_sidecar_then_main(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.exits["setup"] = [0]
        await n.run(init=[container("setup"), sidecar("proxy")])
        pod = await n.until(ready)
        order = [name for method, name in n.runtime.calls if method == "start_container"]
        assert order == ["setup", "proxy", "web"]
        assert [s.name for s in pod.status.init_container_statuses or () if s.ready] == ["setup", "proxy"]
        await n.client.delete(Pod, "web", "default", grace_period_seconds=10)
        await n.until_gone()
        assert [name for method, name in n.runtime.calls if method == "stop_container"] == ["web", "proxy"]


async def test_waiting_pod_says_pod_initializing(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(init=[container("setup")])
        pod = await n.until(lambda p: p.status.init_container_statuses and status(p, "setup").state.running)
        assert pod.status.phase == "Pending" and waiting(pod) == "PodInitializing"
        initialized = next(c for c in pod.status.conditions or () if c.type == "Initialized")
        assert initialized.message == "containers with incomplete status: [setup]"


async def test_lost_sandbox_is_made_again(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run()
        first = await n.until(ready)
        n.runtime.kill_sandbox(next(iter(n.runtime.sandboxes)))
        pod = await n.until(lambda p: ready(p) and p.status.pod_ip != first.status.pod_ip)
        assert status(pod).restart_count == 1
        message = "Pod sandbox changed, it will be killed and re-created."
        assert ("Normal", "SandboxChanged", message) in await n.events()
        assert [entry.ip for entry in pod.status.pod_ips or ()] == [pod.status.pod_ip]


async def test_active_deadline_fails_the_pod(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(active_deadline_seconds=30)
        await n.until(ready)
        pod = await n.until(phase("Failed"))
        assert pod.status.reason == "DeadlineExceeded"
        assert pod.status.message == "Pod was active on the node longer than the specified deadline"
        assert 29 <= n.clock.monotonic() < 40


async def test_evicted_pod_fails_with_the_reason(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        created = await n.run()
        await n.until(ready)
        assert n.kubelet.evict(created.metadata.uid or "", "Evicted", "The node was low on resource: memory.", 1)
        pod = await n.until(lambda p: p.status.phase == "Failed" and status(p).state.terminated)
        assert (pod.status.reason, pod.status.message) == ("Evicted", "The node was low on resource: memory.")
        told = next(c for c in pod.status.conditions or () if c.type == "DisruptionTarget")
        assert (told.status, told.reason) == ("True", "TerminationByKubelet")
        assert told.message == "The node was low on resource: memory."


async def test_pod_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    from pybernetes.api.core import ResourceRequirements

    async with node(tmp_path) as n:
        await n.run(container(resources=ResourceRequirements(requests={"cpu": "3"})))
        pod = await n.until(phase("Failed"))
        assert pod.status.reason == "OutOfcpu"
        assert pod.status.message == (
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000"
        )
        assert n.runtime.sandboxes == {}
        await n.clock.sleep(100)
        found = await n.pod()
        assert found.status.container_statuses is None, "so that clients show the reason: OutOfcpu"


async def test_force_deleted_pod_is_still_ended(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run()
        await n.until(ready)
        await n.client.delete(Pod, "web", "default", grace_period_seconds=0)
        await n.until_gone()
        await n.until_swept()
        assert n.runtime.containers == {} and n.runtime.sandboxes == {}


async def test_a_critical_pod_starts_once_others_have_made_room(tmp_path: Path) -> None:
    from pybernetes.api.core import ResourceRequirements

    async with node(tmp_path) as n:
        n.runtime.ignores_stop = {"web"}
        asks = ResourceRequirements(requests={"cpu": "1500m"})
        await n.run(container(resources=asks), termination_grace_period_seconds=7)
        await n.run(name="small")
        await n.until(ready)
        await n.until(ready, "small")
        await n.run(
            container("agent", resources=asks),
            name="critical",
            priority_class_name="system-node-critical",
            priority=2_000_001_000,
        )
        began = n.clock.monotonic()
        await n.until(ready, "critical")
        assert 7 <= n.clock.monotonic() - began < 20, "the victim has its grace period"
        ended = await n.until(phase("Failed"))
        message = "Preempted in order to admit critical pod"
        assert (ended.status.reason, ended.status.message) == ("Preempting", message)
        told = next(c for c in ended.status.conditions or () if c.type == "DisruptionTarget")
        assert told.message == "Pod was preempted by Kubelet to accommodate a critical pod."
        assert ("Warning", "Preempting", message) in await n.events()
        assert ready(await n.pod("small"))
