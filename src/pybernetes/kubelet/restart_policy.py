"""What decides about a container's next run: restart policies, restart rules and the hash of what it runs. Pure.

restartPolicy of the pod (Always, OnFailure, Never), overridden per container (KEP-5307), with rules by exit code before
either; an init container with restartPolicy Always is a sidecar (KEP-753).
"""

import hashlib

from ..api.core import Container, EphemeralContainer, Pod


def is_sidecar(container: Container) -> bool:
    """An init container that keeps running: its own restartPolicy is Always. Meaningful for init containers only."""
    return container.restart_policy == "Always"


def restart_action(container: Container, exit_code: int) -> str:
    """The action of the first restart rule that an exit code fits, `Restart` or `RestartAllContainers`; or ""."""
    for rule in container.restart_policy_rules or ():
        codes = rule.exit_codes
        if codes is None or rule.action not in ("Restart", "RestartAllContainers"):
            continue
        listed = exit_code in (codes.values or ())
        if listed == (codes.operator == "In"):
            return rule.action
    return ""


def should_restart(pod: Pod, container: Container, exit_code: int) -> bool:
    """A container that ended with this exit code runs again."""
    if restart_action(container, exit_code):
        return True
    policy = container.restart_policy or pod.spec.restart_policy or "Always"
    is_init = any(c.name == container.name for c in pod.spec.init_containers or ())
    if is_init and policy == "Always":
        return is_sidecar(container) or exit_code != 0
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def restarts_on_failure(pod: Pod, container: Container) -> bool:
    """A container that fails its liveness or startup probe runs again, however it ends then."""
    return (container.restart_policy or pod.spec.restart_policy) != "Never"


def spec_hash(container: Container | EphemeralContainer) -> str:
    """A short hash over the name and image: what, changed, makes a running container be replaced."""
    return hashlib.sha256(f"{container.name}\0{container.image or ''}".encode()).hexdigest()[:8]


def all_containers(pod: Pod) -> list[Container | EphemeralContainer]:
    """Init, regular and ephemeral containers."""
    spec = pod.spec
    return [*(spec.init_containers or ()), *(spec.containers or ()), *(spec.ephemeral_containers or ())]


def container_named(pod: Pod, name: str) -> Container | EphemeralContainer | None:
    """The container of that name, of any kind."""
    return next((c for c in all_containers(pod) if c.name == name), None)
