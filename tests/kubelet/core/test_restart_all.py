"""RestartAllContainers (KEP-5532): one container's exit code makes the whole pod begin anew in its sandbox."""

from pathlib import Path
from typing import Any

from tests.kubelet.builders import container, sidecar
from tests.kubelet.core.harness import condition, node, ready, status, world

from pybernetes.api.core import (
    Container,
    ContainerRestartRule,
    ContainerRestartRuleOnExitCodes,
    ExecAction,
    Lifecycle,
    LifecycleHandler,
    Pod,
)

NAMES = ("setup", "proxy", "source", "web")


def source(**fields: Any) -> Container:
    codes = ContainerRestartRuleOnExitCodes(operator="In", values=[42])
    rule = ContainerRestartRule(action="RestartAllContainers", exit_codes=codes)
    return container("source", restart_policy="Never", restart_policy_rules=[rule], **fields)


def restarted(pod: Pod) -> bool:
    return ready(pod) and all(status(pod, name).restart_count == 1 for name in NAMES)


def id_of(pod: Pod, name: str) -> str:
    return (status(pod, name).container_id or "").partition("://")[2]


async def test_every_container_begins_anew_in_the_same_sandbox(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.exits["setup"] = [0, 0]
        bye = Lifecycle(pre_stop=LifecycleHandler(exec=ExecAction(command=["bye"])))
        init = [container("setup"), sidecar("proxy")]
        await n.run(source(), container(lifecycle=bye), init=init, restart_policy="Never")
        before = await n.until(ready)
        assert condition(before, "AllContainersRestarting") == "False"
        n.runtime.finish(id_of(before, "source"), 42)
        after = await n.until(restarted)
        assert after.status.pod_ip == before.status.pod_ip and len(n.runtime.sandboxes) == 1
        started = [name for method, name in n.runtime.calls if method == "start_container"]
        assert started == ["setup", "proxy", "source", "web"] * 2
        assert n.hooks.ran == [], "preStop hooks do not run"
        for name in NAMES:
            last = status(after, name).last_state.terminated
            assert last is not None and (last.reason, last.exit_code) == ("RestartingAllContainers", 137)
            assert last.message == "The container is removed because RestartAllContainers in place"
        assert condition(after, "AllContainersRestarting") == "False"
        assert condition(after, "Initialized") == "True" and after.status.phase == "Running"
        assert len(n.runtime.containers) == len(NAMES), "the runs of before are removed"


async def test_the_source_goes_last_and_other_exits_are_as_ever(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(source(), container("web"), restart_policy="Never")
        before = await n.until(ready)
        n.runtime.finish(id_of(before, "source"), 1)
        await n.until(lambda p: status(p, "source").state.terminated)
        n.runtime.finish(id_of(before, "web"), 0)
        pod = await n.until(lambda p: p.status.phase == "Failed")
        found = next(c for c in pod.status.conditions or () if c.type == "AllContainersRestarting")
        assert (found.status, found.reason) == ("False", "PodFailed")


async def test_a_restart_that_was_cut_short_is_finished_by_the_next_kubelet(tmp_path: Path) -> None:
    async with world(tmp_path) as n:
        async with n.kubelet_running():
            await n.run(source(), container("web"), container("setup"), container("proxy"), restart_policy="Never")
            before = await n.until(ready)
            n.runtime.ignores_stop = {"web"}
            n.runtime.finish(id_of(before, "source"), 42)
            during = await n.until(lambda p: condition(p, "AllContainersRestarting") == "True")
            told = next(c for c in during.status.conditions or () if c.type == "AllContainersRestarting")
            assert told.reason == "RestartAllContainersStarted"
            assert told.message == "container exited with restart policy rule"
            assert during.status.phase == "Running"
        n.runtime.ignores_stop = set()
        async with n.kubelet_running():
            await n.until(restarted)


async def test_an_ephemeral_container_does_not_come_back(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(source(), container("web"), container("setup"), container("proxy"), restart_policy="Never")
        before = await n.until(ready)
        body = {"spec": {"ephemeralContainers": [{"name": "shell", "image": "localhost/busybox:1"}]}}
        await n.client.patch(
            Pod,
            "web",
            "default",
            body=body,
            content_type="application/strategic-merge-patch+json",
            subresource="ephemeralcontainers",
        )
        seen = await n.until(lambda p: any(s.state.running for s in p.status.ephemeral_container_statuses or ()))
        assert [s.started for s in seen.status.ephemeral_container_statuses or ()] == [None]
        n.runtime.finish(id_of(before, "source"), 42)
        after = await n.until(restarted)
        assert [s.state.running for s in after.status.ephemeral_container_statuses or ()] == [None]


async def test_a_source_that_ends_at_once_waits_for_the_first_start_of_the_others(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.exits["setup"] = [0, 0]
        n.runtime.exits["source"] = [42]
        init = [container("setup"), sidecar("proxy")]
        await n.run(source(), container("web"), init=init, restart_policy="Never")
        await n.until(restarted)
        started = [name for method, name in n.runtime.calls if method == "start_container"]
        assert started == ["setup", "proxy", "source", "web"] * 2


async def test_it_does_not_wait_for_a_container_that_cannot_be_started(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.exits["source"] = [42]
        await n.run(source(), container("web", image="reg.test/none:1"), restart_policy="Never")
        pod = await n.until(lambda p: p.status.container_statuses and status(p, "source").restart_count == 1)
        assert status(pod, "web").restart_count == 0


async def test_an_init_container_begins_what_is_before_it_anew(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        n.runtime.exits["setup"] = [0, 0]
        n.runtime.exits["source"] = [42, 0]
        await n.run(container("web"), init=[sidecar("proxy"), container("setup"), source()], restart_policy="Never")
        pod = await n.until(ready)
        assert [status(pod, name).restart_count for name in ("proxy", "setup", "source", "web")] == [1, 1, 1, 0]
