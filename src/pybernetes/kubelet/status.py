"""PodStatus from what is wanted and what runs. Pure.

    pod, PodRuntime, StatusInputs ──▶ container statuses ──▶ phase ──▶ conditions ──▶ PodStatus

`previous` is the last known status (our own, or the API's after a restart of the kubelet): transition times, the start
time and what the runtime has meanwhile forgotten are carried over from it. Phases and reasons follow the page "Pod
Lifecycle"; a terminal phase is never left.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from ..api.core import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    EphemeralContainer,
    HostIP,
    Pod,
    PodIP,
    PodStatus,
    ResourceRequirements,
    VolumeMountStatus,
)
from . import restart_all
from .conditions import pod_conditions
from .kernel.resources import qos_class
from .parts import ProbeResults
from .pod_runtime import ContainerView, PodRuntime
from .pod_worker import Termination, Waiting
from .resize import WHOLE, InProgress, Pending
from .restart_policy import is_sidecar, should_restart

LOST_REASON = "ContainerStatusUnknown"
LOST_EXIT_CODE = 137


class StatusInputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a status depends on besides the pod and its runtime."""

    now: datetime
    previous: PodStatus
    runtime_name: str = "containerd"
    host_ips: Sequence[str] = ()
    waiting: Mapping[str, Waiting] = {}
    results: Mapping[str, ProbeResults] = {}
    """By name of a running container; one that is missing is neither started nor ready yet."""
    termination: Termination | None = None
    actuated: Mapping[str, ResourceRequirements] = {}
    """What containers, and the pod as a whole, run with, by name; what is missing has what the pod's spec says."""
    to_restart: frozenset[str] = frozenset()
    """Ids of containers that were killed to run again. Between its runs such a one waits: the API lets none whose
    restart policy would not have it run again leave the state terminated."""
    pending: Pending | None = None
    in_progress: InProgress | None = None
    terminated: bool = False
    """Nothing of the pod runs any more and nothing will."""


def pod_status(pod: Pod, runtime: PodRuntime, inputs: StatusInputs) -> PodStatus:
    """The status of a pod."""
    spec, previous = pod.spec, inputs.previous
    initialized = _initialized(pod, runtime, inputs.results)
    default = "PodInitializing" if spec.init_containers else "ContainerCreating"
    resetting = restart_all.begun(pod, previous, runtime) and not inputs.terminated
    init = [
        _container_status(
            pod, c, runtime, inputs, previous.init_container_statuses, "PodInitializing", resetting=resetting
        )
        for c in spec.init_containers or ()
    ]
    regular = [
        _container_status(
            pod, c, runtime, inputs, previous.container_statuses, default, due=initialized, resetting=resetting
        )
        for c in spec.containers or ()
    ]
    ephemeral = [
        msgspec.structs.replace(
            _container_status(pod, c, runtime, inputs, previous.ephemeral_container_statuses, "ContainerCreating"),
            started=None,
        )
        for c in spec.ephemeral_containers or ()
    ]
    initialized = initialized or any(_has_started(s) for s in regular)
    phase = _phase(pod, init, regular, initialized, inputs)
    ips = _pod_ips(pod, runtime, inputs)
    if phase in ("Succeeded", "Failed") and phase != previous.phase and _any_runs([*init, *regular], inputs):
        phase = previous.phase if previous.phase in ("Pending", "Running") else "Running"
    termination = inputs.termination
    refused = phase == "Failed" and _was_refused(runtime, inputs)
    named = termination is not None and bool(termination.phase_reason) and phase == "Failed"
    status = PodStatus(
        observed_generation=pod.metadata.generation,
        phase=phase,
        reason=(termination.phase_reason if named and termination is not None else None) or previous.reason,
        message=(termination.message if named and termination is not None else None) or previous.message,
        host_ip=inputs.host_ips[0] if inputs.host_ips else previous.host_ip,
        host_ips=[HostIP(ip=ip) for ip in inputs.host_ips] or previous.host_ips,
        pod_ip=ips[0] if ips else None,
        pod_ips=[PodIP(ip=ip) for ip in ips] or None,
        start_time=previous.start_time or inputs.now.replace(microsecond=0),
        init_container_statuses=None if refused else init or None,
        container_statuses=None if refused else regular or None,
        ephemeral_container_statuses=ephemeral or None,
        qos_class=previous.qos_class or qos_class(pod),
        nominated_node_name=previous.nominated_node_name,
        allocated_resources=(spec.resources.requests or None) if spec.resources is not None else None,
        resources=inputs.actuated.get(WHOLE, spec.resources) if spec.resources is not None else None,
        resource_claim_statuses=previous.resource_claim_statuses,
    )
    sandbox = runtime.sandbox
    has_sandbox = sandbox is not None and sandbox.ready and (sandbox.on_host_network or bool(sandbox.ips))
    status.conditions = pod_conditions(
        pod,
        status,
        previous.conditions or [],
        has_sandbox=has_sandbox,
        initialized=initialized,
        now=inputs.now,
        pending=inputs.pending,
        in_progress=inputs.in_progress,
        restarting_all=resetting and bool(restart_all.runs_to_remove(pod, runtime)),
        disrupted=termination.disruption if termination is not None else "",
    )
    return status


