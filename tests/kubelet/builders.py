"""Short ways to write pods and what runs of them, for the kubelet's tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pybernetes.api.core import Container, Pod, PodSpec
from pybernetes.api.meta import ObjectMeta
from pybernetes.kubelet.pod_runtime import ContainerView, PodRuntime, SandboxView, pod_runtime

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def container(name: str = "web", image: str = "localhost/busybox:1", **fields: Any) -> Container:
    return Container(name=name, image=image, **fields)


def sidecar(name: str = "proxy", **fields: Any) -> Container:
    return container(name, restart_policy="Always", **fields)


def pod(*containers: Container, name: str = "web", uid: str = "uid-1", init: Any = None, **spec: Any) -> Pod:
    """A pod of these containers (one called `web` if none is given) in namespace default."""
    meta = ObjectMeta(name=name, namespace="default", uid=uid, generation=1)
    spec.setdefault("restart_policy", "Always")
    return Pod(metadata=meta, spec=PodSpec(containers=list(containers) or [container()], init_containers=init, **spec))


def sandbox(
    id: str = "s1", *, ready: bool = True, attempt: int = 0, ip: str = "10.244.0.2", **more: Any
) -> SandboxView:
    ips = (ip,) if ip else ()
    return SandboxView(id=id, ready=ready, attempt=attempt, created_at=1000 + attempt, ips=ips, **more)


def run(
    name: str = "web",
    state: Any = "running",
    *,
    id: str = "",
    exit_code: int = 0,
    restarts: int = 0,
    sandbox: str = "s1",
    finished: float = 0.0,
    **more: Any,
) -> ContainerView:
    """One run of a container; an exited one ended at NOW + finished."""
    return ContainerView(
        id=id or f"{name}-{restarts}",
        name=name,
        sandbox_id=sandbox,
        state=state,
        restarts=restarts,
        created_at=2000 + restarts,
        started_at=after(-60) if state in ("running", "exited") else None,
        finished_at=after(finished) if state == "exited" else None,
        exit_code=exit_code,
        **more,
    )


def running_on(*containers: ContainerView, sandboxes: Any = None) -> PodRuntime:
    return pod_runtime([sandbox()] if sandboxes is None else sandboxes, containers)
