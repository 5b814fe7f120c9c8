"""Restarting a pod in place (KEP-5532): one container's exit code makes all of them begin anew. Pure.

    a container ends, its rule says RestartAllContainers ──▶ condition AllContainersRestarting=True
      ──▶ everything that runs is ended, without preStop ──▶ the runs are removed, those that began it last
      ──▶ condition False ──▶ the first init container starts, in the same sandbox, with the same volumes

The condition carries a restart over a restart of the kubelet, and the source's run is removed last, so that one that
was cut short is finished. Ephemeral containers are ended and do not come back. A container whose exit asks for it while
others have not had their first start waits for them, as upstream starts all before it looks at any.
"""

from ..api.core import Container, ContainerStateTerminated, Pod, PodStatus
from .pod_runtime import ContainerView, PodRuntime
from .restart_policy import restart_action

RESTARTING = "AllContainersRestarting"
STARTED = "RestartAllContainersStarted"
STARTED_MESSAGE = "container exited with restart policy rule"
REASON = "RestartingAllContainers"
REASON_MESSAGE = "The container is removed because RestartAllContainers in place"
REMOVED_EXIT_CODE = 137
_ABOUT_TO_START = ("ContainerCreating", "PodInitializing", REASON)


def _containers(pod: Pod) -> list[Container]:
    return [*(pod.spec.init_containers or ()), *(pod.spec.containers or ())]


def possible(pod: Pod) -> bool:
    """Some container of the pod has a rule that restarts all: its status has the condition."""
    return any(rule.action == "RestartAllContainers" for c in _containers(pod) for rule in c.restart_policy_rules or ())


def begun(pod: Pod, status: PodStatus, runtime: PodRuntime) -> bool:
    """A restart of all is under way, or has just removed what it had to. `status` is the last one of the pod."""
    if not possible(pod):
        return False
    if any(c.type == RESTARTING and c.status == "True" for c in status.conditions or ()):
        return True
    sources = [c for c in _containers(pod) if _is_source(c, runtime.newest(c.name))]
    regular = pod.spec.containers or ()
    if not sources or any(source not in regular for source in sources):
        return bool(sources)
    waiting = {s.name: s.state.waiting.reason for s in status.container_statuses or () if s.state.waiting is not None}
    return not any(
        runtime.newest(c.name) is None and waiting.get(c.name, _ABOUT_TO_START[0]) in _ABOUT_TO_START for c in regular
    )


def under_way(pod: Pod, status: PodStatus, runtime: PodRuntime) -> bool:
    """A restart of all is under way: runs of the pod's containers are still there."""
    return begun(pod, status, runtime) and bool(runs_to_remove(pod, runtime))


def runs_to_remove(pod: Pod, runtime: PodRuntime) -> list[str]:
    """The ids of all runs of init and regular containers, those whose exit began the restart last."""
    targets: list[str] = []
    sources: list[str] = []
    for container in _containers(pod):
        for run in runtime.runs(container.name):
            (sources if _is_source(container, run) else targets).append(run.id)
    return targets + sources


def _is_source(container: Container, run: ContainerView | None) -> bool:
    if run is None or run.state != "exited":
        return False
    return restart_action(container, run.exit_code) == "RestartAllContainers"


def removed() -> ContainerStateTerminated:
    """How the run of a container ended that was removed."""
    return ContainerStateTerminated(exit_code=REMOVED_EXIT_CODE, reason=REASON, message=REASON_MESSAGE)
