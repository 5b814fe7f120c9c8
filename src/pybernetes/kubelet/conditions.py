"""The conditions of a pod that the kubelet owns. Pure.

PodReadyToStartContainers, Initialized, Ready, ContainersReady and PodScheduled are always there, PodResizePending and
PodResizeInProgress (KEP-1287) only while they hold, AllContainersRestarting (KEP-5532) where a rule of the pod may make
it hold. DisruptionTarget is shared: the kubelet sets it when it ends a pod for the node's sake (KEP-3329). All others
(readiness gates, ...) belong to whoever set them and are left alone. Reasons and messages are upstream's.
"""

from collections.abc import Sequence
from datetime import datetime

from ..api.core import ContainerStatus, Pod, PodCondition, PodStatus
from .resize import InProgress, Pending
from .restart_all import RESTARTING, STARTED, STARTED_MESSAGE
from .restart_all import possible as may_restart_all
from .restart_policy import is_sidecar

READY_TO_START = "PodReadyToStartContainers"
ALWAYS = (READY_TO_START, "Initialized", "Ready", "ContainersReady", "PodScheduled")
PENDING, IN_PROGRESS = "PodResizePending", "PodResizeInProgress"
OWNED = (*ALWAYS, PENDING, IN_PROGRESS, RESTARTING)
DISRUPTION, BY_KUBELET = "DisruptionTarget", "TerminationByKubelet"

Verdict = tuple[bool, str, str]
"""status, reason, message"""


def pod_conditions(
    pod: Pod,
    status: PodStatus,
    previous: Sequence[PodCondition],
    *,
    has_sandbox: bool,
    initialized: bool,
    now: datetime,
    pending: Pending | None = None,
    in_progress: InProgress | None = None,
    restarting_all: bool = False,
    disrupted: str = "",
) -> list[PodCondition]:
    """The owned conditions of a status whose phase and container statuses are set, then the others unchanged.

    `disrupted` is the message of a pod that is ended for the node's sake."""
    containers = _containers_ready(pod, status)
    verdicts = {
        READY_TO_START: (has_sandbox, "", ""),
        "Initialized": _initialized(pod, status, initialized),
        "Ready": _ready(pod, containers, previous),
        "ContainersReady": containers,
        "PodScheduled": (True, "", ""),
    }
    by_type = {condition.type: condition for condition in previous}
    if pending is not None:
        verdicts[PENDING] = (True, pending.reason, pending.message)
    if in_progress is not None:
        verdicts[IN_PROGRESS] = (True, in_progress.reason, in_progress.message)
    if may_restart_all(pod):
        started: Verdict = (restarting_all, STARTED, STARTED_MESSAGE) if restarting_all else (False, "", "")
        verdicts[RESTARTING] = _terminal(status) or started
    if disrupted:
        verdicts[DISRUPTION] = (True, BY_KUBELET, disrupted)
    conditions = [_condition(pod, type_, verdict, by_type.get(type_), now) for type_, verdict in verdicts.items()]
    return conditions + [c for c in previous if c.type not in OWNED and c.type not in verdicts]


def _condition(pod: Pod, type_: str, verdict: Verdict, before: PodCondition | None, now: datetime) -> PodCondition:
    holds, reason, message = verdict
    text = "True" if holds else "False"
    same = before is not None and before.status == text
    return PodCondition(
        type=type_,
        status=text,
        observed_generation=pod.metadata.generation,
        reason=reason or None,
        message=message or None,
        last_transition_time=before.last_transition_time
        if same and before is not None and before.last_transition_time is not None
        else now.replace(microsecond=0),
    )


def _terminal(status: PodStatus) -> Verdict | None:
    if status.phase == "Succeeded":
        return (False, "PodCompleted", "")
    if status.phase == "Failed":
        return (False, "PodFailed", "")
    return None


def _initialized(pod: Pod, status: PodStatus, initialized: bool) -> Verdict:
    if initialized:
        return (True, "PodCompleted" if status.phase == "Succeeded" else "", "")
    pairs = zip(pod.spec.init_containers or (), status.init_container_statuses or (), strict=False)
    incomplete = [
        c.name for c, s in pairs if not (s.started and s.state.running is not None if is_sidecar(c) else s.ready)
    ]
    message = f"containers with incomplete status: [{' '.join(incomplete)}]"
    return (False, "ContainersNotInitialized", message)


def _containers_ready(pod: Pod, status: PodStatus) -> Verdict:
    terminal = _terminal(status)
    if terminal is not None:
        return terminal
    sidecars = {c.name for c in pod.spec.init_containers or () if is_sidecar(c)}
    counted: list[ContainerStatus] = [s for s in status.init_container_statuses or () if s.name in sidecars]
    counted += status.container_statuses or ()
    unready = [s.name for s in counted if not s.ready]
    if not unready:
        return (True, "", "")
    return (False, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")


def _ready(pod: Pod, containers: Verdict, conditions: Sequence[PodCondition]) -> Verdict:
    if not containers[0]:
        return containers
    by_type = {condition.type: condition.status for condition in conditions}
    problems = []
    for gate in pod.spec.readiness_gates or ():
        if gate.condition_type not in by_type:
            problems.append(f'corresponding condition of pod readiness gate "{gate.condition_type}" does not exist.')
        elif by_type[gate.condition_type] != "True":
            found = by_type[gate.condition_type]
            problems.append(f'the status of pod readiness gate "{gate.condition_type}" is not "True", but {found}')
    if problems:
        return (False, "ReadinessGatesNotReady", ", ".join(problems))
    return (True, "", "")
