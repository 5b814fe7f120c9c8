"""`kubectl rollout status`: tells how far a rollout is, and waits for its end on a watch."""

from __future__ import annotations

import time

from ..client import query_of
from ..errors import CommandError, StatusFailure
from ..flags import FILES
from ..objects.builder import collect, file_flags
from ..wire.json_read import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item
    from ..session import Session

FLAGS = f"revision=0 -l,selector='' timeout=0s -w,watch=true {FILES}"


def run(session: Session) -> int:
    flags = session.flags
    files, kustomize = file_flags(session)
    if not session.args and not files and not kustomize:
        raise CommandError("required resource not specified")
    if flags.number("revision") < 0:
        raise CommandError(f"revision must be a positive integer: {flags.number('revision')}")
    found = collect(session, selector=flags.text("selector"), latest=True, select_all=True)
    if not found.items and not found.errors:
        session.tell(f"No resources found in {session.namespace} namespace.")
    for item in found.items:
        try:
            _follow(session, item)
        except (CommandError, StatusFailure) as error:
            found.errors.append(error)
    found.raise_errors()
    return 0


def _follow(session: Session, item: Item) -> None:
    flags = session.flags
    states = {"Deployment": deployment, "DaemonSet": daemon_set, "StatefulSet": stateful_set}
    state = states.get(item.resource.kind)
    if state is None:
        raise CommandError(f"no status viewer has been implemented for {item.resource.kind}")
    deadline = time.monotonic() + flags.seconds("timeout") if flags.seconds("timeout") else None
    obj: dict[str, Any] = item.obj
    while True:
        text, done = state(obj, flags.number("revision"))
        session.out.write(text)
        session.out.flush()
        if done or not flags.on("watch"):
            return
        obj = _next(session, item, obj, deadline)


def _next(session: Session, item: Item, obj: dict[str, Any], deadline: float | None) -> dict[str, Any]:
    """The object's next state. CommandError when it takes too long or is deleted."""
    version = obj["metadata"]["resourceVersion"]
    while True:
        left = deadline - time.monotonic() if deadline is not None else 0.0
        if deadline is not None and left <= 0:
            raise CommandError("timed out waiting for the condition")
        query: list[tuple[str, Any]] = [
            ("fieldSelector", f"metadata.name={item.name}"),
            ("watch", "true"),
            ("resourceVersion", version),
        ]
        if deadline is not None:
            query.append(("timeoutSeconds", int(left) + 1))
        try:
            response = session.client.stream(item.resource.path(item.namespace) + query_of(query))
            for line in response.lines():
                event = loads(line)
                if event["type"] == "DELETED":
                    raise CommandError("object has been deleted")
                if event["type"] in ("ADDED", "MODIFIED"):
                    response.close()
                    found: dict[str, Any] = event["object"]
                    return found
                if event["type"] == "ERROR":
                    break
        except OSError:
            pass
        if deadline is not None and time.monotonic() >= deadline:
            raise CommandError("timed out waiting for the condition")
        try:
            found = item.get()
        except StatusFailure as error:
            if error.reason == "NotFound":
                raise CommandError("object has been deleted") from None
            raise
        if found["metadata"]["resourceVersion"] != version:
            return found


def _numbers(obj: dict[str, Any], *names: str) -> list[int]:
    status = obj.get("status") or {}
    return [int(status.get(name) or 0) for name in names]


def _observed(obj: dict[str, Any]) -> bool:
    return int((obj.get("status") or {}).get("observedGeneration") or 0) >= int(obj["metadata"].get("generation") or 0)


def deployment(obj: dict[str, Any], revision: int = 0) -> tuple[str, bool]:
    """The line about a deployment, and whether it is the last."""
    name = obj["metadata"]["name"]
    if revision > 0:
        current = int((obj["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision") or 0)
        if current != revision:
            raise CommandError(f"desired revision ({revision}) is different from the running revision ({current})")
    if not _observed(obj):
        return "Waiting for deployment spec update to be observed...\n", False
    for condition in (obj.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            raise CommandError(f'deployment "{name}" exceeded its progress deadline')
    updated, replicas, available = _numbers(obj, "updatedReplicas", "replicas", "availableReplicas")
    wanted = (obj.get("spec") or {}).get("replicas")
    head = f'Waiting for deployment "{name}" rollout to finish: '
    if wanted is not None and updated < wanted:
        return f"{head}{updated} out of {wanted} new replicas have been updated...\n", False
    if replicas > updated:
        return f"{head}{replicas - updated} old replicas are pending termination...\n", False
    if available < updated:
        return f"{head}{available} of {updated} updated replicas are available...\n", False
    return f'deployment "{name}" successfully rolled out\n', True


def daemon_set(obj: dict[str, Any], revision: int = 0) -> tuple[str, bool]:
    name = obj["metadata"]["name"]
    kind = ((obj.get("spec") or {}).get("updateStrategy") or {}).get("type")
    if kind != "RollingUpdate":
        raise CommandError("rollout status is only available for RollingUpdate strategy type")
    if not _observed(obj):
        return "Waiting for daemon set spec update to be observed...\n", False
    updated, wanted, available = _numbers(obj, "updatedNumberScheduled", "desiredNumberScheduled", "numberAvailable")
    head = f'Waiting for daemon set "{name}" rollout to finish: '
    if updated < wanted:
        return f"{head}{updated} out of {wanted} new pods have been updated...\n", False
    if available < wanted:
        return f"{head}{available} of {wanted} updated pods are available...\n", False
    return f'daemon set "{name}" successfully rolled out\n', True


def stateful_set(obj: dict[str, Any], revision: int = 0) -> tuple[str, bool]:
    spec = obj.get("spec") or {}
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") != "RollingUpdate":
        raise CommandError("rollout status is only available for RollingUpdate strategy type")
    if not _observed(obj):
        return "Waiting for statefulset spec update to be observed...\n", False
    replicas = spec.get("replicas")
    ready, updated, current = _numbers(obj, "readyReplicas", "updatedReplicas", "currentReplicas")
    status = obj.get("status") or {}
    if replicas is not None and ready < replicas:
        return f"Waiting for {replicas - ready} pods to be ready...\n", False
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    if partition and replicas is not None:
        if updated < replicas - partition:
            wanted = replicas - partition
            head = "Waiting for partitioned roll out to finish: "
            return f"{head}{updated} out of {wanted} new pods have been updated...\n", False
        return f"partitioned roll out complete: {updated} new pods have been updated...\n", True
    if status.get("updateRevision") != status.get("currentRevision"):
        return (
            f"waiting for statefulset rolling update to complete {updated} pods at revision "
            f"{status.get('updateRevision')}...\n"
        ), False
    return f"statefulset rolling update complete {current} pods at revision {status.get('currentRevision')}...\n", True
