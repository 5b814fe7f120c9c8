"""A pod's life as a pure state machine: from what is observed to what has to be done next.

    ┌─────────┐  ended for good, deleted, evicted, deadline   ┌─────────────┐  nothing runs   ┌────────────┐
    │ syncing │ ────────────────────────────────────────────▶ │ terminating │ ──────────────▶ │ terminated │
    └─────────┘                                               └─────────────┘                 └────────────┘

`decide` looks at one `Situation` — the pod, what the runtime says, why it must end, what probes found, what is already
under way — and answers with a `Plan`: actions to start now, containers that wait and why, and when to look again. It
has no memory and no clock, so it may be called as often as anything changes; `pod_loop.py` calls it and `pod_sync.py`
carries the actions out. The rules follow upstream's kuberuntime (computePodActions), KEP-753 for sidecars and KEP-5307
for restart rules of one container.

Order while syncing: a sandbox; ephemeral containers whenever there is a sandbox; init containers one by one, a sidecar
counting as done once it is started; then the regular containers in their order. Only one start is under way at a time;
kills run beside it. A new sandbox begins with the first init container again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from ..api.core import Container, EphemeralContainer, Pod
from ..base.go_text import duration_text
from . import restart_all
from .pod_runtime import ContainerView, PodRuntime
from .restart_back_off import RestartBackOff
from .restart_policy import is_sidecar, restart_action, restarts_on_failure, should_restart, spec_hash

Phase = Literal["syncing", "terminating", "terminated"]
ContainerKind = Literal["init", "sidecar", "regular", "ephemeral"]

START = "start"
"""The `busy` key of the one start (of a sandbox or a container) that may be under way."""

MINIMUM_GRACE_SECONDS = 1
SIDECAR_MINIMUM_GRACE_SECONDS = 2
MINIMUM_RESET_SECONDS = 2
"""What containers have left when all of a pod's are restarted because of one's exit code."""


class Termination(msgspec.Struct, frozen=True, kw_only=True):
    """Why and since when a pod must end. `phase_reason` and `message` go to its status (Evicted, DeadlineExceeded)."""

    cause: Literal["deleted", "evicted", "deadline", "completed", "refused"]
    since: datetime
    grace_seconds: int
    phase_reason: str = ""
    message: str = ""
    disruption: str = ""
    """What the condition DisruptionTarget says, where it is for the node's sake, not the pod's."""


class StartError(msgspec.Struct, frozen=True, kw_only=True):
    """A start that failed: the waiting reason to show and when to try again."""

    reason: str
    message: str
    retry_at: datetime


class ProbeFailure(msgspec.Struct, frozen=True):
    """A liveness or startup probe has given up on a container."""

    kind: Literal["liveness", "startup"]
    grace_seconds: int | None = None


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a decision depends on."""

    pod: Pod
    runtime: PodRuntime
    now: datetime
    termination: Termination | None = None
    back_off: RestartBackOff
    started: frozenset[str] = frozenset()
    """Names of running containers whose startup probe has succeeded or that have none."""
    failed_probes: Mapping[str, ProbeFailure] = {}
    """By container id."""
    to_restart: frozenset[str] = frozenset()
    """Ids of containers that were killed to run again, whatever their restart policy says of how they ended."""
    start_errors: Mapping[str, StartError] = {}
    """By container name; "" is the sandbox."""
    resized: frozenset[str] = frozenset()
    """Names of running containers that have to be restarted to get the resources they are allocated now."""
    busy: frozenset[str] = frozenset()
    """START, and the ids of containers and sandboxes being stopped."""
    starting: str = ""
    """The container that START is about; its back-off was raised when that began and is not waited for."""


class CreateSandbox(msgspec.Struct, frozen=True, tag=True):
    """Make the pod's sandbox; `replaces` are older ones to stop first (the pod's network is made anew)."""

    attempt: int
    replaces: tuple[str, ...] = ()


class StartContainer(msgspec.Struct, frozen=True, tag=True):
    """Pull, create and start one container. `failed_at` is the end of the run it follows, for the back-off."""

    name: str
    kind: ContainerKind
    restarts: int = 0
    failed_at: datetime | None = None


class KillContainer(msgspec.Struct, frozen=True, tag=True):
    """Stop one container with its preStop hook. `message` is for the event Killing; `after` are the ids of the
    containers that are to end before it gets its signal. `restarts`: it is killed to run again."""

    id: str
    name: str
    grace_seconds: int
    message: str
    reason: Literal["liveness", "startup", "changed", "resized", "sandbox", "reset", "terminating"] = "terminating"
    after: tuple[str, ...] = ()
    restarts: bool = False


