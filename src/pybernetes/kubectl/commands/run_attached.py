"""The second half of `kubectl run -i`: wait for the pod, join it, report how it ended, remove it."""

from __future__ import annotations

import time

from ..client import query_of
from ..ending import interruptible
from ..errors import CommandError, StatusFailure
from ..following import follow as states_of
from ..objects.deletion import delete_options
from ..objects.item import Item
from .attach import join
from .delete import cascade_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..session import Session


def follow(session: Session, created: list[Item], *, remove: bool) -> int:
    """The exit code of the first container of the pod, which is the first of what was created."""
    flags = session.flags
    pod = created[0]
    try:
        wait_for(
            pod, lambda obj: _phase(obj) in ("Running", "Succeeded", "Failed"), flags.seconds("pod-running-timeout")
        )
        container = pod.obj["spec"]["containers"][0]["name"]
        if _phase(pod.obj) == "Running":
            said = _said_before(session, pod, container)
            try:
                ended = join(session, pod, container, stdin=flags.on("stdin"), tty=flags.on("tty"))
                if not ended:
                    remove = False
                    return 0
            except (StatusFailure, CommandError) as error:
                session.tell(
                    f"warning: couldn't attach to pod/{pod.name}, falling back to streaming logs: {error.message}"
                )
                _log(session, pod, container, after=said)
        else:
            _log(session, pod, container)
        session.out.flush()
        restart = flags.text("restart")
        if restart == "Always" or flags.on("leave-stdin-open"):
            return 0
        ends = ("Succeeded",) if restart == "OnFailure" else ("Succeeded", "Failed")
        wait_for(pod, lambda obj: _phase(obj) in ends, flags.seconds("pod-running-timeout"))
        return _exit_code(pod.obj)
    finally:
        if remove:
            for item in created:
                _remove(session, item)


def _phase(obj: dict[str, Any]) -> str:
    return str((obj.get("status") or {}).get("phase") or "")


def wait_for(item: Item, holds: Callable[[dict[str, Any]], bool], seconds: float) -> None:
    """Blocks on a watch until the object satisfies. CommandError in time, or when it is deleted."""
    with interruptible():
        _wait_for(item, holds, time.monotonic() + seconds)


def _wait_for(item: Item, holds: Callable[[dict[str, Any]], bool], deadline: float) -> None:
    if holds(item.get()):
        return
    for event, obj in states_of(item.client, item.resource, item.namespace, item.name, deadline):
        if event == "DELETED":
            raise CommandError("watch closed before UntilWithoutRetry timeout")
        if event != "ABSENT":
            item.obj = obj
            if holds(obj):
                return
    raise CommandError("timed out waiting for the condition")


def _said_before(session: Session, pod: Item, container: str) -> int:
    """Show what the container said before it is joined; how many letters that were. Where logs cannot be had, none."""
    try:
        return _log(session, pod, container)
    except (StatusFailure, CommandError):
        return 0


def _log(session: Session, pod: Item, container: str, *, after: int = 0) -> int:
    """Show the log but for so many letters of it; how long it is."""
    data = session.client.call("GET", pod.path("log") + query_of((("container", container),)), accept="*/*")
    text = data.decode("utf-8", "replace")
    session.out.write(text[after:])
    session.out.flush()
    return len(text)


def _exit_code(pod: dict[str, Any]) -> int:
    if _phase(pod) == "Succeeded":
        return 0
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    ended = (statuses[0].get("state") or {}).get("terminated") or {}
    code = int(ended.get("exitCode") or 0)
    if not code:
        raise CommandError(f"pod {name} failed with unknown exit code")
    text = f"pod {name} terminated ({ended.get('reason') or ''})\n{ended.get('message') or ''}"
    raise CommandError(text.removesuffix("\n"), code, prefix="")


def _remove(session: Session, item: Item) -> None:
    try:
        item.delete(delete_options(session.flags.number("grace-period"), cascade_of(session)))
    except StatusFailure as error:
        if error.reason != "NotFound":
            raise
    if not session.flags.on("quiet"):
        session.print(f'{item.resource.kind_name} "{item.name}" deleted')
