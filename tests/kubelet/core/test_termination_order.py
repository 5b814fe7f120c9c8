"""Hooks of an ending pod run together, its containers go in order (KEP-753)."""

from pathlib import Path

from tests.kubelet.builders import container, sidecar
from tests.kubelet.core.harness import node, ready

from pybernetes.api.core import ExecAction, Lifecycle, LifecycleHandler, Pod, Probe


def hooked() -> Lifecycle:
    return Lifecycle(pre_stop=LifecycleHandler(exec=ExecAction(command=["bye"])))


async def stops_after_deletion(
    directory: Path, *, hook_seconds: float, grace: int, stubborn: str = ""
) -> tuple[list[str], list[str], float]:
    """Names in the order of their hooks and of their signals, and how long the pod took to be gone."""
    async with node(directory) as n:
        n.hooks.seconds = hook_seconds
        n.runtime.ignores_stop = {stubborn}
        init = [sidecar("one", lifecycle=hooked()), sidecar("two", lifecycle=hooked())]
        await n.run(container(lifecycle=hooked()), init=init)
        await n.until(ready)
        began = n.clock.monotonic()
        await n.client.delete(Pod, "web", "default", grace_period_seconds=grace)
        await n.until_gone()
        stopped = [name for method, name in n.runtime.calls if method == "stop_container"]
        return [name for name, _ in n.hooks.ran], stopped, n.clock.monotonic() - began


async def test_hooks_run_together_and_signals_come_in_order(tmp_path: Path) -> None:
    hooks, stopped, took = await stops_after_deletion(tmp_path, hook_seconds=10, grace=30)
    assert sorted(hooks) == ["one", "two", "web"]
    assert stopped == ["web", "two", "one"]
    assert 10 <= took < 20, "three hooks of ten seconds, one beside the other"


async def test_a_sidecar_waits_no_longer_than_its_grace_period(tmp_path: Path) -> None:
    _, stopped, took = await stops_after_deletion(tmp_path, hook_seconds=0, grace=20, stubborn="web")
    assert stopped[0] == "web" and sorted(stopped[1:]) == ["one", "two"]
    assert 20 <= took < 30


def ready_names(pod: Pod) -> list[str]:
    return [s.name for s in pod.status.container_statuses or () if s.ready]


async def test_containers_that_have_ended_are_not_ready_while_others_still_end(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.hooks.seconds = 60
        await n.run(container("quick"), container("slow", lifecycle=hooked()), termination_grace_period_seconds=90)
        await n.until(ready)
        await n.client.delete(Pod, "web", "default")
        await n.until(lambda p: ready_names(p) == ["slow"])
        await n.until_gone()
        assert n.clock.monotonic() >= 60


async def test_readiness_probes_go_on_while_a_pod_ends_and_liveness_restarts_nothing(tmp_path: Path) -> None:
    probe = Probe(exec=ExecAction(command=["true"]))
    async with node(tmp_path) as n:
        n.hooks.seconds = 60
        main = container(lifecycle=hooked(), readiness_probe=probe, liveness_probe=probe)
        created = await n.run(main, termination_grace_period_seconds=90)
        uid = created.metadata.uid or ""
        await n.until(lambda p: (uid, "web") in n.probes.probed)
        n.probes.say(uid, "web", "readiness", True)
        await n.until(ready)
        await n.client.delete(Pod, "web", "default")
        await n.until(lambda p: p.metadata.deletion_timestamp is not None)
        n.probes.say(uid, "web", "readiness", False)
        n.probes.say(uid, "web", "liveness", False)
        pod = await n.until(lambda p: not ready(p))
        assert ready_names(pod) == []
        await n.until_gone()
        started = [name for method, name in n.runtime.calls if method == "start_container"]
        assert started == ["web"]
