"""`podFailurePolicy` (KEP-3329): what a failed pod means for its Job. The first matching rule decides."""

from ...api.batch import Job, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyRule
from ...api.core import ContainerStatus, Pod

COUNT, IGNORE, FAIL_JOB, FAIL_INDEX = "Count", "Ignore", "FailJob", "FailIndex"


def action_for(job: Job, pod: Pod) -> tuple[str, str]:
    """(action, message): `Count` when no rule matches. The message is for the Job's condition."""
    policy = job.spec.pod_failure_policy
    for number, rule in enumerate((policy.rules if policy is not None else None) or ()):
        message = _match(rule, number, pod)
        if message:
            return rule.action, message
    return COUNT, ""


def _match(rule: PodFailurePolicyRule, number: int, pod: Pod) -> str:
    name = f"{pod.metadata.namespace}/{pod.metadata.name}"
    if rule.on_exit_codes is not None:
        container = _matching_container(rule.on_exit_codes, pod)
        if container is None:
            return ""
        code = _exit_code(container)
        what = f"Container {container.name} for pod {name} failed with exit code {code}"
        return f"{what} matching {rule.action} rule at index {number}"
    for pattern in rule.on_pod_conditions or ():
        for condition in pod.status.conditions or ():
            if condition.type == pattern.type and condition.status == (pattern.status or "True"):
                return f"Pod {name} has condition {condition.type} matching {rule.action} rule at index {number}"
    return ""


def _matching_container(wanted: PodFailurePolicyOnExitCodesRequirement, pod: Pod) -> ContainerStatus | None:
    values = wanted.values or []
    statuses: list[ContainerStatus] = [*(pod.status.container_statuses or ())]
    statuses += pod.status.init_container_statuses or ()
    for status in statuses:
        code = _exit_code(status)
        if code == 0 or (wanted.container_name and wanted.container_name != status.name):
            continue
        if (code in values) == (wanted.operator == "In"):
            return status
    return None


def _exit_code(status: ContainerStatus) -> int:
    """The exit code of a terminated container, 0 when it has not terminated."""
    state = status.state
    return state.terminated.exit_code or 0 if state is not None and state.terminated is not None else 0