class StopSandbox(msgspec.Struct, frozen=True, tag=True):
    """Stop a sandbox whose containers have ended."""

    id: str


class RemoveContainers(msgspec.Struct, frozen=True, tag=True):
    """Remove runs that have ended, with their logs, so that the pod begins anew in its sandbox."""

    ids: tuple[str, ...]


Action = CreateSandbox | StartContainer | KillContainer | StopSandbox | RemoveContainers


class Waiting(msgspec.Struct, frozen=True):
    """A container that is not started now, and why (a waiting reason of its status)."""

    reason: str
    message: str = ""


class Plan(msgspec.Struct, kw_only=True):
    """What to do now. `look_again` is the next instant at which time alone changes the answer."""

    phase: Phase = "syncing"
    actions: list[Action] = msgspec.field(default_factory=list)
    waiting: dict[str, Waiting] = msgspec.field(default_factory=dict)
    look_again: datetime | None = None
    completed: bool = False
    """Every container has ended for good: the pod's termination begins by itself."""

    def wake(self, at: datetime) -> None:
        """Look again no later than `at`."""
        if self.look_again is None or at < self.look_again:
            self.look_again = at


def decide(situation: Situation) -> Plan:
    """The plan for a situation. Deciding twice in the same situation gives the same plan."""
    if situation.termination is not None:
        return _terminate(situation, situation.termination)
    plan = Plan()
    _watch_deadline(situation, plan)
    if restart_all.under_way(situation.pod, situation.pod.status, situation.runtime):
        _reset(situation, plan)
        return plan
    sandbox = situation.runtime.sandbox
    if sandbox is None or not _usable(situation):
        _replace_sandbox(situation, plan)
        return plan
    _start_ephemeral(situation, plan)
    ready_for_regular = _run_init(situation, plan)
    if ready_for_regular:
        _run_regular(situation, plan)
    if plan.completed:
        plan.actions.clear()
        plan.waiting.clear()
    return plan


def _watch_deadline(situation: Situation, plan: Plan) -> None:
    """Wake at activeDeadlineSeconds; the loop then starts the termination."""
    end = deadline(situation.pod)
    if end is not None and end > situation.now:
        plan.wake(end)


def deadline(pod: Pod) -> datetime | None:
    """When activeDeadlineSeconds since the pod's start time are over."""
    seconds, started = pod.spec.active_deadline_seconds, pod.status.start_time
    return started + timedelta(seconds=seconds) if seconds is not None and started is not None else None


def _reset(situation: Situation, plan: Plan) -> None:
    """End whatever runs, without preStop, then remove all runs: the next decision begins with the first container."""
    active = situation.runtime.active
    for container in active:
        _kill(situation, plan, container, f"Stopping container {container.name}", "reset", MINIMUM_RESET_SECONDS)
    if active or START in situation.busy:
        return
    error = situation.start_errors.get("")
    if error is not None and error.retry_at > situation.now:
        plan.wake(error.retry_at)
        return
    plan.actions.append(RemoveContainers(tuple(restart_all.runs_to_remove(situation.pod, situation.runtime))))


def _usable(situation: Situation) -> bool:
    """The newest sandbox is ready, of the right network and has an address."""
    sandbox = situation.runtime.sandbox
    if sandbox is None or not sandbox.ready:
        return False
    if sandbox.on_host_network != bool(situation.pod.spec.host_network):
        return False
    return sandbox.on_host_network or bool(sandbox.ips)


def _replace_sandbox(situation: Situation, plan: Plan) -> None:
    """No usable sandbox: stop what is left of the old one, then make a new one, if anything is to run in it."""
    runtime = situation.runtime
    if not _anything_to_run(situation):
        plan.completed = True
        return
    remaining = runtime.active
    if remaining:
        for container in remaining:
            _kill(situation, plan, container, f"Stopping container {container.name}", "sandbox")
        return
    if START in situation.busy:
        return
    error = situation.start_errors.get("")
    if error is not None and error.retry_at > situation.now:
        plan.wake(error.retry_at)
        return
    attempt = max((s.attempt for s in runtime.sandboxes), default=-1) + 1
    plan.actions.append(CreateSandbox(attempt, tuple(s.id for s in runtime.sandboxes)))


def _anything_to_run(situation: Situation) -> bool:
    """A pod without a sandbox still has a container that has to run (again)."""
    spec, runtime = situation.pod.spec, situation.runtime
    if not runtime.sandboxes or not runtime.containers:
        return True
    if spec.restart_policy == "Never":
        return False
    for container in spec.containers or ():
        last = runtime.newest(container.name)
        if last is None or _runs_again(situation, container, last):
            return True
    return False


