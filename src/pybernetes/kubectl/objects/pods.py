"""The pod that a POD or TYPE/NAME stands for, and the container of it that is meant."""

from __future__ import annotations

import time

from ..client import query_of
from ..errors import CommandError, UsageError, quoted
from ..watching import watch
from .builder import collect
from .item import Item
from .selectors import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

    from ..session import Session

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


def selector_of(obj: dict[str, Any]) -> str:
    """The selector of the pods behind a workload or service. CommandError."""
    spec = obj.get("spec") or {}
    kind = obj.get("kind")
    selector = spec.get("selector")
    if kind == "Service" and not selector:
        raise CommandError(f"invalid service {quoted(obj['metadata']['name'])}: Service is defined without a selector")
    if not isinstance(selector, dict):
        raise CommandError(f"cannot get the logs from {kind}: no selector")
    return text_of(selector)


def _rank(pod: dict[str, Any]) -> tuple[Any, ...]:
    """Better pods first: scheduled, running, ready, for longer, restarted less."""
    status = pod.get("status") or {}
    phase = {"Running": 0, "Unknown": 1, "Pending": 2}.get(status.get("phase", ""), 3)
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    restarts = max([int(c.get("restartCount") or 0) for c in status.get("containerStatuses") or ()] or [0])
    created = pod["metadata"].get("creationTimestamp") or ""
    return (not (pod.get("spec") or {}).get("nodeName"), phase, not ready, restarts, created, pod["metadata"]["name"])


def running_timeout(session: Session) -> float:
    """Seconds of `--pod-running-timeout`. CommandError, with a hint but for `logs`."""
    seconds = session.flags.seconds("pod-running-timeout")
    if seconds > 0:
        return seconds
    message = "--pod-running-timeout must be higher than zero"
    raise CommandError(message) if session.command == "logs" else UsageError(message, session.command)


def pod_for(session: Session, word: str, timeout_seconds: float = 60.0, *, newest_first: bool = False) -> Item:
    """The pod a word names, or the best of those behind what it names. CommandError when there is none in time."""
    found = collect(session, [word], default_resource="pods")
    found.raise_errors()
    item = found.items[0]
    if item.resource.kind == "Pod" and not item.resource.group:
        return item
    return first_pod(session, item, timeout_seconds)


def first_pod(session: Session, item: Item, timeout_seconds: float) -> Item:
    """The best pod behind a workload; waits for one to appear."""
    pods = session.mapper.resource("pods")
    query = [("labelSelector", selector_of(item.obj))]
    deadline = time.monotonic() + timeout_seconds
    while True:
        answer = session.client.get(pods.path(item.namespace) + query_of(query))
        candidates = sorted(answer.get("items") or (), key=_rank)
        if candidates:
            chosen = {"apiVersion": "v1", "kind": "Pod", **candidates[0]}
            return Item(session.client, pods, item.namespace, chosen["metadata"]["name"], chosen)
        left = deadline - time.monotonic()
        if left <= 0:
            raise CommandError("timed out waiting for the condition")
        version = answer["metadata"]["resourceVersion"]
        more = [("watch", "true"), ("resourceVersion", version), ("timeoutSeconds", str(int(left) + 1))]
        for event, _ in watch(session.client, pods.path(item.namespace) + query_of([*query, *more])):
            if event == "ADDED":
                break
        else:
            time.sleep(min(left, 0.1))


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """All containers: init, main, ephemeral."""
    spec = pod.get("spec") or {}
    return [
        container
        for field in ("initContainers", "containers", "ephemeralContainers")
        for container in spec.get(field) or ()
    ]


def container_for(
    session: Session, pod: dict[str, Any], wanted: str, *, quiet: bool = False, to: TextIO | None = None
) -> str:
    """The container's name; the annotated or the first one when none is wanted, which is told `to` the standard error
    unless it is another. CommandError when it does not exist.
    """
    name = pod["metadata"]["name"]
    if wanted:
        if not any(container["name"] == wanted for container in containers(pod)):
            raise CommandError(f"container {wanted} is not valid for pod {name} out of: {all_names(pod)}")
        return wanted
    main = (pod.get("spec") or {}).get("containers") or []
    annotated = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER)
    if annotated and any(container["name"] == annotated for container in main):
        return str(annotated)
    if not main:
        raise CommandError(f"pod {name} has no containers")
    if len(containers(pod)) > 1 and not quiet:
        line = f'Defaulted container "{main[0]["name"]}" out of: {all_names(pod)}'
        if to is None:
            session.tell(line)
        else:
            to.write(f"{line}\n")
    return str(main[0]["name"])


def all_names(pod: dict[str, Any]) -> str:
    """`a, b, setup (init), debugger (ephem)`."""
    spec = pod.get("spec") or {}
    names = [str(c["name"]) for c in spec.get("containers") or ()]
    names += [f"{c['name']} (init)" for c in spec.get("initContainers") or ()]
    names += [f"{c['name']} (ephem)" for c in spec.get("ephemeralContainers") or ()]
    return ", ".join(names)
