"""The second half of `kubectl run -i`: wait for the pod, join it, report how it ended, remove it."""

from __future__ import annotations

import time

from ..client import query_of
from ..errors import CommandError, StatusFailure
from ..objects.deletion import delete_options
from ..objects.item import Item
from ..wire.json_read import loads
from .attach import join
from .delete import cascade_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..session import Session


def follow(session: Session, pod: Item, *, remove: bool) -> int:
    """The exit code of the pod's first container."""
    flags = session.flags
    try:
        wait_for(
            pod, lambda obj: _phase(obj) in ("Running", "Succeeded", "Failed"), flags.seconds("pod-running-timeout")
        )
        container = pod.obj["spec"]["containers"][0]["name"]
        if _phase(pod.obj) == "Running":
            try:
                join(session, pod, container, stdin=flags.on("stdin"), tty=flags.on("tty"))
            except StatusFailure:
                _log(session, pod, container)
        else:
            _log(session, pod, container)
        session.out.flush()
        if flags.text("restart") == "Always" and not remove:
            return 0
        if flags.text("restart") == "Always" or flags.on("leave-stdin-open"):
            return 0
        wait_for(pod, lambda obj: _phase(obj) in ("Succeeded", "Failed"), 300.0)
        return _exit_code(pod.obj, container)
    finally:
        if remove:
            _remove(session, pod)


def _phase(obj: dict[str, Any]) -> str:
    return str((obj.get("status") or {}).get("phase") or "")


def wait_for(item: Item, holds: Callable[[dict[str, Any]], bool], seconds: float) -> None:
    """Blocks on a watch until the object satisfies. CommandError in time, or when it is deleted."""
    deadline = time.monotonic() + seconds
    while not holds(item.get()):
        left = deadline - time.monotonic()
        if left <= 0:
            raise CommandError("timed out waiting for the condition")
        query = query_of(
            (
                ("fieldSelector", f"metadata.name={item.name}"),
                ("watch", "true"),
                ("resourceVersion", item.obj["metadata"]["resourceVersion"]),
                ("timeoutSeconds", int(left) + 1),
            )
        )
        response = item.client.stream(item.resource.path(item.namespace) + query)
        for line in response.lines():
            event = loads(line)
            if event["type"] == "DELETED":
                raise CommandError("watch closed before UntilWithoutRetry timeout")
            if event["type"] in ("ADDED", "MODIFIED"):
                item.obj = event["object"]
                if holds(item.obj):
                    response.close()
                    return
        response.close()


def _log(session: Session, pod: Item, container: str) -> None:
    data = session.client.call("GET", pod.path("log") + query_of((("container", container),)), accept="*/*")
    session.out.write(data.decode("utf-8", "replace"))


def _exit_code(pod: dict[str, Any], container: str) -> int:
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if status["name"] == container:
            code = int(((status.get("state") or {}).get("terminated") or {}).get("exitCode") or 0)
            if code:
                name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
                raise CommandError(f"pod {name} terminated (Error)", code)
    return 0


def _remove(session: Session, pod: Item) -> None:
    try:
        pod.delete(delete_options(session.flags.number("grace-period"), cascade_of(session)))
    except StatusFailure as error:
        if error.reason != "NotFound":
            raise
    if not session.flags.on("quiet"):
        session.print(f'pod "{pod.name}" deleted')