def _start_ephemeral(situation: Situation, plan: Plan) -> None:
    for container in situation.pod.spec.ephemeral_containers or ():
        if situation.runtime.newest(container.name) is None:
            _start(situation, plan, container, "ephemeral", None)


def _run_init(situation: Situation, plan: Plan) -> bool:
    """Bring the init containers forward; True when the regular containers may run."""
    pod, runtime = situation.pod, situation.runtime
    init = pod.spec.init_containers or ()
    initialized = any(runtime.current(c.name) is not None for c in pod.spec.containers or ())
    for container in init:
        last = runtime.current(container.name)
        if is_sidecar(container):
            if not _keep_sidecar(situation, plan, container, last) and not initialized:
                return False
            continue
        if initialized:
            continue
        if last is None or last.state in ("created", "unknown"):
            _start(situation, plan, container, "init", runtime.newest(container.name))
            return False
        if last.state == "running":
            return False
        if last.exit_code == 0:
            continue
        if not should_restart(pod, container, last.exit_code):
            plan.completed = True
            return False
        _start(situation, plan, container, "init", last)
        return False
    return True


def _keep_sidecar(situation: Situation, plan: Plan, container: Container, last: ContainerView | None) -> bool:
    """Keep a restartable init container running; True once it is started."""
    if last is None or last.state in ("exited", "created", "unknown"):
        _start(situation, plan, container, "sidecar", last or situation.runtime.newest(container.name))
        return False
    if _kill_if_unwell(situation, plan, container, last):
        return False
    return container.name in situation.started


def _run_regular(situation: Situation, plan: Plan) -> None:
    """Start, restart or replace the regular containers; notice when all have ended for good."""
    pod, runtime = situation.pod, situation.runtime
    alive = False
    for container in pod.spec.containers or ():
        last = runtime.current(container.name)
        if last is None:
            earlier = runtime.newest(container.name)
            if earlier is not None and not _runs_again(situation, container, earlier):
                continue
            alive = True
            _start(situation, plan, container, "regular", earlier)
        elif last.state == "running":
            alive = True
            _kill_if_unwell(situation, plan, container, last)
        elif last.id in situation.to_restart:
            alive = True
            _start(situation, plan, container, "regular", last)
        elif last.state in ("created", "unknown") or should_restart(pod, container, last.exit_code):
            alive = True
            if last.state != "exited" or restart_action(container, last.exit_code) != "RestartAllContainers":
                _start(situation, plan, container, "regular", last)
    if not alive and START not in situation.busy:
        plan.completed = True


def _runs_again(situation: Situation, container: Container, earlier: ContainerView) -> bool:
    """A container that ended in an older sandbox is started in the new one."""
    return earlier.state != "exited" or should_restart(situation.pod, container, earlier.exit_code)


def _kill_if_unwell(situation: Situation, plan: Plan, container: Container, running: ContainerView) -> bool:
    """Kill a running container whose spec changed, which gets other resources by a restart, or whose probe failed. It
    is started again once it has ended; for a failed probe only if its restart policy is not Never."""
    of_pod = container in (situation.pod.spec.containers or ())
    title, again = ("Container", ", will be restarted") if of_pod else ("Init container", "")
    if running.spec_hash and running.spec_hash != spec_hash(container):
        message = f"{title} {container.name} definition changed{again}"
        _kill(situation, plan, running, message, "changed", restarts=True)
        return True
    if container.name in situation.resized:
        message = f"Container {container.name} resize requires restart"
        _kill(situation, plan, running, message, "resized", restarts=True)
        return True
    failure = situation.failed_probes.get(running.id)
    if failure is None:
        return False
    restarts = restarts_on_failure(situation.pod, container)
    message = f"{title} {container.name} failed {failure.kind} probe{again if restarts else ''}"
    _kill(situation, plan, running, message, failure.kind, failure.grace_seconds, restarts=restarts)
    return True


def _kill(
    situation: Situation,
    plan: Plan,
    container: ContainerView,
    message: str,
    reason: Literal["liveness", "startup", "changed", "resized", "sandbox", "reset"],
    grace_seconds: int | None = None,
    *,
    restarts: bool = False,
) -> None:
    if container.id in situation.busy:
        return
    if grace_seconds is None:
        grace_seconds = default_grace_seconds(situation.pod)
    kill = KillContainer(container.id, container.name, grace_seconds, message, reason, restarts=restarts)
    plan.actions.append(kill)


