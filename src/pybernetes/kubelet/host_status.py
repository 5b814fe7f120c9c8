"""The mirror pod of a component of the host, and its status: what its supervisor and its health check say. Pure.

The pod looks as one of kubeadm's static pods does (names, labels, priority, tolerations), so that tools which look for
those find it. It asks for no resources, since nothing of the node is set aside for it.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from ..api.codec import encode
from ..api.core import (
    Container,
    ContainerState,
    ContainerStateRunning,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    HostIP,
    Pod,
    PodIP,
    PodSpec,
    PodStatus,
    Toleration,
)
from ..api.meta import ObjectMeta
from ..base.observed import End
from .conditions import pod_conditions
from .host_component import HostComponent, container_id
from .mirror_pods import HASH_ANNOTATION, SEEN_ANNOTATION, SOURCE_ANNOTATION

SOURCE = "host"
NAMESPACE = "kube-system"
PRIORITY_CLASS = "system-node-critical"


def host_pod(component: HostComponent, node_name: str) -> Pod:
    """What the mirror shows. The uid comes from the content: another command line is another pod."""
    spec = PodSpec(
        containers=[
            Container(
                name=component.name,
                image=component.image,
                image_pull_policy="Never",
                command=list(component.command()),
            )
        ],
        node_name=node_name,
        host_network=True,
        priority_class_name=PRIORITY_CLASS,
        restart_policy="Always",
        tolerations=[Toleration(operator="Exists", effect="NoExecute")],
    )
    labels = dict(component.labels)
    content = b"\0".join((node_name.encode(), component.name.encode(), encode(labels), encode(spec)))
    uid = hashlib.md5(content, usedforsecurity=False).hexdigest()
    annotations = {HASH_ANNOTATION: uid, SOURCE_ANNOTATION: SOURCE}
    if component.part.started_at is not None:
        annotations[SEEN_ANNOTATION] = component.part.started_at.isoformat()
    meta = ObjectMeta(
        name=f"{component.name}-{node_name}".lower(),
        namespace=NAMESPACE,
        uid=uid,
        labels=labels,
        annotations=annotations,
    )
    return Pod(metadata=meta, spec=spec)


def unknown_end(status: PodStatus, pid: int, now: datetime) -> End | None:
    """How the run that this status shows ended, when it is not that of this pid and nobody saw its end: as containerd
    tells it of a container that it finds gone. None when it shows no other run."""
    found = status.container_statuses
    running = found[0].state.running if found and found[0].state else None
    prefix, _, before = (found[0].container_id or "").rpartition("/") if found else ("", "", "")
    if running is None or running.started_at is None or not prefix or not before.isdigit() or int(before) == pid:
        return None
    return End(pid=int(before), started_at=running.started_at, finished_at=now, exit_code=255, reason="Unknown")


def restarts_of(status: PodStatus) -> int | None:
    """How often the container of this status had been restarted; None when there was none yet."""
    found = status.container_statuses
    return found[0].restart_count if found else None


def host_status(
    component: HostComponent, pod: Pod, previous: PodStatus, node_ips: Sequence[str], now: datetime
) -> PodStatus:
    """The status of the component's pod, `pod` being the mirror and `previous` its last status."""
    part = component.part
    last = part.last_end or component.last_end
    container = ContainerStatus(
        name=component.name,
        image=component.image,
        state=_state(component),
        last_state=_ended(last) if part.is_running and last is not None else ContainerState(),
        ready=part.is_ready,
        started=part.is_running,
        restart_count=component.restart_count,
        container_id=container_id(part.pid) if part.pid else None,
    )
    status = PodStatus(
        observed_generation=pod.metadata.generation,
        phase="Running" if part.started_at is not None else "Pending",
        host_ip=node_ips[0],
        host_ips=[HostIP(ip=ip) for ip in node_ips],
        pod_ip=node_ips[0],
        pod_ips=[PodIP(ip=ip) for ip in node_ips],
        start_time=_whole(part.first_started_at),
        container_statuses=[container],
        qos_class=previous.qos_class or "BestEffort",
    )
    status.conditions = pod_conditions(
        pod, status, previous.conditions or [], has_sandbox=True, initialized=True, now=now
    )
    return status


def _state(component: HostComponent) -> ContainerState:
    part = component.part
    if part.is_running:
        return ContainerState(running=ContainerStateRunning(started_at=_whole(part.started_at)))
    if part.last_end is not None:
        return _ended(part.last_end)
    return ContainerState(waiting=ContainerStateWaiting(reason="ContainerCreating"))


def _ended(end: End) -> ContainerState:
    return ContainerState(
        terminated=ContainerStateTerminated(
            exit_code=end.exit_code,
            reason=end.reason or ("Error" if end.exit_code else "Completed"),
            message=end.message or None,
            started_at=_whole(end.started_at),
            finished_at=_whole(end.finished_at),
            container_id=container_id(end.pid),
        )
    )


def _whole(instant: datetime | None) -> datetime | None:
    """The API knows whole seconds only."""
    return instant.replace(microsecond=0) if instant is not None else None


def with_status(pod: Pod, status: PodStatus) -> Pod:
    """The pod with another status."""
    return msgspec.structs.replace(pod, status=status)
