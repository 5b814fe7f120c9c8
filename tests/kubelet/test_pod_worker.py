"""What a pod needs next, in every situation of its life."""

from typing import Any

import msgspec
import pytest
from tests.kubelet.builders import NOW, after, container, pod, run, running_on, sandbox, sidecar

from pybernetes.api.core import (
    ContainerRestartRule,
    ContainerRestartRuleOnExitCodes,
    ContainerState,
    ContainerStateWaiting,
    ContainerStatus,
    EphemeralContainer,
    PodStatus,
)
from pybernetes.kubelet.pod_runtime import PodRuntime
from pybernetes.kubelet.pod_worker import (
    START,
    CreateSandbox,
    KillContainer,
    Plan,
    ProbeFailure,
    Situation,
    StartContainer,
    StartError,
    StopSandbox,
    Termination,
    Waiting,
    back_off_key,
    decide,
)
from pybernetes.kubelet.restart_back_off import RestartBackOff
from pybernetes.kubelet.restart_policy import spec_hash

EMPTY = PodRuntime()


def plan(a_pod: Any, runtime: PodRuntime = EMPTY, **more: Any) -> Plan:
    more.setdefault("back_off", RestartBackOff())
    more.setdefault("now", NOW)
    situation = Situation(pod=a_pod, runtime=runtime, **more)
    first = decide(situation)
    again = decide(situation)
    assert (first.actions, first.waiting) == (again.actions, again.waiting), "a decision must not depend on memory"
    return first


def starts(found: Plan) -> list[str]:
    return [a.name for a in found.actions if isinstance(a, StartContainer)]


def kills(found: Plan) -> list[str]:
    return [a.name for a in found.actions if isinstance(a, KillContainer)]


# The sandbox.


def test_new_pod_begins_with_a_sandbox() -> None:
    assert plan(pod()).actions == [CreateSandbox(0)]


def test_only_one_start_at_a_time() -> None:
    assert plan(pod(), busy=frozenset({START})).actions == []
    assert plan(pod(), running_on(), busy=frozenset({START})).actions == []


def test_failed_sandbox_waits_until_its_next_try() -> None:
    error = StartError(reason="", message="no", retry_at=after(5))
    found = plan(pod(), start_errors={"": error})
    assert (found.actions, found.look_again) == ([], after(5))
    assert plan(pod(), start_errors={"": error}, now=after(5)).actions == [CreateSandbox(0)]


@pytest.mark.parametrize(
    "dead",
    [
        pytest.param(sandbox(ready=False), id="not ready"),
        pytest.param(sandbox(ip=""), id="no address"),
        pytest.param(sandbox(on_host_network=True), id="other network"),
    ],
)
def test_unusable_sandbox_is_replaced_by_the_next_attempt(dead: Any) -> None:
    found = plan(pod(), running_on(run(state="exited", exit_code=137), sandboxes=[dead]))
    assert found.actions == [CreateSandbox(1, ("s1",))]


def test_containers_of_a_dead_sandbox_are_killed_first() -> None:
    found = plan(pod(), running_on(run(), sandboxes=[sandbox(ready=False)]))
    assert kills(found) == ["web"] and len(found.actions) == 1


def test_new_sandbox_begins_with_the_first_init_container_again() -> None:
    a_pod = pod(init=[container("first")])
    old = [run("first", "exited"), run("web", "exited", exit_code=137)]
    runtime = running_on(*old, sandboxes=[sandbox("s2", attempt=1), sandbox("s1", ready=False)])
    found = plan(a_pod, runtime)
    assert found.actions == [StartContainer("first", "init", 1, NOW)]


@pytest.mark.parametrize(
    ("policy", "exit_code", "begun_again"),
    [("Always", 0, True), ("OnFailure", 1, True), ("OnFailure", 0, False), ("Never", 1, False)],
)
def test_dead_sandbox_of_an_ended_pod(policy: str, exit_code: int, begun_again: bool) -> None:
    ended = running_on(run(state="exited", exit_code=exit_code), sandboxes=[sandbox(ready=False)])
    found = plan(pod(restart_policy=policy), ended)
    assert bool(found.actions) == begun_again
    assert found.completed != begun_again


# Regular containers.


def test_containers_start_one_after_the_other() -> None:
    a_pod = pod(container("a"), container("b"))
    assert plan(a_pod, running_on()).actions == [StartContainer("a", "regular", 0)]
    assert starts(plan(a_pod, running_on(run("a")))) == ["b"]
    assert plan(a_pod, running_on(run("a"), run("b"))).actions == []