def _was_refused(runtime: PodRuntime, inputs: StatusInputs) -> bool:
    """The node did not take the pod, now or before the kubelet's last start: nothing can be told of its containers."""
    previous = inputs.previous
    if runtime.containers or previous.container_statuses or previous.init_container_statuses:
        return False
    return (inputs.termination is not None and inputs.termination.cause == "refused") or previous.phase == "Failed"


def _has_started(status: ContainerStatus) -> bool:
    """The container has run at some time: its pod was initialized, and stays so."""
    state = status.state
    return (
        state.running is not None
        or state.terminated is not None
        or (state.waiting is not None and status.last_state.terminated is not None)
    )


def _initialized(pod: Pod, runtime: PodRuntime, results: Mapping[str, ProbeResults]) -> bool:
    """All init containers are done, as shown by a regular container of this sandbox or by themselves."""
    spec = pod.spec
    if any(runtime.current(c.name) is not None for c in spec.containers or ()):
        return True
    for container in spec.init_containers or ():
        last = runtime.current(container.name)
        if last is None:
            return False
        if not is_sidecar(container) and (last.state != "exited" or last.exit_code != 0):
            return False
        if is_sidecar(container) and not (container.name in results and results[container.name].started):
            return False
    return True


def _container_status(
    pod: Pod,
    container: Container | EphemeralContainer,
    runtime: PodRuntime,
    inputs: StatusInputs,
    known: Sequence[ContainerStatus] | None,
    default_reason: str,
    *,
    due: bool = False,
    resetting: bool = False,
) -> ContainerStatus:
    """The status of one container from its runs, newest first. `due`: its turn has come, so that a pod that ends
    without it has lost it; `resetting`: all of the pod's containers are being restarted."""
    name = container.name
    before = next((s for s in known or () if s.name == name), None)
    runs = runtime.runs(name)
    if not runs and resetting and before is not None and before.state.waiting is None:
        return _removed(container, before)
    if not runs:
        return _without_runs(container, before, inputs, default_reason, due=due)
    last = runs[0]
    earlier = runs[1] if len(runs) > 1 else None
    last_state = ContainerState()
    if earlier is not None and earlier.state == "exited":
        last_state = ContainerState(terminated=_terminated(earlier, inputs, before))
    elif before is not None and before.container_id == f"{inputs.runtime_name}://{last.id}":
        last_state = before.last_state
    elif before is not None and before.state.terminated is not None and last.state != "exited":
        last_state = before.state
    elif before is not None:
        last_state = before.last_state
    waiting = inputs.waiting.get(name)
    if last.id in inputs.to_restart and inputs.termination is None:
        waiting = waiting or Waiting("ContainerCreating")
    if last.state == "running":
        state = ContainerState(running=ContainerStateRunning(started_at=_second(last.started_at)))
    elif last.state == "exited":
        state = ContainerState(terminated=_terminated(last, inputs, before))
        if waiting is not None and not inputs.terminated:
            last_state = state
            state = _waiting(waiting)
    else:
        state = _waiting(waiting or Waiting("ContainerCreating"))
    if inputs.terminated and state.terminated is None:
        state = _lost(last.started_at, f"{inputs.runtime_name}://{last.id}")
    results = inputs.results.get(name) if last.state == "running" else None
    is_init = any(c.name == name for c in pod.spec.init_containers or ())
    one_shot = is_init and not is_sidecar(container)  # type: ignore[arg-type]
    succeeded = state.terminated is not None and state.terminated.exit_code == 0
    return ContainerStatus(
        name=name,
        state=state,
        last_state=last_state,
        ready=succeeded if one_shot else results is not None and results.ready,
        started=results.started if results is not None else one_shot and last.state == "running",
        restart_count=last.restarts,
        image=last.image or container.image or "",
        image_id=last.image_id,
        container_id=f"{inputs.runtime_name}://{last.id}",
        volume_mounts=_volume_mounts(container),
        allocated_resources=container.resources.requests or None,
        resources=inputs.actuated.get(name, container.resources) if state.running is not None else container.resources,
    )


def _without_runs(
    container: Container | EphemeralContainer,
    before: ContainerStatus | None,
    inputs: StatusInputs,
    default: str,
    *,
    due: bool,
) -> ContainerStatus:
    """A container the runtime does not know: not started yet, or forgotten."""
    waiting = _waiting(inputs.waiting.get(container.name) or Waiting(default))
    if before is None or not before.container_id:
        return ContainerStatus(
            name=container.name,
            state=_lost(None, None) if inputs.terminated and due and before is not None else waiting,
            last_state=before.last_state if before is not None else ContainerState(),
            restart_count=before.restart_count if before is not None else 0,
            image=container.image or "",
            started=False,
            volume_mounts=_volume_mounts(container),
        )
    if before.state.terminated is not None:
        return msgspec.structs.replace(before, ready=before.ready and before.state.terminated.exit_code == 0)
    gone = _lost(before.state.running.started_at if before.state.running is not None else None, before.container_id)
    if inputs.terminated:
        return msgspec.structs.replace(before, state=gone, ready=False, started=False)
    last_state = gone if before.state.running is not None else before.last_state
    return msgspec.structs.replace(before, state=waiting, last_state=last_state, ready=False, started=False)


