"""`kubectl rollout status`: tells how far a rollout is, and waits for its end on a watch."""

from __future__ import annotations

import time

from ..ending import interruptible
from ..errors import CommandError, StatusFailure
from ..flags import FILES
from ..following import follow
from ..objects.builder import collect, file_flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
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
    for item in found.each():
        try:
            with interruptible():
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
    known = ""
    for event, obj in _states(session, item, deadline):
        version = str((obj.get("metadata") or {}).get("resourceVersion"))
        if event == "DELETED":
            raise CommandError("object has been deleted")
        if event == "ABSENT" or (event == "ADDED" and version == known):
            continue
        known = version
        text, done = state(obj, flags.number("revision"))
        session.out.write(text)
        session.out.flush()
        if done or not flags.on("watch"):
            return
    raise CommandError("timed out waiting for the condition")


def _states(session: Session, item: Item, deadline: float | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """As it was found, then as it changes."""
    yield "ADDED", item.obj
    yield from follow(session.client, item.resource, item.namespace, item.name, deadline)


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
    if partition is not None and replicas is not None:
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