def default_grace_seconds(pod: Pod) -> int:
    """terminationGracePeriodSeconds of the spec, at least one second."""
    seconds = pod.spec.termination_grace_period_seconds
    return max(30 if seconds is None else seconds, MINIMUM_GRACE_SECONDS)


def _start(
    situation: Situation,
    plan: Plan,
    container: Container | EphemeralContainer,
    kind: ContainerKind,
    last: ContainerView | None,
) -> None:
    """Start a container unless it must wait: for its back-off, after an error, or for another start."""
    name = container.name
    if name == situation.starting:
        _show_as_before(situation, plan, name)
        return
    failed_at = last.finished_at if last is not None and last.state == "exited" else None
    if failed_at is not None:
        until = situation.back_off.until(back_off_key(situation.pod, name), failed_at)
        if until is not None and until > situation.now:
            delay = duration_text(int(situation.back_off.delay(back_off_key(situation.pod, name))))
            message = f"back-off {delay} restarting failed container={name} pod={pod_id(situation.pod)}"
            plan.waiting[name] = Waiting("CrashLoopBackOff", message)
            plan.wake(until)
            return
    error = situation.start_errors.get(name)
    if error is not None and error.retry_at > situation.now:
        plan.waiting[name] = Waiting(error.reason, error.message)
        plan.wake(error.retry_at)
        return
    _show_as_before(situation, plan, name)
    if START in situation.busy or any(isinstance(a, StartContainer) for a in plan.actions):
        return
    plan.actions.append(StartContainer(name, kind, _restarts(situation.pod, name, last), failed_at))


def _show_as_before(situation: Situation, plan: Plan, name: str) -> None:
    """What a container waited for is shown until it runs."""
    status = situation.pod.status
    statuses = (
        *(status.init_container_statuses or ()),
        *(status.container_statuses or ()),
        *(status.ephemeral_container_statuses or ()),
    )
    waiting = next((s.state.waiting for s in statuses if s.name == name), None)
    if waiting is not None and waiting.reason not in ("ContainerCreating", "PodInitializing"):
        plan.waiting[name] = Waiting(waiting.reason or "", waiting.message or "")


def _restarts(pod: Pod, name: str, last: ContainerView | None) -> int:
    """The restart count of the next run: one more than the last, also when the runtime has forgotten it."""
    if last is not None:
        return last.restarts + 1
    known = [*(pod.status.container_statuses or ()), *(pod.status.init_container_statuses or ())]
    for status in known:
        if status.name == name:
            return int(status.restart_count) + bool(status.container_id)
    return 0


def back_off_key(pod: Pod, container_name: str) -> str:
    return f"{pod.metadata.uid}/{container_name}"


def pod_id(pod: Pod) -> str:
    """`name_namespace(uid)`, as upstream's messages name a pod."""
    return f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})"


def _terminate(situation: Situation, termination: Termination) -> Plan:
    """Stop all containers, sidecars after the regular ones and the last of them first; then the sandboxes."""
    plan = Plan(phase="terminating")
    runtime = situation.runtime
    sidecars = [c.name for c in situation.pod.spec.init_containers or () if is_sidecar(c)]
    active = runtime.active
    mains = [c for c in active if c.name not in sidecars]
    for container in mains:
        _kill_for_good(situation, plan, container, termination.grace_seconds)
    spent = (situation.now - termination.since).total_seconds()
    grace = max(int(termination.grace_seconds - spent), SIDECAR_MINIMUM_GRACE_SECONDS)
    before = [c.id for c in mains]
    for name in reversed(sidecars):
        running = [c for c in active if c.name == name]
        for container in running:
            least = min(grace, max(termination.grace_seconds, MINIMUM_GRACE_SECONDS))
            _kill_for_good(situation, plan, container, least, tuple(before))
        before += [c.id for c in running]
    if active or START in situation.busy:
        return plan
    for sandbox in runtime.sandboxes:
        if sandbox.ready and sandbox.id not in situation.busy:
            plan.actions.append(StopSandbox(sandbox.id))
    if not any(s.ready for s in runtime.sandboxes):
        plan.phase = "terminated"
    return plan


def _kill_for_good(
    situation: Situation, plan: Plan, container: ContainerView, grace_seconds: int, after: tuple[str, ...] = ()
) -> None:
    if container.id not in situation.busy:
        grace, message = max(grace_seconds, MINIMUM_GRACE_SECONDS), f"Stopping container {container.name}"
        plan.actions.append(KillContainer(container.id, container.name, grace, message, after=after))
