"""`kubectl attach`: join the streams of a container's main process."""

from __future__ import annotations

import os
import sys

from ..errors import CommandError
from ..objects.item import Item
from ..objects.pods import container_for, containers, pod_for
from ..streams import Attached
from ..transport.channels import open_process
from .exec import ordered_query

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = "-c,container='' pod-running-timeout=1m0s -q,quiet=false -i,stdin=false -t,tty=false"


def run(session: Session) -> int:
    flags = session.flags
    if not session.args:
        raise CommandError("at least 1 argument is required for attach")
    if len(session.args) > 2:
        raise CommandError(
            f"expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw {len(session.args)}: "
            f"[{' '.join(session.args)}]"
        )
    word = "/".join(session.args)
    pod = pod_for(session, word, flags.seconds("pod-running-timeout"))
    phase = (pod.obj.get("status") or {}).get("phase")
    if phase in ("Succeeded", "Failed"):
        raise CommandError(f"cannot attach a container in a completed pod; current phase is {phase}")
    container = container_for(session, pod.obj, flags.text("container"), quiet=flags.on("quiet"))
    return join(session, pod, container, stdin=flags.on("stdin"), tty=flags.on("tty"))


def join(session: Session, pod: Item, container: str, *, stdin: bool, tty: bool) -> int:
    """Join until the process ends or the user detaches; its exit code."""
    spec = next(c for c in containers(pod.obj) if c["name"] == container)
    quiet = session.flags.on("quiet")
    if tty and not spec.get("tty"):
        tty = False
        if not quiet:
            session.tell(f"error: Unable to use a TTY - container {container} did not allocate one")
    elif not tty and spec.get("tty") and stdin and os.isatty(sys.stdin.fileno()):
        tty = True
    if tty and not os.isatty(sys.stdin.fileno()):
        tty = False
    if not quiet:
        session.tell("If you don't see a command prompt, try pressing enter.")
    query = [
        ("container", container),
        ("stdin", "true" if stdin else ""),
        ("stdout", "true"),
        ("stderr", "" if tty else "true"),
        ("tty", "true" if tty else ""),
    ]
    socket = open_process(session.client, pod.path("attach") + ordered_query(query), stdin=stdin, tty=tty)
    code = Attached(session, socket, stdin=stdin, tty=tty).run()
    if (
        stdin
        and tty
        and not quiet
        and spec.get("stdin")
        and (pod.obj.get("spec") or {}).get("restartPolicy") == "Always"
    ):
        session.tell(
            f"Session ended, resume using 'kubectl attach {pod.name} -c {container} -i -t' "
            "command when the pod is running"
        )
    return code
