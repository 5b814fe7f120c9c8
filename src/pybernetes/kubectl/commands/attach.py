"""`kubectl attach`: join the streams of a container's main process."""

from __future__ import annotations

from ..detaching import DetachKeys, keys_of
from ..errors import CommandError
from ..objects.item import Item
from ..objects.pods import container_for, containers, pod_for, running_timeout
from ..streams import Attached, usable_tty
from ..transport.channels import open_process
from .exec import ordered_query

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = (
    "-c,container='' detach-keys='ctrl-p,ctrl-q' pod-running-timeout=1m0s -q,quiet=false -i,stdin=false -t,tty=false"
)


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
    pod = pod_for(session, word, running_timeout(session))
    phase = (pod.obj.get("status") or {}).get("phase")
    if phase in ("Succeeded", "Failed"):
        raise CommandError(f"cannot attach a container in a completed pod; current phase is {phase}")
    try:
        container = container_for(session, pod.obj, flags.text("container"), quiet=flags.on("quiet"))
    except CommandError as error:
        raise CommandError(f"cannot attach to the container: {error.message}") from None
    join(session, pod, container, stdin=flags.on("stdin"), tty=flags.on("tty"))
    return 0


def join(session: Session, pod: Item, container: str, *, stdin: bool, tty: bool) -> bool:
    """Join until the process ends or the user detaches: did it end? CommandError when it failed."""
    detach = DetachKeys(keys_of(session.flags.text("detach-keys")))
    spec = next(c for c in containers(pod.obj) if c["name"] == container)
    quiet = session.flags.on("quiet")
    if tty and not spec.get("tty"):
        tty = False
        if not quiet:
            session.tell(f"error: Unable to use a TTY - container {container} did not allocate one")
    elif spec.get("tty"):
        # A process with a terminal wants one at this end too.
        tty = True
    tty = usable_tty(session, stdin=stdin, tty=tty)
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
    Attached(session, socket, stdin=stdin, tty=tty, detach=detach, redraw=True).run()
    if tty and not quiet and (pod.obj.get("spec") or {}).get("restartPolicy") == "Always":
        session.print(_how_to_resume(pod, container))
    return not detach.seen


def _how_to_resume(pod: Item, container: str) -> str:
    command = f"'kubectl attach {pod.name} -c {container} -i -t'"
    ephemeral = (pod.obj.get("spec") or {}).get("ephemeralContainers") or ()
    if any(one["name"] == container for one in ephemeral):
        return (
            "Session ended, the ephemeral container will not be restarted but may be reattached using "
            f"{command} if it is still running"
        )
    return f"Session ended, resume using {command} command when the pod is running"
