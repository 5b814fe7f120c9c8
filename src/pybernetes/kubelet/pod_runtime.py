"""What the container runtime says about one pod, as plain values the decisions work on.

`PodRuntime` is one observation: all sandboxes and containers of a pod, newest first. `sandbox_view` and
`container_view` build its parts from CRI messages; what the CRI does not keep (restart count, spec hash, termination
message path) rides in the annotations the kubelet writes when it creates a container (container_config.py).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec

from .cri import messages as m

HASH_ANNOTATION = "io.kubernetes.container.hash"
RESTART_COUNT_ANNOTATION = "io.kubernetes.container.restartCount"
TERMINATION_PATH_ANNOTATION = "io.kubernetes.container.terminationMessagePath"
TERMINATION_POLICY_ANNOTATION = "io.kubernetes.container.terminationMessagePolicy"
GRACE_ANNOTATION = "io.kubernetes.pod.terminationGracePeriod"

RunState = Literal["created", "running", "exited", "unknown"]
_STATES: dict[int, RunState] = {0: "created", 1: "running", 2: "exited", 3: "unknown"}


class SandboxView(msgspec.Struct, frozen=True, kw_only=True):
    """One sandbox of the pod. `ips` is empty for a pod on the host network."""

    id: str
    attempt: int = 0
    ready: bool = True
    created_at: int = 0
    ips: tuple[str, ...] = ()
    on_host_network: bool = False


class ContainerView(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a container. `restarts` counts the runs before it."""

    id: str
    name: str
    sandbox_id: str
    state: RunState = "running"
    restarts: int = 0
    created_at: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    image: str = ""
    image_id: str = ""
    spec_hash: str = ""
    log_path: str = ""
    message_path: str = ""
    """The host file the container may write its termination message to, or ""."""
    message_from_logs: bool = False
    """terminationMessagePolicy FallbackToLogsOnError."""


class PodRuntime(msgspec.Struct, frozen=True):
    """All sandboxes and containers of one pod, each newest first."""

    sandboxes: tuple[SandboxView, ...] = ()
    containers: tuple[ContainerView, ...] = ()

    @property
    def sandbox(self) -> SandboxView | None:
        """The newest sandbox."""
        return self.sandboxes[0] if self.sandboxes else None

    def newest(self, name: str) -> ContainerView | None:
        """The latest run of a container in any sandbox."""
        return next((c for c in self.containers if c.name == name), None)

    def runs(self, name: str) -> list[ContainerView]:
        """All known runs of a container, newest first."""
        return [c for c in self.containers if c.name == name]

    def current(self, name: str) -> ContainerView | None:
        """The latest run of a container in the newest sandbox."""
        if not self.sandboxes:
            return None
        found = self.newest(name)
        return found if found is not None and found.sandbox_id == self.sandboxes[0].id else None

    @property
    def active(self) -> list[ContainerView]:
        """Containers that still have to be stopped before the pod is gone."""
        return [c for c in self.containers if c.state in ("running", "unknown")]


def pod_runtime(sandboxes: Iterable[SandboxView], containers: Iterable[ContainerView]) -> PodRuntime:
    """Order the parts newest first."""
    return PodRuntime(
        tuple(sorted(sandboxes, key=lambda s: (s.created_at, s.attempt), reverse=True)),
        tuple(sorted(containers, key=lambda c: (c.created_at, c.restarts), reverse=True)),
    )


def instant(nanoseconds: int) -> datetime | None:
    """The CRI's instants; zero means never. Microsecond precision."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds > 0 else None


def sandbox_view(status: m.PodSandboxStatus) -> SandboxView:
    """The parts of a sandbox's status that matter."""
    namespaces = status.linux.namespaces if status.linux is not None else None
    options = namespaces.options if namespaces is not None else None
    on_host = options is not None and options.network == m.NamespaceMode.NODE
    network = status.network
    ips = (network.ip, *(extra.ip for extra in network.additional_ips)) if network is not None and network.ip else ()
    return SandboxView(
        id=status.id,
        attempt=status.metadata.attempt if status.metadata is not None else 0,
        ready=status.state == m.SandboxState.READY,
        created_at=status.created_at,
        ips=() if on_host else ips,
        on_host_network=on_host,
    )


def container_view(status: m.ContainerStatus, sandbox_id: str) -> ContainerView:
    """The parts of a container's status that matter."""
    name = status.metadata.name if status.metadata is not None else ""
    attempt = status.metadata.attempt if status.metadata is not None else 0
    restarts = status.annotations.get(RESTART_COUNT_ANNOTATION, "")
    return ContainerView(
        id=status.id,
        name=name,
        sandbox_id=sandbox_id,
        state=_STATES.get(status.state, "unknown"),
        restarts=int(restarts) if restarts.isdigit() else attempt,
        created_at=status.created_at,
        started_at=instant(status.started_at),
        finished_at=instant(status.finished_at),
        exit_code=status.exit_code,
        reason=status.reason,
        message=status.message,
        image=status.image.image if status.image is not None else "",
        image_id=status.image_ref,
        spec_hash=status.annotations.get(HASH_ANNOTATION, ""),
        log_path=status.log_path,
        message_path=_message_path(status),
        message_from_logs=status.annotations.get(TERMINATION_POLICY_ANNOTATION) == "FallbackToLogsOnError",
    )


def _message_path(status: m.ContainerStatus) -> str:
    inside = status.annotations.get(TERMINATION_PATH_ANNOTATION, "")
    return next((mount.host_path for mount in status.mounts if inside and mount.container_path == inside), "")