def test_failed_start_lets_the_next_container_go_first() -> None:
    error = StartError(reason="ErrImagePull", message="no such image", retry_at=after(10))
    found = plan(pod(container("a"), container("b")), running_on(), start_errors={"a": error})
    assert starts(found) == ["b"]
    assert found.waiting["a"].reason == "ErrImagePull" and found.look_again == after(10)


@pytest.mark.parametrize(
    ("policy", "exit_code", "restarted"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
def test_restart_policy(policy: str, exit_code: int, restarted: bool) -> None:
    found = plan(pod(restart_policy=policy), running_on(run(state="exited", exit_code=exit_code)))
    assert starts(found) == (["web"] if restarted else [])
    assert found.completed != restarted


def test_restart_policy_of_the_container_wins() -> None:
    both = pod(container("a", restart_policy="Never"), container("b"), restart_policy="Always")
    found = plan(both, running_on(run("a", "exited", exit_code=1), run("b")))
    assert found.actions == [] and not found.completed


def test_restart_rule_by_exit_code_wins_over_the_policy() -> None:
    codes = ContainerRestartRuleOnExitCodes(operator="In", values=[42])
    rule = ContainerRestartRule(action="Restart", exit_codes=codes)
    a_pod = pod(container(restart_policy="Never", restart_policy_rules=[rule]), restart_policy="Never")
    assert starts(plan(a_pod, running_on(run(state="exited", exit_code=42)))) == ["web"]
    assert plan(a_pod, running_on(run(state="exited", exit_code=1))).completed


def test_restart_counts_up_also_when_the_runtime_has_forgotten() -> None:
    found = plan(pod(), running_on(run(state="exited", restarts=4)))
    assert found.actions == [StartContainer("web", "regular", 5, NOW)]
    from pybernetes.api.core import ContainerStatus

    a_pod = pod()
    a_pod.status = PodStatus(container_statuses=[ContainerStatus(name="web", container_id="x://1", restart_count=2)])
    assert plan(a_pod, running_on()).actions == [StartContainer("web", "regular", 3)]


def test_container_created_but_not_started_is_made_again() -> None:
    assert starts(plan(pod(), running_on(run(state="created")))) == ["web"]


def test_pod_with_one_ended_container_goes_on() -> None:
    found = plan(pod(container("a"), container("b"), restart_policy="Never"), running_on(run("a", "exited"), run("b")))
    assert found.actions == [] and not found.completed


@pytest.mark.parametrize("policy", ["Always", "OnFailure", "Never"])
def test_changed_image_replaces_the_running_container(policy: str) -> None:
    old = run(spec_hash=spec_hash(container(image="localhost/old:1")))
    message = "Container web definition changed, will be restarted"
    assert plan(pod(restart_policy=policy), running_on(old)).actions == [
        KillContainer("web-0", "web", 30, message, "changed", restarts=True)
    ]
    ended = running_on(run("web", "exited", spec_hash=old.spec_hash))
    assert starts(plan(pod(restart_policy=policy), ended, to_restart=frozenset({"web-0"}))) == ["web"]


def test_changed_image_of_an_init_container_replaces_it_only_if_it_is_a_sidecar() -> None:
    old = spec_hash(container(image="localhost/old:1"))
    assert plan(pod(init=[container("a")]), running_on(run("a", spec_hash=old))).actions == []
    assert plan(pod(init=[sidecar()]), running_on(run("proxy", spec_hash=old))).actions == [
        KillContainer("proxy-0", "proxy", 30, "Init container proxy definition changed", "changed", restarts=True)
    ]


@pytest.mark.parametrize("kind", ["liveness", "startup"])
def test_failed_probe_kills_the_container_once(kind: Any) -> None:
    runtime = running_on(run())
    found = plan(pod(), runtime, failed_probes={"web-0": ProbeFailure(kind, 5)})
    message = f"Container web failed {kind} probe, will be restarted"
    assert found.actions == [KillContainer("web-0", "web", 5, message, kind, restarts=True)]
    assert plan(pod(), runtime, failed_probes={"web-0": ProbeFailure(kind)}, busy=frozenset({"web-0"})).actions == []


def test_after_a_failed_probe_a_container_that_may_restart_does_however_it_ended() -> None:
    failed = {"web-0": ProbeFailure("liveness")}
    killed = running_on(run(state="exited", exit_code=0))
    assert starts(plan(pod(restart_policy="OnFailure"), killed, to_restart=frozenset({"web-0"}))) == ["web"]
    never = plan(pod(restart_policy="Never"), running_on(run()), failed_probes=failed).actions
    assert never == [KillContainer("web-0", "web", 30, "Container web failed liveness probe", "liveness")]
    its_own = pod(container(restart_policy="Never"), restart_policy="Always")
    assert plan(its_own, running_on(run()), failed_probes=failed).actions == never


def test_failed_probe_of_a_sidecar_is_told_as_of_an_init_container() -> None:
    found = plan(pod(init=[sidecar()]), running_on(run("proxy")), failed_probes={"proxy-0": ProbeFailure("startup")})
    message = "Init container proxy failed startup probe"
    assert found.actions == [KillContainer("proxy-0", "proxy", 30, message, "startup", restarts=True)]


# Back-off.


def test_a_container_that_is_being_started_again_does_not_wait() -> None:
    back_off, a_pod = RestartBackOff(), pod()
    crashed = running_on(run(state="exited", exit_code=1))
    back_off.next(back_off_key(a_pod, "web"), NOW, NOW)
    assert plan(a_pod, crashed, back_off=back_off).waiting["web"].reason == "CrashLoopBackOff"
    under_way = plan(a_pod, crashed, back_off=back_off, busy=frozenset({"start"}), starting="web")
    assert not under_way.waiting and not starts(under_way)


def test_what_a_container_waited_for_is_shown_until_it_runs() -> None:
    waiting = ContainerStateWaiting(reason="CreateContainerConfigError", message='configmap "settings" not found')
    status = ContainerStatus(name="web", state=ContainerState(waiting=waiting))
    a_pod = msgspec.structs.replace(pod(), status=PodStatus(container_statuses=[status]))
    due = plan(a_pod, running_on())
    under_way = plan(a_pod, running_on(), busy=frozenset({"start"}), starting="web")
    assert starts(due) == ["web"] and not starts(under_way)
    assert due.waiting == under_way.waiting == {"web": Waiting("CreateContainerConfigError", waiting.message)}
    assert not plan(a_pod, running_on(run())).waiting


def test_second_crash_waits_ten_seconds_then_twenty() -> None:
    back_off, a_pod = RestartBackOff(), pod()
    crashed = running_on(run(state="exited", exit_code=1))
    assert starts(plan(a_pod, crashed, back_off=back_off)) == ["web"]
    for seconds, text in ((10, "10s"), (20, "20s"), (40, "40s"), (80, "1m20s"), (160, "2m40s"), (300, "5m0s")):
        back_off.next(back_off_key(a_pod, "web"), NOW, NOW)
        found = plan(a_pod, crashed, back_off=back_off)
        assert found.actions == [] and found.look_again == after(seconds)
        expected = f"back-off {text} restarting failed container=web pod=web_default(uid-1)"
        assert (found.waiting["web"].reason, found.waiting["web"].message) == ("CrashLoopBackOff", expected)
    assert starts(plan(a_pod, crashed, back_off=back_off, now=after(300))) == ["web"]


def test_long_run_is_forgiven() -> None:
    back_off, a_pod = RestartBackOff(), pod()
    for _ in range(5):
        back_off.next(back_off_key(a_pod, "web"), NOW, NOW)
    crashed = running_on(run(state="exited", exit_code=1, finished=601))
    assert starts(plan(a_pod, crashed, back_off=back_off, now=after(601))) == ["web"]
    assert back_off.next(back_off_key(a_pod, "web"), after(601), after(601)) == 10


# Init containers and sidecars.


def test_init_containers_run_one_by_one_before_the_others() -> None:
    a_pod = pod(init=[container("a"), container("b")])
    assert plan(a_pod, running_on()).actions == [StartContainer("a", "init", 0)]
    assert plan(a_pod, running_on(run("a"))).actions == []
    assert starts(plan(a_pod, running_on(run("a", "exited")))) == ["b"]
    assert starts(plan(a_pod, running_on(run("a", "exited"), run("b", "exited")))) == ["web"]


def test_failed_init_container_is_restarted_unless_the_pod_never_restarts() -> None:
    failed = running_on(run("a", "exited", exit_code=1))
    assert starts(plan(pod(init=[container("a")]), failed)) == ["a"]
    assert plan(pod(init=[container("a")], restart_policy="Never"), failed).completed


def test_init_containers_are_done_once_a_regular_one_was_created() -> None:
    a_pod = pod(init=[container("a")])
    assert starts(plan(a_pod, running_on(run("web", "exited")))) == ["web"]


def test_sidecar_must_be_started_before_what_follows() -> None:
    a_pod = pod(init=[sidecar(), container("setup")])
    assert plan(a_pod, running_on()).actions == [StartContainer("proxy", "sidecar", 0)]
    running = running_on(run("proxy"))
    assert plan(a_pod, running).actions == []
    assert starts(plan(a_pod, running, started=frozenset({"proxy"}))) == ["setup"]
    done = running_on(run("proxy"), run("setup", "exited"))
    assert starts(plan(a_pod, done, started=frozenset({"proxy"}))) == ["web"]


def test_sidecar_is_restarted_whenever_it_ends() -> None:
    a_pod = pod(init=[sidecar()], restart_policy="Never")
    found = plan(a_pod, running_on(run("proxy", "exited"), run("web")))
    assert starts(found) == ["proxy"] and not found.completed


def test_sidecar_does_not_keep_an_ended_pod_alive() -> None:
    a_pod = pod(init=[sidecar()], restart_policy="Never")
    assert plan(a_pod, running_on(run("proxy", "exited"), run("web", "exited"))).completed


def test_ephemeral_container_starts_once() -> None:
    a_pod = pod(ephemeral_containers=[EphemeralContainer(name="debug", image="localhost/busybox:1")])
    assert plan(a_pod, running_on(run("web"))).actions == [StartContainer("debug", "ephemeral", 0)]
    assert plan(a_pod, running_on(run("web"), run("debug", "exited", exit_code=1))).actions == []


# Ends.


def ending(grace_seconds: int = 30, since: float = 0.0) -> Termination:
    return Termination(cause="deleted", since=after(since), grace_seconds=grace_seconds)


def test_termination_kills_all_containers_together() -> None:
    a_pod = pod(container("a"), container("b"))
    found = plan(a_pod, running_on(run("a"), run("b")), termination=ending(7))
    assert [(a.name, a.grace_seconds, a.message) for a in found.actions if isinstance(a, KillContainer)] == [
        ("a", 7, "Stopping container a"),
        ("b", 7, "Stopping container b"),
    ]
    assert found.phase == "terminating"


def test_killing_is_not_begun_twice_and_starts_nothing() -> None:
    found = plan(
        pod(container("a"), container("b")), running_on(run("a")), termination=ending(), busy=frozenset({"a-0"})
    )
    assert found.actions == [] and found.phase == "terminating"


def test_sidecars_go_last_in_reverse_order_with_what_is_left_of_the_grace_period() -> None:
    a_pod = pod(init=[sidecar("one"), sidecar("two")])
    everything = running_on(run("one"), run("two"), run("web"))
    at_once = [a for a in plan(a_pod, everything, termination=ending()).actions if isinstance(a, KillContainer)]
    assert [(a.name, a.after) for a in at_once] == [("web", ()), ("two", ("web-0",)), ("one", ("web-0", "two-0"))]
    late = plan(a_pod, running_on(run("one"), run("two")), termination=ending(30), now=after(12))
    found = [(a.name, a.grace_seconds, a.after) for a in late.actions if isinstance(a, KillContainer)]
    assert found == [("two", 18, ()), ("one", 18, ("two-0",))]
    last = plan(a_pod, running_on(run("one"), run("two", "exited")), termination=ending(30), now=after(100))
    assert [(a.name, a.grace_seconds) for a in last.actions if isinstance(a, KillContainer)] == [("one", 2)]


def test_sandbox_stops_after_its_containers_and_then_it_is_over() -> None:
    found = plan(pod(), running_on(run(state="exited")), termination=ending())
    assert (found.actions, found.phase) == ([StopSandbox("s1")], "terminating")
    stopped = running_on(run(state="exited"), sandboxes=[sandbox(ready=False)])
    found = plan(pod(), stopped, termination=ending())
    assert (found.actions, found.phase) == ([], "terminated")


def test_start_under_way_delays_the_end() -> None:
    assert plan(pod(), EMPTY, termination=ending(), busy=frozenset({START})).phase == "terminating"
    assert plan(pod(), EMPTY, termination=ending()).phase == "terminated"


def test_active_deadline_sets_an_alarm() -> None:
    a_pod = pod(active_deadline_seconds=60)
    a_pod.status = PodStatus(start_time=NOW)
    assert plan(a_pod, running_on(run())).look_again == after(60)