def _removed(container: Container | EphemeralContainer, before: ContainerStatus) -> ContainerStatus:
    """A container whose runs were removed, since all of the pod's begin anew."""
    return ContainerStatus(
        name=container.name,
        state=_waiting(Waiting(restart_all.REASON, restart_all.REASON_MESSAGE)),
        last_state=ContainerState(terminated=restart_all.removed()),
        restart_count=before.restart_count + 1,
        image=container.image or "",
        started=False,
        volume_mounts=_volume_mounts(container),
    )


def _waiting(waiting: Waiting) -> ContainerState:
    return ContainerState(waiting=ContainerStateWaiting(reason=waiting.reason, message=waiting.message or None))


def _lost(started_at: datetime | None, container_id: str | None) -> ContainerState:
    message = "The container could not be located when the pod was terminated"
    return ContainerState(
        terminated=ContainerStateTerminated(
            exit_code=LOST_EXIT_CODE,
            reason=LOST_REASON,
            message=message,
            started_at=_second(started_at),
            container_id=container_id,
        )
    )


def _terminated(run: ContainerView, inputs: StatusInputs, before: ContainerStatus | None) -> ContainerStateTerminated:
    """How a run ended. What was said about the same run before stays: its message file may be gone by now."""
    container_id = f"{inputs.runtime_name}://{run.id}"
    for state in (before.state, before.last_state) if before is not None else ():
        if state.terminated is not None and state.terminated.container_id == container_id:
            return state.terminated
    return ContainerStateTerminated(
        exit_code=run.exit_code,
        reason=run.reason or ("Completed" if run.exit_code == 0 else "Error"),
        message=run.message or None,
        started_at=_second(run.started_at),
        finished_at=_second(run.finished_at),
        container_id=container_id,
    )


def _second(instant: datetime | None) -> datetime | None:
    return instant.replace(microsecond=0) if instant is not None else None


def _volume_mounts(container: Container | EphemeralContainer) -> list[VolumeMountStatus] | None:
    found = [
        VolumeMountStatus(
            name=mount.name,
            mount_path=mount.mount_path,
            read_only=mount.read_only,
            recursive_read_only="Disabled" if mount.read_only else None,
        )
        for mount in container.volume_mounts or ()
    ]
    return found or None


def _phase(
    pod: Pod,
    init: Sequence[ContainerStatus],
    regular: Sequence[ContainerStatus],
    initialized: bool,
    inputs: StatusInputs,
) -> str:
    previous = inputs.previous.phase
    if previous in ("Succeeded", "Failed"):
        return previous
    if inputs.termination is not None and inputs.termination.phase_reason:
        return "Failed"
    for container, status in zip(pod.spec.init_containers or (), init, strict=True):
        ended = status.state.terminated
        if ended is not None and ended.exit_code != 0 and not should_restart(pod, container, ended.exit_code):
            return "Failed"
    if not initialized:
        return "Failed" if inputs.terminated else "Pending"
    running = sum(s.state.running is not None for s in regular)
    ended_states = [s.state.terminated for s in regular if s.state.terminated is not None]
    restarting = [s for s in regular if s.state.waiting is not None and s.last_state.terminated is not None]
    if len(ended_states) == len(regular):
        if inputs.terminated or not _any_restarts(pod, regular):
            return "Succeeded" if all(t.exit_code == 0 for t in ended_states) else "Failed"
        return "Running"
    if running + len(ended_states) + len(restarting) == len(regular):
        return "Running"
    return "Failed" if inputs.terminated else "Pending"


def _any_runs(statuses: Sequence[ContainerStatus], inputs: StatusInputs) -> bool:
    """Something of the pod still runs, a sidecar at least: a terminal phase is not shown before it has ended."""
    return not inputs.terminated and any(status.state.running is not None for status in statuses)


def _any_restarts(pod: Pod, regular: Sequence[ContainerStatus]) -> bool:
    pairs = zip(pod.spec.containers or (), regular, strict=True)
    return any(
        s.state.terminated is not None and should_restart(pod, c, s.state.terminated.exit_code) for c, s in pairs
    )


def _pod_ips(pod: Pod, runtime: PodRuntime, inputs: StatusInputs) -> list[str]:
    """The sandbox's addresses, the node's for a pod on the host network; what was, once the sandbox is gone."""
    sandbox = runtime.sandbox
    if sandbox is not None and sandbox.ready:
        if pod.spec.host_network:
            return list(inputs.host_ips)
        if sandbox.ips:
            return list(sandbox.ips)
    return [entry.ip for entry in inputs.previous.pod_ips or ()]
